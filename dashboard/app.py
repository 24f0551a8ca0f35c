"""Entry point: python -m streamlit run dashboard/app.py"""

from __future__ import annotations

import logging

import streamlit as st

from core.errors import FeedscopeError, WorkspaceBusy, WorkspaceMissing
from dashboard import resources, theme
from dashboard.components.frontend import follow_click
from dashboard.components.login import draw_login
from dashboard.components.notices import state
from dashboard.components.sidebar import draw_sidebar
from dashboard.navigation import draw_menu
from dashboard.resources import people


def main() -> None:
    theme.configure_page()
    page = draw_menu()
    try:
        resources.workspace()
    except FeedscopeError as error:
        _draw_closed(error)
        return
    try:
        if people.needs_login() and not draw_login():
            return
        follow_click()
        draw_sidebar()
        page.run()
    except FeedscopeError as error:
        state("This can't be shown", str(error), kind="failed")
    except Exception:  # a bug: the visitor gets a calm page, the log gets the traceback
        logging.getLogger("feedscope").log(logging.ERROR, "The page %r failed.", page.title, exc_info=True)
        state(
            "Something went wrong on this page",
            "This is a fault in Feedscope and not in your data, which is safe. The server's log says what happened.",
            kind="failed",
        )


def _draw_closed(error: FeedscopeError) -> None:
    """The app without a workspace: what is wrong, and what to do."""
    if isinstance(error, WorkspaceBusy):
        steps = (
            "Close the other Feedscope, or wait until its command has ended, and load this page again.",
            "Or name another workspace in FEEDSCOPE_WORKSPACE and start again.",
        )
    else:
        steps = (
            "“make run” builds the demo network; “python -m core --workspace DIR ingest PATH” makes one of your own.",
            "FEEDSCOPE_WORKSPACE names the workspace that is opened. Start again after changing it.",
        )
    state("The workspace is not open", str(error), steps=steps, kind="failed")
    with st.container(horizontal=True):
        st.button("Try again", icon=":material/refresh:")
        if isinstance(error, WorkspaceMissing) and st.button(
            "Make an empty workspace here", icon=":material/create_new_folder:", key="make_workspace"
        ):
            resources.make_workspace()
            st.rerun()


main()
