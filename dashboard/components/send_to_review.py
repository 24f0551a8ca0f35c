"""Sending posts to review, from wherever they are shown, and appealing what was decided on one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.errors import FeedscopeError
from core.moderation.decisions import appeal
from core.moderation.reports import MAX_NOTE, report
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import number
from dashboard.components.notices import notice
from dashboard.components.offers import choose_offer
from dashboard.components.text import element, label, show
from dashboard.links import ReviewLink
from dashboard.navigation import page_link
from dashboard.resources import moderation, people


def draw_send_to_review(offers: Mapping[str, Sequence[str]], *, key: str) -> None:
    """A button that opens a form: which of the offered posts (ids by what to call them), under which policy, and why.
    Nothing is drawn for those who may not report."""
    offers = {name: ids for name, ids in offers.items() if ids}
    if not offers or not people.may("report"):
        return
    with st.popover("Send to review", icon=":material/flag:", key=f"{key}.popover"):
        _draw_outcome(key)
        ids = offers[choose_offer(offers, "What to send", key=key)]
        show(
            element("p", f"{number(len(ids))} {plural('post', len(ids))} for the reviewers’ queue.", class_="fs-faint")
        )
        names = {policy.id: policy.name for policy in moderation.policies(enabled=True)}
        st.selectbox("Policy", ["", *names], format_func=lambda one: label(names[one]) if one else "None in particular",
                     key=f"{key}.policy")  # fmt: skip
        st.text_input("Note", key=f"{key}.note", max_chars=MAX_NOTE, placeholder="Why they should be looked at")
        st.button("Send", type="primary", key=f"{key}.send", on_click=_send, args=(ids, key), width="stretch")


def draw_appeal(post_id: str, *, key: str) -> None:
    """A button that opens a form: why a decision on a post was wrong. Another reviewer looks at it then."""
    if not people.may("report"):
        return
    with st.popover("Appeal", icon=":material/gavel:", key=f"{key}.popover"):
        _draw_outcome(key)
        show(element("p", "Another reviewer than the one who decided looks at it again.", class_="fs-faint"))
        st.text_input("Note", key=f"{key}.note", max_chars=MAX_NOTE, placeholder="Why the decision is wrong")
        st.button("Appeal", type="primary", key=f"{key}.send", on_click=_appeal, args=(post_id, key), width="stretch")


def _appeal(post_id: str, key: str) -> None:
    try:
        appeal(resources.workspace(), post_id, st.session_state.get(f"{key}.note") or "", by=people.person())
    except FeedscopeError as error:
        st.session_state[f"{key}.problem"] = str(error)


def _draw_outcome(key: str) -> None:
    problem = st.session_state.pop(f"{key}.problem", None)
    if problem:
        notice(problem, kind="error")
    said = st.session_state.pop(f"{key}.said", None)
    if said:
        show(element("p", said))
        if people.may("review"):
            page_link(ReviewLink(reported=True), "Open the queue", icon=":material/arrow_forward:")


def _send(ids: Sequence[str], key: str) -> None:
    policy, note = st.session_state.get(f"{key}.policy") or None, st.session_state.get(f"{key}.note") or ""
    try:
        count = report(resources.workspace(), ids, policy, note, by=people.person())
    except FeedscopeError as error:
        st.session_state[f"{key}.problem"] = str(error)
        return
    already = len(ids) - count
    waited = f" {number(already)} waited there already." if already else ""
    st.session_state[f"{key}.said"] = f"{number(count)} {plural('post', count)} sent to review.{waited}"
