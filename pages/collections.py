"""Collections: sets of posts and of people, kept, tagged, compared, combined and given away; and saved searches."""

from __future__ import annotations

from dashboard.components.collection_view import draw_collection
from dashboard.components.collections_view import draw_all_collections
from dashboard.components.notices import notices
from dashboard.links import CollectionLink
from dashboard.navigation import current

link, problems = current(CollectionLink)
notices(problems)
if link.id:
    draw_collection(link)
else:
    draw_all_collections()
