"""Coordination: accounts that post the same things at the same time."""

from __future__ import annotations

from dashboard.components.coordination_view import draw_coordination
from dashboard.components.notices import notices
from dashboard.links import CoordinationLink
from dashboard.navigation import current

link, problems = current(CoordinationLink)
notices(problems)
draw_coordination(link)
