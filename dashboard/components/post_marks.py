"""What moderation says of a post on its page, and the way to send it to review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.moderation.effects import Mark
from dashboard.components.cards import Card
from dashboard.components.figures import share
from dashboard.components.notices import notice
from dashboard.components.send_to_review import draw_appeal, draw_send_to_review
from dashboard.components.text import clean
from dashboard.links import ReviewLink
from dashboard.navigation import page_link
from dashboard.resources import moderation, people

SAID = {
    "removed": "This post was removed: only reviewers see it.",
    "locked": "This post is locked: only a lead sees it.",
}
APPEALED = ("removed", "labelled", "limited")
"""States that can be appealed here; of a locked post nothing is said but to a lead, who has the log."""


def may_see(mark: Mark) -> bool:
    """Whether the visitor's role shows them a post of this state."""
    return not mark.hidden or people.person().may("see locked" if mark.state == "locked" else "see hidden")


def draw_marks(post_id: str, mark: Mark) -> None:
    """The decision and the flags, and a button that sends the post to review."""
    if mark.state:
        notice(SAID.get(mark.state, f"Moderation decided on this post: {mark.label or mark.state}."), kind="warning")
    if mark.flags and people.person().may("review"):
        notice("Flagged: " + ", ".join(f"{name} {share(score)}" for _, name, score in mark.flags) + ".")
    with st.container(horizontal=True, vertical_alignment="center"):
        if mark.reported:
            page_link(ReviewLink(), "Waits for review", icon=":material/gavel:")
        else:
            draw_send_to_review({"this post": [post_id]}, key="post.report")
            if mark.state in APPEALED:
                draw_appeal(post_id, key="post.appeal")
        if mark.state and people.person().may("review"):
            page_link(ReviewLink(view="log", id=post_id), "What was decided on it", icon=":material/history:")


MOST_FLAGS = 2


def with_marks(cards: Sequence[Card]) -> list[Card]:
    """The cards with what moderation says of their posts: a label or a limit for everybody, for reviewers flags and
    reports too."""
    known = moderation.marks_of([card.post.id for card in cards])
    reviews = people.may("review")
    return [
        replace(card, badges=[*card.badges, *_badges(known[card.post.id], reviews)]) if card.post.id in known else card
        for card in cards
    ]


def _badges(mark: Mark, reviews: bool) -> list[tuple[str, str, str]]:
    badges = []
    if mark.state == "labelled":
        badges.append(("label", clean(mark.label or "Labelled"), "What a reviewer says of it"))
    elif mark.state == "limited":
        badges.append(("limit", "Limited", "Reviewers limited its reach"))
    if not reviews:
        return badges
    if not mark.state:
        badges += [
            ("flag", f"{clean(name)} {score:.2f}", f"Flagged by the policy {clean(name)}, score {score:.2f}")
            for _, name, score in mark.flags[:MOST_FLAGS]
        ]
    if mark.reported:
        badges.append(("flag", "Reported", "It waits for review"))
    return badges
