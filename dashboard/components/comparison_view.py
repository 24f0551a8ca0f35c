"""What is distinctive of some posts against all others."""

from __future__ import annotations

import streamlit as st

from core.compare import Facet
from core.errors import QueryError
from dashboard.components.figures import number, share, table
from dashboard.components.notices import notice
from dashboard.components.text import element, show
from dashboard.resources import maps

FACET_NAMES = {
    "words": "Words", "pairs": "Pairs of words", "hashtags": "Hashtags", "people": "People", "domains": "Domains",
    "languages": "Languages", "sources": "Sources",
}  # fmt: skip


def draw_distinctive(rows: tuple[int, ...], *, key: str) -> None:
    """Tables of what these posts have more often than the rest."""
    try:
        with st.spinner("Comparing with all others …"):
            found = maps.distinctive_of(rows)
    except QueryError as error:
        notice(str(error), kind="error")
        return
    said = (
        f"{number(found.posts)} posts against the other {number(found.others)}. Shares are of posts that have it; z"
        " beyond 2 is more than chance."
    )
    show(element("p", said, class_="fs-faint"))
    facets = [facet for facet in found.facets if facet.name in FACET_NAMES and facet.here]
    for start in range(0, len(facets), 2):
        for column, facet in zip(st.columns(2, gap="medium"), facets[start : start + 2], strict=False):
            with column:
                _draw_facet(facet)


def _draw_facet(facet: Facet) -> None:
    rows = [[one.name, share(one.share_here), share(one.share_there), f"{one.z:.1f}"] for one in facet.here[:12]]
    show(element("h3", FACET_NAMES[facet.name]), table(["", "here", "elsewhere", "z"], rows, numeric=(1, 2, 3)))
