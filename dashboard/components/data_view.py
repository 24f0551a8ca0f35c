"""What the workspace holds: figures, models and indexes, imports, jobs."""

from __future__ import annotations

from pathlib import PurePath

import streamlit as st

from core.database.jobs import Job
from core.export import of_workspace
from dashboard import resources
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.export_form import draw_export
from dashboard.components.figures import Tone, badge, day, day_and_time, facts, number, size, table
from dashboard.components.jobs import draw_job, watch
from dashboard.components.notices import notice
from dashboard.components.text import element, show
from dashboard.links import DataLink, SearchLink
from dashboard.navigation import go_to

PART_STATES: dict[str, tuple[str, Tone]] = {
    "current": ("Current", "good"),
    "behind": ("Behind", "warn"),
    "missing": ("Missing", "warn"),
    "empty": ("Nothing to index", "none"),
    "away": ("Away", "bad"),
}
SHOWN_JOBS = 8


def draw_holdings() -> None:
    """How much is here, since when, how large."""
    summary = resources.overview()
    opened = resources.workspace()
    lines = [
        ("Posts", number(summary.posts)),
        ("Authors", number(summary.users)),
        ("Pictures", number(summary.pictures)),
    ]
    if summary.interactions:
        lines.append(("Likes and other acts", number(summary.interactions)))
    if summary.first_at and summary.last_at:
        lines.append(("Time", f"{day(summary.first_at)} to {day(summary.last_at)}"))
    if summary.undated:
        lines.append(("Without a time", number(summary.undated)))
    lines.append(("Folder", str(opened.path)))
    show(element("h2", "In this workspace"), facts(lines))
    draw_export(lambda: of_workspace(opened), key="data.export", count=summary.posts)


def draw_parts(*, changes: bool) -> None:
    """Each index and its model: how current it is, how large; and what makes it anew, for those who may."""
    show(element("h2", "Models and indexes"))
    parts = resources.index_status()
    for part in parts:
        text, tone = PART_STATES[part.state]
        waiting = f", {number(part.waiting)} to do" if part.waiting else ""
        built = f", built {day_and_time(part.built_at)} UTC" if part.built_at else ""
        about = f"{number(part.rows)} indexed{waiting}, {size(part.bytes)}{built}"
        show(
            element(
                "div",
                element("div", element("strong", part.title), badge(text, tone), class_="fs-job-head"),
                element("p", about),
                element("p", part.detail, class_="fs-faint"),
                class_="fs-part",
            )
        )
    advice = resources.text_model_advice()
    if advice:
        notice(advice)
    if not changes:
        return
    busy = bool(resources.active_jobs())
    with st.container(horizontal=True):
        if any(part.state in ("behind", "missing") for part in parts) and st.button(
            "Bring up to date", type="primary", disabled=busy, help="Encodes and indexes what is not yet."
        ):
            resources.workspace().jobs.submit("index", {}, title="Bring the indexes up to date")
            st.rerun()
        if resources.overview().posts and st.button(
            "Rebuild", disabled=busy, help="Makes every index anew from the stored posts and vectors. Nothing is lost."
        ):
            resources.workspace().jobs.submit("rebuild", {}, title="Rebuild the indexes")
            st.rerun()


def draw_remote_pictures() -> None:
    """Pictures that lie elsewhere: nothing is fetched before somebody asks for it here."""
    remote = resources.remote_pictures()
    if not remote.waiting and not remote.failed:
        return
    failed = f" {number(remote.failed)} were asked for in vain." if remote.failed else ""
    show(
        element("h2", "Pictures elsewhere"),
        element(
            "p",
            f"{number(remote.waiting)} {'picture is' if remote.waiting == 1 else 'pictures are'} named by web addresses"
            f" and not here.{failed} Fetching tells the servers that somebody looks.",
        ),
    )
    with (
        st.popover("Fetch pictures", icon=":material/cloud_download:", key="data.fetch"),
        st.form("data.fetch.form", border=False),
    ):
        most = st.number_input("At most", 1, 1_000_000, max(1, min(1000, remote.waiting or remote.failed)))
        max_mb = st.number_input("Megabytes of one picture, at most", 1, 50, 20)
        seconds = st.number_input("Seconds for one picture, at most", 1, 120, 20)
        pause = st.number_input("Seconds between two requests to a server", 0.0, 60.0, 0.5)
        again = st.checkbox("Try those again that failed", value=not remote.waiting)
        if st.form_submit_button("Fetch", type="primary", disabled=bool(resources.active_jobs())):
            params = {"most": most, "max_mb": max_mb, "seconds": seconds, "pause": pause, "again": again}
            job = resources.workspace().jobs.submit("fetch_pictures", params, title="Fetch pictures")
            go_to(DataLink(job=job))


def draw_jobs(shown: int | None) -> None:
    """All long tasks, newest first, drawn again each second while one runs; ``shown`` is the one just begun."""
    watch(resources.active_jobs, lambda _: _draw_jobs(shown))


def _draw_jobs(shown: int | None) -> None:
    jobs = resources.workspace().jobs.list(limit=50)
    if not jobs:
        return
    jobs.sort(key=lambda job: (job.id != shown, not job.active, -job.id))
    show(element("h2", "Jobs"))
    for job in jobs[:SHOWN_JOBS]:
        draw_job(job, key="job")
        if job.id == shown and job.state == "done":
            _draw_onward(job)
    if len(jobs) > SHOWN_JOBS:
        with st.expander(f"{number(len(jobs) - SHOWN_JOBS)} older jobs"):
            for job in jobs[SHOWN_JOBS:]:
                draw_job(job, key="job")


def _draw_onward(job: Job) -> None:
    """Where to go after an import."""
    sources = [str(source) for source in (job.result or {}).get("sources", ())]
    chips = [Chip(name="See the posts of", text=source, link=SearchLink(sources=(source,))) for source in sources]
    if chips:
        draw_chips(chips, label="Where to go", key="data.onward")


def draw_runs() -> None:
    """Every import with its counts."""
    runs = resources.overview().runs
    if not runs:
        return
    show(element("h2", "Imports"))
    head = ("Source", "Format", "Begun", "Read", "Added", "Changed", "Skipped", "Failed")
    rows = [
        (
            PurePath(run.path).name,
            run.format,
            f"{day_and_time(run.started_at)} UTC" + ("" if run.finished_at else ", not finished"),
            *(number(n) for n in (run.seen, run.added, run.updated, run.skipped, run.failed)),
        )
        for run in runs
    ]
    show(table(head, rows, numeric=(3, 4, 5, 6, 7)))
