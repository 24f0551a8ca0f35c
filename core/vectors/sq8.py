"""The family ``sq8``: a neighbour graph over one byte per number."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from core.vectors.exact import VECTORS, link_or_write, read_matrix, search_some, write_matrix
from core.vectors.family import TARGET_RECALL, Keep, Positions, Progress, faiss
from core.vectors.hnsw import NEAR_STEP, Hnsw, add_all
from core.vectors.protocol import Matrix, Scores

M = 16
"""Half of the links of hnsw, which would take as much memory as the codes."""
LEARN = 50_000
"""Vectors of which each dimension's range is taken."""


class Sq8(Hnsw):
    """The graph knows each number of a vector to 8 bits between the least and the largest of its dimension; the best
    candidates are ranked once more by their whole vectors, which stay mapped from a file."""

    name: ClassVar[str] = "sq8"
    about: ClassVar[str] = (
        "A neighbour graph over one byte per number: about a third of the memory, the best candidates ranked exactly"
        " from disk."
    )
    compressed: ClassVar[bool] = True
    wanted_recall: ClassVar[float] = TARGET_RECALL  # its graph of fewer links loses more under a filter
    FILE: ClassVar[str] = "sq8.faiss"

    def _search_all(self, queries: Matrix, k: int, effort: int) -> tuple[Scores, Positions]:
        found = self._walk(queries, min(self._count, _candidates_for(k)), effort)[1]
        return search_some(queries, self._matrix, k, found)

    def _search_kept(self, queries: Matrix, k: int, keep: Keep, effort: int) -> tuple[Scores, Positions]:
        found = super()._search_kept(queries, min(len(keep), _candidates_for(k)), keep, effort)[1]
        return search_some(queries, self._matrix, k, found)

    def write(self, folder: Path) -> None:
        super().write(folder)
        source = self._folder / VECTORS if self._folder else None
        link_or_write(source, folder / VECTORS, lambda path: write_matrix(path, [self._matrix]))

    @classmethod
    def read(cls, folder: Path, dim: int, settings: dict[str, int]) -> Self:
        index: Any = faiss.read_index(str(folder / cls.FILE), faiss.IO_FLAG_MMAP_IFC)
        matrix = read_matrix(folder / VECTORS, dim)
        if index.d != dim or index.ntotal != len(matrix) or index.storage.ntotal != len(matrix):
            raise ValueError("the graph is of another shape")
        return cls(index, matrix, settings["step"], folder)

    @classmethod
    def build(cls, matrix: Matrix, progress: Progress) -> Self:
        count, dim = matrix.shape
        index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, M, faiss.METRIC_INNER_PRODUCT)
        index.train(matrix[np.sort(np.random.default_rng(0).permutation(count)[:LEARN])])
        add_all(index, matrix, progress)
        return cls(index, matrix, NEAR_STEP)


def _candidates_for(k: int) -> int:
    """Rounding to bytes moves a neighbour by few ranks."""
    return k + max(10, k // 4)
