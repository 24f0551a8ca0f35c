"""Keys that work on a page: / goes to the search box."""

from __future__ import annotations

from dashboard.components.frontend import component

_shortcuts = component("shortcuts")


def draw_shortcuts() -> None:
    _shortcuts(key="shortcuts", height=1)
