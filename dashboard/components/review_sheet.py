"""The contact sheet: many waiting posts at once, chosen and decided together."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.errors import FeedscopeError
from core.moderation.decisions import decide
from core.moderation.policies import POST_ACTIONS
from core.moderation.roles import Person
from dashboard import resources
from dashboard.components.cards import Card, draw_cards
from dashboard.components.figures import number
from dashboard.components.notices import notice, state
from dashboard.components.text import element, label, show
from dashboard.links import ReviewLink
from dashboard.navigation import current, show_in_address_bar
from dashboard.resources import moderation

PAGE = 24
ACTION_NAMES = {"keep": "Keep", "remove": "Remove", "label": "Label", "limit": "Limit", "escalate": "Escalate"}


def draw_sheet(link: ReviewLink, person: Person, waits: int) -> None:
    items = moderation.waiting_items(link.wanted(), person, limit=PAGE, offset=(link.number - 1) * PAGE)
    if not items:
        state("Nothing waits here", "All of this queue is decided, snoozed, or open at somebody else's.")
        return
    posts = resources.posts([item.post_id for item in items], hidden=True)
    users = resources.users(posts.values())
    names = {policy.id: policy.name for policy in moderation.policies()}
    chosen = _draw_choice(link, person, [item.post_id for item in items if item.post_id in posts], waits)
    cards = [
        Card(
            # On a sheet no picture is shown that nobody asked for.
            replace(posts[item.post_id], media=()) if not st.session_state.get("sheet.pictures") else
            posts[item.post_id],
            user=users.get(posts[item.post_id].user_id or ""),
            text=posts[item.post_id].text[:280],
            badges=[
                *([("current", "Chosen", "")] if item.post_id in chosen else []),
                ("flag", f"{names.get(item.policy or '', 'Reported')} {item.score:.2f}", "Policy and score"),
            ],
        )
        for item in items
        if item.post_id in posts
    ]  # fmt: skip
    draw_cards(cards, resources.thumbnail, layout="grid", label="Waiting posts", key="sheet.cards", view=link.url())
    pages = -(-waits // PAGE)
    if pages > 1:
        with st.container(horizontal=True, horizontal_alignment="center"):
            key = f"sheet.page.{link.number}"
            st.pagination(pages, default=min(link.number, pages), key=key, on_change=_turn, args=(key,))


def _turn(key: str) -> None:
    link, _ = current(ReviewLink)
    show_in_address_bar(replace(link, number=st.session_state[key]))


def _draw_choice(link: ReviewLink, person: Person, ids: list[str], waits: int) -> list[str]:
    posts = resources.posts(ids, hidden=True)
    with st.container(horizontal=True, vertical_alignment="bottom", key="sheet_actions"):
        chosen = st.multiselect(
            f"Chosen of the {number(len(ids))} shown; {number(waits)} wait", ids, key=f"sheet.chosen.{link.url()}",
            format_func=lambda id_: label(posts[id_].text or id_, limit=40), placeholder="None: choose posts here",
        )  # fmt: skip
        everything = st.toggle("All that are shown", key="sheet.all")
        st.toggle("Pictures", key="sheet.pictures")
        chosen = ids if everything else chosen
        action = st.selectbox("Decision", [one for one in POST_ACTIONS if one != "escalate"], key="sheet.action",
                              format_func=lambda one: ACTION_NAMES[one], width=130)  # fmt: skip
        words = st.text_input("Label", key="sheet.label", width=160, max_chars=80) if action == "label" else None
        if st.button(f"{ACTION_NAMES[action]} {number(len(chosen))}", type="primary", disabled=not chosen):
            try:
                made = decide(resources.workspace(), chosen, action, policy=link.policy or None, by=person, label=words)
            except FeedscopeError as error:
                notice(str(error), kind="error")
            else:
                st.session_state.setdefault("desk.undo", []).append(
                    {"id": made.ids[0], "said": f"{action} {len(made.ids)}", "post": made.post_ids[0]}
                )
                st.rerun()
    if link.kind != "open":
        show(element("p", "Second reviews and appeals are decided one at a time, on the desk.", class_="fs-faint"))
    return list(chosen)
