"""The content of items as one matrix of features, made of blocks that weigh alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

Matrix = NDArray[np.float32]

MOST_DIMENSIONS = 64
"""Of a block after PCA: a model of a few thousand items learns nothing from more."""


@dataclass(frozen=True)
class Block:
    """How one kind of content becomes features: ``(values - mean) @ axes``, scaled to a mean squared length of 1.

    ``mean`` is (values,), ``axes`` (values, dimensions); a block of constant values has 0 dimensions.
    """

    name: str
    mean: Matrix
    axes: Matrix

    def features(self, values: Matrix, there: NDArray[np.bool_] | None = None) -> Matrix:
        """(n, dimensions); zeros, the mean, where ``there`` says that an item lacks this kind of content.

        Raises ModelError for another number of values.
        """
        if values.shape[1] != len(self.mean):
            raise ModelError(
                f"The content {self.name!r} has {values.shape[1]} values where the model learnt from {len(self.mean)}:"
                " train it again."
            )
        found: Matrix = ((values - self.mean) @ self.axes).astype(np.float32)
        if there is not None:
            found[~there] = 0.0
        return found


def fit_block(name: str, values: Matrix, there: NDArray[np.bool_] | None = None, most: int = MOST_DIMENSIONS) -> Block:
    """The principal axes of ``values``, (n, values) finite, over the items that have them. Raises ModelError."""
    if not np.isfinite(values).all():
        raise ModelError(f"The content {name!r} holds values that are not finite numbers.")
    used = values if there is None else values[there]
    width = values.shape[1]
    if len(used) < 2 or not width:
        return Block(name, np.zeros(width, np.float32), np.zeros((width, 0), np.float32))
    mean = used.mean(axis=0, dtype=np.float64)
    centred = used - mean
    spread, directions = np.linalg.eigh(centred.T @ centred / len(used))
    order = np.argsort(-spread)[:most]
    order = order[spread[order] > 1e-10 * max(float(spread.max()), 1e-30)] if spread.max() > 1e-12 else order[:0]
    scale = np.sqrt(spread[order].sum()) if len(order) else 1.0
    return Block(name, mean.astype(np.float32), (directions[:, order] / scale).astype(np.float32))


def one_hot(values: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> Matrix:
    """(n, vocabulary): a 1 for each word that an item has; words that are not in the vocabulary are left out."""
    place = {word: at for at, word in enumerate(vocabulary)}
    found = np.zeros((len(values), len(vocabulary)), np.float32)
    for row, words in enumerate(values):
        for word in words:
            if word in place:
                found[row, place[word]] = 1.0
    return found


def bumps(values: NDArray[np.float64], centres: NDArray[np.float64], width: float) -> Matrix:
    """(n, centres): how near each number is to each centre, a Gaussian bump; NaN is near to none."""
    distance = (values[:, None] - centres[None]) / width
    found = np.exp(-0.5 * distance**2)
    return np.nan_to_num(found).astype(np.float32)
