"""Deleting a post or its author everywhere, with a confirmation; the receipt is with the job on the Data page."""

from __future__ import annotations

import streamlit as st

from core.errors import ErasureError
from core.types import Noun, Post
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import number
from dashboard.components.notices import notice
from dashboard.components.text import element, foreign, show
from dashboard.links import DataLink
from dashboard.navigation import go_to
from dashboard.resources import people

WORD = "delete"


def draw_erase(post: Post) -> None:
    """For a post and, where it has one, its author; nothing for somebody whose role does not allow it."""
    if not people.person().may("erase"):
        return
    with st.popover("Delete for good", icon=":material/delete_forever:", type="tertiary", key="post.erase"):
        nouns: dict[Noun, str] = {"post": "This post"}
        if post.user_id:
            nouns["user"] = "Its author with all their posts"
        noun = st.radio("What", list(nouns), format_func=lambda one: nouns[one], key=f"erase.what.{post.id}")
        draw_erase_form(noun, post.user_id or "" if noun == "user" else post.id, key="post.erase")


def draw_erase_user(id_: str) -> None:
    """The same on a user's own page."""
    if people.person().may("erase"):
        with st.popover("Delete for good", icon=":material/delete_forever:", type="tertiary", key="user.erase"):
            draw_erase_form("user", id_, key="user.erase")


def draw_erase_form(noun: Noun, id_: str, *, key: str) -> None:
    """What would go, a word to type, and the button."""
    try:
        doomed = resources.doomed(noun, id_)
    except ErasureError as error:
        notice(str(error), kind="error")
        return
    what = element("p", "The post ", foreign(id_)) if noun == "post" else element("p", foreign(doomed.name))
    counted = (
        f"{number(doomed.posts)} {plural('post', doomed.posts)}, {number(doomed.pictures)}"
        f" {plural('picture', doomed.pictures)}, {number(doomed.interactions)}"
        f" {plural('interaction', doomed.interactions)}"
    )
    show(
        what,
        element(
            "p",
            f"{counted}, with their vectors, index entries and places in collections, are deleted from every file of"
            " this workspace. This can't be undone. A receipt says what was done.",
        ),
    )
    said = st.text_input(f"Type “{WORD}” to confirm", key=f"{key}.word.{noun}")
    if st.button("Delete for good", type="primary", key=f"{key}.go"):
        if (said or "").strip().lower() != WORD:
            notice(f"Type the word {WORD} first.", kind="warning")
            return
        people.person().require("erase")
        title = f"Delete a {noun} everywhere"
        go_to(DataLink(job=resources.workspace().jobs.submit("erase", {"noun": noun, "id": id_}, title=title)))
