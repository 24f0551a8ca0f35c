"""What every recommender does. One contract test runs over all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Users = NDArray[np.int64]
Report = Callable[[str, int, int | None], None]


def silent(phase: str, done: int, total: int | None) -> None:
    """A report that goes nowhere."""


@dataclass(frozen=True)
class Training:
    """What a recommender learns from.

    ``matrix`` is (users, items) CSR float32, the weight of each interaction; ``days``, aligned with ``matrix.data``,
    tells how many days before the newest each was, where times are known. ``content`` is (items, features) float32, NaN
    nowhere, where the items have any; ``profile`` (users, features) is the same of the users. ``held`` is of the
    matrix's shape: what to stop early by; None to learn for the number of epochs that the settings say. ``checkpoint``
    is a file in which a model that learns for long keeps where it stands, so that the same training, begun again, goes
    on from there; it stays until the caller removes it.
    """

    matrix: sp.csr_matrix
    days: NDArray[np.float32] | None = None
    content: NDArray[np.float32] | None = None
    profile: NDArray[np.float32] | None = None
    held: sp.csr_matrix | None = None
    seed: int = 0
    threads: int = 1
    report: Report = field(default=silent)
    checkpoint: Path | None = None


class Recommender(Protocol):
    """Learns from many histories, then ranks all items for any one.

    A history is a row of a (n, items) CSR matrix. ``users``, (n,), names the rows of the training matrix whose
    histories they are, -1 for a history of nobody known: models that keep a vector a user use it for the known ones.
    """

    name: str
    settings: dict[str, Any]

    def __init__(self, **settings: Any) -> None:
        """Raises SettingError for a setting that the model does not know."""
        ...

    def fit(self, training: Training) -> None:
        """Raises ModelError where it can't learn from this: no interactions, too large, values that are not finite."""
        ...

    def score(self, histories: sp.csr_matrix, users: Users | None = None) -> Scores:
        """(n, items): higher is better; of items already in the history too. Comparable within a row only."""
        ...

    def save(self, folder: Path) -> None:
        """Writes the model below ``folder``, as arrays and JSON; nothing pickled."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises ModelError for what save has not written."""
        ...


def exclude_seen(scores: Scores, histories: sp.csr_matrix) -> Scores:
    """Puts -inf, in place, where a history holds the item."""
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    scores[rows, histories.indices] = -np.inf
    return scores


def top_items(scores: Scores, k: int) -> NDArray[np.int64]:
    """(n, k) items in falling score, -1 where fewer than ``k`` may be shown."""
    import torch

    k = min(k, scores.shape[1])
    values, items = torch.from_numpy(scores).topk(k, dim=1)
    found: NDArray[np.int64] = items.numpy()
    found[~np.isfinite(values.numpy())] = -1
    return found


def recommend(
    model: Recommender, histories: sp.csr_matrix, k: int, users: Users | None = None
) -> tuple[NDArray[np.int64], Scores]:
    """The ``k`` best items that each history does not hold, (n, k), with their scores; -1 and -inf past the last."""
    scores = exclude_seen(model.score(histories, users), histories)
    items = top_items(scores, k)
    found = np.take_along_axis(scores, np.maximum(items, 0), 1)
    found[items < 0] = -np.inf
    return items, found
