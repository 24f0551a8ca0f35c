"""Waves of the same post, kept for all visitors."""

from __future__ import annotations

import streamlit as st

from core.coordination import Coordination, find_coordination, places
from core.moderation import effects
from dashboard.resources.opened import Version, version, workspace


def coordination(least_accounts: int) -> Coordination | None:
    """None where near-duplicates were not looked for yet."""
    return _coordination(least_accounts, version(), effects.version(workspace()))


@st.cache_resource(max_entries=6, show_spinner="Looking for waves …")
def _coordination(least_accounts: int, at: Version, decisions: int) -> Coordination | None:
    return find_coordination(workspace(), least_accounts=least_accounts)


def account_places(least_accounts: int) -> dict[str, tuple[float, float]]:
    """Where accounts are drawn in the graph."""
    return _account_places(least_accounts, version(), effects.version(workspace()))


@st.cache_resource(max_entries=6, show_spinner=False)
def _account_places(least_accounts: int, at: Version, decisions: int) -> dict[str, tuple[float, float]]:
    found = coordination(least_accounts)
    return places(found.ties) if found is not None else {}
