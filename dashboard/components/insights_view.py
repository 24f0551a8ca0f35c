"""The page Moderation insights."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from math import isnan

import streamlit as st

from core.errors import FeedscopeError, RoleError
from core.jobs.runner import utc_now
from core.moderation.desk import waited
from core.moderation.insights import Agreement, GroupErrors, ScoringRun, Share
from core.moderation.policies import Policy, save_policy
from core.moderation.roles import Person
from core.moderation.thresholds import LEAST_DECIDED, LEAST_EACH
from dashboard import resources
from dashboard.components.cards import Card, draw_cards, plural
from dashboard.components.figures import duration, number, share, stats, table
from dashboard.components.moderation_charts import draw_over_time, draw_reliability, draw_scores, draw_volumes
from dashboard.components.notices import notice, state
from dashboard.components.text import element, label, show
from dashboard.languages import language_name
from dashboard.links import InsightsLink, ReviewLink
from dashboard.navigation import current, page_link, show_in_address_bar
from dashboard.resources import insights, moderation, people


def draw_insights(link: InsightsLink) -> None:
    try:
        person = people.person()
        person.require("insights")
    except RoleError as error:
        state("Insights are for reviewers", str(error))
        return
    policies = {one.id: one for one in moderation.policies(enabled=True)}
    if not policies:
        state("No policy is on", "A lead switches policies on, on the Review page.")
        page_link(ReviewLink(view="policies"), "Policies", icon=":material/gavel:")
        return
    _draw_head(link, person)
    _draw_threshold(link, person, policies)
    left, right = st.columns(2, gap="large")
    with left:
        _draw_precision(person)
    with right:
        _draw_agreement(person)
    _draw_volumes(link, person)
    _draw_fairness(link, person, policies)
    _draw_drift(link, person, policies)
    draw_reliability(key="insights.reliability")


def _chosen(link: InsightsLink, policies: dict[str, Policy]) -> str:
    """The policy that the link names, or the one of which most waits."""
    if link.policy in policies:
        return link.policy
    waits = (one.policy for one in moderation.waiting() if one.policy in policies)
    return next(waits, None) or next(iter(policies))


def _draw_head(link: InsightsLink, person: Person) -> None:
    waiting = moderation.waiting()
    found = insights.volume(link.days, person)
    decided = sum(n for _, action, n in found.days if action != "undo")
    oldest = min((one.oldest for one in waiting if one.oldest), default=None)
    flags = sum(one.count for one in waiting)
    figures = [(number(flags), "flag waits" if flags == 1 else "flags wait")]
    if oldest is not None:
        figures.append((waited(oldest, utc_now()), "the oldest waits"))
    figures.append((number(decided), f"{plural('decision', decided)} in {link.days} days"))
    if found.median_seconds:
        figures.append((duration(found.median_seconds), "a decision, median"))
    if found.median_wait:
        figures.append((waited(utc_now() - timedelta(seconds=found.median_wait), utc_now()), "waited, median"))
    show(stats(figures))


def _draw_threshold(link: InsightsLink, person: Person, policies: dict[str, Policy]) -> None:
    show(element("h2", "What another threshold would do"))
    chosen = _chosen(link, policies)
    policy = policies[chosen]
    tried = policy.threshold if link.threshold is None else link.threshold
    st.session_state["insights.policy"] = chosen
    st.session_state["insights.threshold"] = tried
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Policy", list(policies), format_func=lambda one: label(policies[one].name),
                     key="insights.policy", width=260, on_change=_change_policy)  # fmt: skip
        st.slider("Flag from this score on", 0.0, 1.0, step=0.01, key="insights.threshold", width=420,
                  on_change=_change_threshold)  # fmt: skip
        if person.may("policies") and tried != policy.threshold and st.button("Make it the threshold", type="primary"):
            save_policy(resources.workspace(), replace(policy, threshold=tried), by=person)
            st.rerun()
    try:
        found = insights.preview(chosen, tried, person)
    except FeedscopeError as error:
        notice(str(error))
        return
    rows = [
        ("Posts flagged", number(found.now), number(found.then)),
        ("Expected precision", *(_percent(value) or "none flagged" for value in found.precision)),
        ("Expected recall", _percent(found.recall[0]), _percent(found.recall[1])),
    ]
    work = duration(abs(found.hours) * 3600)
    hours = f"{work} {'more' if found.hours > 0 else 'less'} to review" if found.hours else ""
    rests = (
        f"Corrected by {number(found.decided)} {plural('decision', found.decided)}."
        if found.corrected
        else f"By the scores alone: {number(found.decided)} {plural('decision', found.decided)} can’t correct them yet;"
        f" it takes {LEAST_DECIDED}, of which {LEAST_EACH} kept and {LEAST_EACH} acted on."
    )
    left, right = st.columns([3, 4], gap="large")
    with left:
        show(table(("", f"Now, {policy.threshold:.2f}", f"At {tried:.2f}"), rows, numeric=(1, 2)))
        changes = [f"{number(found.gained)} {plural('flag', found.gained)} gained", f"{number(found.lost)} lost", hours]
        show(
            element("p", ", ".join(one for one in changes if one) + "."),
            element("p", rests + " Recall is of all posts that break the policy, as far as the scores know.",
                    class_="fs-faint"),
        )  # fmt: skip
    with right:
        draw_scores(found, key="insights.scores")
    with st.expander("Posts at the edge", icon=":material/vertical_align_center:"):
        _draw_edges(found.above, found.below)


def _draw_edges(above: tuple[tuple[str, float], ...], below: tuple[tuple[str, float], ...]) -> None:
    for title, side in (("Just above", above), ("Just below", below)):
        posts = resources.posts([id_ for id_, _ in side], hidden=True)
        if posts:
            show(element("h3", title))
            cards = [
                Card(replace(posts[id_], media=()), text=posts[id_].text[:200], badges=[("flag", f"{score:.3f}", "")])
                for id_, score in side
                if id_ in posts
            ]
            draw_cards(cards, resources.thumbnail, layout="grid", label=title, key=f"insights.{title}")


def _change_policy() -> None:
    link, _ = current(InsightsLink)
    show_in_address_bar(replace(link, policy=st.session_state["insights.policy"], threshold=None))


def _change_threshold() -> None:
    link, _ = current(InsightsLink)
    show_in_address_bar(
        replace(link, policy=st.session_state["insights.policy"],
                threshold=round(st.session_state["insights.threshold"], 2))
    )  # fmt: skip


def _draw_precision(person: Person) -> None:
    show(element("h2", "Precision of the scorers"))
    found = insights.precision(person)
    if not found:
        show(element("p", "No flagged post was decided yet. Precision is measured as you decide.", class_="fs-faint"))
        return
    names = _names()
    show(
        table(
            ("Policy", "Model", "Decided", "Acted on", "95 % interval"),
            [
                (names.get(one.policy, one.policy), one.model_id,
                 number(one.acted.count), _percent(one.acted.value), _interval(one.acted))
                for one in found
            ],
            numeric=(2, 3, 4),
        )
    )  # fmt: skip


def _draw_agreement(person: Person) -> None:
    show(element("h2", "Agreement of reviewers"))
    by_policy, by_pair = insights.agreements(person)
    if not by_policy:
        show(
            element(
                "p",
                "No decision was reviewed a second time yet. A share of them waits in the queue “Second review”.",
                class_="fs-faint",
            )
        )
        page_link(ReviewLink(kind="second"), "Second reviews", icon=":material/visibility_off:")
        return

    names = _names() | {"all": "All policies", "no policy": "No policy"}

    def rows(found: list[Agreement]) -> list[tuple[str, ...]]:
        return [
            (names.get(one.name, one.name), number(one.items), _percent(one.same.value), _figure(one.kappa),
             _figure(one.alpha))
            for one in found
        ]  # fmt: skip

    head = ("Twice", "Same", "κ", "α")
    show(
        table(("Policy", *head), rows(by_policy), numeric=(1, 2, 3, 4)),
        table(("Reviewers", *head), rows(by_pair), numeric=(1, 2, 3, 4)),
        element(
            "p",
            "Reviewed twice, the second time blindly. Cohen’s κ and Krippendorff’s α: 1 is always the same, 0 no more"
            " often than by chance.",
            class_="fs-faint",
        ),
    )


def _names() -> dict[str, str]:
    """Of every policy by id, those too that are off."""
    return {one.id: one.name for one in moderation.policies()}


def _draw_volumes(link: InsightsLink, person: Person) -> None:
    found = insights.volume(link.days, person)
    show(element("h2", "Decisions"))
    if not found.days:
        show(element("p", "Nothing was decided in this time.", class_="fs-faint"))
    else:
        left, right = st.columns([5, 4], gap="large")
        with left:
            draw_volumes(found, link.days, key="insights.volumes")
        with right:
            show(
                table(
                    ("Reviewer", "Decisions", "Median"),
                    [(who, number(n), duration(s) if s else "") for who, n, s in found.reviewers],
                    numeric=(1, 2),
                )
            )
            said = [f"{_percent(found.undone.value)} of decisions were taken back."] if found.undone.count else []
            if found.overturned.count:
                said.append(f"{_percent(found.overturned.value)} of appeals were granted.")
            show(*(element("p", one, class_="fs-faint") for one in said))
    waiting = moderation.waiting()
    if waiting:
        names = _names()
        show(
            table(
                ("What waits", "Posts", "The oldest waits"),
                [
                    (names.get(one.policy or "", "Reported under no policy"), number(one.count),
                     waited(one.oldest, utc_now()) if one.oldest else "")
                    for one in waiting
                ],
                numeric=(1, 2),
            )
        )  # fmt: skip


def _draw_fairness(link: InsightsLink, person: Person, policies: dict[str, Policy]) -> None:
    chosen = _chosen(link, policies)
    show(
        element("h2", f"Errors by group: {policies[chosen].name}"),
        element(
            "p",
            "Wrongly flagged: of the decided posts that were kept, those that the scorer had flagged. A group with much"
            " more of it than all posts is treated unfairly by the scorer. In brackets the 95 % interval.",
            class_="fs-faint",
        ),
    )
    langs, groups = insights.errors_by_group(chosen, person)
    if not langs or not langs[0].posts:
        show(element("p", "Nothing was scored under this policy yet.", class_="fs-faint"))
        return
    head = ("Posts", "Flagged", "Wrongly flagged", "Missed")
    named = [langs[0], *(replace(one, name=language_name(one.name) or one.name) for one in langs[1:])]
    show(table(("Language", *head), map(_error_row, named), numeric=(1, 2, 3, 4)))
    if groups:
        show(table(("Posts that name", *head), map(_error_row, groups), numeric=(1, 2, 3, 4)))


def _error_row(one: GroupErrors) -> tuple[str, ...]:
    return (one.name, number(one.posts), _percent(one.flagged.value), _with_count(one.wrong), _with_count(one.missed))


def _draw_drift(link: InsightsLink, person: Person, policies: dict[str, Policy]) -> None:
    chosen = _chosen(link, policies)
    show(element("h2", f"Scores over time: {policies[chosen].name}"))
    unit, periods = insights.over_time(chosen, person)
    if len(periods) > 1:
        draw_over_time(unit, periods, key="insights.over_time")
        show(
            element(
                "p",
                "By when posts were written. Where it moves, the posts have changed, or are of a kind that the scorer"
                " has not learned from.",
                class_="fs-faint",
            )
        )
    runs = [run for run in insights.scoring_runs(person) if run.policy in policies]
    if not runs:
        show(element("p", "Nothing was scored yet.", class_="fs-faint"))
        return
    latest = defaultdict(list)
    for run in runs:
        latest[run.policy].append(run)
    show(
        table(
            ("By scoring run", "Runs", "Posts in the last", "Mean score", "Flagged", "Change of the mean"),
            [
                (policies[policy].name, number(len(several)), number(several[-1].posts), f"{several[-1].mean:.3f}",
                 _percent(several[-1].above.value),
                 _change(several))
                for policy, several in latest.items()
            ],
            numeric=(1, 2, 3, 4, 5),
        )
    )  # fmt: skip


def _change(runs: list[ScoringRun]) -> str:
    """Of the mean, since the run before by the same model: another one's scores are no drift."""
    *earlier, last = runs
    before = next((run for run in reversed(earlier) if run.model_id == last.model_id), None)
    return f"{last.mean - before.mean:+.3f}" if before else ""


def _percent(value: float) -> str:
    return "" if isnan(value) else share(value)


def _figure(value: float) -> str:
    return "" if isnan(value) else f"{value:.2f}"


def _interval(found: Share) -> str:
    low, high = found.interval
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def _with_count(found: Share) -> str:
    if not found.count:
        return "none decided"
    return f"{_percent(found.value)} of {number(found.count)} ({_interval(found)})"
