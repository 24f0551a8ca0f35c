"""Giving posts out: which format, with or without pictures, and one file to download: at once where that is quick, else
made in the background."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.database.jobs import Job
from core.errors import FeedscopeError, SettingError
from core.export import FORMATS, Subject
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import number
from dashboard.components.jobs import draw_export_file, outcome, progress, watch
from dashboard.components.notices import notice
from dashboard.components.text import clean, element, show
from dashboard.links import DataLink
from dashboard.navigation import page_link
from dashboard.resources import exports, maps

AT_ONCE = 2_000
"""So many posts without pictures are given at once; more are made into a file in the background."""
_NO_MAP = "No map: two principal components"


def draw_export(subject: Callable[[], Subject], *, key: str, count: int) -> None:
    """A button that opens the choice. ``subject`` is called when somebody asks for the file; ``count`` is of how many
    posts."""
    if not count:
        return
    with st.popover("Export", icon=":material/download:", key=f"{key}.popover"):
        show(
            element(
                "p",
                f"{number(count)} {plural('post', count)} in one zip file, with a provenance.json that says where they"
                " come from.",
                class_="fs-faint",
            )
        )
        format_ = st.selectbox("Format", list(FORMATS), format_func=lambda name: FORMATS[name], key=f"{key}.format")
        layout = _choose_map(key) if format_ == "atlas" else None
        pictures = st.checkbox("With the pictures", key=f"{key}.pictures")
        problem = st.session_state.pop(f"{key}.problem", None)
        if problem:
            notice(problem, kind="error")
        if count > AT_ONCE or pictures or format_ == "clip-retrieval":
            st.button(
                "Make the file", icon=":material/archive:", type="primary", key=f"{key}.begin", width="stretch",
                on_click=_begin, args=(subject, format_, pictures, layout, key),
                help="In the background: you can go on, and the Data page keeps the file for a week.",
            )  # fmt: skip
        else:
            st.download_button(
                "Download",
                data=partial(_packed, subject, format_ or "csv", pictures, layout, key),
                file_name=f"feedscope-{format_}.zip",
                mime="application/zip",
                icon=":material/download:",
                type="primary",
                key=f"{key}.download",
                on_click="ignore",
                width="stretch",
            )
        _draw_begun(key)


def _choose_map(key: str) -> str:
    """The map whose places go along: an id, or empty for none."""
    known = {info.id: info.name for info in maps.layouts() if info.noun == "post"}
    return st.selectbox(
        "Places from", [*known, ""], format_func=lambda id_: clean(known[id_])[:60] if id_ else _NO_MAP,
        key=f"{key}.layout",
    )  # fmt: skip


def _packed(subject: Callable[[], Subject], format_: str, pictures: bool, layout: str | None, key: str) -> bytes:
    """The zip file, made when somebody asks for it."""
    try:
        return exports.packed(subject(), format_, pictures=pictures, layout=layout)
    except FeedscopeError as error:
        st.session_state[f"{key}.problem"] = str(error)
        raise


def _begin(subject: Callable[[], Subject], format_: str, pictures: bool, layout: str | None, key: str) -> None:
    try:
        st.session_state[f"{key}.job"] = exports.begin(subject(), format_, pictures=pictures, layout=layout)
    except FeedscopeError as error:
        st.session_state[f"{key}.problem"] = str(error)


def _draw_begun(key: str) -> None:
    """The file that is being made, and then the way to have it."""
    if _job(key) is not None:
        watch(lambda: [job for job in [_job(key)] if job is not None and job.active], lambda _: _draw_job(key))


def _job(key: str) -> Job | None:
    id_ = st.session_state.get(f"{key}.job")
    try:
        return None if id_ is None else resources.workspace().jobs.get(id_)
    except SettingError:  # of another workspace
        del st.session_state[f"{key}.job"]
        return None


def _draw_job(key: str) -> None:
    job = _job(key)
    if job is None:
        return
    if job.active:
        show(progress(job))
        if job.state != "stopping" and st.button("Stop", icon=":material/stop_circle:", key=f"{key}.stop"):
            resources.workspace().jobs.stop(job.id)
            st.rerun(scope="fragment")
        page_link(DataLink(job=job.id), "All jobs", icon=":material/arrow_forward:")
        return
    said = outcome(job)
    if said:
        show(element("p", said, class_="fs-outcome fs-bad-text" if job.state == "failed" else "fs-outcome"))
    draw_export_file(job, key=f"{key}.file")
