"""Long tasks on the page: how far they are, how long it may take, stop and go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePath

import streamlit as st

from core.database.jobs import Job
from core.export.job import KEPT_DAYS
from core.ingest.pipeline import REPORTED_FAILURES
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import Tone, badge, day_and_time, duration, number, size
from dashboard.components.text import Markup, element, foreign, show
from dashboard.resources import exports

STATES: dict[str, tuple[str, Tone]] = {
    "queued": ("Waiting", "busy"),
    "running": ("Running", "busy"),
    "stopping": ("Stopping", "warn"),
    "stopped": ("Stopped", "warn"),
    "done": ("Done", "good"),
    "failed": ("Failed", "bad"),
}
POLL_SECONDS = 1.0


def progress(job: Job) -> Markup:
    """A bar with the phase, how much of it is done, and the time that is left."""
    said = job.phase[:1].upper() + job.phase[1:] if job.phase else STATES[job.state][0]
    share = job.done / job.total if job.total else None
    if job.total:
        said += f": {number(job.done)} of {number(job.total)}"
    left = f"about {duration(job.seconds_left)} left" if job.seconds_left is not None and job.active else ""
    kind = "fs-bar" if share is not None else "fs-bar fs-unknown"
    bar = element("div", element("span"), class_=kind, share=share or 0)
    return element(
        "div",
        element("div", element("span", said), element("span", left), class_="fs-progress-text"),
        bar,
        class_="fs-progress",
    )


def heading(job: Job) -> Markup:
    text, tone = STATES[job.state]
    when = job.finished_at or job.started_at or job.created_at
    return element(
        "div",
        element("strong", foreign(job.title)),
        badge(text, tone),
        element("span", f"{day_and_time(when)} UTC", class_="fs-faint"),
        class_="fs-job-head",
    )


def outcome(job: Job) -> str:
    """What a finished import did, in a sentence; empty for other jobs."""
    result = job.result or {}
    if job.state == "failed":
        return (job.error or "It failed.").partition("Traceback")[0].strip()
    if job.state == "stopped" and job.kind == "export":
        return "It was stopped; nothing was written."
    if "exported" in result:
        return _exported(result)
    if "tried" in result:
        counted = f"{number(result['fetched'])} fetched, {number(result['failed_fetches'])} not to be had"
        asked = "address of a picture was" if result["tried"] == 1 else "addresses of pictures were"
        return f"{number(result['tried'])} {asked} asked: {counted}."
    if "id_sha256" in result:
        found = len(result["found_in"])
        proof = f"Its id was found in {number(found)}" if found else "Its id was found in none"
        searched = f"{proof} of the {number(result['searched_files'])} files of the workspace afterwards."
        gone = (f"{number(result[f'{noun}s'])} {plural(noun, result[f'{noun}s'])}" for noun in ("post", "picture"))
        return f"{' and '.join(gone)} were deleted. {searched}"
    if "seen" not in result:
        return ""
    parts = [f"{number(int(result.get(name, 0)))} {name}" for name in ("added", "updated", "skipped", "failed")]
    source = PurePath(str(result.get("path", ""))).name
    pictures = int(result.get("pictures_failed", 0))
    kept = (
        "picture could not be read; its post was" if pictures == 1 else "pictures could not be read; their posts were"
    )
    pictures_said = f" {number(pictures)} {kept} kept." if pictures else ""
    elsewhere = int(result.get("pictures_elsewhere", 0))
    if elsewhere:
        pictures_said += (
            f" {number(elsewhere)} {plural('picture', elsewhere)} on the web can be fetched from this page."
        )
    seen = int(result["seen"])
    rows = f"{number(seen)} {plural('row', seen)}"
    if result.get("dry_run"):
        were = "was" if seen == 1 else "were"
        return f"{rows} of {source} {were} tried: {', '.join(parts)}. Nothing was stored.{pictures_said}"
    return f"{rows} read from {source}: {', '.join(parts)}.{pictures_said}"


def _exported(result: dict[str, object]) -> str:
    posts, pictures, left_out = (int(str(result[name])) for name in ("exported", "pictures", "left_out"))
    along = f" and {number(pictures)} {plural('picture', pictures)}" if pictures else ""
    left = f" {number(left_out)} {'was' if left_out == 1 else 'were'} left out: gone or removed." if left_out else ""
    return f"{number(posts)} {plural('post', posts)}{along} in a file of {size(int(str(result['bytes'])))}.{left}"


def draw_export_file(job: Job, *, key: str) -> None:
    """The way to have what an export made; nothing for other jobs."""
    if job.state != "done" or "exported" not in (job.result or {}):
        return
    path = exports.file_of(job)
    if path is None:
        said = f"The file is gone: it is kept for {KEPT_DAYS} days, or until somebody is deleted."
        show(element("p", said, class_="fs-faint"))
    elif path.stat().st_size > exports.MAX_BYTES:
        show(element("p", "It is too large for a browser's download. On this machine it is ", foreign(str(path))))
    else:
        st.download_button(
            "Download",
            data=partial(exports.contents, path),
            file_name=f"feedscope-{path.name.partition('-')[2]}",
            mime="application/zip",
            icon=":material/download:",
            type="primary",
            key=key,
            on_click="ignore",
        )


def watch(active: Callable[[], Sequence[Job]], draw: Callable[[Sequence[Job]], None]) -> None:
    """Draws ``draw(active())``, again each second while there are active jobs; when they have ended, the whole page."""

    def drawn(was_busy: bool) -> None:
        running = active()
        if was_busy and not running:
            st.rerun()
        draw(running)

    busy = bool(active())
    st.fragment(drawn, run_every=POLL_SECONDS if busy else None)(busy)


def draw_job(job: Job, *, key: str) -> None:
    """One job with its buttons."""
    with st.container(border=True, key=f"{key}_{job.id}", gap="small"):
        show(heading(job))
        if job.state in ("running", "stopping") or (job.state == "stopped" and job.total):
            show(progress(job))  # what waits its turn says so once, and nothing moves
        said = outcome(job)
        if said:
            show(element("p", said, class_="fs-outcome fs-bad-text" if job.state == "failed" else "fs-outcome"))
        buttons = st.container(horizontal=True)
        if job.state in ("queued", "running") and buttons.button(
            "Stop", icon=":material/stop_circle:", key=f"{key}_stop_{job.id}"
        ):
            resources.workspace().jobs.stop(job.id)
            st.rerun()
        if job.state in ("stopped", "failed") and buttons.button(
            "Go on", icon=":material/play_circle:", key=f"{key}_resume_{job.id}"
        ):
            resources.workspace().jobs.resume(job.id)
            st.rerun()
        if job.state == "done" and {"seen", "tried", "id_sha256"} & (job.result or {}).keys():
            buttons.download_button(
                "Receipt" if "id_sha256" in (job.result or {}) else "Report",
                data=partial(report_json, job),
                file_name=f"{job.kind}-{job.id}.json",
                mime="application/json",
                icon=":material/receipt_long:",
                key=f"{key}_report_{job.id}",
                on_click="ignore",
            )
        with buttons:
            draw_export_file(job, key=f"{key}_file_{job.id}")
        details = (job.error or "").partition("Traceback")
        if details[1]:
            with st.expander("Details for a report"):
                show(element("pre", "".join(details[1:]), class_="fs-pre"))
        failures = resources.failures_of(job)
        if failures:
            draw_failures(failures, key=f"{key}_failures_{job.id}", everything=lambda: resources.all_failures_of(job))


def report_json(job: Job) -> str:
    """All that an import, a fetch or a deletion has to say, every row that could not be read too."""
    document: dict[str, object] = {"job": job.kind, "title": job.title}
    document |= {"started_at": job.started_at, "finished_at": job.finished_at, **(job.result or {})}
    document["failures"] = resources.all_failures_of(job)
    return json.dumps(document, ensure_ascii=False, indent=1, default=str)


Failures = list[dict[str, str]]


def draw_failures(failures: Failures, *, key: str, everything: Callable[[], Failures] | None = None) -> None:
    """What could not be read and why: the first few, and all of them to download, which ``everything`` gives where
    ``failures`` are only the first of many."""
    more = "or more " if len(failures) >= REPORTED_FAILURES else ""
    with st.expander(f"{number(len(failures))} {more}{plural('row', len(failures))} with a reason"):
        items = [element("li", element("b", foreign(f["where"])), " ", foreign(f["reason"])) for f in failures[:20]]
        show(element("ul", *items, class_="fs-failures"))
        if len(failures) > len(items):
            show(element("p", "All the others are in the file.", class_="fs-faint"))
        st.download_button(
            "Download as CSV",
            data=lambda: failures_csv(everything() if everything else failures),
            file_name="failures.csv",
            mime="text/csv",
            icon=":material/download:",
            key=key,
            on_click="ignore",
        )


def failures_csv(failures: list[dict[str, str]]) -> str:
    from core.export.cells import csv_text

    return csv_text(["where", "reason"], ([f["where"], f["reason"]] for f in failures))
