"""User: one account, what it posts, where that lies on a map, and who is alike."""

from __future__ import annotations

from dashboard.components.notices import notices
from dashboard.components.user_view import draw_user
from dashboard.links import UserLink
from dashboard.navigation import current

link, problems = current(UserLink)
notices(problems)
draw_user(link)
