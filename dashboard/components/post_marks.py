"""What moderation says of a post on its page, and the way to send it to review."""

from __future__ import annotations

import streamlit as st

from core.moderation.effects import Mark
from core.moderation.reports import report
from dashboard import resources
from dashboard.components.figures import share
from dashboard.components.notices import notice
from dashboard.links import ReviewLink
from dashboard.navigation import page_link
from dashboard.resources import people

SAID = {
    "removed": "This post was removed: only reviewers see it.",
    "locked": "This post is locked: only a lead sees it.",
}


def may_see(mark: Mark) -> bool:
    """Whether the visitor's role shows them a post of this state."""
    return not mark.hidden or people.person().may("see locked" if mark.state == "locked" else "see hidden")


def draw_marks(post_id: str, mark: Mark) -> None:
    """The decision and the flags, and a button that sends the post to review."""
    if mark.state:
        notice(SAID.get(mark.state, f"Moderation decided on this post: {mark.label or mark.state}."), kind="warning")
    if mark.flags and people.person().may("review"):
        notice("Flagged: " + ", ".join(f"{name} {share(score)}" for _, name, score in mark.flags) + ".")
    if mark.reported:
        page_link(ReviewLink(), "Waits for review", icon=":material/gavel:")
    elif people.person().may("report") and st.button("Send to review", icon=":material/flag:", key="post.report"):
        report(resources.workspace(), [post_id], by=people.person())
        st.rerun()
