"""Questions that a vector index answers in one or two calls: ranges, several examples, combinations."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.errors import VectorError
from core.vectors.protocol import InRange, Matrix, Rows, Scores, VectorIndex

_CANCELLED = 1e-3
"""A combination shorter than this share of its weights points nowhere in particular."""


def within_distance(index: VectorIndex, queries: Matrix, distance: float, *, allowed: Rows | None = None) -> InRange:
    """All rows within a cosine distance (1 minus the similarity, 0 to 2) of each query.

    Raises VectorError for another distance and for what ``VectorIndex.range_search`` refuses.
    """
    if not 0.0 <= distance <= 2.0:
        raise VectorError(f"The distance is {distance}; a cosine distance lies between 0 and 2.")
    return index.range_search(queries, 1.0 - distance, allowed=allowed)


def nearest_to_any(index: VectorIndex, queries: Matrix, k: int, *, allowed: Rows | None = None) -> tuple[Scores, Rows]:
    """The ``k`` rows nearest to any of the queries: a row's score is its best over them.

    Two arrays of at most k, in falling score, ties in rising row. Raises VectorError as ``VectorIndex.search`` does.
    """
    # Whatever is among the k best of all is among the k best of one query.
    scores, rows = index.search(queries, k, allowed=allowed)
    scores, rows = _best_of_each(scores.ravel(), rows.ravel())
    return scores[:k], rows[:k]


def in_range_of_any(
    index: VectorIndex, queries: Matrix, least: float, *, allowed: Rows | None = None
) -> tuple[Scores, Rows]:
    """All rows whose best score over the queries is at least ``least``, in falling score, ties in rising row."""
    found = index.range_search(queries, least, allowed=allowed)
    return _best_of_each(found.scores, found.rows)


def combine(vectors: Matrix, weights: Any) -> Matrix:
    """The signed sum of some vectors as one query, (1, dim) of unit length: what is like these and unlike those.

    ``vectors`` is (n, dim), each brought to unit length first; ``weights`` is (n,), negative to push away. Raises
    VectorError where they do not fit, are not finite, or cancel out.
    """
    matrix = np.asarray(vectors)
    factors = np.asarray(weights, np.float64)
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or factors.shape != (len(matrix),) or not len(matrix):
        raise VectorError(f"There are {factors.size} weights for vectors of shape {matrix.shape}.")
    lengths = np.linalg.norm(matrix.astype(np.float64), axis=1)
    if not np.isfinite(lengths).all() or not np.isfinite(factors).all():
        raise VectorError("A vector or a weight to combine is not a finite number.")
    if not lengths.all():
        raise VectorError("A vector to combine is zero: it has no direction.")
    total = (factors / lengths) @ matrix
    length = float(np.linalg.norm(total))
    if length <= _CANCELLED * np.abs(factors).sum():
        raise VectorError("The parts of the query cancel each other out. Change a weight or leave a part out.")
    query: Matrix = (total / length).astype(np.float32)[None]
    return query


def _best_of_each(scores: Scores, rows: Rows) -> tuple[Scores, Rows]:
    order = np.lexsort((rows, -scores))
    order = order[rows[order] >= 0]
    _, first = np.unique(rows[order], return_index=True)
    order = order[np.sort(first)]
    return scores[order], rows[order]
