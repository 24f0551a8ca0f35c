"""Map: posts and users as points, near each other where they are alike."""

from __future__ import annotations

from dashboard.components.map_page import draw_map_page
from dashboard.components.notices import notices
from dashboard.links import MapLink
from dashboard.navigation import current

link, problems = current(MapLink)
notices(problems)
draw_map_page(link)
