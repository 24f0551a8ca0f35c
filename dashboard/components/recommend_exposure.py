"""What a user's list exposes them to, beside what everybody's does; and what was clicked, by rank."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.recommend.interests import Exposure
from core.recommend.serving import title_of
from dashboard.components.figures import number, share, table
from dashboard.components.text import element, show
from dashboard.links import RecommendLink
from dashboard.resources import recommend


def draw_exposure(link: RecommendLink, model: str) -> None:
    own = recommend.exposure(link, model)
    with st.spinner("Making the lists of up to a hundred users …"):
        others = recommend.exposure_of_segment(link, model)
    show(
        element("h2", "Exposure"),
        element(
            "p",
            f"This user's list beside those of {number(others.lists)} users, by {title_of(model)}, set alike.",
            class_="fs-faint",
        ),
        table(
            ["", "This user", "Everybody", "What it is"],
            [[name, *map(said, (own, others)), about] for name, said, about in _MEASURES],
            numeric=(1, 2),
        ),
    )


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
