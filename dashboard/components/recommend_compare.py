"""Two models side by side: what both show, what only one does, and how ranks differ."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.recommend.serving import title_of
from dashboard.components.figures import milliseconds, number, share, stats
from dashboard.components.notices import notices, state
from dashboard.components.recommend_rows import draw_rows, list_rows
from dashboard.components.text import element, show
from dashboard.links import RecommendLink
from dashboard.navigation import go_to
from dashboard.resources import recommend


def draw_compare(link: RecommendLink, known: tuple[str, ...], model: str) -> None:
    others = [name for name in known if name != model]
    if not others:
        state("There is only one model", "Train others on the Models view, or import lists made elsewhere.")
        return
    beside = link.beside if link.beside in others else others[0]
    chosen = st.selectbox(
        "Beside it", others, index=others.index(beside), format_func=title_of, width=260,
        key=f"recommend.beside.{model}.{beside}",
    )  # fmt: skip
    if chosen != beside:
        go_to(replace(link, beside=chosen))
    left, right = recommend.listing(link, model), recommend.listing(link, beside)
    ours, theirs = left.ranks(), right.ranks()
    both = ours.keys() & theirs.keys()
    show(
        stats(
            [
                (number(len(both)), "in both"),
                (number(len(ours) - len(both)), f"only {title_of(left.model)}"),
                (number(len(theirs) - len(both)), f"only {title_of(right.model)}"),
                (share(len(both) / max(1, len(ours.keys() | theirs.keys()))), "in common"),
            ]
        )
    )
    for column, listing, before, other in zip(
        st.columns(2, gap="large"), (left, right), (theirs, ours), (right, left), strict=True
    ):
        with column:
            show(
                element(
                    "div",
                    element("h2", title_of(listing.model)),
                    element("span", milliseconds(listing.elapsed_ms), class_="fs-faint"),
                    class_="fs-count",
                )
            )
            notices(listing.notes, kind="info")
            rows = list_rows(link, listing, before=before, base=title_of(other.model), missing="only")
            side = "left" if listing is left else "right"
            draw_rows(rows, label=f"By {title_of(listing.model)}", key=f"recommend.compare.{side}", compact=True)
