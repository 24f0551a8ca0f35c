"""Each space's index: what it holds, how well and how fast it answers, and why it is of its family."""

from __future__ import annotations

import streamlit as st

from core.database.jobs import Job
from core.errors import VectorStoreError
from core.indexes import Kind
from core.vectors.families import AUTO
from core.vectors.standing import Standing
from dashboard import resources
from dashboard.components.data_view import PART_STATES
from dashboard.components.figures import badge, day_and_time, facts, milliseconds, number, share, size, stats
from dashboard.components.jobs import progress, watch
from dashboard.components.notices import notice
from dashboard.components.text import element, foreign, show
from dashboard.resources import people

SPACE_NAMES: dict[Kind, str] = {"text": "Texts", "dual": "Pictures"}
FAMILY_NAMES = {
    "flat": "Exact (flat)",
    "hnsw": "Graph (HNSW)",
    "ivf_flat": "Lists (IVF-Flat)",
    "sq8": "One byte a number (SQ8)",
    "ivf_pq": "Codes (IVF-PQ)",
    "opq_ivf_pq": "Rotated codes (OPQ+IVF-PQ)",
    "lsh": "Random bits (LSH)",
    "milvus": "Milvus",
}
AUTO_NAME = "Automatic"


def family_name(family: str) -> str:
    return AUTO_NAME if family == AUTO else FAMILY_NAMES.get(family, family)


def draw_spaces(standings: tuple[Standing, ...]) -> None:
    """The spaces beside each other, drawn again each second while one is measured or built."""
    watch(jobs_on_indexes, lambda _: _draw_spaces(standings))


def jobs_on_indexes() -> list[Job]:
    return [job for job in resources.active_jobs() if job.kind in ("measure", "switch")]


def _draw_spaces(standings: tuple[Standing, ...]) -> None:
    columns = st.columns(len(standings), gap="medium") if len(standings) > 1 else [st.container()]
    for column, standing in zip(columns, standings, strict=True):
        with column, st.container(border=True, key=f"index_{standing.kind}", height="stretch"):
            _draw_space(standing)


def _draw_space(standing: Standing) -> None:
    part, measured = standing.part, standing.measured
    text, tone = PART_STATES.get(part.state, (part.state.capitalize(), "bad"))
    figures = [(number(part.rows), "vectors")]
    if measured is not None and not standing.outdated:
        figures.append((share(measured.quality.recall), f"recall@{measured.quality.k}"))
        figures.append((milliseconds(measured.quality.p50_ms), "a query"))
    show(
        element("div", element("strong", SPACE_NAMES[standing.kind]), badge(text, tone), class_="fs-job-head"),
        stats(figures),
        element("p", _measured_said(standing), class_="fs-faint"),
    )
    lines = [("Family", family_name(standing.family)), ("Why", _why(standing))]
    if standing.wanted != standing.family:
        lines.append(("When next built", family_name(standing.wanted)))
    lines += [("Model", standing.space.model_id), ("Dimensions", number(standing.space.dim))]
    try:
        lines.append(("In memory", size(resources.index_memory(standing.kind))))
    except VectorStoreError as error:
        notice(str(error), kind="error")
    lines.append(("On disk", size(part.bytes)))
    if part.built_at:
        lines.append(("Built", f"{day_and_time(part.built_at)} UTC"))
    if part.waiting:
        lines.append(("Waiting", f"{number(part.waiting)} to be encoded or indexed"))
    show(facts(lines))
    _draw_actions(standing)


def _why(standing: Standing) -> str:
    if not standing.by_hand or not standing.ours:
        return standing.why
    return f"Chosen by hand. Left to itself it would be {family_name(standing.auto)}."


def _measured_said(standing: Standing) -> str:
    measured = standing.measured
    if measured is None:
        exact = "It compares with every vector, so it finds all of the nearest. " if standing.exact else ""
        return f"{exact}Recall and the time of a query are not measured yet."
    quality = measured.quality
    said = (
        f"Of the {quality.k} nearest, {share(quality.recall)} were found ({share(quality.low)} to {share(quality.high)}"
        f" with 95 % confidence), asked {number(quality.queries)} times; half of the answers took"
        f" {milliseconds(quality.p50_ms)} or less, 95 % took {milliseconds(quality.p95_ms)} or less."
        f" Measured {day_and_time(measured.measured_at)} UTC."
    )
    return f"{standing.outdated} {said}" if standing.outdated else said


def _draw_actions(standing: Standing) -> None:
    kind = standing.kind
    running = [job for job in jobs_on_indexes() if job.params.get("space") == kind]
    if running:
        job = min(running, key=lambda job: job.id)
        show(element("p", foreign(job.title), class_="fs-job-title"), progress(job))
        return
    if not people.may("data"):
        return
    with st.container(horizontal=True):
        again = "Measure again" if standing.measured else "Measure"
        if st.button(again, icon=":material/speed:", key=f"measure_{kind}"):
            submit_measure(kind)
            st.rerun()
        if standing.wanted != standing.family and st.button(
            f"Build {family_name(standing.wanted)}", key=f"build_{kind}"
        ):
            submit_switch(kind, standing.wanted if standing.by_hand else AUTO)
            st.rerun()
        if standing.by_hand and st.button(
            "Back to automatic",
            key=f"auto_{kind}",
            help=f"Takes {family_name(standing.auto)} for as many vectors as there are.",
        ):
            submit_switch(kind, AUTO)
            st.rerun()


def submit_measure(kind: Kind) -> None:
    title = f"Measure the index of {SPACE_NAMES[kind].lower()}"
    resources.workspace().jobs.submit("measure", {"space": kind}, title=title)


def submit_switch(kind: Kind, family: str) -> None:
    """Builds the index anew and measures it."""
    title = f"Switch {SPACE_NAMES[kind].lower()} to {family_name(family)}"
    resources.workspace().jobs.submit("switch", {"space": kind, "family": family}, title=title)
    submit_measure(kind)
