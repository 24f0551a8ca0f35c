"""Choosing which of several lists something is done with, such as what is ticked or all that was found."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st


def choose_offer(offers: Iterable[str], label: str, *, key: str) -> str:
    """The name of the chosen one, the first to begin with; one alone is not asked for. ``label`` is for screen
    readers."""
    names = list(offers)
    if len(names) == 1:
        return names[0]
    return st.segmented_control(
        label, names, default=names[0], required=True, key=f"{key}.what.{names[0]}", label_visibility="collapsed"
    )
