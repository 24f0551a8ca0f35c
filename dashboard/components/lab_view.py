"""The lab: which families to try on how many vectors, what they did, and the switch to one of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from core.database.jobs import Job
from core.vectors.families import AUTO, FAMILIES
from core.vectors.lab import LEAST_SAMPLE, SAMPLE, Results, cost, recommend, results
from core.vectors.standing import Standing
from dashboard import resources
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.figures import day_and_time, duration, number, size
from dashboard.components.index_view import SPACE_NAMES, family_name, jobs_on_indexes, submit_switch
from dashboard.components.jobs import POLL_SECONDS, draw_job
from dashboard.components.lab_chart import draw_chart, figures_csv, figures_table
from dashboard.components.notices import notice
from dashboard.components.text import element, show
from dashboard.links import IndexLink
from dashboard.navigation import show_in_address_bar
from dashboard.resources import people

DEFAULT_FAMILIES = ("flat", "hnsw", "ivf_flat", "sq8")
SAMPLES = (2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
SHOWN_RUNS = 5


def draw_lab(link: IndexLink, standings: tuple[Standing, ...]) -> None:
    show(
        element("h2", "Lab"),
        element(
            "p",
            "Builds other families on a sample of these vectors and measures each against exact search. Nothing changes"
            " until you switch.",
            class_="fs-faint",
        ),
    )
    if len(standings) > 1:
        kinds = [standing.kind for standing in standings]
        st.session_state["lab.space"] = link.space if link.space in kinds else kinds[0]  # the address is the truth
        st.segmented_control(
            "Space",
            kinds,
            format_func=lambda kind: SPACE_NAMES[kind],
            key="lab.space",
            required=True,
            label_visibility="collapsed",
            on_change=_choose_space,
        )
    standing = next((one for one in standings if one.kind == link.space), standings[0])
    if standing.part.rows < LEAST_SAMPLE:
        show(
            element(
                "p",
                f"There are {number(standing.part.rows)} vectors here: with {LEAST_SAMPLE} or more, families can be"
                " compared.",
            )
        )
        return
    _draw_form(standing)
    runs = resources.lab_runs(standing.kind)
    shown = next((job for job in runs if job.id == link.run), None)
    if link.run is not None and shown is None:
        notice(f"There is no run {link.run} of the lab on {SPACE_NAMES[standing.kind].lower()}.", kind="warning")
    if not runs:
        return
    job = shown or runs[0]
    st.fragment(_draw_run, run_every=POLL_SECONDS if job.active else None)(job.id, standing, was_busy=job.active)
    _draw_other_runs(link, [other for other in runs if other.id != job.id])


def _choose_space() -> None:
    show_in_address_bar(IndexLink(space=st.session_state["lab.space"]))


def _draw_form(standing: Standing) -> None:
    kind, count = standing.kind, standing.part.rows
    sizes = sorted({size_ for size_ in SAMPLES if size_ < count} | ({count} if count <= max(SAMPLES) else set()))
    families = st.pills(
        "Families",
        list(FAMILIES),
        selection_mode="multi",
        default=[name for name in DEFAULT_FAMILIES if name in FAMILIES],
        format_func=family_name,
        key="lab.families",
        wrap=True,
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab_form"):
        sample = st.selectbox(
            "Sample",
            sizes,
            index=max(at for at, size_ in enumerate(sizes) if size_ <= max(SAMPLE, sizes[0])),
            format_func=lambda size_: f"{number(size_)} vectors{', all' if size_ == count else ''}",
            key=f"lab.sample.{kind}",
            width=190,
        )
        active = any(job.active for job in resources.lab_runs(kind)) or not people.may("data")
        if st.button(
            "Run", type="primary", icon=":material/science:", disabled=active or not families, key=f"lab.run.{kind}"
        ):
            params = {"space": kind, "families": [name for name in FAMILIES if name in families], "sample": sample}
            title = f"Try {len(families)} index families on {SPACE_NAMES[kind].lower()}"
            job = resources.workspace().jobs.submit("lab", params, title=title)
            show_in_address_bar(IndexLink(space=kind, run=job))
            st.rerun()
    if families:
        about = (element("li", element("b", family_name(name)), " ", FAMILIES[name].about) for name in families)
        with st.expander("What these families do"):
            show(element("ul", *about))


def _draw_run(job_id: int, standing: Standing, was_busy: bool) -> None:
    """One run: how far it is, what it has found so far; drawn again each second while it goes on."""
    job = resources.workspace().jobs.get(job_id)
    if was_busy and not job.active:
        st.rerun()
    found = results(job)
    if job.state != "done":
        draw_job(job, key="lab")
        if job.state == "stopped":
            tried = len(found.tried)
            notice(f"It was stopped: {tried} of {len(found.families)} families were tried. “Go on” tries the rest.")
    for family, reason in found.failures:
        notice(f"{family_name(family)} could not be tried. {reason}", kind="warning")
    if found.points:
        _draw_found(job, found, standing)


def _draw_found(job: Job, found: Results, standing: Standing) -> None:
    advice = recommend(found)
    if advice is not None and not job.active:
        family, reason = advice
        show(
            element(
                "p",
                element("strong", f"The lab would choose {family_name(family)}."),
                f" {reason} {_tried_on(found)}",
            )
        )
        _draw_switch(found, standing, family)
    show(element("h3", "Recall against time; the larger the mark, the more memory"))
    draw_chart(found.points, key=f"lab.chart.{job.id}")
    show(figures_table([point for point in found.points if point.own]))
    if not all(point.own for point in found.points):
        with st.expander(f"All {number(len(found.points))} efforts that were tried"):
            show(figures_table(found.points))
    st.download_button(
        "Download as CSV",
        data=partial(figures_csv, found.points),
        file_name=f"lab-{job.id}.csv",
        mime="text/csv",
        icon=":material/download:",
        key=f"lab.csv.{job.id}",
        on_click="ignore",
    )


def _tried_on(found: Results) -> str:
    which = "all" if found.sampled == found.vectors else f"{number(found.sampled)} of"
    return f"Tried on {which} {number(found.vectors)} vectors."


def _draw_switch(found: Results, standing: Standing, advised: str) -> None:
    """The choice of a family, what it costs, and the one button."""
    kind = standing.kind
    if not standing.ours:
        show(element("p", standing.why, class_="fs-faint"))
        return
    tried = list(dict.fromkeys(point.family for point in found.points))
    with st.container(border=True, key="lab_switch"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            family = st.selectbox(
                f"Family of {SPACE_NAMES[kind].lower()}",
                [*tried, AUTO],
                index=tried.index(advised),
                format_func=family_name,
                key=f"lab.switch.{kind}.{advised}",
                width=300,
            )
            in_use = standing.family == (standing.auto if family == AUTO else family)
            if st.button(
                f"Switch to {family_name(family)}",
                type="primary",
                icon=":material/swap_horiz:",
                key=f"lab.switch_to.{kind}",
                disabled=in_use or bool(jobs_on_indexes()) or not people.may("data"),
            ):
                submit_switch(kind, family)
                st.rerun()
        show(element("p", _switch_said(found, standing, family, in_use=in_use), class_="fs-faint"))


def _switch_said(found: Results, standing: Standing, family: str, *, in_use: bool) -> str:
    built = standing.auto if family == AUTO else family
    stays = "" if family == AUTO else " It stays until you choose another, however many vectors come."
    if in_use:
        return f"{family_name(built)} is what serves now."
    if built not in {point.family for point in found.points}:
        return f"Takes {family_name(built)}, which was not tried here. Searches go on while it is built."
    seconds, memory = cost(found, built)
    return (
        f"Building it from {number(found.vectors)} vectors takes about {duration(seconds)} in the background, and it"
        f" keeps about {size(round(memory))} in memory. Searches go on with the present index until then.{stays}"
    )


def _draw_other_runs(link: IndexLink, jobs: list[Job]) -> None:
    chips = [
        Chip(
            name="Run of",
            text=f"{day_and_time(job.created_at)} UTC",
            count=f"{len(job.params['families'])} families",
            link=replace(link, run=job.id),
        )
        for job in jobs[:SHOWN_RUNS]
    ]
    draw_chips(chips, label="Other runs of the lab", key="lab.runs")
