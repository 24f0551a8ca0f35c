"""Collections: sets of posts and of users, kept, tagged, compared, combined and given away."""

from __future__ import annotations

from dashboard.components.collections_view import draw_collections
from dashboard.components.notices import notices
from dashboard.links import CollectionLink
from dashboard.navigation import current

link, problems = current(CollectionLink)
notices(problems)
draw_collections(link)
