"""Accounts in review: an author's past, and decisions on the account."""

from __future__ import annotations

import streamlit as st

from core.database.users import get_users
from core.errors import FeedscopeError
from core.moderation.accounts import STRIKES, account_record, decide_account
from core.moderation.decisions import REASONS, USER_ACTIONS
from core.moderation.erasure import erase_person
from core.moderation.roles import Person
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import day_and_time, number, stats, table
from dashboard.components.notices import notice, state
from dashboard.components.text import element, foreign, label, show
from dashboard.links import ReviewLink, SearchLink, UserLink
from dashboard.navigation import go_to, page_link
from dashboard.resources import moderation

SHOWN = 50
ACTION_NAMES = {"warn": "Warn", "limit": "Limit", "suspend": "Suspend", "restore": "Restore"}


def draw_account(link: ReviewLink, person: Person) -> None:
    """One account, or which one."""
    if not link.id:
        _draw_accounts(person)
        return
    workspace = resources.workspace()
    record = account_record(workspace, link.id, by=person, latest=40)
    if not record.posts and not record.latest:
        state("There is no such account here", f"This workspace knows no account “{link.id[:80]}”.")
        page_link(ReviewLink(view="accounts"), "Other accounts", icon=":material/group:")
        return
    user = get_users(workspace.cursor(), [link.id]).get(link.id)
    name = (user and (user.name or user.handle)) or link.id
    show(element("h2", foreign(name)))
    figures = [(plural("post", record.posts), record.posts), ("flagged", record.flagged), ("decided", record.decided),
               ("removed", record.removed), (plural("strike", record.strikes), record.strikes)]  # fmt: skip
    show(stats((number(n), noun) for noun, n in figures))
    if record.state:
        show(element("p", f"The account is {record.state}."))
    if record.strikes >= STRIKES:
        notice(f"{record.strikes} strikes: a strike is a removed post or a warning. From {STRIKES} on, consider to"
               " suspend the account.", kind="warning")  # fmt: skip
    with st.container(horizontal=True):
        page_link(UserLink(id=link.id), "The user's page", icon=":material/person:")
        page_link(SearchLink(users=(link.id,)), "All posts", icon=":material/search:")
        page_link(ReviewLink(view="log", id=link.id), "In the log", icon=":material/history:")
        page_link(ReviewLink(view="accounts"), "Other accounts", icon=":material/group:")
    with st.form("account_decision", border=True):
        left, right = st.columns([1, 1])
        action = left.selectbox("Decision", list(USER_ACTIONS), format_func=lambda one: ACTION_NAMES[one])
        last = next((one.reason for one in record.latest if one.reason in REASONS), None)
        reason = right.selectbox("Reason", list(REASONS), index=list(REASONS).index(last) if last else None,
                                 format_func=lambda one: REASONS[one], placeholder="Choose one")  # fmt: skip
        note = st.text_input("Note", max_chars=4000)
        if st.form_submit_button("Decide on the account", type="primary"):
            try:
                decide_account(workspace, link.id, action, reason=reason or "", note=note, by=person)
            except FeedscopeError as error:
                notice(str(error), kind="error")
            else:
                st.rerun()
    if record.latest:
        show(
            element("h2", "What was decided"),
            table(
                ("", "When", "Who", "On", "Decision", "Note"),
                [
                    (str(e.id), day_and_time(e.made_at), e.reviewer, "account" if e.noun == "user" else e.subject[:24],
                     e.action, e.note[:120])
                    for e in record.latest
                ],
            ),
        )  # fmt: skip
    if person.may("erase"):
        _draw_erasure(link.id, person)


def _draw_erasure(user_id: str, person: Person) -> None:
    with st.expander("Erase this person", icon=":material/delete_forever:"):
        show(
            element(
                "p",
                "Texts, pictures, vectors and the profile are dropped, and ids are replaced by keyed hashes. What was"
                " decided, under which policy and when, stays. This can't be taken back.",
                class_="fs-faint",
            )
        )
        said = st.text_input("Type the account's id to erase it", key="erase.said")
        if st.button("Erase", key="erase.go", disabled=said != user_id):
            erased = erase_person(resources.workspace(), user_id, by=person)
            notice(
                f"{number(erased.posts)} {plural('post', erased.posts)} and {number(erased.pictures)}"
                f" {plural('picture', erased.pictures)} dropped."
            )


def _draw_accounts(person: Person) -> None:
    """Those that were asked for by name, or those with the most strikes."""
    words = st.text_input("Find an account", key="accounts.words", placeholder="A name, a handle or an id", width=320)
    if words.strip():
        rows, counted = moderation.accounts_named(words, SHOWN, person), "Posts"
        if not rows:
            state("No account is called so", f"No id, name or handle here has “{words.strip()[:80]}”.")
            return
    else:
        rows, counted = moderation.accounts_by_strikes(SHOWN, person), "Strikes"
        if not rows:
            state("No account has a strike yet", "Accounts are listed here once a post of theirs was removed.")
            return
    show(element("h2", "Accounts found" if words.strip() else "Accounts by strikes"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {user: f"{label(name)} ({number(n)})" for user, name, n, _ in rows}
        chosen = st.selectbox("Account", list(names), format_func=lambda one: names[one], width=320)
        if st.button("Open", icon=":material/arrow_forward:"):
            go_to(ReviewLink(view="accounts", id=chosen))
    show(table(("Account", counted, "State"), [(name, number(n), standing) for _, name, n, standing in rows],
               numeric=(1,)))  # fmt: skip
