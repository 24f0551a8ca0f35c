"""Data: bring posts in, see what runs and what the workspace holds."""

from __future__ import annotations

import streamlit as st

from dashboard.components.data_view import draw_holdings, draw_jobs, draw_parts, draw_remote_pictures, draw_runs
from dashboard.components.import_form import draw_import
from dashboard.components.notices import notices, state
from dashboard.components.text import element, show
from dashboard.components.top import draw_top
from dashboard.links import DataLink
from dashboard.navigation import current
from dashboard.resources import people

link, problems = current(DataLink)
show(element("h1", "Data"))
notices(problems)
left, right = st.columns([5, 3], gap="large")
changes = people.may("data")
with left:
    if not changes:
        state("A lead brings data in", "Your role lets you look at what is here.")
    else:
        if link.job is not None:
            draw_top(f"job {link.job}")
            draw_jobs(link.job)
        draw_import(link)
        if link.job is None:
            draw_jobs(None)
with right, st.container(border=True, key="data_about"):
    draw_holdings()
    draw_parts(changes=changes)
    if changes:
        draw_remote_pictures()
draw_runs()
