"""A part of an index: vectors of one family, the row of each, and which of them are gone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.errors import VectorError
from core.vectors.family import Family, Keep, Positions
from core.vectors.flat import Flat
from core.vectors.protocol import Matrix, Rows, Scores
from core.vectors.rough import rough_effort
from core.vectors.validation import ROUNDING, check_allowed, nothing

SPARE = 2
"""Fetched beyond k, to see whether equal scores go on past the k-th."""

_FEW = 50
_NONE = -1e38
"""Faiss gives the least of numbers as the score of what it did not find."""
_BLOCK = 2_000
_TIE = np.float32(ROUNDING)


class RowLookup:
    """Which position a row has, by a table where the row numbers are dense and by bisection where not."""

    def __init__(self, rows: Rows) -> None:
        self._table: NDArray[np.int32] | None = None
        highest = int(rows.max()) if len(rows) else -1
        if highest < 4 * len(rows) + 65_536:
            self._table = np.full(highest + 1, -1, np.int32)
            self._table[rows] = np.arange(len(rows), dtype=np.int32)
        else:
            self._order = np.argsort(rows)
            self._sorted = rows[self._order]

    def positions(self, rows: Rows) -> Positions:
        """(n,) positions, -1 for rows that are not there."""
        if self._table is not None:
            # As unsigned numbers, negative rows are far above the table's end.
            known = rows.view(np.uint64) < len(self._table)
            if known.all():
                return self._table[rows].astype(np.int64)
            found = np.full(len(rows), -1, np.int64)
            found[known] = self._table[rows[known]]
            return found
        at = np.searchsorted(self._sorted, rows)
        at[at == len(self._sorted)] = 0
        return np.where(self._sorted[at] == rows, self._order[at], -1)


class AllowedRows(Keep):
    """The positions of those of some rows that a segment has. ``rows`` rise, so that few of them need a look."""

    def __init__(self, segment: Segment, rows: Rows) -> None:
        self._segment = segment
        self._rows = rows
        self._asked = False

    def __len__(self) -> int:
        return min(len(self._rows), len(self._segment))

    @cached_property
    def positions(self) -> Positions:
        found = self._segment.positions(self._rows)
        there = found >= 0
        return found if there.all() else found[there]

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        mask = np.zeros(len(self._segment.rows), np.bool_)
        mask[self.positions] = True
        return mask

    def has(self, positions: Positions) -> NDArray[np.bool_]:
        if self._asked:  # once more: from now on the whole mask pays
            return self.mask[positions]
        self._asked = True
        rows = self._segment.rows[positions]
        at = np.searchsorted(self._rows, rows)
        at[at == len(self._rows)] = 0
        allowed: NDArray[np.bool_] = self._rows[at] == rows
        return allowed if self._segment.gone is None else allowed & ~self._segment.gone[positions]


@dataclass(frozen=True)
class Segment:
    """Does not change, so that any number of threads may search one while its successor is being made.

    ``rows`` is (n,) int64, distinct; ``gone`` is (n,) bool, or None where every vector counts.
    """

    family: Family
    rows: Rows
    gone: NDArray[np.bool_] | None = None

    @cached_property
    def _lookup(self) -> RowLookup:
        return RowLookup(self.rows)

    @cached_property
    def _present(self) -> Keep | None:
        if self.gone is None:
            return None
        return Keep(~self.gone)

    @cached_property
    def _last_filter(self) -> tuple[Rows | None, Keep | None]:
        return None, None

    @cached_property
    def _count(self) -> int:
        return len(self.rows) if self._present is None else len(self._present)

    def __len__(self) -> int:
        """How many vectors are not gone."""
        return self._count

    def positions(self, rows: Rows) -> Positions:
        """(n,) positions, -1 for rows that are not there or gone."""
        found = self._lookup.positions(rows)
        if self.gone is not None:
            found[self.gone[found] & (found >= 0)] = -1
        return found

    def without(self, rows: Rows) -> Segment:
        found = self.positions(rows)
        found = found[found >= 0]
        if not found.size:
            return self
        gone = np.zeros(len(self.rows), np.bool_) if self.gone is None else self.gone.copy()
        gone[found] = True
        successor = dataclasses.replace(self, gone=gone)
        successor.__dict__["_lookup"] = self._lookup  # the rows are the same
        return successor

    def extended(self, rows: Rows, vectors: Matrix) -> Segment:
        """A flat segment of what is present here and then ``rows``, which are not. To be called once."""
        if isinstance(self.family, Flat) and self.gone is None:
            family = self.family.extended(vectors)
        else:
            family = Flat(np.concatenate([*self.present_vectors(), vectors]))
        return Segment(family, np.concatenate([self.present_rows, rows]))

    @property
    def present_rows(self) -> Rows:
        return self.rows if self._present is None else self.rows[self._present.positions]

    def present_vectors(self) -> Iterator[Matrix]:
        """The vectors of :attr:`present_rows`, in blocks, so that few are copied at a time."""
        for start in range(0, len(self), _BLOCK):
            block = slice(start, start + _BLOCK)
            yield self.family.matrix[block if self._present is None else self._present.positions[block]]

    def check(self, dim: int) -> None:
        """Raises VectorError where the parts, as read from disk, do not fit together."""
        count = len(self.rows)
        if self.family.matrix.shape != (count, dim):
            raise VectorError(f"The index holds vectors of shape {self.family.matrix.shape} for {count} rows.")
        if self.gone is not None and len(self.gone) != count:
            raise VectorError("The index's list of removed rows does not fit its rows.")

    def keep(self, allowed: Rows | None) -> Keep | None:
        """What may be returned where only ``allowed`` rows may; None where that is everything.

        Of an array that can't be written to, what was made is kept for the next search. Raises VectorError for what
        :func:`~core.vectors.validation.check_allowed` refuses.
        """
        if allowed is None:
            return self._present
        array, keep = self._last_filter
        if array is not allowed or keep is None:
            keep = AllowedRows(self, check_allowed(allowed))
            if isinstance(allowed, np.ndarray) and not allowed.flags.writeable:
                self.__dict__["_last_filter"] = (allowed, keep)
        return keep

    def search(self, queries: Matrix, k: int, allowed: Rows | None) -> tuple[Scores, Rows]:
        """As VectorIndex.search, for checked ``queries``."""
        keep = self.keep(allowed)
        available = self._count if keep is None else len(keep)
        if not available:
            return nothing(len(queries), k)
        if rough_effort() is not None:
            return self._as_found(*self.family.search(queries, min(k, available), keep), k)
        fetch = k + SPARE if k + SPARE < available else available
        while True:
            scores, found = self.family.search(queries, fetch, keep)
            if _all_distinct(scores, found):
                if fetch > k:
                    return scores[:, :k], self.rows[found[:, :k]]
                if fetch == available:
                    return _padded(scores, self.rows[found], k)
            if fetch == available or not _goes_on(scores, found, k):
                break
            fetch = min(4 * fetch, available)
        return self._in_order(queries, scores, found, k)

    def _as_found(self, scores: Scores, found: Positions, k: int) -> tuple[Scores, Rows]:
        rows = self.rows[found]
        missing = found < 0
        if missing.any():
            rows[missing], scores[missing] = -1, -np.inf
        return _padded(scores, rows, k)

    def _in_order(self, queries: Matrix, scores: Scores, found: Positions, k: int) -> tuple[Scores, Rows]:
        """Falling score, ties in rising row, k columns."""
        rows = self.rows[found]
        padded = found[:, -1].min(initial=0) < 0  # at the end, where Faiss found fewer, and with the least of scores
        if padded:
            rows[found < 0] = -1
        if (scores[:, :-1] - scores[:, 1:]).min(initial=1) <= _TIE:
            # Kernels add up in different orders, so that equal vectors may have scores a last digit apart: add up once
            # more, all in one way, before calling them equal or not.
            for query, score, at, row in zip(queries, scores, found, rows, strict=True):
                real = at >= 0
                score[real] = np.einsum("ij,j->i", self.family.matrix[at[real]], query)
                order = np.lexsort((row, -score))
                score[:], row[:] = score[order], row[order]
        if padded:
            scores[rows < 0] = -np.inf
        return _padded(scores, rows, k)


def _padded(scores: Scores, rows: Rows, k: int) -> tuple[Scores, Rows]:
    """The first k columns, with nothing found behind where there are fewer."""
    if rows.shape[1] >= k:
        return scores[:, :k], rows[:, :k]
    padded_scores, padded_rows = nothing(len(rows), k)
    padded_scores[:, : rows.shape[1]] = scores
    padded_rows[:, : rows.shape[1]] = rows
    return padded_scores, padded_rows


def _all_distinct(scores: Scores, found: Positions) -> bool:
    """Whether all that was asked for was found, no two with the same score: the usual case, with nothing to mend."""
    if len(scores) != 1 or scores.shape[1] > _FEW:
        return bool((found[:, -1] >= 0).all() and (scores[:, :-1] - scores[:, 1:] > _TIE).all())
    before = math.inf  # for one short answer, numpy's calls would take longer than a loop
    for score in scores[0].tolist():
        if before - score <= ROUNDING:
            return False
        before = score
    return before > _NONE


def _goes_on(scores: Scores, found: Positions, k: int) -> bool:
    """Whether in any row the k-th score may be shared by vectors that were not fetched."""
    shared = scores[:, k - 1] - scores[:, -1] <= _TIE
    return bool(shared.any()) and bool((found[shared, -1] >= 0).any())
