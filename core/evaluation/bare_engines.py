"""Faiss without the classes of this project, and hnswlib, for measuring beside them.

Every build gives the seconds of processor time that it took, every search takes one query (1, dim).
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import faiss as faiss_with_stubs
import numpy as np
from numpy.typing import NDArray

from core.vectors import hnsw, inverted, lsh, sq8
from core.vectors.families import FAMILIES
from core.vectors.protocol import Matrix, Rows

faiss: Any = faiss_with_stubs  # its type stubs miss much of what is used here

Search: TypeAlias = Callable[[Matrix], Rows]
"""(1, dim) to the rows of the nearest, (1, k)."""


def build_seconds(family: str, matrix: Matrix) -> float:
    """Seconds of processor time for Faiss to hold ``matrix`` as a family does. ``matrix`` is in memory."""
    count, dim = matrix.shape
    started = time.process_time()
    if family == "flat":
        faiss.IndexFlatIP(dim).add(matrix)
    elif family == "hnsw":
        index = faiss.IndexHNSWFlat(dim, hnsw.M, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = hnsw.EF_CONSTRUCTION
        index.add(matrix)
    elif family == "sq8":
        codes = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, sq8.M, faiss.METRIC_INNER_PRODUCT)
        codes.hnsw.efConstruction = hnsw.EF_CONSTRUCTION
        codes.train(matrix[: sq8.LEARN])
        codes.add(matrix)
    elif family == "lsh":
        directions = faiss.IndexLSH(dim, lsh.bits_for(dim), True, True)
        directions.train(matrix[: lsh.LEARN])
        faiss.IndexBinaryFlat(directions.nbits).add(directions.sa_encode(matrix))
    else:
        kind: Any = FAMILIES[family]
        lists = inverted.lists_for(count)
        index = kind.untrained(dim, lists)
        kind.learn(index, matrix[: max(inverted.LEARN_PER_LIST * lists, inverted.LEARN_CODES)])
        index.add(matrix)
    return time.process_time() - started


def flat(matrix: Matrix, k: int) -> Search:
    return lambda query: faiss.knn(query, matrix, k, metric=faiss.METRIC_INNER_PRODUCT)[1]


def over_rows(matrix: Matrix, allowed: Rows, k: int) -> Search:
    """Exact search over the allowed rows."""

    def search(query: Matrix) -> Rows:
        scores, rows = np.empty((1, k), np.float32), np.empty((1, k), np.int64)
        faiss.knn_inner_products_by_idx(
            faiss.swig_ptr(query),
            faiss.swig_ptr(matrix),
            faiss.swig_ptr(allowed),
            matrix.shape[1],
            1,
            len(matrix),
            len(allowed),
            k,
            faiss.swig_ptr(scores),
            faiss.swig_ptr(rows),
            0,
        )
        return rows

    return search


class Graph:
    """The graph of a saved ``hnsw`` index, opened by Faiss itself."""

    def __init__(self, version: Path) -> None:
        self._index = faiss.read_index(str(version / hnsw.Hnsw.FILE), faiss.IO_FLAG_MMAP_IFC)

    def search(self, effort: int, k: int, mask: NDArray[np.bool_] | None = None) -> Search:
        """``mask`` (n,) says which rows may be returned; it is made into a bitmap once, before the search."""
        parameters = faiss.SearchParametersHNSW(efSearch=effort)
        if mask is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
            parameters = faiss.SearchParametersHNSW(efSearch=effort, sel=selector)
        return lambda query: self._index.search(query, k, params=parameters)[1]


def hnswlib_there() -> bool:
    return importlib.util.find_spec("hnswlib") is not None


class HnswlibGraph:
    """The same graph as hnswlib builds it: M and efConstruction mean the same there."""

    def __init__(self, matrix: Matrix, block: int = 10_000) -> None:
        hnswlib: Any = importlib.import_module("hnswlib")  # where it is installed

        started = time.process_time()
        self._index = hnswlib.Index("ip", matrix.shape[1])
        self._index.init_index(len(matrix), M=hnsw.M, ef_construction=hnsw.EF_CONSTRUCTION)
        self._index.set_num_threads(1)
        for start in range(0, len(matrix), block):
            self._index.add_items(matrix[start : start + block], np.arange(start, min(start + block, len(matrix))))
        self.build_seconds = time.process_time() - started

    def search(self, effort: int, k: int) -> Search:
        """For one effort at a time: it is the index's own."""
        self._index.set_ef(max(effort, k))
        return lambda query: self._index.knn_query(query, k)[0].astype(np.int64)


def least_effort(
    make: Callable[[int], Search], queries: Matrix, recall: Callable[[list[Rows]], float], wanted: float, most: int
) -> int:
    """The least effort of a graph, in steps of a quarter, with which it reaches the recall ``wanted``; at most
    ``most``."""
    effort = 16
    while effort < most:
        search = make(effort)
        if recall([search(query[None])[0] for query in queries]) >= wanted:
            return effort
        effort = math.ceil(1.25 * effort)
    return most
