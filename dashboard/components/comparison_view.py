"""What is distinctive of some posts against all others."""

from __future__ import annotations

import streamlit as st

from core.errors import QueryError
from dashboard.components.compare_view import REST, draw_comparison
from dashboard.components.notices import notice
from dashboard.resources import maps


def draw_distinctive(rows: tuple[int, ...], here: str) -> None:
    """Facet by facet, what these posts, called ``here``, have more often than the rest."""
    try:
        with st.spinner("Comparing with all others …"):
            found = maps.distinctive_of(rows)
    except QueryError as error:
        notice(str(error), kind="error")
        return
    draw_comparison(found, here, REST)
