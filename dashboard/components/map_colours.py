"""Colours of a map, and the legend that says what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from core.maps.colours import EXTRA, NONE, OTHERS, POLICY, STEPS, Paint
from dashboard.components.figures import day, number
from dashboard.components.text import clean
from dashboard.languages import language_name
from dashboard.resources import maps
from dashboard.theme import chart_colours, shown_theme

COLOUR_NAMES = {
    "cluster": "Cluster", "time": "Time", "lang": "Language", "source": "Source", "user": "Author",
    "engagement": "Engagement", "likes": "Likes", "reposts": "Reposts", "replies": "Replies", "sentiment": "Sentiment",
    "moderation": "Moderation",
    "placed": "Placed since", "followers": "Followers", "following": "Following", "posts": "Posts",
}  # fmt: skip
_MORE = {
    "light": ("#0891b2", "#b45309", "#a21caf", "#15803d", "#be123c", "#4338ca", "#ca8a04", "#9d5c3c", "#14a394",
              "#db2777", "#65a30d", "#7c3aed"),
    "dark": ("#67d4ea", "#f0a35c", "#e08bea", "#79d69a", "#f58ca0", "#a3a8f5", "#ecd06a", "#d9a184", "#6ee0d0",
             "#f29ac4", "#c0e07c", "#c4a5fa"),
}  # fmt: skip
_SCALE = {
    "light": ("#46327e", "#365c8d", "#277f8e", "#1fa187", "#73c04a", "#d4b40f"),
    "dark": ("#5b4a9e", "#4273a8", "#2f93a0", "#35b79a", "#93d95c", "#fde047"),
}
_MOOD = {
    "light": ("#c2476b", "#d79aa9", "#b9bdb9", "#7fb5ac", "#0f766e"),
    "dark": ("#ee6f92", "#c98a9c", "#6f7a76", "#7cc4b8", "#4fd6c2"),
}
NEUTRAL = {"light": ("#c3c9c5", "#a4aca8"), "dark": ("#3c4643", "#5a6561")}


def colour_name(by: str) -> str:
    if by.startswith(POLICY):
        return clean(f"Policy: {maps.policies().get(by.removeprefix(POLICY), by)}")
    return clean(by.removeprefix(EXTRA)) if by.startswith(EXTRA) else COLOUR_NAMES.get(by, by)


def category_colours() -> list[str]:
    return [*chart_colours(), *_MORE[shown_theme()]]


def palette(paint: Paint, by: str) -> list[str]:
    """The colour of each of the 256 codes."""
    theme = shown_theme()
    none, others = NEUTRAL[theme]
    if paint.kind == "category":
        kinds = category_colours()
        colours = [kinds[code % len(kinds)] for code in range(256)]
    else:
        anchors = (_MOOD if by == "sentiment" else _SCALE)[theme]
        colours = [between(anchors, min(code, STEPS - 1) / (STEPS - 1)) for code in range(256)]
    colours[NONE], colours[OTHERS] = none, others
    return colours


def between(anchors: Sequence[str], share: float) -> str:
    at = share * (len(anchors) - 1)
    low = min(int(at), len(anchors) - 2)
    part = at - low
    first, second = (tuple(int(hexed[i : i + 2], 16) for i in (1, 3, 5)) for hexed in anchors[low : low + 2])
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(first, second, strict=True))


def legend(paint: Paint, by: str) -> dict[str, object]:
    """What the colours mean, for the legend under a map."""
    colours = palette(paint, by)
    if paint.kind == "category":
        rows: list[list[str]] = [
            [colours[code], value_name(name, by), number(count)]
            for code, (name, count) in enumerate(zip(paint.names[:20], paint.counts[:20], strict=True))
        ]
        more = len(paint.names) - 20
        if more > 0:
            rows.append([colours[OTHERS], f"{number(more)} more", ""])
        if paint.others:
            rows.append([colours[OTHERS], "Others", number(paint.others)])
        if paint.missing:
            rows.append([colours[NONE], "Unknown", number(paint.missing)])
        return {"kind": "category", "title": colour_name(by), "rows": rows}
    known = [colours[step] for step in range(STEPS)]
    edges = paint.edges
    middle = edges[len(edges) // 2]
    return {
        "kind": "number",
        "title": colour_name(by),
        "scale": known,
        "ends": [figure(edges[0], by), f"{figure(middle, by)} in the middle", figure(edges[-1], by)],
        "missing": _missing(paint.missing, by) if paint.missing else "",
        "none": colours[NONE],
    }


def _missing(count: int, by: str) -> str:
    return f"{number(count)} not known: only English is read" if by == "sentiment" else f"{number(count)} unknown"


def value_name(name: str, by: str) -> str:
    return language_name(name) if by == "lang" else clean(name)[:60]


def figure(value: float, by: str) -> str:
    if by == "time":
        try:
            return day(datetime.fromtimestamp(value, UTC))
        except (OverflowError, ValueError, OSError):
            return "unknown"
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.2f}"
