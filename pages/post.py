"""Post: one post in full, its author, its thread and its neighbours."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboard import resources
from dashboard.components.notices import notices, state
from dashboard.components.post_marks import draw_marks, may_see
from dashboard.components.post_view import draw_facts, draw_neighbours, draw_post, draw_thread
from dashboard.components.search_form import last_search
from dashboard.links import PostLink, SearchLink
from dashboard.navigation import current, page_link
from dashboard.resources import moderation

link, problems = current(PostLink)
notices(problems)
post = resources.posts([link.id], hidden=True).get(link.id) if link.id else None
mark = moderation.mark_of(link.id)
if post is not None and not may_see(mark):
    state("This post was removed", "Moderation removed it, and your role does not show removed posts.")
    page_link(SearchLink(), "Search", icon=":material/search:")
elif post is None:
    if link.id:
        state("There is no such post here", f"This workspace does not hold the post “{link.id[:80]}”.")
    else:
        state("No post is chosen", "A post opens here when its card is clicked.")
    page_link(SearchLink(), "Search", icon=":material/search:")
else:
    user = resources.users([post]).get(post.user_id or "")
    came_from = last_search()
    if came_from is not None:
        page_link(came_from, "Back to the search", icon=":material/arrow_back:")
    left, right = st.columns([5, 3], gap="large")
    with left:
        locked = mark.state == "locked"
        draw_post(replace(post, media=()) if locked else post, user)
        draw_marks(post.id, mark)
        draw_thread(post)
    with right, st.container(border=True, key="post_facts"):
        draw_facts(post, user)
    if not locked:
        draw_neighbours(link, post)
