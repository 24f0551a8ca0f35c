"""The index families: how vectors are held and searched by position, and which family suits how many vectors.

A family knows positions 0 to n - 1 alone; :mod:`core.vectors.segment` knows which row each one is, and which are gone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import faiss as faiss_with_stubs
import numpy as np
from numpy.typing import NDArray

from core.vectors.protocol import Matrix, Scores

faiss: Any = faiss_with_stubs  # its type stubs miss much of what is used here

Positions = NDArray[np.int64]

FLAT_UP_TO = 50_000
"""Up to here exact search of 384-d vectors answers in about 5 ms on one core, and no index is as simple."""

HNSW_M = 32
HNSW_EF_CONSTRUCTION = 80
HNSW_EF_SEARCH = (96, 128, 192, 256, 384, 512, 768)
"""Tried in this order after building, until TARGET_RECALL is reached on a sample."""
HNSW_EF_PER_NEIGHBOUR = 4
"""Many neighbours need a longer walk than ten do: efSearch is at least this times k."""
HNSW_COST = 25
"""What one step of efSearch costs, in vectors that exact search reads in the same time (tests/bench/vectors.py)."""

TARGET_RECALL = 0.995
"""On a sample; so that other queries, too, have 0.99."""
RECALL_SAMPLE = 200

BUILD_SLICE = 2_000


class Family(Protocol):
    """Vectors by position. Instances do not change: adding and removing happen outside."""

    name: str

    @property
    def matrix(self) -> Matrix:
        """The stored vectors, (n, dim), without a copy."""
        ...

    def search(self, queries: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
        """Two (m, k) arrays in falling score; position -1 where fewer are found."""
        ...

    def write(self, folder: Path) -> None: ...


class Keep:
    """The positions that a search may return, made into what each kind of search needs where it needs it.

    ``mask`` is (n,) bool.
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self._mask = mask
        self._count = int(np.count_nonzero(mask))

    def __len__(self) -> int:
        return self._count

    @cached_property
    def positions(self) -> Positions:
        return np.flatnonzero(self._mask)

    @cached_property
    def selector(self) -> Any:
        return faiss.IDSelectorBitmap(np.packbits(self._mask, bitorder="little"))


def choose_family(count: int, dim: int) -> tuple[str, str]:
    """The family for ``count`` vectors of ``dim`` numbers, and the reason in a sentence for the user."""
    megabytes = count * dim * 4 / 1e6
    if count <= FLAT_UP_TO:
        return "flat", (
            f"Exact search: {count:,} vectors ({megabytes:,.0f} MB) are few enough to compare with every one of them."
        )
    return "hnsw", (
        f"A neighbour graph (HNSW): comparing with each of {count:,} vectors ({megabytes:,.0f} MB) would be slow; the"
        " graph finds nearly all of the same neighbours many times faster."
    )


