"""The sidebar below the menu: which workspace, how much is in it, what runs, and whether it is ready."""

from __future__ import annotations

import streamlit as st

from dashboard import resources
from dashboard.components.figures import Tone, badge, number
from dashboard.components.index_badge import draw_index_badge
from dashboard.components.jobs import POLL_SECONDS, progress
from dashboard.components.text import element, foreign, show
from dashboard.links import DataLink
from dashboard.navigation import page_link


def draw_sidebar() -> None:
    summary = resources.overview()
    counts = ((summary.posts, "posts"), (summary.users, "authors"), (summary.pictures, "pictures"))
    with st.sidebar:
        show(
            element(
                "div",
                element("strong", foreign(resources.workspace_name()), class_="fs-workspace-name"),
                element(
                    "div",
                    *(
                        element("span", element("b", number(n)), f" {noun}")
                        for n, noun in counts
                        if n or noun == "posts"
                    ),
                    class_="fs-workspace-counts",
                ),
                class_="fs-workspace",
            )
        )
        draw_index_badge()
        busy = _busy()
        st.fragment(_draw_state, run_every=POLL_SECONDS if busy else None)(was_busy=busy)


def _busy() -> bool:
    return bool(resources.active_jobs()) or resources.encoders().state == "loading"


def _draw_state(was_busy: bool) -> None:
    """Drawn again each second while something runs; when it is done, so is the whole page."""
    if was_busy and not _busy():
        st.rerun()
    jobs = resources.active_jobs()
    text, tone = _ready(bool(jobs))
    show(badge(text, tone))
    problem = resources.encoders().problem
    if problem:
        show(element("p", problem, class_="fs-faint"))
    for job in jobs:
        if job.state != "queued":
            show(element("p", foreign(job.title), class_="fs-job-title"), progress(job))
    waiting = sum(job.state == "queued" for job in jobs)
    if waiting:
        show(element("p", f"{number(waiting)} more {'waits' if waiting == 1 else 'wait'}", class_="fs-faint"))
    if jobs:
        page_link(DataLink(), "All jobs", icon=":material/arrow_forward:")


def _ready(busy: bool) -> tuple[str, Tone]:
    loading = resources.encoders().state
    if loading == "failed":
        return "A model can't be loaded", "bad"
    if busy:
        return "Working in the background", "busy"
    if loading == "loading":
        return "Models are loading", "busy"
    parts = resources.index_status()
    if any(part.state == "away" for part in parts):
        return "The vector engine is away", "bad"
    if any(part.state in ("behind", "missing") for part in parts):
        return "Indexes are behind", "warn"
    return "Ready", "good"
