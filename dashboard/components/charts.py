"""Small charts whose every mark is a link: posts over time, names with counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dashboard.components.figures import day, number
from dashboard.components.frontend import component, draw
from dashboard.components.text import clean
from dashboard.links import SearchLink

_timeline = component("timeline")
_bars = component("bars")

FAR_OUT = 0.001
"""At each end of time, this share of the posts may be left out, so that one absurd date does not flatten all others."""
MOST_COLUMNS = 120


@dataclass(frozen=True, slots=True)
class Column:
    """The posts from ``first`` to ``last``, both days included."""

    first: date
    last: date
    count: int


def draw_timeline(days: Sequence[tuple[date, int]], *, key: str) -> None:
    columns, outside = time_columns(days)
    if not columns:
        return
    most = max(column.count for column in columns)
    beside = f", {number(outside)} more outside this time" if outside else ""
    data = {
        "label": "Posts over time",
        "most": f"{number(most)} at most {_period(columns[0])}",
        "said": f"{day(columns[0].first)} to {day(columns[-1].last)}{beside}",
        "columns": [
            {
                "name": _span_name(column),
                "count": column.count,
                "said": "1 post" if column.count == 1 else f"{number(column.count)} posts",
                "url": SearchLink(since=column.first, until=column.last).url(),
            }
            for column in columns
        ],
        "ticks": _ticks(columns),
    }
    draw(_timeline, data, key=key)


def time_columns(days: Sequence[tuple[date, int]]) -> tuple[list[Column], int]:
    """Posts by day as about MOST_COLUMNS columns at most, of days, weeks, months or years, without gaps; and the number
    of posts left out at the far ends."""
    total = sum(count for _, count in days)
    if not total:
        return [], 0
    kept = _without_far_ends(days, total)
    first, last = kept[0][0], kept[-1][0]
    length = (last - first).days + 1
    step = "day" if length <= MOST_COLUMNS else "week" if length <= 7 * MOST_COLUMNS else "month"
    step = "year" if length > 31 * MOST_COLUMNS else step
    counted: dict[date, int] = {}
    for one, count in kept:
        start = _start(one, step)
        counted[start] = counted.get(start, 0) + count
    columns = []
    start = _start(first, step)
    while start <= last:
        following = _next(start, step)
        if following is None:
            break
        columns.append(Column(start, following - timedelta(days=1), counted.get(start, 0)))
        start = following
    return columns, total - sum(count for _, count in kept)


def _without_far_ends(days: Sequence[tuple[date, int]], total: int) -> Sequence[tuple[date, int]]:
    allowed = int(total * FAR_OUT)
    low, high, dropped = 0, len(days), 0
    while dropped + days[low][1] <= allowed:
        dropped += days[low][1]
        low += 1
    dropped = 0
    while dropped + days[high - 1][1] <= allowed:
        dropped += days[high - 1][1]
        high -= 1
    return days[low:high]


def _start(one: date, step: str) -> date:
    if step == "day":
        return one
    if step == "week":
        return one - timedelta(days=min(one.weekday(), (one - date.min).days))
    return one.replace(day=1) if step == "month" else one.replace(month=1, day=1)


def _next(start: date, step: str) -> date | None:
    """The first day of the following column; None past the calendar's end."""
    try:
        if step in ("day", "week"):
            return start + timedelta(days=1 if step == "day" else 7)
        if step == "year":
            return start.replace(year=start.year + 1)
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    except (OverflowError, ValueError):
        return None


def _period(column: Column) -> str:
    length = (column.last - column.first).days + 1
    return "in a day" if length == 1 else "in a week" if length == 7 else "in a month" if length < 32 else "in a year"


def _span_name(column: Column) -> str:
    length = (column.last - column.first).days + 1
    if length == 1:
        return day(column.first)
    if length == 7:
        return f"Week of {day(column.first)}"
    return f"{column.first:%B %Y}" if length < 32 else str(column.first.year)


def _ticks(columns: Sequence[Column]) -> list[tuple[float, str]]:
    """About six positions (0 to 1) with their times."""
    step = max(1, -(-len(columns) // 6))
    length = (columns[0].last - columns[0].first).days + 1
    months = length > 7 or (columns[-1].last - columns[0].first).days > 300
    names = [
        str(c.first.year) if length > 31 else f"{c.first:%b %Y}" if months else f"{c.first.day} {c.first:%b}"
        for c in columns
    ]
    return [(at / len(columns), names[at]) for at in range(0, len(columns), step)]


def draw_bars(rows: Iterable[tuple[str, int, SearchLink]], *, label: str, key: str) -> None:
    """``rows`` are (name, count, the search that it leads to), most first."""
    data = [
        {"name": clean(name), "count": count, "said": number(count), "url": link.url()} for name, count, link in rows
    ]
    draw(_bars, {"label": label, "rows": data}, key=key)
