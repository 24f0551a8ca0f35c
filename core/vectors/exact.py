"""Exact inner products by Faiss's kernels over matrices in memory or mapped from files, and those files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from core.vectors.family import Positions, faiss
from core.vectors.protocol import Matrix, Scores

VECTORS = "vectors.f32"

MANY_QUERIES = 16
"""From so many on, vectors that are compared with all of them are gathered first."""
_GATHERED = 16_384
_NOTHING = np.finfo(np.float32).min
"""What Faiss gives as the score of what it did not find."""

_pointer = faiss.swig_ptr


def search_all(queries: Matrix, matrix: Matrix, k: int) -> tuple[Scores, Positions]:
    """The k largest inner products over all of ``matrix``, as two (m, k) arrays in falling score; k is at most n."""
    scores = np.empty((len(queries), k), np.float32)
    found = np.empty((len(queries), k), np.int64)
    faiss.knn_inner_product(
        _pointer(queries),
        _pointer(matrix),
        matrix.shape[1],
        len(queries),
        len(matrix),
        k,
        _pointer(scores),
        _pointer(found),
    )
    return scores, found


def search_some(queries: Matrix, matrix: Matrix, k: int, positions: Positions) -> tuple[Scores, Positions]:
    """The k largest inner products over some positions: (c,) for all queries, or (m, c) for each its own, where -1 ends
    a list. Two (m, k) arrays in falling score, with position -1 at the end where there are fewer."""
    if positions.ndim == 1 and len(queries) >= MANY_QUERIES:
        return _search_gathered(queries, matrix, k, positions)
    scores = np.empty((len(queries), k), np.float32)
    found = np.empty((len(queries), k), np.int64)
    faiss.knn_inner_products_by_idx(
        _pointer(queries),
        _pointer(matrix),
        _pointer(positions),
        matrix.shape[1],
        len(queries),
        len(matrix),
        positions.shape[-1],
        k,
        _pointer(scores),
        _pointer(found),
        0 if positions.ndim == 1 else positions.shape[1],  # from one query's list to the next one's
    )
    return scores, found


def _search_gathered(queries: Matrix, matrix: Matrix, k: int, positions: Positions) -> tuple[Scores, Positions]:
    """As :func:`search_some`: gathers the vectors block by block and compares all queries with each by one product of
    matrices, which takes a tenth of the time for many queries."""
    scores = np.full((len(queries), k), _NOTHING, np.float32)
    found = np.full((len(queries), k), -1, np.int64)
    for start in range(0, len(positions), _GATHERED):
        block = positions[start : start + _GATHERED]
        some, at = search_all(queries, matrix[block], min(k, len(block)))
        scores = np.concatenate([scores, some], axis=1)
        found = np.concatenate([found, np.where(at >= 0, block[at], -1)], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, found = np.take_along_axis(scores, best, axis=1), np.take_along_axis(found, best, axis=1)
    return scores, found


def write_matrix(path: Path, blocks: Iterable[Matrix]) -> None:
    """Writes blocks of vectors one after the other as bare little-endian float32. There is no header that could be
    damaged: dimension and size are in the manifest."""
    with path.open("wb") as file:
        for block in blocks:
            file.write(np.ascontiguousarray(block, "<f4").data)


def read_matrix(path: Path, dim: int) -> Matrix:
    """The (n, dim) vectors of :func:`write_matrix`, mapped. Raises ValueError for a size that does not divide."""
    if path.stat().st_size == 0:
        return np.empty((0, dim), np.float32)  # nothing can't be mapped
    # Faiss's pointers want plain arrays, no memmaps; nothing is copied.
    return np.asarray(np.memmap(path, "<f4", "r").reshape(-1, dim))


def link_or_write(source: Path | None, target: Path, write: Callable[[Path], object]) -> None:
    """What never changes and came from a file that is still there is linked, not copied."""
    if source is not None:
        try:
            os.link(source, target)
        except OSError:  # gone meanwhile, or a file system without links
            pass
        else:
            return
    write(target)
