"""What a user's list exposes them to, beside what everybody's does; and what was clicked, by rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from core.collections import list_all
from core.errors import CollectionError
from core.recommend.interests import ALIKE, AS_ACTIVE, EVERYBODY, Exposure
from core.recommend.serving import title_of
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import number, share, table
from dashboard.components.notices import notice
from dashboard.components.text import clean, element, show
from dashboard.links import RecommendLink
from dashboard.navigation import go_to
from dashboard.resources import recommend

_SEGMENT_NAMES = {EVERYBODY: "Everybody", ALIKE: "Users alike", AS_ACTIVE: "Users as active"}


def draw_exposure(link: RecommendLink, model: str) -> None:
    own = recommend.exposure(link, model)
    show(element("h2", "Exposure"))
    named = _draw_segments(link)
    try:
        with st.spinner("Making the lists of up to a hundred users …"):
            others = recommend.exposure_of_segment(link, model)
    except CollectionError as error:
        notice(str(error), kind="warning")
        return
    if not others.lists:
        notice("Nobody of them has a history, so there are no lists to compare with.")
    show(
        element(
            "p",
            f"This user's list beside those of {number(others.lists)} {plural('user', others.lists)}, by"
            f" {title_of(model)}, set alike.",
            class_="fs-faint",
        ),
        table(
            ["", "This user", named, "What it is"],
            [[name, *map(said, (own, others)), about] for name, said, about in _MEASURES],
            numeric=(1, 2),
        ),
    )


def _draw_segments(link: RecommendLink) -> str:
    """Whom to compare with; gives its name."""
    names = dict(_SEGMENT_NAMES)
    names |= {one.id: one.name for one in list_all(resources.workspace(), "user")}
    segment = link.segment or EVERYBODY
    names.setdefault(segment, "A collection that is gone")
    chosen = st.selectbox(
        "Compare with", list(names), index=list(names).index(segment), format_func=lambda one: clean(names[one])[:60],
        key=f"recommend.segment.{segment}", width=260, help="Collections of users are offered too.",
    )  # fmt: skip
    if chosen != segment:
        go_to(replace(link, segment="" if chosen == EVERYBODY else chosen))
    return clean(names[segment])[:40]


_MEASURES: tuple[tuple[str, Callable[[Exposure], str], str], ...] = (
    ("Authors", lambda e: f"{e.authors:.1f}", "Different authors in a list"),
    ("Concentration", lambda e: f"{e.concentration:.2f}", "Gini of how often an author is shown: 0 is all alike"),
    ("Popularity", lambda e: share(e.popularity), "Mean share of all posts that are less liked than those shown"),
    ("Diversity", lambda e: f"{e.diversity:.2f}", "1 less the mean cosine of what two posts of a list say"),
    ("Flagged", lambda e: share(e.flagged), "Share of posts shown that a moderation policy flags"),
)  # fmt: skip


def draw_click_through() -> None:
    """Of impressions that were imported: how often a post was acted on, by the rank at which it was shown."""
    found = recommend.impressions()
    show(element("h2", "Click-through by rank"))
    if not found:
        show(
            element(
                "p",
                "No impressions are known. They are interactions of the kind “impression”, whose weight is the rank;"
                " “recommend import FILE” takes a table with user, item, rank and shown_at.",
                class_="fs-faint",
            )
        )
        return
    rows = [[str(rank), number(shown), number(acted), share(acted / shown)] for rank, shown, acted in found[:20]]
    show(table(["Rank", "Shown", "Acted on", "Share"], rows, numeric=(0, 1, 2, 3)))
