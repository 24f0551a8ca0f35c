"""The decisions on bad input, made once for every vector index."""

from __future__ import annotations

import math
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from core.errors import VectorError
from core.vectors.protocol import Matrix, Rows, Scores

_FLOAT32 = np.dtype(np.float32)

ROUNDING = 2e-6
"""Inner products of the same two unit vectors differ by less than this between the kernels that add them up."""

UNIT_TOLERANCE = 0.01
"""How far from 1 the length of a stored vector may be (half precision and rounding)."""


def check_queries(queries: Any, dim: int, k: int = 1) -> Matrix:
    """``queries`` as a contiguous (m, dim) float32 array.

    Raises VectorError for k < 1, another shape or dtype, values that are not finite, and zero vectors, which are near
    to nothing. Queries need not be of unit length: the scores then are inner products and no cosines.
    """
    if k < 1:
        check_k(k)
    if isinstance(queries, np.ndarray) and queries.dtype is _FLOAT32 and queries.shape == (1, dim):
        # One query is the usual case, and a search takes a tenth of a millisecond: look only at its length. That is
        # no finite number where one of the values is none.
        query: Matrix = queries if queries.strides[1] == 4 else queries.copy()
        if 0.0 < faiss.fvec_norm_L2sqr(faiss.swig_ptr(query), dim) < math.inf:
            return query
    matrix, squares = _as_matrix(queries, dim, "The query")
    if np.count_nonzero(squares > 0.0) < len(squares):
        raise VectorError("A query vector is zero: it has no direction, so nothing is near to it.")
    return matrix


def check_k(k: int) -> None:
    """Raises VectorError for k < 1."""
    if k < 1:
        raise VectorError(f"k is {k}; ask for at least one neighbour.")


def check_least(least: float) -> float:
    """Raises VectorError for a similarity that no two unit vectors have."""
    if not -1.0 <= least <= 1.0:
        raise VectorError(f"The least similarity is {least}; it lies between -1 and 1.")
    return float(least)


def check_vectors(rows: Any, vectors: Any, dim: int) -> tuple[Rows, Matrix]:
    """Rows and vectors to store, as contiguous int64 (n,) and float32 (n, dim).

    Raises VectorError for what :func:`check_queries` refuses, for vectors that are not of unit length, and for what
    :func:`check_rows` refuses.
    """
    rows = check_rows(rows, distinct=True)
    matrix, squares = _as_matrix(vectors, dim, "The vectors")
    if len(matrix) != len(rows):
        raise VectorError(f"There are {len(matrix)} vectors for {len(rows)} rows.")
    lengths = np.sqrt(squares)
    wrong = np.flatnonzero(np.abs(lengths - 1.0) > UNIT_TOLERANCE)
    if wrong.size:
        at = wrong[0]
        raise VectorError(f"The vector of row {rows[at]} has length {lengths[at]:.3g}; store unit vectors.")
    return rows, matrix


def check_rows(rows: Any, *, distinct: bool = False) -> Rows:
    """``rows`` as a contiguous int64 (n,) array. Raises VectorError for another shape, negative or (where they must be
    distinct) repeated rows, and numbers that are not whole."""
    array = np.asarray(rows)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise VectorError(f"Rows must be a list of whole numbers, not {array.dtype} of shape {array.shape}.")
    array = np.ascontiguousarray(array, np.int64)
    if distinct:
        if array.min() < 0:
            raise VectorError(f"Row {array.min()} is negative.")
        ordered = array if _rising(array) else np.sort(array)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if twice.size:
            raise VectorError(f"Row {twice[0]} is given twice.")
    return array


def check_allowed(rows: Any) -> Rows:
    """``rows`` as :func:`check_rows` gives them, rising and each once."""
    array = check_rows(rows)
    return array if _rising(array) else np.unique(array)


def nothing(count: int, k: int) -> tuple[Scores, Rows]:
    """The answer where nothing is found: (count, k) of -inf and -1."""
    return np.full((count, k), -np.inf, np.float32), np.full((count, k), -1, np.int64)


def _as_matrix(values: Any, dim: int, what: str) -> tuple[Matrix, NDArray[np.float32]]:
    """The contiguous float32 matrix and the squared length of each row."""
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[1] != dim or array.dtype.kind != "f":
        raise VectorError(f"{what} must be float32 of shape (n, {dim}), not {array.dtype} of shape {array.shape}.")
    matrix = np.ascontiguousarray(array, np.float32)
    squares = np.einsum("ij,ij->i", matrix, matrix)
    # One pass over the values: a NaN or an infinity, or a number whose square overflows, shows in the sum.
    if np.count_nonzero(squares < np.inf) < len(squares):
        at = int(np.flatnonzero(~np.isfinite(squares))[0])
        raise VectorError(f"{what} number {at} holds values that are not finite numbers.")
    return matrix, squares


def _rising(array: Rows) -> bool:
    return bool((array[1:] > array[:-1]).all())
