"""Allowed rows as Milvus filter expressions: runs of rows as ranges, the others listed, in parts of bounded size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.vectors.protocol import Rows

MOST_RANGES = 64
"""Ranges in one expression; they are parsed one inside the other."""
LISTED = 10_000
"""Rows listed in one expression that is parsed as text."""
LISTED_APART = 100_000
"""Rows in one list that is handed over beside the expression, well below the 64 MB that a server takes in a call."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """An expression over the field ``row``, with the values of its placeholders. ``count`` rows satisfy it, or None
    where it does not limit them."""

    expression: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    count: int | None = None

    def between(self, low: int, high: int) -> RowFilter:
        """The same for rows from ``low`` to ``high`` alone, both included."""
        limits = f"(row >= {low} and row <= {high})"
        return RowFilter(f"{limits} and ({self.expression})" if self.expression else limits, self.values, self.count)

    def options(self) -> dict[str, Any]:
        """As pymilvus's calls take it."""
        return {"filter": self.expression, "filter_params": self.values} if self.values else {"filter": self.expression}


def row_filters(allowed: Rows | None, *, apart: bool) -> list[RowFilter]:
    """Filters that together allow exactly ``allowed``, each row in one of them; none where nothing is allowed.

    The longest runs of consecutive rows become ranges, so that "all but a few" and "the newest tenth" are one short
    expression; what remains is listed, in several filters where it is much. ``apart`` hands lists over beside the
    expression (filter templates), which a server parses far quicker and milvus-lite does not know.
    """
    if allowed is None:
        return [RowFilter()]
    rows = np.unique(allowed[allowed >= 0])
    if not len(rows):
        return []
    starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
    ends = np.append(starts[1:], len(rows))
    lengths = ends - starts
    longest = np.argsort(-lengths, kind="stable")[:MOST_RANGES]
    longest = longest[lengths[longest] > 2]
    in_ranges = np.zeros(len(rows), np.bool_)
    terms = []
    for run in np.sort(longest).tolist():
        first, last = starts[run], ends[run] - 1
        terms.append(f"(row >= {rows[first]} and row <= {rows[last]})")
        in_ranges[first : last + 1] = True
    listed = rows[~in_ranges]
    at_once = LISTED_APART if apart else LISTED
    parts = [listed[start : start + at_once] for start in range(0, len(listed), at_once)]
    filters = []
    if terms:
        ranged, together = int(in_ranges.sum()), parts.pop(0) if parts else np.empty(0, np.int64)
        filters.append(_with_list(terms, together, ranged, apart=apart))
    return filters + [_with_list([], part, 0, apart=apart) for part in parts]


def _with_list(terms: list[str], listed: Rows, ranged: int, *, apart: bool) -> RowFilter:
    count = ranged + len(listed)
    if not len(listed):
        return RowFilter(" or ".join(terms), {}, count)
    if apart:
        return RowFilter(" or ".join([*terms, "row in {rows}"]), {"rows": listed.tolist()}, count)
    return RowFilter(" or ".join([*terms, f"row in [{','.join(map(str, listed.tolist()))}]"]), {}, count)
