"""The contact sheet: many waiting posts at once, chosen and decided together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from core.errors import FeedscopeError
from core.moderation.decisions import MAX_LABEL, REASONS, USUAL_REASONS, decide, undo
from core.moderation.queue import Item
from core.moderation.roles import Person
from dashboard import resources
from dashboard.components.cards import Card, Selection, draw_cards
from dashboard.components.figures import number
from dashboard.components.notices import notice, state
from dashboard.components.shortcuts import draw_button_keys
from dashboard.components.text import element, show
from dashboard.links import ReviewLink
from dashboard.navigation import current, show_in_address_bar
from dashboard.resources import moderation

PAGE = 24
KEYS = {"keep": "k", "remove": "r", "limit": "m", "label": "l"}
"""Escalating is left to the desk, where it is asked for twice."""

ACTION_NAMES = {"keep": "Keep", "remove": "Remove", "limit": "Limit", "label": "Label"}


def draw_sheet(link: ReviewLink, person: Person, waits: int) -> None:
    left_out = st.session_state.pop("sheet.left_out", 0)
    if left_out:
        notice(f"{number(left_out)} of the ticked posts are open at somebody else's or locked and were left out.")
    items = moderation.waiting_items(link.wanted(), person, limit=PAGE, offset=(link.number - 1) * PAGE)
    if not items:
        state("Nothing waits here", "All of this queue is decided, snoozed, or open at somebody else's.")
        _draw_undo(person)
        return
    posts = resources.posts([item.post_id for item in items], hidden=True)
    users = resources.users(posts.values())
    names = {policy.id: policy.name for policy in moderation.policies()}
    selection = Selection("sheet.selected", replace(link, number=1).url())
    ids = [item.post_id for item in items if item.post_id in posts]
    _draw_choice(link, person, ids, selection, waits)
    cards = [
        Card(
            posts[item.post_id],
            veiled=not st.session_state.get("sheet.pictures"),
            user=users.get(posts[item.post_id].user_id or ""),
            text=posts[item.post_id].text[:280],
            badges=[_badge(item, names)],
        )
        for item in items
        if item.post_id in posts
    ]  # fmt: skip
    draw_cards(cards, resources.thumbnail, layout="grid", label="Waiting posts", key="sheet.cards", view=link.url(),
               selection=selection)  # fmt: skip
    pages = -(-waits // PAGE)
    if pages > 1:
        with st.container(horizontal=True, horizontal_alignment="center"):
            key = f"sheet.page.{link.number}"
            st.pagination(pages, default=min(link.number, pages), key=key, on_change=_turn, args=(key,))


def _badge(item: Item, names: Mapping[str, str]) -> tuple[str, str, str]:
    """Why a post waits, as badges are given."""
    policy = names.get(item.policy or "", "")
    if item.reported:
        return "flag", f"Reported: {policy}" if policy else "Reported", "Somebody sent it to review"
    return "flag", f"{policy} {item.score:.2f}", "Policy and score"


def _turn(key: str) -> None:
    link, _ = current(ReviewLink)
    show_in_address_bar(replace(link, number=st.session_state[key]))


def _draw_choice(link: ReviewLink, person: Person, ids: list[str], selection: Selection, waits: int) -> None:
    """What is ticked, and the decision on it."""
    if link.kind != "open":
        show(element("p", "Second reviews and appeals are decided one at a time, on the desk.", class_="fs-faint"))
        return
    chosen = selection.ids
    with st.container(horizontal=True, vertical_alignment="center", key="sheet_choice"):
        of = f"{number(len(ids))} shown, {number(waits)} {'waits' if waits == 1 else 'wait'}"
        said = f"{number(len(chosen))} ticked" if chosen else f"Tick posts: {of}"
        show(element("strong", said), width="content")
        if set(ids) - set(chosen):
            st.button("Tick all shown `a`", key="sheet.all", on_click=_tick, args=(selection, ids), type="tertiary")
        if chosen:
            st.button("Clear", icon=":material/close:", type="tertiary", key="sheet.clear", on_click=selection.clear)
        st.toggle("Show the pictures", key="sheet.pictures")
    if chosen:
        _draw_decisions(link, person, selection)
    _draw_undo(person)
    keys = {key: f"sheet.{action}" for action, key in KEYS.items()}
    draw_button_keys({"a": "sheet.all", "z": "sheet.undo", **keys}, key="sheet.keys")


def _draw_decisions(link: ReviewLink, person: Person, selection: Selection) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="sheet_actions"):
        usual = USUAL_REASONS.get(link.policy)
        reason = st.selectbox("Reason", list(REASONS), index=list(REASONS).index(usual) if usual else None, width=210,
                              format_func=lambda one: REASONS[one], placeholder="None")  # fmt: skip
        words = st.text_input("Words of a label", key="sheet.words", width=190, max_chars=MAX_LABEL)
        pressed = [
            action
            for action, key in KEYS.items()
            if st.button(f"{ACTION_NAMES[action]} {number(len(selection.ids))} `{key}`", key=f"sheet.{action}")
        ]
    if not pressed:
        return
    action = pressed[0]
    try:
        made = decide(
            resources.workspace(), selection.ids, action, policy=link.policy or None, by=person,
            policies={} if link.policy else _flagged_under(selection.ids),
            label=words if action == "label" else None, reason=reason if action != "keep" else None,
        )  # fmt: skip
    except FeedscopeError as error:
        notice(str(error), kind="error")
        return
    selection.clear()
    more = f" and {len(made.ids) - 1} more" if len(made.ids) > 1 else ""
    if made.ids:
        st.session_state.setdefault("desk.undo", []).append(
            {"id": made.ids[0], "said": f"{action}{more}", "post": made.post_ids[0]}
        )
    if made.left_out:
        st.session_state["sheet.left_out"] = len(made.left_out)
    st.rerun()


def _flagged_under(ids: Sequence[str]) -> dict[str, str]:
    """The policy of each post's highest flag, of those that have one."""
    return {id_: mark.flags[0][0] for id_, mark in moderation.marks_of(ids).items() if mark.flags}


def _tick(selection: Selection, ids: list[str]) -> None:
    selection.take({"of": selection.of, "ticked": [[id_, True] for id_ in ids]})


def _draw_undo(person: Person) -> None:
    """The last decision of this visit, made here or on the desk, and the way to take it back."""
    made = st.session_state.get("desk.undo", [])
    if not made:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        show(element("span", f"Last: {made[-1]['said']}", class_="fs-faint"), width="content")
        if st.button("Undo", icon=":material/undo:", type="tertiary", key="sheet.undo"):
            try:
                undo(resources.workspace(), made[-1]["id"], by=person)
            except FeedscopeError as error:
                notice(str(error), kind="error")
                return
            made.pop()
            st.rerun()
