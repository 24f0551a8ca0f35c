"""How good the neighbours on every page are, in a few words beside the menu."""

from __future__ import annotations

import streamlit as st

from core.vectors.standing import Standing
from dashboard import resources
from dashboard.components.figures import share
from dashboard.links import IndexLink
from dashboard.navigation import page_link

HELP = "How many of the nearest posts and pictures a search finds"


def draw_index_badge() -> None:
    """A link to the Index page that says the recall of the space that has the least; nothing without an index."""
    standings = resources.index_standings()
    if not standings:
        return
    text, icon = rating(standings)
    with st.container(key="index_badge"):
        page_link(IndexLink(), text, icon=icon, help=HELP)


def rating(standings: tuple[Standing, ...]) -> tuple[str, str]:
    """(words, icon). Exact only where every space is; a recall only where every other space has a current one."""
    ratings = {one.rating for one in standings}
    if ratings == {"exact"}:
        return "Exact search", ":material/verified:"
    if ratings <= {"exact", "measured"}:
        least = min(one.measured.quality.recall for one in standings if one.rating == "measured" and one.measured)
        return f"Recall {share(least)}", ":material/speed:"
    if "unknown" in ratings:
        return "Recall not measured", ":material/help:"
    return "Recall out of date", ":material/history:"
