"""The collections page: all of them, or one with its members."""

from __future__ import annotations

from core.errors import CollectionError
from dashboard import resources
from dashboard.components.cards import Card, draw_cards
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.figures import number
from dashboard.components.notices import notice, state
from dashboard.components.text import element, foreign, show
from dashboard.links import CollectionLink, SearchLink
from dashboard.navigation import page_link
from dashboard.resources import collections

PAGE_SIZE = 24


def draw_collections(link: CollectionLink) -> None:
    if link.id:
        _draw_one(link)
        return
    show(element("h1", "Collections"))
    chips = [Chip(text=c.name, count=number(c.size), link=CollectionLink(id=c.id)) for c in collections.collections()]
    draw_chips(chips, label="Collections", key="collections.all")
    if not chips:
        state(
            "There are no collections yet", "Posts are collected from search results, a post's page or its neighbours."
        )
        page_link(SearchLink(), "Search", icon=":material/search:")


def _draw_one(link: CollectionLink) -> None:
    try:
        found = collections.collection(link.id)
    except CollectionError as error:
        notice(str(error), kind="error")
        page_link(CollectionLink(), "All collections")
        return
    show(element("h1", foreign(found.name)))
    ids = collections.members_page(link.id, (link.number - 1) * PAGE_SIZE, PAGE_SIZE)
    posts = resources.posts(ids)
    users = resources.users(posts.values())
    cards = [Card(p, user=users.get(p.user_id or ""), text=p.text[:420]) for p in posts.values()]
    draw_cards(cards, resources.thumbnail, layout="grid", label="Members", key="collections.cards", view=link.url())
