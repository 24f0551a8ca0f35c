"""What the lab has found, as a chart, a table and a file: each family's recall against time and memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import streamlit as st

from core.export.cells import csv_text
from core.vectors.lab import Point
from dashboard.components.figures import milliseconds, share, size, table
from dashboard.components.index_view import family_name
from dashboard.components.text import Markup, element
from dashboard.theme import chart_colours

LARGEST, SMALLEST = 34, 9
"""Diameters of a marker in pixels; the area goes with the memory."""
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
"""Between two marks of the recall axis, in percent."""
COLUMNS = ("family", "effort", "own", "recall_at_10", "low", "high", "p50_ms", "p95_ms", "queries", "memory_bytes",
           "disk_bytes", "build_s")  # fmt: skip


def draw_chart(points: Sequence[Point], *, key: str) -> None:
    drawn = figure(points, chart_colours())
    st.plotly_chart(drawn, key=key, config={"displayModeBar": False}, alt=_described(points))


def figure(points: Sequence[Point], colours: Sequence[str]) -> Any:
    """A trace for each family, its efforts joined; its own effort full, the others pale."""
    import plotly.graph_objects as go

    most = max(point.memory_bytes for point in points) or 1
    drawn = go.Figure()
    for family, colour in zip(dict.fromkeys(point.family for point in points), cycle(colours), strict=False):
        some = [point for point in points if point.family == family]
        drawn.add_scatter(
            x=[100 * point.quality.recall for point in some],
            y=[point.quality.p50_ms for point in some],
            name=family_name(family),
            mode="lines+markers",
            line={"width": 1, "dash": "dot", "color": colour},
            marker={
                "color": colour,
                "size": [max(SMALLEST, LARGEST * (point.memory_bytes / most) ** 0.5) for point in some],
                "opacity": [0.85 if point.own else 0.3 for point in some],
                "line": {"width": 0},
            },
            customdata=[_said(point) for point in some],
            hovertemplate="%{customdata}<extra></extra>",
        )
    least = 100 * min(point.quality.recall for point in points)
    step = next((step for step in STEPS if 100 - least <= 6 * step), STEPS[-1])
    recalls = [100 - step * count for count in range(8) if step * count <= 100]
    times = [point.quality.p50_ms for point in points]
    drawn.update_layout(
        height=400,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        hovermode="closest",
        legend={"orientation": "h", "y": -0.18, "itemsizing": "constant"},
        xaxis={
            "title": {"text": "Recall@10, %"},
            "range": [min(least, recalls[1]) - step / 2, 100 + step / 2],
            "tickvals": recalls,
        },
        yaxis={
            "title": {"text": "Time of a query, ms (median)"},
            "type": "log",
            "tickvals": _times(min(times), max(times)),
            "tickformat": "~g",
        },
    )
    return drawn


def _times(least: float, most: float) -> list[float]:
    """1, 2, 5 and their tenfolds around the times."""
    steps = [mantissa * 10.0**exponent for exponent in range(-4, 5) for mantissa in (1, 2, 5)]
    inside = [step for step in steps if least / 2.5 <= step <= most * 2.5]
    return inside or steps


def _said(point: Point) -> str:
    quality = point.quality
    effort = f", {point.effort}{' (its own choice)' if point.own else ''}" if point.effort else ""
    return (
        f"<b>{family_name(point.family)}</b>{effort}<br>"
        f"recall {share(quality.recall)} ({share(quality.low)} to {share(quality.high)})<br>"
        f"{milliseconds(quality.p50_ms)}, 95 % within {milliseconds(quality.p95_ms)}<br>"
        f"{size(point.memory_bytes)} in memory"
    )


def _described(points: Sequence[Point]) -> str:
    """The chart in words, for those who hear the page."""
    own = (
        f"{family_name(point.family)}: recall {share(point.quality.recall)}, {milliseconds(point.quality.p50_ms)}"
        for point in points
        if point.own
    )
    return "Recall against the time of a query. " + "; ".join(own)


def figures_table(points: Sequence[Point]) -> Markup:
    head = ("Family", "Effort", "Recall@10", "95 % interval", "Median", "95 % within", "Memory", "Disk", "Built in")
    rows = []
    before = ""
    for point in points:
        quality = point.quality
        rows.append(
            (
                family_name(point.family) if point.family != before else "",
                f"{point.effort}, its own choice" if point.own and point.effort else point.effort or "none to set",
                share(quality.recall),
                f"{share(quality.low)} to {share(quality.high)}",
                milliseconds(quality.p50_ms),
                milliseconds(quality.p95_ms),
                size(point.memory_bytes),
                size(point.disk_bytes),
                f"{point.build_s:.1f} s" if point.family != before else "",
            )
        )
        before = point.family
    return element("div", table(head, rows, numeric=(2, 3, 4, 5, 6, 7, 8)), class_="fs-wide")


def figures_csv(points: Sequence[Point]) -> str:
    return csv_text(
        list(COLUMNS),
        (
            [point.family, point.effort, point.own, point.quality.recall, point.quality.low, point.quality.high,
             point.quality.p50_ms, point.quality.p95_ms, point.quality.queries, point.memory_bytes, point.disk_bytes,
             point.build_s]
            for point in points
        ),
    )  # fmt: skip
