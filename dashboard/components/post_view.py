"""One post in full: itself, what is known of it and of its author, its thread, its neighbours."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.database.overview import Summary
from core.errors import VectorStoreError
from core.search.neighbours import Neighbour
from core.types import Post, User
from dashboard import resources
from dashboard.components.add_to_collection import draw_add_to_collection
from dashboard.components.cards import Card, author_name, draw_cards
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.erase_form import draw_erase
from dashboard.components.figures import day, facts, number
from dashboard.components.frontend import component, draw
from dashboard.components.notices import notice, state
from dashboard.components.post_marks import with_marks
from dashboard.components.text import clean, element, foreign, show
from dashboard.languages import language_name
from dashboard.links import By, CollectionLink, MapLink, PostLink, RecommendLink, SearchLink, UserLink
from dashboard.navigation import show_in_address_bar
from dashboard.resources import collections

BY_NAMES: dict[By, str] = {"both": "Both", "words": "Words", "picture": "Pictures"}
NEIGHBOURS = 24
SHOWN_CHARS = 5000
UNFOLDED_CHARS = 40_000
"""A post's text may have a megabyte, which a browser can't set in one piece: this much of it is shown at most."""
_SHOWN = "post.link"
_history = component("history")


def draw_post(post: Post, user: User | None) -> None:
    """The post itself; a long text can be unfolded, a very long one taken as a file."""
    unfolded = st.session_state.get("post.unfolded") == post.id
    shown = UNFOLDED_CHARS if unfolded else SHOWN_CHARS
    text = post.text if len(post.text) <= shown else post.text[:shown] + " …"
    card = Card(post, user=user, text=text, link=False)
    draw_cards([card], resources.thumbnail, layout="full", label="The post", key="post.card", view=post.id)
    if len(post.text) <= shown:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        show(
            element("p", f"{number(shown)} of {number(len(post.text))} characters", class_="fs-faint"), width="content"
        )
        if not unfolded and st.button("Show more", icon=":material/unfold_more:"):
            st.session_state["post.unfolded"] = post.id
            st.rerun()
        st.download_button(
            "Whole text", data=post.text.encode("utf-8", "replace"), file_name="post.txt", mime="text/plain",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def draw_facts(post: Post, user: User | None) -> None:
    """What is known of the post beside what it says, and of its author."""
    moment = post.created_at
    written = f"{moment:%A}, {day(moment)}, {moment:%H:%M} UTC" if moment else "Time unknown"
    about: list[tuple[str, str]] = [("Written", written)]
    for name, value in (
        ("Language", post.lang and language_name(post.lang)),
        ("Source", post.source),
        ("Address", post.url),
        ("Id", post.id),
    ):
        if value:
            about.append((name, value))
    if post.repost_of:
        about.append(("Repost of", post.repost_of))
    show(element("h3", "About this post"), facts(about))
    given = [(name, str(value)) for name, value in post.extra.items() if value not in (None, "")]
    if given:
        show(element("h3", "Imported columns"), facts((name, _cut(value)) for name, value in given))
    _draw_author(post, user)
    chips = [Chip(text="Search for more like this", link=SearchLink(like=(post.id,)))]
    chips.append(Chip(text="Where it lies on the map", link=MapLink(posts=(post.id,))))
    if post.user_id:
        chips.append(Chip(text="The author's page", link=UserLink(id=post.user_id)))
        chips.append(Chip(text="All posts by this author", link=SearchLink(users=(post.user_id,))))
        chips.append(Chip(text="What this author would be shown", link=RecommendLink(user=post.user_id)))
    chips += [
        Chip(name="In", text=found.name, link=CollectionLink(id=found.id))
        for found in collections.collections_holding(post.id)
    ]
    draw_chips(chips, label="Where to go", key="post.onward")
    _draw_counts(post)
    draw_add_to_collection([post.id], key="post.collect")
    draw_erase(post)


def _draw_counts(post: Post) -> None:
    """How the post's counts went from import to import, where they changed."""
    found = resources.counts_over_time(post.id)
    if not found:
        return
    show(element("h3", "Counts over time"))
    lines = []
    for name in ("likes", "reposts", "replies"):
        values = [(one.seen_at, value) for one in found if (value := getattr(one, name)) is not None]
        if len({value for _, value in values}) > 1:
            points = [[at.timestamp(), value] for at, value in values]
            said = ", ".join(f"{number(value)} on {day(at)}" for at, value in values[-12:])
            lines.append({"name": name.capitalize(), "points": points, "said": said})
    draw(_history, {"label": "Counts over time", "lines": lines}, key="post.history")


