"""Charts of moderation: scores with thresholds, decisions by day, reliability of the packaged scorer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import streamlit as st

from core.moderation.insights import Period, Volumes
from core.moderation.thresholds import Preview
from dashboard.components.text import element, show
from dashboard.resources import moderation
from dashboard.theme import chart_colours

CONFIG = {"displayModeBar": False}


def draw_scores(found: Preview, *, key: str) -> None:
    """How the scores are spread, with the present and the tried threshold."""
    import plotly.graph_objects as go

    colours = chart_colours()
    bins = len(found.histogram)
    drawn = go.Figure(
        go.Bar(
            x=[(at + 0.5) / bins for at in range(bins)],
            y=[count or None for count in found.histogram],
            marker={"color": [colours[1] if (at + 0.5) / bins >= found.tried else colours[0] for at in range(bins)]},
            hovertemplate="%{y} posts near %{x:.2f}<extra></extra>",
        )
    )
    drawn.add_vline(x=found.threshold, line={"width": 1, "dash": "dot"}, annotation_text="now")
    if found.tried != found.threshold:
        drawn.add_vline(x=found.tried, line={"width": 2}, annotation_text="tried")
    _lay_out(drawn, "Score", "Posts")
    drawn.update_yaxes(type="log", dtick=1)
    drawn.update_layout(bargap=0.08)
    st.plotly_chart(drawn, key=key, config=CONFIG, alt=f"Scores of {found.posts} posts, most of them low")


def draw_volumes(found: Volumes, days: int, *, key: str) -> None:
    """Decisions by day, a colour an action."""
    import plotly.graph_objects as go

    drawn = go.Figure()
    actions = list(dict.fromkeys(action for _, action, _ in found.days))
    for action, colour in zip(actions, chart_colours() * 3, strict=False):
        some = [(day, count) for day, one, count in found.days if one == action]
        drawn.add_bar(
            x=[day for day, _ in some], y=[count for _, count in some], name=action, marker={"color": colour},
            width=7e7,
            hovertemplate="%{x|%d %b %Y}: %{y} " + action + "<extra></extra>",
        )  # fmt: skip
    _lay_out(drawn, "", "Decisions")
    drawn.update_layout(barmode="stack", showlegend=True, legend={"orientation": "h", "y": 1.15})
    last = found.days[-1][0]
    drawn.update_xaxes(tickformat="%d %b", type="date", range=[last - timedelta(days=days), last + timedelta(days=1)])
    st.plotly_chart(drawn, key=key, config=CONFIG, alt="Decisions by day and action")


def draw_over_time(unit: str, periods: Sequence[Period], *, key: str) -> None:
    """The share of posts that a policy flags and their mean score, by when they were written."""
    import plotly.graph_objects as go

    colours = chart_colours()
    drawn = go.Figure()
    starts = [one.start for one in periods]
    counts = [one.above.count for one in periods]
    for name, values, colour in (
        ("Flagged", [one.above.value for one in periods], colours[1]),
        ("Mean score", [one.mean for one in periods], colours[0]),
    ):
        drawn.add_scatter(
            x=starts, y=values, name=name, mode="lines+markers", line={"color": colour, "width": 1.5},
            marker={"size": 5}, customdata=counts,
            hovertemplate="%{x|%d %b %Y}: %{y:.3f} of %{customdata} posts<extra>" + name + "</extra>",
        )  # fmt: skip
    _lay_out(drawn, "", f"By {unit} of the post")
    drawn.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.15})
    drawn.update_yaxes(rangemode="tozero")
    st.plotly_chart(drawn, key=key, config=CONFIG, alt=f"Share of flagged posts and mean score by {unit} of the post")


def draw_reliability(*, key: str) -> None:
    """Of texts that the packaged scorer was not fitted on: what it said against what was so."""
    import plotly.graph_objects as go

    bins = moderation.reliability()
    if not bins:
        return
    show(
        element("h2", "Reliability of the packaged word scorer"),
        element(
            "p",
            "On texts that it was not fitted on: where it says 0.8, 8 in 10 should be so. On the line is well"
            " calibrated; your posts may differ from what it learned from.",
            class_="fs-faint",
        ),
    )
    drawn = go.Figure()
    drawn.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"width": 1, "dash": "dot"}, showlegend=False,
                      hoverinfo="skip")  # fmt: skip
    for (name, points), colour in zip(bins.items(), chart_colours() * 3, strict=False):
        drawn.add_scatter(
            x=[mean for mean, _, _ in points],
            y=[so for _, so, _ in points],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 1.5},
            customdata=[count for _, _, count in points],
            hovertemplate=name + ": said %{x:.2f}, was %{y:.2f} of %{customdata} texts<extra></extra>",
        )
    _lay_out(drawn, "What the scorer said", "What was so")
    drawn.update_layout(showlegend=True, height=360)
    st.plotly_chart(drawn, key=key, config=CONFIG, alt="Reliability of the word scorer by attribute")


def _lay_out(drawn: Any, x: str, y: str) -> None:
    drawn.update_layout(
        height=260, margin={"l": 10, "r": 10, "t": 24, "b": 10}, showlegend=False, xaxis_title=x, yaxis_title=y
    )
