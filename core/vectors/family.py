"""What an index family is: a way of holding vectors and searching them by position.

A family knows positions 0 to n - 1 alone; :mod:`core.vectors.segment` knows which row each one is, and which are gone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import faiss as faiss_with_stubs
import numpy as np
from numpy.typing import NDArray

from core.vectors.protocol import Matrix, Plan, Scores

faiss: Any = faiss_with_stubs  # its type stubs miss much of what is used here

Positions = NDArray[np.int64]
Progress = Callable[[int], None]
"""Told how many vectors are in; may raise to stop."""

TARGET_RECALL = 0.995
"""On a sample; so that other queries, too, have 0.99, also under a filter."""
RECALL_SAMPLE = 200
RECALL_AT = 10
_BLOCK = 10_000


class Family(Protocol):
    """Vectors by position. Instances do not change: adding and removing happen outside.

    ``name`` is the family's name in ``FAMILIES``, ``about`` says in a sentence for the user what it is good for.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    exact: ClassVar[bool]
    compressed: ClassVar[bool]

    @property
    def matrix(self) -> Matrix:
        """The stored vectors, (n, dim), without a copy."""
        ...

    @property
    def memory_bytes(self) -> int:
        """See :attr:`core.vectors.protocol.VectorIndex.memory_bytes`."""
        ...

    @property
    def settings(self) -> dict[str, int]:
        """What was chosen for these vectors (efSearch, nprobe, ...), by Faiss's name for it."""
        ...

    def plan(self, k: int, kept: int) -> Plan:
        """How :meth:`search` answers where ``kept`` positions may be returned."""
        ...

    def search(self, queries: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
        """Two (m, k) arrays in falling score; position -1 where fewer are found."""
        ...

    def tune(self) -> float:
        """Chooses the least effort that reaches the recall that the family aims at on a sample, and gives the recall@10
        that it reached there; 1.0 where search is exact."""
        ...

    def write(self, folder: Path) -> None: ...

    @classmethod
    def build(cls, matrix: Matrix, progress: Progress) -> Self:
        """Of at least one unit vector; ``matrix`` may be mapped from a file."""
        ...

    @classmethod
    def read(cls, folder: Path, dim: int, settings: dict[str, int]) -> Self:
        """What :meth:`write` wrote. Raises ValueError, OSError, MemoryError or RuntimeError (Faiss's own) where it is
        damaged."""
        ...


class Keep:
    """The positions that a search may return, made into what each kind of search needs where it needs it.

    ``mask`` is (n,) bool.
    """

    _counts: NDArray[np.int64] | None = None

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self._mask = mask
        self._most = int(np.count_nonzero(mask))

    def __len__(self) -> int:
        """How many there are at most."""
        return self._most

    @cached_property
    def positions(self) -> Positions:
        """Distinct, in any order."""
        return np.flatnonzero(self._mask)

    @cached_property
    def selector(self) -> Any:
        return faiss.IDSelectorBitmap(np.packbits(self.mask, bitorder="little"))

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self._mask

    def counted(self, groups: NDArray[np.int32], count: int) -> NDArray[np.int64]:
        """(count,): how many of them are in each group, for groups (n,) that are the same at every call."""
        if self._counts is None:
            self._counts = np.bincount(groups[self.positions], minlength=count)
        return self._counts

    def has(self, positions: Positions) -> NDArray[np.bool_]:
        """Which of some positions (any shape, none -1) are kept."""
        return self._mask[positions]


def sample_queries(matrix: Matrix) -> Matrix:
    """At most (RECALL_SAMPLE, dim) unit vectors to tune with, no two the same. Half are stored vectors, half lie
    between two of them: like posts, and like queries that are no posts."""
    rng = np.random.default_rng(0)
    # Of a text that was posted a thousand times, one is enough: the others are harder to find.
    drawn = matrix[rng.choice(len(matrix), 5 * RECALL_SAMPLE)]
    some = np.stack(list({vector.tobytes(): vector for vector in drawn}.values()))
    queries = some[rng.permutation(len(some))[:RECALL_SAMPLE]]
    queries[::2] += some[rng.choice(len(some), len(queries[::2]))]
    lengths = np.linalg.norm(queries, axis=1, keepdims=True)
    between_opposites = lengths[:, 0] < 1e-3
    unit: Matrix = queries[~between_opposites] / lengths[~between_opposites]
    return unit


def true_neighbours(queries: Matrix, matrix: Matrix, k: int) -> tuple[Scores, Positions]:
    """As :func:`core.vectors.exact.search_all`, for a few hundred queries at once: several times quicker, since the
    products of a block are one product of matrices."""
    scores = np.full((len(queries), k), -np.inf, np.float32)
    found = np.full((len(queries), k), -1, np.int64)
    for start in range(0, len(matrix), _BLOCK):
        block = queries @ matrix[start : start + _BLOCK].T
        positions = np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)
        if block.shape[1] > k:
            best = np.argpartition(block, -k, axis=1)[:, -k:]
            block, positions = np.take_along_axis(block, best, 1), np.take_along_axis(positions, best, 1)
        every_score, every_position = np.hstack([scores, block]), np.hstack([found, positions])
        order = np.argsort(-every_score, axis=1)[:, :k]
        scores, found = np.take_along_axis(every_score, order, 1), np.take_along_axis(every_position, order, 1)
    return scores, found
