"""Who is like a user, whom the user might follow, and what the user is interested in."""

from __future__ import annotations

import streamlit as st

from core.recommend.acts import History
from core.recommend.similar import ToFollow
from dashboard import resources
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.figures import share
from dashboard.components.notices import state
from dashboard.components.recommend_rows import Row, draw_rows
from dashboard.components.text import Markup, element, foreign, show
from dashboard.links import RecommendLink, UserLink
from dashboard.resources import recommend

KINDS = {"cluster": "a cluster of the map", "words": "a word", "hashtags": "a hashtag"}
_EVIDENCE = 3


def draw_people(link: RecommendLink, model: str) -> None:
    history = recommend.listing(link, model).history
    if not history.acts and not recommend.follow(history, 1):
        state("Nothing is known of this user", "Interests and users alike are told by what somebody liked or wrote.")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_interests(history)
    with right:
        _draw_users(history)


def _draw_interests(history: History) -> None:
    show(element("h2", "Interests"))
    if not history.acts:
        show(element("p", "Nothing is known of what this user likes.", class_="fs-faint"))
        return
    found = recommend.interests_of(history)
    if not found:
        show(element("p", "No topic stands out in this history.", class_="fs-faint"))
        return
    for at, interest in enumerate(found):
        show(_bar(interest.name, interest.weight, KINDS[interest.kind]))
        with st.expander(f"{len(interest.posts)} posts that tell it", key=f"recommend.interest.{at}"):
            rows = [Row(id_) for id_ in interest.posts[:_EVIDENCE]]
            draw_rows(rows, label="Posts that tell it", key=f"recommend.evidence.{at}", compact=True)


def _bar(name: str, weight: float, kind: str) -> Markup:
    text = element(
        "div", element("span", foreign(name), " ", element("span", kind, class_="fs-faint")),
        element("span", share(weight)), class_="fs-progress-text",
    )  # fmt: skip
    return element("div", text, element("div", element("span"), class_="fs-bar", share=weight), class_="fs-progress")


def _draw_users(history: History) -> None:
    alike, shared, follow = recommend.alike(history), recommend.shared(history), recommend.follow(history)
    names = resources.user_names([id_ for id_, _ in (*alike, *shared)] + [one.user_id for one in follow])
    for title, about, pairs, key in (
        ("Users alike", "By the user tower: the cosine of what they like.", alike, "alike"),
        ("Who acts on the same posts", "Shared posts over the root of both counts.", shared, "shared"),
    ):
        show(element("h2", title), element("p", about, class_="fs-faint"))
        draw_chips(
            [
                Chip(text=names[id_], count=f"{score:.2f}", link=RecommendLink(user=id_, tab="people"))
                for id_, score in pairs
            ],
            label=title, key=f"recommend.{key}",
        )  # fmt: skip
        if not pairs:
            show(element("p", "Nobody.", class_="fs-faint"))
    show(
        element("h2", "Might follow"),
        element(
            "p",
            "Not followed or acted on yet: their posts are near, users alike act on them, or whom this user follows"
            " follows them.",
            class_="fs-faint",
        ),
    )
    draw_chips(
        [Chip(text=names[one.user_id], count=_because(one), link=UserLink(id=one.user_id)) for one in follow],
        label="Might follow", key="recommend.follow",
    )  # fmt: skip
    if not follow:
        show(element("p", "Nobody.", class_="fs-faint"))


def _because(one: ToFollow) -> str:
    """0.62 near, 4 alike, followed by 3."""
    said = [f"{one.cosine:.2f} near"] if one.cosine > 0 else []
    said += [f"{one.alike} alike"] if one.alike else []
    said += [f"followed by {one.followed}"] if one.followed else []
    return ", ".join(said)
