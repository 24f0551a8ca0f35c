"""Giving posts out: which format, with or without pictures, and one file to download."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.errors import ExportError, VectorError
from core.export import FORMATS, Subject
from dashboard.components.figures import number
from dashboard.components.notices import notice
from dashboard.components.text import element, show
from dashboard.resources import exports


def draw_export(subject: Callable[[], Subject], *, key: str, count: int) -> None:
    """A button that opens the choice. ``subject`` is called when somebody asks for the file; ``count`` is of how many
    posts."""
    if not count:
        return
    with st.popover("Export", icon=":material/download:", key=f"{key}.popover"):
        show(
            element(
                "p",
                f"{number(count)} posts in one zip file, with a provenance.json that says where they come from.",
                class_="fs-faint",
            )
        )
        format_ = st.selectbox("Format", list(FORMATS), format_func=lambda name: FORMATS[name], key=f"{key}.format")
        pictures = st.checkbox("With the pictures", key=f"{key}.pictures")
        problem = st.session_state.pop(f"{key}.problem", None)
        if problem:
            notice(problem, kind="error")
        st.download_button(
            "Download",
            data=partial(_packed, subject, format_ or "csv", pictures, key),
            file_name=f"feedscope-{format_}.zip",
            mime="application/zip",
            icon=":material/download:",
            type="primary",
            key=f"{key}.download",
            on_click="ignore",
            width="stretch",
        )


def _packed(subject: Callable[[], Subject], format_: str, pictures: bool, key: str) -> bytes:
    """The zip file, made when somebody asks for it."""
    try:
        return exports.packed(subject(), format_, pictures=pictures)
    except (ExportError, VectorError) as error:
        st.session_state[f"{key}.problem"] = str(error)
        raise
