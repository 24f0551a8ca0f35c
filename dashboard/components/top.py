"""Goes to the page's top when something else is shown on it."""

from __future__ import annotations

from dashboard.components.frontend import component

_top = component("top")


def draw_top(of: str) -> None:
    """``of`` names what is shown."""
    _top(data={"of": of}, key="top", height=1)
