"""One user: who they are, their posts on a small map, their words, and users alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from core.errors import MapError
from core.maps.alike import Alike
from core.types import User
from dashboard import resources
from dashboard.components.add_to_collection import draw_add_to_collection
from dashboard.components.cards import Card, draw_cards, plural
from dashboard.components.charts import draw_bars, draw_timeline
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.comparison_view import draw_distinctive
from dashboard.components.erase_form import draw_erase_user
from dashboard.components.figures import day, facts, number, share, stats
from dashboard.components.map_lit import lit_sets
from dashboard.components.map_view import draw_map
from dashboard.components.notices import state
from dashboard.components.post_marks import with_marks
from dashboard.components.text import clean, element, foreign, show
from dashboard.languages import language_name
from dashboard.links import CoordinationLink, MapLink, RecommendLink, SearchLink, UserLink
from dashboard.navigation import page_link
from dashboard.resources import maps

NEWEST = 12
EXCERPT_CHARS = 300
MAP_HEIGHT = 400


def draw_user(link: UserLink) -> None:
    if not link.id:
        state("No user is chosen", "A user opens here when their name is clicked on a map or beside a post.")
        page_link(SearchLink(), "Search", icon=":material/search:")
        return
    ((user, count),) = maps.people((link.id,))
    if not count and user == User(link.id):
        state("There is no such user here", f"This workspace does not hold the user “{link.id[:80]}”.")
        page_link(SearchLink(), "Search", icon=":material/search:")
        return
    rows = maps.rows_of_user(link.id)
    _draw_head(link, user)
    left, right = st.columns([5, 3], gap="large")
    with left:
        _draw_map(link)
        _draw_posts(link)
    with right, st.container(border=True, key="user_facts"):
        _draw_facts(user)
        _draw_portrait(link, rows)
        _draw_alike(link)
    if len(rows) > 1:
        show(element("h2", "What they say more than others"))
        if st.toggle("Compare with everybody else's posts", key=f"user.compare.{link.id}"):
            draw_distinctive(np.asarray(rows, np.int64), name_of(user))


def name_of(user: User) -> str:
    return clean(user.name or user.handle or user.id)


def _draw_head(link: UserLink, user: User) -> None:
    handle = f"@{clean(user.handle).removeprefix('@')}" if user.handle and user.handle != name_of(user) else ""
    show(element("h1", foreign(name_of(user))))
    about = " ".join(part for part in (handle, clean(user.description or "")) if part)
    if about:
        show(element("p", foreign(about), class_="fs-lead"))
    with st.container(horizontal=True, vertical_alignment="center", key="user_actions"):
        draw_add_to_collection((link.id,), key="user.collect", noun="user")
        page_link(SearchLink(users=(link.id,)), "All posts", icon=":material/search:")
        page_link(MapLink(user=link.id, layout=link.layout), "On the map", icon=":material/bubble_chart:")
        page_link(RecommendLink(user=link.id), "Would be shown", icon=":material/recommend:")
        draw_erase_user(link.id)


def _draw_map(link: UserLink) -> None:
    known = maps.layouts()
    of_posts = [info for info in known if info.noun == "post"]
    info = next((one for one in known if one.id == link.layout), None) or next(iter(of_posts), None)
    if info is None:
        show(element("p", "There is no map of posts yet, on which theirs would light up.", class_="fs-faint"))
        page_link(MapLink(), "Make a map", icon=":material/bubble_chart:")
        return
    shown = MapLink(layout=info.id, user=link.id)
    show(element("h2", "Where their posts lie"))
    try:
        draw_map(replace(shown, colour="cluster"), info.id, [one.on(info.id) for one in lit_sets(shown)],
                 key="user_map", height=MAP_HEIGHT)  # fmt: skip
    except MapError as error:
        state("This map can't be drawn", str(error), kind="failed")


def _draw_posts(link: UserLink) -> None:
    ids = maps.newest_of_user(link.id, NEWEST)
    posts = resources.posts(ids)
    if not posts:
        show(element("p", "They posted nothing here.", class_="fs-faint"))
        return
    users = resources.users(posts.values())
    show(element("h2", "Their newest posts"))
    cards = [Card(p, user=users.get(p.user_id or ""), text=p.text[:EXCERPT_CHARS]) for p in posts.values()]
    draw_cards(
        with_marks(cards), resources.thumbnail, layout="grid", label="Their posts", key="user.cards", view=link.url()
    )


def _draw_facts(user: User) -> None:
    lines = [("Id", user.id)]
    if user.created_at:
        lines.append(("Since", day(user.created_at)))
    for name, value in (("Followers", user.followers), ("Following", user.following)):
        if value is not None:
            lines.append((name, number(value)))
    if user.location:
        lines.append(("Place", user.location))
    lines += [(name, str(value)) for name, value in user.extra.items() if value not in (None, "")]
    show(element("h3", "About"), facts(lines))


def _draw_portrait(link: UserLink, rows: tuple[int, ...]) -> None:
    if not rows:
        return
    found = maps.portrait_of_rows(rows)
    figures = [(number(found.posts), plural("post", found.posts))]
    if found.pictures:
        figures.append((share(found.pictures / found.posts), "with pictures"))
    if found.flagged:
        figures.append((share(found.flagged / found.posts), "flagged"))
    show(stats(figures))
    if len(found.days) > 1:
        draw_timeline(found.days, key="user.time")
    if found.hashtags:
        show(element("h3", "Hashtags"))
        draw_bars([(tag, n, SearchLink(words=tag, users=(link.id,))) for tag, n in found.hashtags[:6]],
                  label="Hashtags", key="user.tags")  # fmt: skip
    if len(found.langs) > 1:
        show(element("p", "Writes in " + ", ".join(language_name(lang) for lang, _ in found.langs[:5]) + ".",
                     class_="fs-faint"))  # fmt: skip


def _draw_alike(link: UserLink) -> None:
    alike: list[Alike] = maps.alike(link.id)
    show(element("h3", "Users alike"))
    if not alike:
        show(element("p", "Nothing of theirs is encoded, so nobody can be compared.", class_="fs-faint"))
        return
    names = resources.user_names([one.user for one in alike])
    chips = [Chip(text=names[one.user], count=f"{one.similarity:.2f}", link=UserLink(id=one.user)) for one in alike]
    draw_chips(chips, label="Users alike", key="user.alike")
    page_link(CoordinationLink(), "Accounts that post the same at once", icon=":material/group_work:")
