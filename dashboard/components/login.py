"""Logging in, where a team uses the server: st.login by OpenID Connect, and a role from the list."""

from __future__ import annotations

import streamlit as st
from streamlit.errors import StreamlitAuthError

from core.errors import RoleError
from dashboard.components.notices import notice, state
from dashboard.components.text import label
from dashboard.resources import people


def draw_login() -> bool:
    """Whether the visitor is somebody with a role. Draws the way in, or out, where not."""
    if not people.is_logged_in():
        state(
            "Log in to look at this network",
            "This server is a team's. Your organisation's login says who you are, a list says what you may do.",
        )
        if st.button("Log in", type="primary", icon=":material/login:"):
            try:
                st.login()
            except StreamlitAuthError as error:
                notice(
                    f"The login is not set up: {str(error).splitlines()[0]} Put [auth] with redirect_uri,"
                    " cookie_secret, client_id, client_secret and server_metadata_url into .streamlit/secrets.toml.",
                    kind="error",
                )
        return False
    try:
        person = people.person()
    except RoleError as error:
        state("You have no role here", str(error), kind="failed")
        st.button("Log out", on_click=st.logout, icon=":material/logout:")
        return False
    with st.sidebar:
        st.button(f"Log out {label(person.name, limit=24)}", on_click=st.logout, icon=":material/logout:",
                  type="tertiary", help=f"Your role is {person.role}.")  # fmt: skip
    return True
