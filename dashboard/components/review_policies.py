"""Policies: what each looks for, from which score on, and a new one by a sentence and examples."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.errors import FeedscopeError
from core.moderation.policies import (
    ATTRIBUTES,
    MAX_EXAMPLES,
    PERSPECTIVE,
    POST_ACTIONS,
    SCORER_NAMES,
    Policy,
    new_id,
    save_policy,
)
from core.moderation.queue import second_share, set_second_share
from core.moderation.roles import Person
from dashboard import resources
from dashboard.components.figures import number, share, table
from dashboard.components.notices import notice
from dashboard.components.text import element, label, show
from dashboard.links import InsightsLink, ReviewLink
from dashboard.navigation import go_to, page_link
from dashboard.resources import collections, insights, moderation

ACTION_NAMES = {"keep": "Keep", "remove": "Remove", "label": "Label", "limit": "Limit", "escalate": "Escalate"}


def draw_policies(link: ReviewLink, person: Person) -> None:
    policies = moderation.policies()
    waits = {one.policy: one.count for one in moderation.waiting()}
    acted: dict[str, tuple[int, int]] = {}
    for found in insights.precision(person):
        hits, count = acted.get(found.policy, (0, 0))
        acted[found.policy] = (hits + found.acted.hits, count + found.acted.count)
    show(
        table(
            ("Policy", "Scorer", "From", "Proposes", "Wait", "Of its flags, acted on", ""),
            [
                (one.name, _scorer_name(one), f"{one.threshold:.2f}", ACTION_NAMES[one.action],
                 number(waits.get(one.id, 0)), _precision(acted.get(one.id)), "" if one.enabled else "Off")
                for one in policies
            ],
            numeric=(2, 4, 5),
        )
    )  # fmt: skip
    if not person.may("policies"):
        show(element("p", "A lead changes policies.", class_="fs-faint"))
        return
    by_id = {one.id: one for one in policies}
    left, right = st.columns(2, gap="large")
    with left, st.container(border=True, key="policy_change"):
        show(element("h2", "Change a policy"))
        ids = list(by_id)
        chosen = st.selectbox("Policy", ids, index=ids.index(link.id) if link.id in by_id else 0,
                              format_func=lambda id_: label(by_id[id_].name))  # fmt: skip
        _draw_change(by_id[chosen], person)
    with right, st.container(border=True, key="policy_new"):
        show(element("h2", "A policy by example"))
        show(
            element(
                "p",
                "A sentence, some posts, or both: the queue is ranked by how near posts come to them, in words and in"
                " pictures, and learns from what you decide.",
                class_="fs-faint",
            )
        )
        _draw_new(person, set(by_id))
    with st.container(border=True, key="second_share"):
        _draw_second(person)


def _precision(acted: tuple[int, int] | None) -> str:
    return "" if acted is None else f"{share(acted[0] / acted[1])} of {number(acted[1])}"


def _scorer_name(policy: Policy) -> str:
    return (
        f"{SCORER_NAMES[policy.scorer]}: {policy.attribute}"
        if policy.scorer == "words"
        else SCORER_NAMES[policy.scorer]
    )


def _draw_change(policy: Policy, person: Person) -> None:
    with st.form(f"policy.{policy.id}", border=False):
        name = st.text_input("Name", policy.name, max_chars=60)
        description = st.text_area("What it says", policy.description, max_chars=2000, height=80)
        threshold = st.slider("Flags from this score on", 0.0, 1.0, policy.threshold, 0.01)
        action = st.selectbox("Proposes to", list(POST_ACTIONS), index=POST_ACTIONS.index(policy.action),
                              format_func=lambda one: ACTION_NAMES[one])  # fmt: skip
        about = dict(policy.about)
        if policy.scorer == "words":
            about["attribute"] = st.selectbox(
                "Attribute", PERSPECTIVE, index=PERSPECTIVE.index(policy.attribute),
                help=f"The packaged scorer knows {', '.join(ATTRIBUTES)}; for the others set FEEDSCOPE_SCORER.",
            )  # fmt: skip
        if policy.scorer == "described":
            about["words"] = st.text_area("Sentences, a line each", str(about.get("words", "")), max_chars=2000)
            given = st.text_area("Ids of example posts, a line each", "\n".join(about.get("examples", [])))
            about["examples"] = [line.strip() for line in given.splitlines() if line.strip()]
        enabled = st.toggle("On", policy.enabled)
        if st.form_submit_button("Save", type="primary"):
            changed = replace(
                policy, name=name, description=description, threshold=threshold, action=action,
                enabled=enabled, about=about,
            )  # fmt: skip
            _save(changed, person, rescore=about != dict(policy.about) or (enabled and not policy.enabled))
    page_link(InsightsLink(policy=policy.id), "What another threshold would do", icon=":material/tune:")


def _draw_new(person: Person, taken: set[str]) -> None:
    with st.form("policy.new", border=False, clear_on_submit=False):
        name = st.text_input("Name", max_chars=60, placeholder="Ticket touts")
        words = st.text_area("Sentences, a line each", max_chars=2000, height=80,
                             placeholder="Selling concert tickets far above their price")  # fmt: skip
        kept = {one.id: one for one in collections.collections("post")}
        chosen = st.selectbox("Example posts: a collection", list(kept), index=None, placeholder="None",
                              format_func=lambda id_: f"{label(kept[id_].name)} ({number(kept[id_].size)})",
                              help="Gather posts on any page with “Add to collection”.")  # fmt: skip
        given = st.text_area("Example posts: ids, a line each", height=68)
        if st.form_submit_button("Make it and rank the posts", type="primary"):
            members = collections.post_ids(chosen)[:MAX_EXAMPLES] if chosen else []
            examples = list(dict.fromkeys([*filter(None, map(str.strip, given.splitlines())), *members]))
            policy = Policy(
                new_id(name, taken), name, "", "described", 0.6, "label", about={"words": words, "examples": examples}
            )
            _save(policy, person, rescore=True)


def _draw_second(person: Person) -> None:
    now = second_share(resources.workspace())
    show(element("h2", "Second reviews"))
    show(
        element(
            "p",
            f"{share(now)} of the first decisions are put before another reviewer, who does not see what was decided."
            " They have no effect: they show how much reviewers agree.",
            class_="fs-faint",
        )
    )
    wanted = st.slider("Share", 0.0, 1.0, now, 0.05, key="policies.second", format="percent")
    if wanted != now:
        set_second_share(resources.workspace(), wanted, by=person)
        st.rerun()


def _save(policy: Policy, person: Person, *, rescore: bool) -> None:
    try:
        save_policy(resources.workspace(), policy, by=person)
    except FeedscopeError as error:
        notice(str(error), kind="error")
        return
    if rescore:
        resources.workspace().jobs.submit("moderate", {}, title=f"Score posts for {policy.name}")
    go_to(ReviewLink(view="policies", id=policy.id))
