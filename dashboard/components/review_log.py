"""The log of decisions: every entry, to be taken back, appealed, and taken along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core.database.moderation import Decision
from core.errors import FeedscopeError
from core.moderation.decisions import REASONS, STATES, appeal, undo
from core.moderation.roles import Person
from core.moderation.statement import LOCKED, LogFilter, log_csv, statement_json
from dashboard import resources
from dashboard.components.figures import day_and_time, number, table
from dashboard.components.notices import notice, state
from dashboard.components.text import Markup, element, label, show
from dashboard.links import PostLink, ReviewLink
from dashboard.navigation import current, page_link, show_in_address_bar
from dashboard.resources import moderation

PAGE = 50
ACTIONS = (*STATES, "undo", "erase")
HEAD = ("", "When", "Who", "Decision", "On", "Policy", "Reason", "Note")


def draw_log(link: ReviewLink, person: Person) -> None:
    wanted = LogFilter(link.id, link.policy, link.who, link.did)
    narrowed = wanted != LogFilter()
    before = st.session_state.get("log.before")
    entries = moderation.decisions(PAGE, person, before=before, wanted=wanted)
    if not entries and not narrowed:
        state("Nothing was decided yet", "Every decision, and every one that was taken back, is listed here.")
        return
    show(
        element("p", "Entries are added and never changed. Taking one back is an entry of its own.", class_="fs-faint")
    )
    _draw_filters(link, person)
    if not entries:
        state("No entry is like that", "Ask for less above, or see the whole log.")
        page_link(ReviewLink(view="log"), "The whole log", icon=":material/history:")
        return
    names = {policy.id: policy.name for policy in moderation.policies()}
    show(table(HEAD, [_row(entry, count, names) for entry, count in entries]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(entries) == PAGE and st.button("Older", icon=":material/arrow_forward:"):
            st.session_state["log.before"] = entries[-1][0].id
            st.rerun()
        if before is not None and st.button("Newest", icon=":material/first_page:"):
            st.session_state["log.before"] = None
            st.rerun()
        if person.may("export"):
            st.download_button(
                "Whole log as CSV", data=partial(log_csv, resources.workspace(), by=person), file_name="decisions.csv",
                mime="text/csv", icon=":material/download:", on_click="ignore",
            )  # fmt: skip
    _draw_acts([entry for entry, _ in entries], person)


def _draw_filters(link: ReviewLink, person: Person) -> None:
    names = {policy.id: policy.name for policy in moderation.policies()}
    people = list(dict.fromkeys([*moderation.deciders(person), *filter(None, [link.who])]))
    for key, value in (("about", link.id), ("policy", link.policy if link.policy in names else ""), ("who", link.who),
                       ("did", link.did if link.did in ACTIONS else "")):  # fmt: skip
        st.session_state[f"log.{key}"] = value
    with st.container(horizontal=True, vertical_alignment="bottom", key="log_filters"):
        st.text_input("Post or account", key="log.about", width=220, placeholder="Its id", on_change=_narrow)
        st.selectbox("Policy", ["", *names], format_func=lambda one: label(names[one]) if one else "All", width=200,
                     key="log.policy", on_change=_narrow)  # fmt: skip
        st.selectbox("Who", ["", *people], format_func=lambda one: label(one) if one else "All", width=200,
                     key="log.who", on_change=_narrow)  # fmt: skip
        st.selectbox("Decision", ["", *ACTIONS], format_func=lambda one: one.capitalize() or "All", width=150,
                     key="log.did", on_change=_narrow)  # fmt: skip


def _narrow() -> None:
    link, _ = current(ReviewLink)
    st.session_state["log.before"] = None
    show_in_address_bar(
        replace(
            link, id=st.session_state["log.about"].strip()[:200], policy=st.session_state["log.policy"],
            who=st.session_state["log.who"], did=st.session_state["log.did"],
        )
    )  # fmt: skip


def _row(entry: Decision, count: int, names: Mapping[str, str]) -> tuple[str | Markup, ...]:
    what = entry.action + (f" “{entry.label}”" if entry.label else "")
    if entry.undoes:
        what = f"took back {entry.undoes}"
    if entry.review != "first":
        what += " (second review)" if entry.review == "second" else " (appeal)"
    subject = entry.subject if len(entry.subject) <= 24 else entry.subject[:23] + "…"
    on = f"account {subject}" if entry.noun == "user" else subject
    if count > 1:
        on += f" and {number(count - 1)} more"
    note = " ".join((entry.note or "").split())
    return (
        str(entry.id), f"{day_and_time(entry.made_at)}", entry.reviewer, what, on,
        names.get(entry.policy or "", entry.policy or ""), REASONS.get(entry.reason or "", ""), note[:120],
    )  # fmt: skip


def _draw_acts(entries: Sequence[Decision], person: Person) -> None:
    by_id = {entry.id: entry for entry in entries if entry.action not in ("undo", "erase")}
    if not by_id:
        return
    with st.container(border=True, key="log_acts"):
        show(element("h3", "With one entry"))
        named = {id_: f"{id_}: {one.action} {label(one.subject, limit=24)}" for id_, one in by_id.items()}
        chosen = st.selectbox("Entry", list(named), format_func=lambda id_: named[id_], width=280)
        entry = by_id[chosen]
        note = st.text_input("Note", key="log.note", max_chars=4000)
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Take it back, with its group", icon=":material/undo:", key="log.undo"):
                _try(lambda: undo(resources.workspace(), entry.id, by=person, note=note))
            if entry.noun == "post" and st.button("Appeal", icon=":material/gavel:", key="log.appeal"):
                _try(lambda: appeal(resources.workspace(), entry.subject, note, by=person))
            if entry.action != "escalate":  # of what may be illegal nothing is given out
                st.download_button(
                    "Statement of reasons", data=partial(statement_json, resources.workspace(), entry.id, by=person),
                    file_name=f"statement-{entry.id}.json", mime="application/json", icon=":material/description:",
                    on_click="ignore",
                )  # fmt: skip
            if entry.noun == "user":
                page_link(ReviewLink(view="accounts", id=entry.subject), "The account", icon=":material/person:")
            elif entry.subject != LOCKED:
                page_link(PostLink(entry.subject), "The post", icon=":material/article:")


def _try(act: Callable[[], object]) -> None:
    try:
        act()
    except FeedscopeError as error:
        notice(str(error), kind="error")
    else:
        st.rerun()
