"""Allowed rows as Milvus filter expressions: runs of rows as ranges, the others listed, in parts of bounded size."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    """Lets through the rows in ``ranges`` (first and last, both included) and those ``listed``; every row where there
    is neither. ``within`` limits that to rows from one to another. ``apart`` hands the list over beside the expression
    (a filter template), which a server parses far quicker, and which milvus-lite does not know."""

    ranges: tuple[tuple[int, int], ...] = ()
    listed: Rows | None = None
    apart: bool = False
    within: tuple[int, int] | None = None

    def between(self, low: int, high: int) -> RowFilter:
        return replace(self, within=(low, high))

    def options(self) -> dict[str, Any]:
        """As pymilvus's calls take it."""
        terms = [f"(row >= {first} and row <= {last})" for first, last in self.ranges]
        options: dict[str, Any] = {}
        if self.listed is not None and self.apart:
            terms.append("row in {rows}")
            options["filter_params"] = {"rows": self.listed.tolist()}
        elif self.listed is not None:
            terms.append(f"row in [{','.join(map(str, self.listed.tolist()))}]")
        expression = " or ".join(terms)
        if self.within is not None:
            limits = f"row >= {self.within[0]} and row <= {self.within[1]}"
            expression = f"{limits} and ({expression})" if expression else limits
        return {"filter": expression, **options}


def row_filters(allowed: Rows | None, *, apart: bool) -> list[RowFilter]:
    """Filters that together let through exactly ``allowed``, each row in one of them; none where nothing is allowed.

    The longest runs of consecutive rows become ranges, so that "all but a few" and "the newest tenth" are one short
    expression; what remains is listed, in several filters where it is much.
    """
    if allowed is None:
        return [RowFilter()]
    rows = allowed[allowed >= 0]
    if not (rows[1:] > rows[:-1]).all():
        rows = np.sort(rows)  # and each once; np.unique takes ten times as long for millions
        rows = rows[np.append(True, rows[1:] > rows[:-1])]
    if not len(rows):
        return []
    starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 2) != 1)
    lengths = np.diff(starts, append=len(rows))
    longest = np.flatnonzero(lengths > 2)
    if len(longest) > MOST_RANGES:
        order = np.argsort(lengths[longest], kind="stable")[::-1]
        longest = np.sort(longest[order[:MOST_RANGES]])
    in_ranges = np.zeros(len(rows), np.bool_)
    ranges = []
    for start, length in zip(starts[longest].tolist(), lengths[longest].tolist(), strict=True):
        ranges.append((int(rows[start]), int(rows[start + length - 1])))
        in_ranges[start : start + length] = True
    listed = rows[~in_ranges]
    at_once = LISTED_APART if apart else LISTED
    parts = [listed[start : start + at_once] for start in range(0, len(listed), at_once)]
    first = RowFilter(tuple(ranges), parts[0] if parts else None, apart)
    return [first, *(RowFilter((), part, apart) for part in parts[1:])]
