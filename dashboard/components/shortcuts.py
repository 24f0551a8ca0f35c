"""Keys that work on a page: / goes to the search box, and a page's own press its buttons."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.components.frontend import component

_shortcuts = component("shortcuts")


def draw_shortcuts() -> None:
    _shortcuts(key="shortcuts", height=1)


def draw_button_keys(buttons: Mapping[str, str], *, key: str) -> None:
    """``buttons`` are the keys of buttons on the page by the key that presses each, unless somebody is typing."""
    named = {pressed: button.replace(".", "-") for pressed, button in buttons.items()}
    _shortcuts(data={"buttons": named}, key=key, height=1)
