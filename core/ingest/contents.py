"""Columns found by what is in them, where their names say nothing: other languages, other habits, no header."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from core.ingest.mapping import fold
from core.ingest.values import parse_time, sniff_day_first

_TIME_NAME = re.compile(r"date|time(?!zone)|created|published|posted|datum|zeit|fecha|data|日")
_HANDLE = re.compile(r"@?[A-Za-z_][\w.\-]{1,39}")
_ID = re.compile(r"\d{5,19}|(?=\w*\d)[\w\-]{8,64}")
_NUMBER = re.compile(r"[\d.]+")
_SENTENCE_SPACES, _SENTENCE_LETTERS = 2, 12
_MOST, _MOST_LABELS = 0.9, 8


def find_by_content(
    columns: Sequence[str],
    samples: Sequence[Mapping[str, object]],
    mapping: Mapping[str, str],
    given: Mapping[str, str] | None,
    *,
    has_header: bool = True,
) -> dict[str, str]:
    """Field -> column for fields that have none: the text is the column with the longest sentences, the time one of
    times whose name speaks of it, or the only one of times. Without a header also the id (long, never twice) and the
    user (names in one word).

    Fields in ``given`` are left as they are, also where they are empty.
    """
    cells = {column: [_cell(row.get(column)) for row in samples] for column in columns}
    free = [column for column in columns if column not in mapping.values()]
    found: dict[str, str] = {}

    def take(field: str, candidates: Sequence[str]) -> None:
        if field not in mapping and field not in (given or {}) and candidates:
            found[field] = candidates[0]
            free.remove(candidates[0])

    if len(columns) > 1:  # one column of sentences is prose
        sentences = [column for column in free if _are_sentences(cells[column])]
        take("text", sorted(sentences, key=lambda column: -sum(map(len, cells[column]))))
    named = [column for column in free if not has_header or _TIME_NAME.search(fold(column))]
    times = [column for column in named if _are_times(cells[column], by_name=has_header)]
    others = [column for column in free if _are_times(cells[column], by_name=False)]
    take("created_at", times or (others if len(others) == 1 else []))
    if not has_header:
        take("id", [column for column in free if _are_ids(cells[column])])
        if {"id", "created_at"} & found.keys():  # else a label is taken for a name
            take("user_id", [column for column in free if _are_handles(cells[column])])
    return found


def _cell(value: object) -> str:
    return str(value).strip() if isinstance(value, (str, int, float, datetime)) else ""


def _share(cells: Sequence[str], pattern: re.Pattern[str]) -> float:
    full = [cell for cell in cells if cell]
    return sum(pattern.fullmatch(cell) is not None for cell in full) / len(full) if full else 0.0


def _are_sentences(cells: Sequence[str]) -> bool:
    full = [cell for cell in cells if cell]
    like = [
        cell.count(" ") >= _SENTENCE_SPACES or (not cell.isascii() and len(cell) >= _SENTENCE_LETTERS) for cell in full
    ]
    return bool(full) and sum(like) >= len(full) / 2 and not _are_times(full, by_name=False)


def _are_times(cells: Sequence[str], *, by_name: bool) -> bool:
    """A bare number is a time only where the column's name says so: ids look like epoch times."""
    full = [cell for cell in cells if cell]
    if not full or (not by_name and _share(full, _NUMBER) > 0):
        return False
    latest = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    day_first = sniff_day_first(list(full))
    known = sum(parse_time(cell, latest=latest, day_first=day_first) is not None for cell in full)
    return known >= _MOST * len(full)


def _are_ids(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and len(set(cells)) == len(cells) and _share(cells, _ID) >= _MOST


def _are_handles(cells: Sequence[str]) -> bool:
    """Names in one word; words that come again and again and are few (positive, negative) are labels."""
    full = [cell for cell in cells if cell]
    different = len(set(full))
    return (different == len(full) or different > _MOST_LABELS) and _share(full, _HANDLE) >= _MOST
