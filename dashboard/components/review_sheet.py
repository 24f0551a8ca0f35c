"""The contact sheet: many waiting posts at once, chosen and decided together."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.errors import FeedscopeError
from core.moderation.decisions import decide, undo
from core.moderation.policies import POST_ACTIONS
from core.moderation.roles import Person
from dashboard import resources
from dashboard.components.cards import Card, Selection, draw_cards
from dashboard.components.figures import number
from dashboard.components.notices import notice, state
from dashboard.components.text import element, show
from dashboard.links import ReviewLink
from dashboard.navigation import current, show_in_address_bar
from dashboard.resources import moderation

PAGE = 24
ACTION_NAMES = {"keep": "Keep", "remove": "Remove", "label": "Label", "limit": "Limit", "escalate": "Escalate"}


def draw_sheet(link: ReviewLink, person: Person, waits: int) -> None:
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
            # On a sheet no picture is shown that nobody asked for.
            replace(posts[item.post_id], media=()) if not st.session_state.get("sheet.pictures") else
            posts[item.post_id],
            user=users.get(posts[item.post_id].user_id or ""),
            text=posts[item.post_id].text[:280],
            badges=[
                ("flag", f"{names.get(item.policy or '', 'Reported')} {item.score:.2f}", "Policy and score"),
            ],
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


def _turn(key: str) -> None:
    link, _ = current(ReviewLink)
    show_in_address_bar(replace(link, number=st.session_state[key]))


def _draw_choice(link: ReviewLink, person: Person, ids: list[str], selection: Selection, waits: int) -> None:
    """What is ticked, and the decision on it."""
    if link.kind != "open":
        show(element("p", "Second reviews and appeals are decided one at a time, on the desk.", class_="fs-faint"))
        return
    chosen = selection.ids
    with st.container(horizontal=True, vertical_alignment="center", key="sheet_actions"):
        of = f"{number(len(ids))} shown, {number(waits)} {'waits' if waits == 1 else 'wait'}"
        said = f"{number(len(chosen))} ticked" if chosen else f"Tick posts: {of}"
        show(element("strong", said), width="content")
        if set(ids) - set(chosen):
            st.button("Tick all shown", key="sheet.all", on_click=_tick, args=(selection, ids), type="tertiary")
        if chosen:
            st.button("Clear", icon=":material/close:", type="tertiary", key="sheet.clear", on_click=selection.clear)
        st.toggle("Pictures", key="sheet.pictures")
        offered = [one for one in POST_ACTIONS if one != "escalate"]
        action = st.selectbox("Decision", offered, key="sheet.action", format_func=lambda one: ACTION_NAMES[one],
                              width=130, label_visibility="collapsed")  # fmt: skip
        words = None
        if action == "label":
            words = st.text_input("Label", key="sheet.label", width=180, max_chars=80, placeholder="Which label",
                                  label_visibility="collapsed")  # fmt: skip
        count = f" {number(len(chosen))}" if chosen else ""
        if st.button(ACTION_NAMES[action] + count, type="primary", disabled=not chosen, key="sheet.decide"):
            try:
                made = decide(resources.workspace(), chosen, action, policy=link.policy or None, by=person, label=words)
            except FeedscopeError as error:
                notice(str(error), kind="error")
            else:
                selection.clear()
                more = f" and {len(made.ids) - 1} more" if len(made.ids) > 1 else ""
                st.session_state.setdefault("desk.undo", []).append(
                    {"id": made.ids[0], "said": f"{action}{more}", "post": made.post_ids[0]}
                )
                st.rerun()
    _draw_undo(person)


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
