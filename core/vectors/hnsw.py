"""The family ``hnsw``: a neighbour graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from core.vectors.exact import link_or_write, search_all, search_some
from core.vectors.family import (
    RECALL_AT,
    Keep,
    Positions,
    Progress,
    faiss,
    sample_queries,
    true_neighbours,
)
from core.vectors.protocol import Matrix, Plan, Scores
from core.vectors.rough import rough_effort
from core.vectors.validation import ROUNDING

M = 32
EF_CONSTRUCTION = 80
EF_SEARCH = (96, 128, 160, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1536)
"""Tried in this order after building, until ``wanted_recall`` is reached on a sample."""
EF_PER_NEIGHBOUR = 4
"""Many neighbours need a longer walk than ten do: efSearch is at least this times k."""
EF_BY_SHARE, ASKED_PER_KEPT = 0.4, 2.5
"""Under a filter that leaves a share s, efSearch grows with s to the power of minus the first, which keeps the recall,
as tried on 198,432 sentence vectors and on a million made-up ones; the second over s is how many neighbours are asked
for each that is wanted, so that enough of them are kept."""
NEAR_STEP = 20
"""Vectors that a step of efSearch compares with, where that was not counted."""
IN_A_ROW = 2
"""How much quicker comparing with one vector after the other is than here and there."""

BUILD_SLICE = 2_000

_MOST_MADE = 1_000
_FLOAT32, _INT64 = np.dtype(np.float32), np.dtype(np.int64)


class Hnsw:
    """A navigable small-world graph (Malkov and Yashunin, 2018) over vectors that Faiss holds, in memory or mapped."""

    name: ClassVar[str] = "hnsw"
    about: ClassVar[str] = (
        "A neighbour graph: finds nearly all of the same neighbours many times faster, and keeps the whole vectors in"
        " memory."
    )
    exact: ClassVar[bool] = False
    compressed: ClassVar[bool] = False
    wanted_recall: ClassVar[float] = 0.992
    """Half of the sample lies between two vectors and is harder than most that is asked, which then reaches .996."""
    FILE: ClassVar[str] = "hnsw.faiss"

    def __init__(self, index: Any, matrix: Matrix, step: int, folder: Path | None = None) -> None:
        """``step`` is how many vectors a step of efSearch compares with; ``folder`` is where this was read from."""
        self._index = index
        self._matrix = matrix
        self._count = len(matrix)
        self._effort = int(index.hnsw.efSearch)
        self._step = step
        self._folder = folder
        self._made: dict[int, Any] = {}  # Faiss's parameters by efSearch: to make them takes a part of a search

    @property
    def matrix(self) -> Matrix:
        return self._matrix

    @property
    def memory_bytes(self) -> int:
        hnsw, storage = self._index.hnsw, faiss.downcast_index(self._index.storage)
        links = 4 * hnsw.neighbors.size() + 8 * hnsw.offsets.size() + 4 * hnsw.levels.size()
        return int(storage.code_size * self._count + links)

    @property
    def settings(self) -> dict[str, int]:
        return {"efSearch": self._effort, "step": self._step}

    def plan(self, k: int, kept: int) -> Plan:
        if self._effort_for(k, kept) is None:
            return Plan("exact", f"Exact: comparing with {kept:,} vectors is quicker than a walk through the graph.")
        if kept < len(self._matrix):
            share = f"{kept / len(self._matrix):.1%}"
            return Plan(
                "index", f"Walks the graph, longer than without a filter, and keeps what may be returned: {share}."
            )
        return Plan("index", f"Walks the graph of {kept:,} vectors.")

    def _effort_for(self, k: int, kept: int) -> int | None:
        """The efSearch that is needed, or None where exact search is quicker. The graph is walked through all vectors,
        also those that are not kept: fewer kept means a longer walk, that looks at enough of them."""
        rough = rough_effort()
        effort = max(self._effort, EF_PER_NEIGHBOUR * k) if rough is None else max(rough, k)
        if kept == self._count:
            return None if kept <= IN_A_ROW * self._step * effort else effort
        effort = max(int(effort * (self._count / kept) ** EF_BY_SHARE), self._asked(k, kept))
        return None if kept <= self._step * effort else effort

    def _asked(self, k: int, kept: int) -> int:
        return int(ASKED_PER_KEPT * k * self._count / kept)

    def search(self, queries: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
        effort = self._effort_for(k, self._count if keep is None else len(keep))
        if keep is None:
            return search_all(queries, self._matrix, k) if effort is None else self._search_all(queries, k, effort)
        if effort is None:
            return search_some(queries, self._matrix, k, keep.positions)
        return self._search_kept(queries, k, keep, effort)

    def _search_all(self, queries: Matrix, k: int, effort: int) -> tuple[Scores, Positions]:
        return self._walk(queries, k, effort)

    def _search_kept(self, queries: Matrix, k: int, keep: Keep, effort: int) -> tuple[Scores, Positions]:
        """Asks for the nearest of all and picks the kept ones: of a filter that has nothing to do with the query, more
        than twice k. Where there are less than k, the kept vectors lie elsewhere, and exact search looks there."""
        every_score, every_position = self._walk(queries, self._asked(k, len(keep)), effort)
        shape = len(queries), k
        scores, found = np.empty(shape, _FLOAT32), np.empty(shape, _INT64)
        lacking = []
        for at, kept in enumerate(keep.has(every_position)):
            chosen = kept.nonzero()[0][:k]
            if len(chosen) == k:
                scores[at], found[at] = every_score[at].take(chosen), every_position[at].take(chosen)
            else:
                lacking.append(at)
        if lacking:
            scores[lacking], found[lacking] = search_some(queries[lacking], self._matrix, k, keep.positions)
        return scores, found

    def _parameters(self, effort: int) -> Any:
        parameters = self._made.get(effort)
        if parameters is None:
            if len(self._made) > _MOST_MADE:
                self._made.clear()
            parameters = self._made[effort] = faiss.SearchParametersHNSW(efSearch=effort)
        return parameters

    def _walk(self, queries: Matrix, k: int, effort: int) -> tuple[Scores, Positions]:
        shape = len(queries), k
        scores, found = np.empty(shape, _FLOAT32), np.empty(shape, _INT64)
        # Faiss's own wrapper for this call takes a tenth of the time of a search.
        pointer = faiss.swig_ptr
        self._index.search_c(shape[0], pointer(queries), k, pointer(scores), pointer(found), self._parameters(effort))
        return scores, found

    def write(self, folder: Path) -> None:
        source = self._folder / self.FILE if self._folder else None
        link_or_write(source, folder / self.FILE, lambda path: faiss.write_index(self._index, str(path)))

    @classmethod
    def read(cls, folder: Path, dim: int, settings: dict[str, int]) -> Self:
        index = faiss.read_index(str(folder / cls.FILE), faiss.IO_FLAG_MMAP_IFC)
        return cls(index, _held(index), settings.get("step", NEAR_STEP), folder)

    @classmethod
    def build(cls, matrix: Matrix, progress: Progress) -> Self:
        count, dim = matrix.shape
        index = faiss.IndexHNSWFlat(dim, M, faiss.METRIC_INNER_PRODUCT)
        codes = faiss.downcast_index(index.storage).codes
        codes.resize(count * dim * 4)  # A vector that grows by doubling would hold the data up to three times;
        codes.resize(0)  # shrunk to nothing it keeps the room.
        add_all(index, matrix, progress)
        return cls(index, _held(index), NEAR_STEP)

    def tune(self) -> float:
        """Sets efSearch, which is saved with the graph, and counts what a step of it compares with."""
        queries = sample_queries(self._matrix)
        k = min(RECALL_AT, self._count)
        worst = true_neighbours(queries, self._matrix, k)[0][:, -1:]
        recall = 0.0
        for effort in EF_SEARCH:
            self._effort = self._index.hnsw.efSearch = effort
            compared = faiss.cvar.hnsw_stats.ndis
            # By score and not by position: of equal vectors either will do.
            recall = float((self._search_all(queries, k, effort)[0] >= worst - ROUNDING).mean())
            self._step = max(1, (faiss.cvar.hnsw_stats.ndis - compared) // (effort * len(queries)))
            if recall >= self.wanted_recall:
                break
        return recall


def add_all(index: Any, matrix: Matrix, progress: Progress) -> None:
    """Adds vectors to a graph, slice by slice."""
    index.hnsw.efConstruction = EF_CONSTRUCTION
    for start in range(0, len(matrix), BUILD_SLICE):
        index.add(matrix[start : start + BUILD_SLICE])
        progress(index.ntotal)


def _held(index: Any) -> Matrix:
    """The vectors that a graph holds, without a copy."""
    storage = faiss.downcast_index(index.storage)
    flat: Matrix = faiss.rev_swig_ptr(storage.get_xb(), index.ntotal * index.d)
    return flat.reshape(index.ntotal, index.d)
