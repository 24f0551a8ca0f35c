"""The family ``flat``: every vector is compared."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from core.vectors.exact import VECTORS, read_matrix, search_all, search_some, write_matrix
from core.vectors.family import Keep, Positions, Progress
from core.vectors.protocol import Matrix, Plan, Scores


class Flat:
    """Exact search over a matrix, in memory or memory-mapped."""

    name: ClassVar[str] = "flat"
    about: ClassVar[str] = "Exact: compares with every vector, so nothing is missed; the time grows with their number."
    exact: ClassVar[bool] = True
    compressed: ClassVar[bool] = False

    def __init__(self, matrix: Matrix, room: Matrix | None = None) -> None:
        self._matrix = np.asarray(matrix)  # Faiss's pointers want plain arrays, no memmaps; nothing is copied
        self._room = room

    @property
    def matrix(self) -> Matrix:
        return self._matrix

    @property
    def memory_bytes(self) -> int:
        return self._matrix.nbytes

    @property
    def settings(self) -> dict[str, int]:
        return {}

    def plan(self, k: int, kept: int) -> Plan:
        whole = "all" if kept == len(self._matrix) else "the"
        return Plan("exact", f"Exact: compares with {whole} {kept:,} vectors that may be returned.")

    def search(self, queries: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
        if keep is None:
            return search_all(queries, self._matrix, k)
        return search_some(queries, self._matrix, k, keep.positions)

    def tune(self) -> float:
        return 1.0

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
        write_matrix(folder / VECTORS, [self._matrix])

    @classmethod
    def build(cls, matrix: Matrix, progress: Progress) -> Flat:
        progress(len(matrix))
        return cls(matrix)

    @classmethod
    def read(cls, folder: Path, dim: int, settings: dict[str, int]) -> Flat:
        return cls(read_matrix(folder / VECTORS, dim))