def _draw_author(post: Post, user: User | None) -> None:
    if user is None:
        return
    known: list[tuple[str, str]] = []
    if user.handle:
        known.append(("Handle", "@" + user.handle.removeprefix("@")))
    known += [(name, _cut(value)) for name, value in (("Place", user.location), ("Says", user.description)) if value]
    known += [
        (name, number(value))
        for name, value in (("Followers", user.followers), ("Follows", user.following))
        if value is not None
    ]
    if user.created_at:
        known.append(("Since", day(user.created_at)))
    if known:
        show(element("h3", foreign(author_name(post, user))), facts(known))


def _cut(value: str) -> str:
    return value if len(value) <= 400 else value[:400] + " …"


def draw_thread(post: Post) -> None:
    """The conversation around the post, where it is in one."""
    posts = resources.thread(post.id)
    if len(posts) < 2:
        return
    users = resources.users(posts)
    depths: dict[str, int] = {}
    cards = []
    for one in posts:
        depths[one.id] = depths.get(one.reply_to or "", -1) + 1
        current = one.id == post.id
        badges = [("current", "This post", "")] if current else []
        user = users.get(one.user_id or "")
        depth = depths[one.id]
        shown = replace(one, media=()) if current else one  # its pictures are above, large
        cards.append(
            Card(shown, user=user, text=one.text[:600], depth=depth, current=current, badges=badges, link=not current)
        )
    show(element("h2", "Thread ", element("span", f"{number(len(posts))} posts", class_="fs-faint")))
    draw_cards(with_marks(cards), resources.thumbnail, layout="thread", label="Thread", key="post.thread")


def draw_neighbours(link: PostLink, post: Post) -> None:
    """Posts near this one, by what they say, by what they show, or both."""
    show(element("h2", "Near this post"))
    if st.session_state.get(_SHOWN) != link or "post.by" not in st.session_state:
        st.session_state.update({_SHOWN: link, "post.by": link.by, "post.least": link.least})
    with st.container(horizontal=True, vertical_alignment="center", key="neighbours_head", gap="large"):
        st.segmented_control(
            "Near by",
            list(BY_NAMES),
            format_func=lambda by: BY_NAMES[by],
            key="post.by",
            required=True,
            on_change=_change,
        )
        st.slider("At least this similar", 0.0, 1.0, step=0.05, key="post.least", on_change=_change, width=320)
    try:
        found = resources.near(post.id, link.by, link.least, NEIGHBOURS)
    except VectorStoreError as error:
        notice(str(error), kind="error")
        return
    if not found:
        _draw_no_neighbours(link, post, resources.overview())
        return
    draw_add_to_collection(
        [neighbour.post_id for neighbour in found], key="post.neighbours.collect", label="Collect these"
    )
    posts = resources.posts([neighbour.post_id for neighbour in found])
    users = resources.users(posts.values())
    cards = [
        Card(near, user=users.get(near.user_id or ""), text=near.text[:420], badges=_badges(neighbour))
        for neighbour in found
        if (near := posts.get(neighbour.post_id)) is not None
    ]
    draw_cards(
        with_marks(cards),
        resources.thumbnail,
        layout="grid",
        label="Near posts",
        key="post.neighbours",
        view=link.url(),
    )


def _badges(neighbour: Neighbour) -> list[tuple[str, str, str]]:
    badges = [("similar", f"{neighbour.similarity:.2f} similar", "Cosine of the two posts' vectors; 1 is the same")]
    if neighbour.duplicate:
        badges.insert(0, ("duplicate", "Near-duplicate", "The same words but for small changes, or the same picture"))
    return badges


def _change() -> None:
    link: PostLink = st.session_state[_SHOWN]
    link = replace(link, by=st.session_state["post.by"], least=round(st.session_state["post.least"], 2))
    st.session_state[_SHOWN] = link
    show_in_address_bar(link)


def _draw_no_neighbours(link: PostLink, post: Post, summary: Summary) -> None:
    if link.by == "picture" and not any(item.path for item in post.media):
        state("This post has no picture", "Its neighbours can be found by words.")
    elif link.by == "words" and not clean(post.text).strip():
        state("This post has no words", "Its neighbours can be found by picture.")
    elif link.least > 0:
        state("Nothing is that similar", "Move the slider to the left to see posts that are less so.")
    elif summary.posts < 2:
        state("This is the only post", "Neighbours appear as more posts are imported.")
    else:
        state(
            "No neighbours yet", "Posts are compared by their vectors: the Data page shows whether they are made yet."
        )
