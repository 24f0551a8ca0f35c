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
STEPS = {"day": 1, "week": 7, "month": 31, "year": 366, "decade": 3653, "century": 36_525}
"""What one column may stand for, with its days at most."""
YEARS = {"year": 1, "decade": 10, "century": 100}


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
    step = _step(columns)
    most = max(column.count for column in columns)
    beside = f", {number(outside)} more outside this time" if outside else ""
    data = {
        "label": "Posts over time",
        "most": f"{number(most)} at most in a {step}",
        "said": f"{day(columns[0].first)} to {day(columns[-1].last)}{beside}",
        "columns": [
            {
                "name": _span_name(column, step),
                "count": column.count,
                "said": "1 post" if column.count == 1 else f"{number(column.count)} posts",
                "url": SearchLink(since=column.first, until=column.last).url(),
            }
            for column in columns
        ],
        "ticks": _ticks(columns, step),
    }
    draw(_timeline, data, key=key)


def time_columns(days: Sequence[tuple[date, int]]) -> tuple[list[Column], int]:
    """Posts by day as about MOST_COLUMNS columns at most, of one of the STEPS, without gaps; and the number of posts
    left out at the far ends."""
    total = sum(count for _, count in days)
    if not total:
        return [], 0
    kept = _without_far_ends(days, total)
    first, last = kept[0][0], kept[-1][0]
    length = (last - first).days + 1
    step = next((name for name, days_ in STEPS.items() if length <= days_ * MOST_COLUMNS), "century")
    counted: dict[date, int] = {}
    for one, count in kept:
        start = _start(one, step)
        counted[start] = counted.get(start, 0) + count
    columns = []
    start = _start(first, step)
    while start <= last:
        following = _next(start, step)
        end = date.max if following is None else following - timedelta(days=1)
        columns.append(Column(start, end, counted.get(start, 0)))
        if following is None:
            break
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
    if step == "month":
        return one.replace(day=1)
    return date(max(1, one.year - one.year % YEARS[step]), 1, 1)


def _next(start: date, step: str) -> date | None:
    """The first day of the following column; None past the calendar's end."""
    try:
        if step in ("day", "week"):
            return start + timedelta(days=1 if step == "day" else 7)
        if step == "month":
            return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        return start.replace(year=start.year - start.year % YEARS[step] + YEARS[step])
    except (OverflowError, ValueError):
        return None


def _step(columns: Sequence[Column]) -> str:
    """The step that the columns were made with; the first may be shorter where the calendar begins."""
    length = max((column.last - column.first).days + 1 for column in columns)
    return next(name for name, days in STEPS.items() if length <= days)


def _span_name(column: Column, step: str) -> str:
    if step == "day":
        return day(column.first)
    if step == "week":
        return f"Week of {day(column.first)}"
    if step == "month":
        return f"{column.first:%B} {column.first.year}"
    return str(column.first.year) if step == "year" else f"{column.first.year} to {column.last.year}"


def _ticks(columns: Sequence[Column], step: str) -> list[tuple[float, str]]:
    """About six positions (0 to 1) with their times."""
    every = max(1, -(-len(columns) // 6))
    months = step == "month" or (columns[-1].last - columns[0].first).days > 300
    names = [
        str(c.first.year)
        if step in YEARS
        else f"{c.first:%b} {c.first.year}"
        if months
        else f"{c.first.day} {c.first:%b}"
        for c in columns
    ]
    return [(at / len(columns), names[at]) for at in range(0, len(columns), every)]


def draw_bars(rows: Iterable[tuple[str, int, SearchLink]], *, label: str, key: str) -> None:
    """``rows`` are (name, count, the search that it leads to), most first."""
    data = [
        {"name": clean(name), "count": count, "said": number(count), "url": link.url()} for name, count, link in rows
    ]
    draw(_bars, {"label": label, "rows": data}, key=key)
