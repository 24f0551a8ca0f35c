"""What every vector index does. Rows are the database's row numbers; scores are inner products of unit vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.types import Space

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Matrix = NDArray[np.float32]


class VectorIndex(Protocol):
    """Nearest neighbours by inner product over int64 rows.

    Results are in falling score, ties in rising row. Where fewer than ``k`` are found, the tail is row -1 with score
    -inf. ``allowed`` restricts the answer to those rows (any order, unknown rows are ignored; empty means no result).
    """

    @property
    def space(self) -> Space: ...

    @property
    def family(self) -> str:
        """flat, hnsw, ..."""
        ...

    def __len__(self) -> int: ...

    def search(self, queries: Matrix, k: int, *, allowed: Rows | None = None) -> tuple[Scores, Rows]:
        """``queries`` is (m, dim) float32; gives two (m, k) arrays. Raises VectorError for k < 1, a wrong dimension, or
        values that are not finite."""
        ...

    def add(self, rows: Rows, vectors: Matrix) -> None:
        """Adds rows, or replaces the vectors of rows that are there."""
        ...

    def remove(self, rows: Rows) -> None:
        """Removed rows never come back in results; unknown rows are ignored."""
        ...

    def reconstruct(self, rows: Rows) -> Matrix:
        """The stored vectors, (n, dim). Raises VectorError for a row that is not there."""
        ...

    def save(self, folder: Path, *, generation: int) -> None:
        """Writes beside and swaps in with os.replace: at any moment the folder holds the old index or the new one."""
        ...
