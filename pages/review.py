"""Review: what the scorers and people flagged, one item at a time or many, decided by keyboard."""

from __future__ import annotations

from dashboard.components.notices import notices
from dashboard.components.review_view import draw_review
from dashboard.components.text import element, show
from dashboard.links import ReviewLink
from dashboard.navigation import current

link, problems = current(ReviewLink)
show(element("h1", "Review"))
notices(problems)
draw_review(link)
