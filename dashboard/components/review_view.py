"""The page Review: which queue, and how it is looked at."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.errors import FeedscopeError, RoleError
from core.moderation.policies import Policy
from core.moderation.queue import KINDS, ORDERS, Kind, Order
from core.moderation.roles import Person
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.desk import draw_desk, forget_skipped, go_on, rests, skipped
from dashboard.components.figures import number
from dashboard.components.jobs import progress
from dashboard.components.notices import notice, state
from dashboard.components.review_accounts import draw_account
from dashboard.components.review_banks import draw_banks
from dashboard.components.review_log import draw_log
from dashboard.components.review_policies import draw_policies
from dashboard.components.review_sheet import draw_sheet
from dashboard.components.review_take import draw_take_queue
from dashboard.components.text import element, label, show
from dashboard.languages import language_name
from dashboard.links import DataLink, InsightsLink, ReviewLink, ReviewView
from dashboard.navigation import current, go_to, page_link, show_in_address_bar
from dashboard.resources import moderation, people

VIEW_NAMES: dict[ReviewView, str] = {
    "desk": "Desk", "sheet": "Contact sheet", "log": "Decisions", "accounts": "Accounts", "policies": "Policies",
    "banks": "Known content",
}  # fmt: skip
KIND_NAMES: dict[Kind, str] = {
    "open": "To decide", "appeals": "Appeals", "second": "Second review", "locked": "Locked",
}  # fmt: skip
ORDER_NAMES: dict[Order, str] = {
    "priority": "Most urgent first", "score": "Highest score first", "reach": "Widest reach first",
    "waiting": "Longest waiting first", "newest": "Newest first", "unsure": "Least sure first",
}  # fmt: skip
PICTURES: dict[bool | None, str] = {None: "All", True: "With", False: "Without"}
URGENT = (
    "Most urgent is the product of three: the calibrated score; reach, 1 + ln(1 + likes + 2 reposts + replies); and"
    " age, 1 + days in the queue."
)


def draw_review(link: ReviewLink) -> None:
    try:
        person = people.person()
        person.require("review")
    except RoleError as error:
        state("Review is for reviewers", str(error))
        return
    _draw_views(link, person)
    if link.view in ("desk", "sheet"):
        _draw_scoring()
        _draw_queue(link, person)
    elif link.view == "log":
        draw_log(link, person)
    elif link.view == "policies":
        draw_policies(link, person)
    elif link.view == "banks":
        draw_banks(person)
    else:
        draw_account(link, person)


def _draw_views(link: ReviewLink, person: Person) -> None:
    if st.session_state.get("review.view") != link.view:
        st.session_state["review.view"] = link.view
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.segmented_control(
            "View", list(VIEW_NAMES), format_func=lambda view: VIEW_NAMES[view], key="review.view", required=True,
            label_visibility="collapsed", on_change=_change_view,
        )  # fmt: skip
        page_link(InsightsLink(), "How well it goes", icon=":material/monitoring:")


def _change_view() -> None:
    link, _ = current(ReviewLink)
    view = st.session_state["review.view"]
    # The desk and the sheet show the same queue; the log is narrowed by itself.
    policy = link.policy if view in ("desk", "sheet") else ""
    show_in_address_bar(replace(link, view=view, policy=policy, id="", who="", did="", number=1))


def _draw_scoring() -> None:
    """What no scorer has seen yet, and a way to have it scored."""
    active = [job for job in resources.active_jobs() if job.kind == "moderate"]
    if active:
        show(progress(active[0]))
        return
    left = {key: count for key, count in moderation.not_scored().items() if count}
    if not left:
        return
    posts = max(left.values())
    with st.container(horizontal=True, vertical_alignment="center"):
        said = (
            f"{number(posts)} {plural('post', posts)} {'was' if posts == 1 else 'were'} not scored yet by every policy."
        )
        show(element("p", said, class_="fs-faint"), width="content")
        if st.button("Score them", icon=":material/play_arrow:", key="review.score"):
            resources.workspace().jobs.submit("moderate", {}, title="Score posts for review")
            st.rerun()


def _draw_queue(link: ReviewLink, person: Person) -> None:
    policies = moderation.policies(enabled=True)
    _draw_controls(link, person, policies)
    wanted = link.wanted()
    try:
        waits = moderation.count_in_queue(wanted, person)
    except FeedscopeError as error:
        notice(str(error), kind="error")
        return
    if link.view == "sheet":
        draw_take_queue(wanted, person, waits, address=link.url())
        draw_sheet(link, person, waits)
        return
    _draw_desk(link, person, policies, waits)
    draw_take_queue(wanted, person, waits, address=link.url())


def _draw_desk(link: ReviewLink, person: Person, policies: tuple[Policy, ...], waits: int) -> None:
    wanted = link.wanted()
    if waits == 0 and resources.overview().posts == 0:
        state("There is nothing to review yet", "Posts are scored as they are imported.")
        page_link(DataLink(), "Bring your data", icon=":material/upload:")
        return
    if rests():
        state("You take a break", "Nothing is open at you: others can have what you had. Your undo is kept.")
        st.button("Go on", type="primary", icon=":material/play_arrow:", key="review.go_on", on_click=go_on)
        return
    items = moderation.next_items(wanted, person, skip=skipped())
    if not items and waits and skipped():
        with st.container(horizontal=True, vertical_alignment="center"):
            show(element("p", "All that is left was skipped or is open at somebody else's."), width="content")
            if st.button("Begin again", key="review.again"):
                forget_skipped()
                st.rerun()
    blind = link.kind == "second"
    opened = []
    for item in items:
        try:
            opened.append(moderation.opened(item, person, blind=blind))
        except FeedscopeError as error:
            notice(str(error), kind="error")
    since = [one.oldest for one in moderation.waiting() if one.oldest and link.policy in ("", one.policy)]
    whole = link.kind == "open" and not (link.langs or link.reported or link.has_picture is not None)
    oldest = min(since, default=None) if whole else None
    draw_desk(opened, wanted, person, policies, waits=waits, oldest=oldest, thumbnail=resources.thumbnail)


def _draw_controls(link: ReviewLink, person: Person, policies: tuple[Policy, ...]) -> None:
    kinds = [kind for kind in KINDS if kind != "locked" or person.may("see locked")]
    names = {policy.id: policy.name for policy in policies}
    counts = {one.policy: one.count for one in moderation.waiting()}
    for key, value in (
        ("review.kind", link.kind), ("review.policy", link.policy if link.policy in names else ""),
        ("review.order", link.order), ("review.langs", list(link.langs)), ("review.reported", link.reported),
        ("review.picture", link.has_picture),
    ):  # fmt: skip
        st.session_state[key] = value

    def named(policy: str) -> str:
        count = f" ({number(counts[policy])})" if counts.get(policy) else ""
        return label(names[policy]) + count if policy else "All policies"

    with st.container(horizontal=True, vertical_alignment="center", key="review_controls"):
        st.segmented_control(
            "Queue", kinds, format_func=lambda kind: KIND_NAMES[kind], key="review.kind", required=True,
            label_visibility="collapsed", on_change=_change_queue,
        )  # fmt: skip
        st.selectbox("Policy", ["", *names], format_func=named, key="review.policy", width=230,
                     label_visibility="collapsed", on_change=_change_queue)  # fmt: skip
        st.selectbox("Order", list(ORDERS), format_func=lambda order: ORDER_NAMES[order], key="review.order", width=220,
                     label_visibility="collapsed", on_change=_change_queue, help=URGENT)  # fmt: skip
        with st.popover("Narrow", icon=":material/filter_list:"):
            langs = [lang for lang, _ in resources.choices().langs[:40]]
            st.multiselect("Languages", [*dict.fromkeys([*link.langs, *langs])], key="review.langs",
                           format_func=language_name, on_change=_change_queue)  # fmt: skip
            st.segmented_control("Pictures", [None, True, False], key="review.picture", on_change=_change_queue,
                                 format_func=lambda one: PICTURES[one])  # fmt: skip
            st.toggle("Reported by people only", key="review.reported", on_change=_change_queue)
            st.toggle("Fold strong texts", key="desk.fold", value=st.session_state.get("desk.fold", True))
            _draw_saved(link, person)


def _draw_saved(link: ReviewLink, person: Person) -> None:
    """Queues that were kept under a name, for everybody."""
    kept = moderation.saved_queues()
    for name, address in kept.items():
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            if st.button(label(name), key=f"review.saved.{name}", icon=":material/inbox:", type="tertiary"):
                go_to(address)
            if st.button("Forget", key=f"review.forget.{name}", icon=":material/close:", type="tertiary"):
                moderation.forget_queue(name, person)
                st.rerun()
    name = st.text_input("Keep this queue as", key="review.save_as", max_chars=60)
    if st.button("Keep", disabled=not (name or "").strip(), key="review.save"):
        moderation.save_queue(name.strip(), link, person)
        st.rerun()


def _change_queue() -> None:
    link, _ = current(ReviewLink)
    forget_skipped()
    show_in_address_bar(
        replace(
            link,
            kind=st.session_state["review.kind"],
            policy=st.session_state["review.policy"],
            order=st.session_state["review.order"],
            langs=tuple(st.session_state.get("review.langs", ())),
            has_picture=st.session_state.get("review.picture"),
            reported=bool(st.session_state.get("review.reported")),
            number=1,
        )
    )
