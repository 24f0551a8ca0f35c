"""History on the left, recommendations on the right, and why one of them is there."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.database.posts import ids_of
from core.recommend.explain import Explanation
from core.recommend.serving import FALLBACK, Listing, title_of
from dashboard import resources
from dashboard.components.add_to_collection import draw_add_to_collection
from dashboard.components.cards import plural
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.figures import milliseconds, number, share
from dashboard.components.notices import notices, state
from dashboard.components.recommend_rows import Row, draw_rows, history_rows, list_rows
from dashboard.components.text import element, show
from dashboard.links import MAX_LIST, MapLink, RecommendLink
from dashboard.navigation import page_link
from dashboard.resources import recommend

HISTORY_SHOWN = 30
_TOGETHER = 4
_FAR = 2
"""A post that moved by so many ranks or more is worth saying."""


def draw_list(link: RecommendLink, model: str) -> None:
    listing = recommend.listing(link, model)
    plain = recommend.listing(link.as_it_is(), model) if link.is_what_if() else None
    left, right = st.columns([2, 3], gap="large")
    with left:
        _draw_history(link, listing)
    with right:
        if link.why:
            _draw_why(link, listing)
        _draw_listing(link, listing, plain)


def _draw_history(link: RecommendLink, listing: Listing) -> None:
    history = listing.history
    ids = ids_of(resources.workspace().cursor(), history.rows().tolist())
    show(
        element(
            "div",
            element("h2", "History"),
            element("span", f"{number(len(history.acts))} posts tell of this user", class_="fs-faint"),
            class_="fs-count",
        )
    )
    if not history.acts:
        state("Nothing is known of this user", "“Like it” beside a post shows what a first like would change.")
        return
    draw_rows(history_rows(link, history, ids, HISTORY_SHOWN), label="History", key="recommend.history", compact=True)
    if len(history.acts) > HISTORY_SHOWN:
        older = number(len(history.acts) - HISTORY_SHOWN)
        show(element("p", f"{older} older posts count too, and are not shown.", class_="fs-faint"))


def _draw_listing(link: RecommendLink, listing: Listing, plain: Listing | None) -> None:
    said = f"{title_of(listing.model)}, {milliseconds(listing.elapsed_ms)}"
    show(
        element(
            "div",
            element("h2", "Would be shown" if plain is None else "Would be shown then"),
            element("span", said, class_="fs-faint"),
            class_="fs-count",
        )
    )
    notices(listing.notes, kind="info")
    if not listing.items:
        state("There is nothing left to show", "The user has seen every post that may be shown.")
        return
    if plain is not None:
        show(element("p", _changes(listing, plain), class_="fs-faint"))
    before = plain.ranks() if plain is not None else None
    draw_rows(list_rows(link, listing, before=before, base="the list as it is"), label="Recommendations",
              key="recommend.list")  # fmt: skip
    if plain is not None:
        gone = [one for one in plain.items if one.post_id not in listing.ranks()]
        if gone:
            show(element("h3", "No longer shown"))
            rows = [Row(one.post_id, rank=one.rank, gone=True) for one in gone[:8]]
            draw_rows(rows, label="No longer shown", key="recommend.gone", compact=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        draw_add_to_collection(listing.ids, key="recommend.collect")
        shown = [Chip(name="This list on the map", link=MapLink(user=link.user, posts=listing.ids[:MAX_LIST]))]
        draw_chips(shown, label="Elsewhere", key="recommend.list_map")


def _changes(listing: Listing, plain: Listing) -> str:
    """What a what-if did, in a sentence."""
    before, now = plain.ranks(), listing.ranks()
    new = sum(id_ not in before for id_ in now)
    moved = sum(id_ in before and abs(before[id_] - rank) >= _FAR for id_, rank in now.items())
    if not new and all(before.get(id_) == rank for id_, rank in now.items()):
        return "Nothing changes: the list is the same."
    return f"{number(new)} new in the list, {number(moved)} moved by {_FAR} ranks or more."


def _draw_why(link: RecommendLink, listing: Listing) -> None:
    found = recommend.explanation(link, listing.model, link.why)
    with st.container(border=True, key="recommend_why"):
        with st.container(horizontal=True, vertical_alignment="center"):
            show(element("h2", "Why this post"))
            page_link(replace(link, why=""), "Close", icon=":material/close:")
        draw_rows([Row(link.why, rank=listing.ranks().get(link.why))], label="The post", key="recommend.why_post",
                  compact=True)  # fmt: skip
        _draw_carriers(link, listing, found)
        _draw_near(found)
        if found.liked_by:
            names = resources.user_names([id_ for id_, _ in found.liked_by])
            show(element("h3", "Users alike who liked it"))
            draw_chips(
                [
                    Chip(text=names[id_], count=f"{score:.2f}", link=RecommendLink(user=id_))
                    for id_, score in found.liked_by
                ],
                label="Users alike who liked it", key="recommend.why_users",
            )  # fmt: skip
        _draw_together(link.why)


def _draw_together(post_id: str) -> None:
    found = recommend.together(post_id, _TOGETHER)
    if found:
        show(element("h3", "Liked by the same people"))
        rows = [
            Row(id_, said=f"{score:.2f} near", said_title="Cosine of the two posts' vectors by the post tower")
            for id_, score in found
        ]
        draw_rows(rows, label="Liked by the same people", key="recommend.together", compact=True)


def _draw_carriers(link: RecommendLink, listing: Listing, found: Explanation) -> None:
    if found.note or listing.model == FALLBACK:
        show(element("p", found.note))
        return
    if found.rank is None:
        show(element("p", "The post is not among the model's first thousand for this history."))
        return
    show(
        element("h3", "What of the history carries it"),
        element(
            "p",
            f"The model alone ranks it {number(found.rank)}. Each of these was taken out, to see how far it falls.",
            class_="fs-faint",
        ),
    )
    if not found.carriers:
        show(element("p", "No single post: without any one of them it stays where it is."))
        return
    draw_rows(
        [
            Row(
                one.post_id, said=_fall(one.ranks), share=one.share, share_title=f"{share(one.share)} of all falls",
                actions=[("out", link.take_out(one.post_id), "Take out", "See the list without this post")],
            )
            for one in found.carriers
        ],
        label="What carries it", key="recommend.carriers", compact=True,
    )  # fmt: skip


def _fall(ranks: int) -> str:
    if ranks == 0:
        return "without it, the same rank at a lower score"
    moved = f"{number(abs(ranks))} {plural('rank', abs(ranks))}"
    return f"without it, {moved} {'lower' if ranks > 0 else 'higher'}"


def _draw_near(found: Explanation) -> None:
    rows = [
        Row(one.post_id, said=f"words {one.similarity:.2f} similar", said_title="Cosine of what the two posts say",
            badges=[("", word, "In both posts") for word in one.words])
        for one in found.words
    ]  # fmt: skip
    rows += [
        Row(one.post_id, said=f"picture {one.similarity:.2f} similar", said_title="Cosine of the two pictures")
        for one in found.pictures
    ]
    if rows:
        show(element("h3", "Nearest in the history, by words and by picture"))
        draw_rows(rows, label="Nearest in the history", key="recommend.near", compact=True)
