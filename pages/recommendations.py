"""Recommendations: what a user would be shown, why, what would change it, and the models behind it."""

from __future__ import annotations

from dashboard.components.notices import notices
from dashboard.components.recommend_page import draw_recommendations
from dashboard.components.text import element, show
from dashboard.links import RecommendLink
from dashboard.navigation import current

link, problems = current(RecommendLink)
show(
    element("h1", "Recommendations"),
    element("p", "What a user would be shown, why, and what would change it.", class_="fs-lead"),
)
notices(problems)
draw_recommendations(link)