class Flat:
    """Exact search over a matrix, in memory or memory-mapped."""

    name = "flat"
    FILE = "vectors.f32"

    def __init__(self, matrix: Matrix, room: Matrix | None = None) -> None:
        self._matrix = np.asarray(matrix)  # Faiss's pointers want plain arrays, no memmaps; nothing is copied
        self._room = room

    @property
    def matrix(self) -> Matrix:
        return self._matrix

    def search(self, queries: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
        return exact_search(queries, self._matrix, k, keep)

    def extended(self, vectors: Matrix) -> Flat:
        """This and ``vectors`` after it. To be called once: where there is room, both share one array, of which this
        one goes on to see the beginning; so adding many times costs no more than what is added."""
        count, dim = self._matrix.shape
        total = count + len(vectors)
        room = self._room
        if room is None or len(room) < total:
            room = np.empty((max(total, count + count // 2), dim), np.float32)
            room[:count] = self._matrix
        room[count:total] = vectors
        return Flat(room[:total], room)

    def write(self, folder: Path) -> None:
        write_matrix(folder / self.FILE, [self._matrix])

    @classmethod
    def read(cls, folder: Path, dim: int) -> Flat:
        return cls(read_matrix(folder / cls.FILE, dim))


class Hnsw:
    """A navigable small-world graph (Malkov and Yashunin, 2018) over vectors that Faiss holds, in memory or mapped."""

    name = "hnsw"
    FILE = "hnsw.faiss"

    def __init__(self, index: Any, file: Path | None = None) -> None:
        self._index = index
        self._file = file
        self._effort = int(index.hnsw.efSearch)
        storage = faiss.downcast_index(index.storage)
        flat = faiss.rev_swig_ptr(storage.get_xb(), index.ntotal * index.d)
        self._matrix: Matrix = flat.reshape(index.ntotal, index.d)
        self._parameters: dict[int, Any] = {}

    @property
    def matrix(self) -> Matrix:
        return self._matrix

    def search(self, queries: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
        count = len(self._matrix)
        kept = count if keep is None else len(keep)
        # The graph is walked through all vectors, also those that are not kept: fewer kept means a longer walk.
        effort = max(self._effort, HNSW_EF_PER_NEIGHBOUR * k) * count // kept
        if kept <= HNSW_COST * effort:
            return exact_search(queries, self._matrix, k, keep)
        if keep is not None:
            parameters = faiss.SearchParametersHNSW(efSearch=effort, sel=keep.selector)
        else:  # to make one takes as long as the rest of this method
            parameters = self._parameters.get(effort)
            if parameters is None:
                parameters = self._parameters[effort] = faiss.SearchParametersHNSW(efSearch=effort)
        return self._index.search(queries, k, params=parameters)  # type: ignore[no-any-return]

    def write(self, folder: Path) -> None:
        # The graph never changes: where it came from a file that is still there, that file is linked, not copied.
        if self._file is None or not _link(self._file, folder / self.FILE):
            faiss.write_index(self._index, str(folder / self.FILE))

    @classmethod
    def read(cls, folder: Path, dim: int) -> Hnsw:
        path = folder / cls.FILE
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC), path)

    @classmethod
    def build(cls, slices: Iterable[Matrix], count: int, dim: int, progress: Callable[[int], None]) -> Hnsw:
        """Adds slice after slice; ``progress`` is told how many are in, and may raise to stop."""
        index = faiss.IndexHNSWFlat(dim, HNSW_M, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = HNSW_EF_CONSTRUCTION
        codes = faiss.downcast_index(index.storage).codes
        codes.resize(count * dim * 4)  # A vector that grows by doubling would hold the data up to three times;
        codes.resize(0)  # shrunk to nothing it keeps the room.
        for matrix in slices:
            index.add(matrix)
            progress(index.ntotal)
        return cls(index)

    def tune(self) -> float:
        """Sets efSearch (which is saved with the graph) for TARGET_RECALL, and gives the recall@10 that was measured.

        Half of the sample are stored vectors, half lie between two of them: like posts, and like queries that
        are no posts, which a graph finds harder.
        """
        chosen = np.random.default_rng(0).choice(self._index.ntotal, size=(2, RECALL_SAMPLE))
        queries = self._matrix[chosen[0]]
        queries[::2] += self._matrix[chosen[1][::2]]
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
        k = min(10, self._index.ntotal)
        worst = exact_search(queries, self._matrix, k, None)[0][:, -1:]
        recall = 0.0
        for effort in HNSW_EF_SEARCH:
            self._effort = self._index.hnsw.efSearch = effort
            parameters = faiss.SearchParametersHNSW(efSearch=effort)
            scores, _ = self._index.search(queries, k, params=parameters)
            # By score and not by position: of equal vectors either will do.
            recall = float((scores >= worst - 1e-6).mean())
            if recall >= TARGET_RECALL:
                break
        return recall


FAMILIES: dict[str, type[Flat] | type[Hnsw]] = {Flat.name: Flat, Hnsw.name: Hnsw}


def exact_search(queries: Matrix, matrix: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
    """The k largest inner products over all of ``matrix`` or over the kept positions, by Faiss's kernels."""
    if keep is None:
        return faiss.knn(queries, matrix, k, metric=faiss.METRIC_INNER_PRODUCT)  # type: ignore[no-any-return]
    scores = np.empty((len(queries), k), np.float32)
    positions = np.empty((len(queries), k), np.int64)
    faiss.knn_inner_products_by_idx(
        faiss.swig_ptr(queries),
        faiss.swig_ptr(matrix),
        faiss.swig_ptr(keep.positions),
        matrix.shape[1],
        len(queries),
        len(matrix),
        len(keep),
        k,
        faiss.swig_ptr(scores),
        faiss.swig_ptr(positions),
        0,  # every query reads the same list of positions
    )
    return scores, positions


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
    return np.memmap(path, "<f4", "r").reshape(-1, dim)


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:  # gone meanwhile, or a file system without links
        return False
    return True
