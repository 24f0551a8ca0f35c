"""Who looks at the page: alone without a login, or by OpenID Connect with a role from the list."""

from __future__ import annotations

import streamlit as st

from core.errors import RoleError
from core.moderation.roles import ALONE, Act, Person, person_of, read_roles
from core.settings import read_settings


def needs_login() -> bool:
    """Whether a team uses this server, so that people log in. Raises SettingError where the list can't be read."""
    return read_settings().roles is not None


def is_logged_in() -> bool:
    """Whether somebody is; nobody where [auth] is not in Streamlit's secrets."""
    return bool(st.user.get("is_logged_in", False))


def person() -> Person:
    """Who asks. Raises RoleError for somebody without a role, SettingError for a list that can't be read."""
    path = read_settings().roles
    if path is None:
        return ALONE
    return person_of(st.user.to_dict(), read_roles(path))


def may(act: Act) -> bool:
    """Whether the visitor's role allows something; not where they are logged out or have none. Raises SettingError."""
    if not needs_login():
        return True
    try:
        return is_logged_in() and person().may(act)
    except RoleError:
        return False
