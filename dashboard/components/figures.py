"""Figures and small tables: numbers with names, facts, bars, badges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Literal

from dashboard.components.text import Markup, element, foreign

Tone = Literal["good", "busy", "warn", "bad", "none"]


def number(value: int) -> str:
    return f"{value:,}"


def size(count: int) -> str:
    """Bytes as people say them: 3.1 MB."""
    value = float(count)
    for unit in ("bytes", "KB", "MB"):
        if value < 1024:
            return f"{value:,.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} GB"


def day(moment: date) -> str:
    return f"{moment.day} {moment:%b %Y}"


def day_and_time(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def duration(seconds: float) -> str:
    """40 s, 12 min, 3 h 5 min."""
    whole = max(1, round(seconds))
    if whole < 100:
        return f"{whole} s"
    if whole < 3600 * 2:
        return f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def share(value: float) -> str:
    """A part of 1 in percent: 99.4 %. Only all is 100 %, and only nothing 0 %."""
    tenths = min(max(round(value * 1000), 1), 999) if 0 < value < 1 else round(value * 1000)
    return f"{tenths // 10} %" if tenths % 1000 == 0 else f"{tenths / 10:.1f} %"


def milliseconds(value: float) -> str:
    """0.08 ms, 1.4 ms, 120 ms."""
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


def badge(text: str, tone: Tone) -> Markup:
    return element("span", element("span", class_="fs-dot", aria_hidden="true"), text, class_=f"fs-badge fs-{tone}")


def stats(figures: Iterable[tuple[str, str]]) -> Markup:
    """Large figures in a row: (figure, what it counts)."""
    each = (element("div", element("strong", f), element("span", name), class_="fs-stat") for f, name in figures)
    return element("div", *each, class_="fs-stats")


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Names and values, one a line; both may be a stranger's."""

    def line(name: str, value: str) -> Markup:
        shown = value if isinstance(value, Markup) else foreign(value)
        return element("div", element("dt", foreign(name)), element("dd", shown))

    return element("div", element("dl", *(line(*pair) for pair in pairs), class_="fs-facts"), class_="fs-facts-box")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: Sequence[int] = ()) -> Markup:
    """A small table. Cells that are not Markup are plain text; ``numeric`` columns are set to the right."""

    def cell(tag: str, at: int, value: str) -> Markup:
        inner = value if isinstance(value, Markup) else foreign(value)
        return element(tag, inner, class_="fs-number") if at in numeric else element(tag, inner)

    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", *(cell("th", at, value) for at, value in enumerate(head)))),
            element(
                "tbody",
                *(element("tr", *(cell("td", at, value) for at, value in enumerate(row))) for row in rows),
            ),
        ),
        class_="fs-table",
    )
