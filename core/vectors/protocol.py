"""What every vector index does. Rows are the database's row numbers; scores are inner products of unit vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.types import Space

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an index promises, so that a caller chooses beforehand and need not try.

    ``exact``: answers are those of brute force. ``compressed``: memory holds less than the vectors; they are read back
    from disk to rank the best candidates exactly. ``local``: lies in the workspace's folder; where False, on a server
    that may be away. ``most_k``: the largest k of a search, None where there is no limit.
    """

    exact: bool
    compressed: bool
    local: bool
    most_k: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search would be answered: ``exact`` compares with every vector that may be returned, ``index`` walks the
    family's structure, ``nothing`` has nothing to compare with. ``reason`` is a sentence for the user."""

    how: Literal["exact", "index", "nothing"]
    reason: str


@dataclass(frozen=True, slots=True)
class InRange:
    """The answers of a range search: those of query ``i`` are ``scores[limits[i]:limits[i + 1]]`` and ``rows``
    likewise, in falling score, ties in rising row. ``limits`` is (m + 1,) int64."""

    limits: NDArray[np.int64]
    scores: Scores
    rows: Rows


class VectorIndex(Protocol):
    """Neighbours by inner product over int64 rows.

    Results are in falling score, ties in rising row. ``allowed`` restricts an answer to those rows (any order, unknown
    rows are ignored; empty means no result); an array of them that can't be written to is taken to stay as it is, so
    that what an index makes of it serves the next search too. Raises VectorError for what
    :mod:`core.vectors.validation` refuses, and VectorStoreError where the store is a server that does not answer.
    """

    @property
    def space(self) -> Space: ...

    @property
    def family(self) -> str:
        """flat, hnsw, ivf_flat, ..., milvus"""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def memory_bytes(self) -> int:
        """What searches read all the time and so has to be in memory for them to be quick, whether this process holds
        it or the system keeps its pages of a mapped file. Vectors that are read only to rank a few candidates exactly
        do not count. On a server, what this process holds."""
        ...

    def __len__(self) -> int: ...

    def rows(self) -> Rows:
        """Every row that is there, rising."""
        ...

    def plan(self, k: int, allowed: int | None = None) -> Plan:
        """How a search for ``k`` would be answered, where ``allowed`` is how many rows may be returned (None: all)."""
        ...

    def search(self, queries: Matrix, k: int, *, allowed: Rows | None = None) -> tuple[Scores, Rows]:
        """The ``k`` nearest to each query. ``queries`` is (m, dim) float32; gives two (m, k) arrays. Where fewer than
        ``k`` are found, the tail is row -1 with score -inf."""
        ...

    def range_search(self, queries: Matrix, least: float, *, allowed: Rows | None = None) -> InRange:
        """All rows whose score is at least ``least`` (-1 to 1), or falls short of it by rounding alone (see
        ``validation.ROUNDING``); empty for a query that has none."""
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
        """Writes beside and swaps in with os.replace: at any moment the folder holds the old index or the new one. An
        index on a server brings its writes to disk there, and the folder says where it is."""
        ...
