"""The vector index on Milvus: one collection a space, on a server, a cluster, or in a file that milvus-lite serves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core import derived
from core.errors import VectorError
from core.types import Space
from core.vectors.milvus_collection import COUNTS, READS, SLOW_CALL, open_collection, search_params
from core.vectors.milvus_connection import MilvusConnection
from core.vectors.milvus_filter import RowFilter, row_filters
from core.vectors.protocol import Capabilities, InRange, Matrix, Plan, Rows, Scores
from core.vectors.validation import check_k, check_least, check_queries, check_rows, check_vectors, nothing

MOST_K = 16_384
"""The most that Milvus gives for one query vector."""
_HITS_AT_ONCE = 262_144
_BYTES_AT_ONCE = 8 << 20
_ROWS_AT_ONCE = 8_192
_FIRST_PAGE = 1_024
_PAST_ROWS = 2**63 - 1


class MilvusIndex:
    """A :class:`~core.vectors.protocol.VectorIndex` over one collection.

    The collection holds ``row`` (the primary key), ``vector`` and ``hash``, the hash of the content that the vector was
    made from, by which a workspace tells after a crash which vectors are still right. Which of two rows with the same
    score is found is the server's choice; those found come in the contract's order. Reads need no lock; changes wait
    for each other, since milvus-lite takes one writer.
    """

    family = "milvus"

    def __init__(
        self, connection: MilvusConnection, collection: str, space: Space, *, index_type: str = "auto"
    ) -> None:
        """Opens the collection, or makes it, as :func:`~core.vectors.milvus_collection.open_collection` tells."""
        self.connection = connection
        self.collection = collection
        self._space = space
        self._changing = threading.Lock()
        self._count: int | None = None
        self._index_type = open_collection(connection, collection, space, index_type)

    @classmethod
    def load(cls, folder: Path, connection: MilvusConnection, space: Space | None = None) -> MilvusIndex:
        """Opens the collection that :meth:`save` noted in ``folder``. Raises VectorError where there is no note, or it
        is of another space."""
        manifest = derived.read_manifest(folder)
        if manifest is None or "collection" not in manifest.about:
            raise VectorError(" ".join(derived.verify(folder)) or f"{folder.name}: no index on Milvus.")
        stored = Space(**manifest.about["space"])
        if space is not None and space != stored:
            raise VectorError(f"{folder.name}: the vectors are of {stored.model_id}, not of {space.model_id}.")
        return cls(connection, manifest.about["collection"], stored)

    @property
    def _lite(self) -> bool:
        return self.connection.address.lite

    @property
    def space(self) -> Space:
        return self._space

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(exact=self._index_type == "FLAT", compressed=False, local=False, most_k=MOST_K)

    @property
    def memory_bytes(self) -> int:
        return 0  # all of it is on the server

    def __len__(self) -> int:
        """Counted by the server after each change, and kept until the next."""
        count = self._count
        if count is None:
            answer = self.connection.call(
                "query", self.collection, output_fields=["count(*)"], consistency_level=COUNTS
            )
            count = self._count = int(answer[0]["count(*)"])
        return count

    def plan(self, k: int, allowed: int | None = None) -> Plan:
        check_k(k)
        count = len(self)
        if not count or allowed == 0:
            return Plan("nothing", "There is nothing to compare with.")
        among = f"{count:,} vectors" if allowed is None else f"the {allowed:,} allowed of {count:,} vectors"
        if self._index_type == "FLAT":
            return Plan("exact", f"Milvus compares with {among}.")
        return Plan("index", f"Milvus walks its {self._index_type} index to find the nearest among {among}.")

    def search(self, queries: Matrix, k: int, *, allowed: Rows | None = None) -> tuple[Scores, Rows]:
        queries = check_queries(queries, self._space.dim, k)
        if k > MOST_K:
            raise VectorError(f"Milvus gives at most {MOST_K:,} neighbours of a vector; {k:,} were asked for.")
        filters = self._filters(allowed)
        scores, rows = nothing(len(queries), k)
        open_lines = np.arange(len(queries))
        if allowed is not None and len(filters) > 1:
            scores, rows = self._picked(queries, k, allowed)
            open_lines = np.flatnonzero(rows[:, -1] < 0)
        for rows_filter in filters if len(open_lines) else []:
            found = self._nearest(queries[open_lines], k, rows_filter)
            both = np.hstack([scores[open_lines], found[0]]), np.hstack([rows[open_lines], found[1]])
            scores[open_lines], rows[open_lines] = _best(*both, k)
        return scores, rows

    def _picked(self, queries: Matrix, k: int, allowed: Rows) -> tuple[Scores, Rows]:
        """For more rows than one filter lists: the nearest of all, looked up so deep that ``k`` of them should be
        allowed. A line that holds ``k`` is done, any other is left empty."""
        deep = min(MOST_K, 2 * k * max(len(self), 1) // len(allowed) + 64)
        scores, rows = self._nearest(queries, deep, RowFilter())
        scores[~np.isin(rows, allowed)] = -np.inf
        scores, rows = _best(scores, rows, k)
        scores[np.isneginf(scores[:, -1])] = -np.inf
        return _best(scores, rows, k)

    def _filters(self, allowed: Rows | None) -> list[RowFilter]:
        return row_filters(None if allowed is None else check_rows(allowed), apart=not self._lite)

    def _nearest(
        self, queries: Matrix, k: int, rows_filter: RowFilter, radius: float | None = None
    ) -> tuple[Scores, Rows]:
        """The ``k`` nearest of those that pass the filter and score above ``radius``."""
        scores, rows = nothing(len(queries), k)
        at_once = max(1, _HITS_AT_ONCE // k)
        effort = search_params(self._index_type, k, radius)
        for start in range(0, len(queries), at_once):
            answer = self.connection.call(
                "search", self.collection, data=list(queries[start : start + at_once]), limit=k, anns_field="vector",
                output_fields=["row"], search_params=effort, consistency_level=READS, **rows_filter.options(),
            )  # fmt: skip
            for at, hits in enumerate(answer, start):
                scores[at, : len(hits)], rows[at, : len(hits)] = hits.distances, hits.ids
        return _best(scores, rows, k)

    def range_search(self, queries: Matrix, least: float, *, allowed: Rows | None = None) -> InRange:
        queries = check_queries(queries, self._space.dim)
        least = check_least(least)
        filters = self._filters(allowed)
        parts: list[list[tuple[Scores, Rows]]] = [[] for _ in queries]
        for rows_filter in filters if len(queries) else []:
            scores, rows = self._nearest(queries, _FIRST_PAGE, rows_filter, least - 1e-6)
            for at, query in enumerate(queries):
                full = rows[at, -1] >= 0
                parts[at] += self._all_in_range(query, least, rows_filter) if full else [(scores[at], rows[at])]
        limits, found_scores, found_rows = [0], [], []
        for part in parts:
            scores = np.concatenate([side for side, _ in part] or [np.empty(0, np.float32)])
            rows = np.concatenate([side for _, side in part] or [np.empty(0, np.int64)])
            inside = np.flatnonzero((rows >= 0) & (scores >= least))
            order = inside[np.lexsort((rows[inside], -scores[inside]))]
            found_scores.append(scores[order])
            found_rows.append(rows[order])
            limits.append(limits[-1] + len(order))
        none: Scores = np.empty(0, np.float32)
        return InRange(
            np.array(limits, np.int64),
            np.concatenate([none, *found_scores]),
            np.concatenate([none.astype(np.int64), *found_rows]),
        )

    def _all_in_range(
        self, query: Matrix, least: float, rows_filter: RowFilter, low: int = 0, high: int = _PAST_ROWS
    ) -> list[tuple[Scores, Rows]]:
        """All from row ``low`` to ``high`` that score at least ``least``. An answer that is full may not be all: then
        each half of its rows is asked for by itself."""
        scores, rows = self._nearest(query[None], MOST_K, rows_filter.between(low, high), least - 1e-6)
        if rows[0, -1] < 0:
            return [(scores[0], rows[0])]
        middle = int(np.median(rows[0]))
        return self._all_in_range(query, least, rows_filter, low, middle) + self._all_in_range(
            query, least, rows_filter, middle + 1, high
        )

    def add(self, rows: Rows, vectors: Matrix, *, hashes: Sequence[str] | None = None) -> None:
        """``hashes`` (n,) are those of the contents, up to 64 characters each."""
        rows, vectors = check_vectors(rows, vectors, self._space.dim)
        at_once = max(1, _BYTES_AT_ONCE // (4 * self._space.dim + 80))
        noted = hashes or [""] * len(rows)
        with self._changing:
            for start in range(0, len(rows), at_once):
                part = slice(start, start + at_once)
                entities = [
                    {"row": row, "vector": vector, "hash": noted_hash}
                    for row, vector, noted_hash in zip(rows[part].tolist(), vectors[part], noted[part], strict=True)
                ]
                self.connection.call("upsert", self.collection, entities, timeout=SLOW_CALL)
                self._count = None

    def remove(self, rows: Rows) -> None:
        rows = check_rows(rows)
        with self._changing:
            for rows_filter in row_filters(rows, apart=not self._lite):
                self.connection.call("delete", self.collection, timeout=SLOW_CALL, **rows_filter.options())
                self._count = None

    def reconstruct(self, rows: Rows) -> Matrix:
        rows = check_rows(rows)
        found, vectors = self.find(rows)
        at = np.searchsorted(found, rows)
        at[at == len(found)] = 0
        missing = found[at] != rows if len(found) else np.ones(len(rows), np.bool_)
        if missing.any():
            raise VectorError(f"Row {rows[missing][0]} has no vector in the space {self._space.name}.")
        return vectors[at]

    def find(self, rows: Rows) -> tuple[Rows, Matrix]:
        """The stored vectors of those rows that have one, in rising row."""
        wanted = np.unique(check_rows(rows))
        wanted = wanted[wanted >= 0]
        at_once = max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // (4 * self._space.dim)))
        found: dict[int, Any] = {}
        for start in range(0, len(wanted), at_once):
            for rows_filter in row_filters(wanted[start : start + at_once], apart=not self._lite):
                answer = self.connection.call(
                    "query", self.collection, output_fields=["row", "vector"], consistency_level=READS,
                    **rows_filter.options(),
                )  # fmt: skip
                found.update((entity["row"], entity["vector"]) for entity in answer)
        there = np.array(sorted(found), np.int64)
        vectors = np.array([found[row] for row in there.tolist()], np.float32).reshape(-1, self._space.dim)
        return there, vectors

    def rows(self) -> Rows:
        parts = [rows for rows, _ in self.entries()]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)

    def entries(self, report: Callable[[int], None] | None = None) -> Iterator[tuple[Rows, list[str]]]:
        """Streams (rows, hashes) of all that is there; ``report`` is told how many so far."""
        iterator = self.connection.call(
            "query_iterator", self.collection, batch_size=_ROWS_AT_ONCE, output_fields=["row", "hash"],
            consistency_level=COUNTS,
        )  # fmt: skip
        done = 0
        try:
            while batch := self.connection.attempt(lambda _: iterator.next()):
                yield np.array([entity["row"] for entity in batch], np.int64), [entity["hash"] for entity in batch]
                done += len(batch)
                if report is not None:
                    report(done)
        finally:
            iterator.close()

    def save(self, folder: Path, *, generation: int) -> None:
        """Has the server seal what it was sent and notes in ``folder`` where it is; the note holds no secret."""
        self.connection.call("flush", self.collection, timeout=SLOW_CALL)
        derived.write(
            folder, generation, lambda _: None, family=self.family, space=asdict(self._space), count=len(self),
            recall=1.0 if self.capabilities.exact else None, collection=self.collection,
            server=self.connection.address.host, index=self._index_type,
        )  # fmt: skip

    def drop(self) -> None:
        """Drops the collection with all that it holds."""
        with self._changing:
            self.connection.call("drop_collection", self.collection, timeout=SLOW_CALL)
            self._count = None


def _best(scores: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
    """The ``k`` best of each line in falling score, ties in rising row; row -1 where there is nothing, at the end."""
    short = max(0, k - scores.shape[1])
    scores = np.pad(scores, ((0, 0), (0, short)), constant_values=-np.inf)
    rows = np.where(np.isneginf(scores), _PAST_ROWS, np.pad(rows, ((0, 0), (0, short))))
    order = np.lexsort((rows, -scores))[:, :k]
    rows = np.take_along_axis(rows, order, axis=1)
    return np.take_along_axis(scores, order, axis=1), np.where(rows == _PAST_ROWS, -1, rows)
