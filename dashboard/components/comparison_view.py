"""What is distinctive of some posts against all others."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.errors import QueryError
from dashboard.components.compare_view import REST, draw_comparison
from dashboard.components.notices import notice
from dashboard.resources import collections


def draw_distinctive(rows: NDArray[np.int64], here: str) -> None:
    """Facet by facet, what these posts, called ``here``, have more often than the rest."""
    try:
        with st.spinner("Comparing with all others …"):
            found = collections.compared_rows(rows)
    except QueryError as error:
        notice(str(error), kind="error")
        return
    draw_comparison(found, here, REST)
