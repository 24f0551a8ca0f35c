"""Moderation insights: precision, agreement, what another threshold would do, volumes, waiting, drift, fairness."""

from __future__ import annotations

from dashboard.components.insights_view import draw_insights
from dashboard.components.notices import notices
from dashboard.components.text import element, show
from dashboard.links import InsightsLink
from dashboard.navigation import current

link, problems = current(InsightsLink)
show(
    element("h1", "Moderation insights"),
    element("p", "How good the scorers are, how much reviewers agree, and what a change would do.", class_="fs-lead"),
)
notices(problems)
draw_insights(link)
