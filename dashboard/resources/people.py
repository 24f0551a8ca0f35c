"""Who looks at the page: alone without a login, or by OpenID Connect with a role from the list."""

from __future__ import annotations

import streamlit as st

from core.moderation.roles import ALONE, Person, person_of, read_roles
from core.settings import read_settings


def needs_login() -> bool:
    """Whether a team uses this server, so that people log in. Raises SettingError where the list can't be read."""
    return read_settings().roles is not None


def is_logged_in() -> bool:
    return bool(st.user.is_logged_in)


def person() -> Person:
    """Who asks. Raises RoleError for somebody without a role, SettingError for a list that can't be read."""
    path = read_settings().roles
    if path is None:
        return ALONE
    return person_of(st.user.to_dict(), read_roles(path))
