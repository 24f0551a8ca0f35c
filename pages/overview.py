"""Overview: what is in here, since when, what is new, what waits, and where to go."""

from __future__ import annotations

from dashboard.components.overview_view import draw_overview

draw_overview()
