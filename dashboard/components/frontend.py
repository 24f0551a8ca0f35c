"""Components: Python hands plain values to a script in assets/js, that draws them and tells what was clicked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.links import parse_url
from dashboard.navigation import go_to
from dashboard.theme import ASSETS

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer


def component(name: str, *parts: str) -> ComponentRenderer:
    """The component of assets/js/NAME.js, with other scripts it needs, and, where there is one, assets/css/NAME.css."""
    script = "".join((ASSETS / "js" / f"{part}.js").read_text() for part in ("dom", *parts, name))
    style = ASSETS / "css" / f"{name}.css"
    return st.components.v2.component(f"feedscope_{name}", css=style.read_text() if style.exists() else None, js=script)


def draw(
    renderer: ComponentRenderer, data: Mapping[str, Any], *, key: str, on_ticks: Callable[[Any], None] | None = None
) -> None:
    """Draws ``data`` and follows the link that was clicked, if one was. A link that is none of ours is not followed.

    ``on_ticks`` is called, before the page is drawn, with what a visitor ticked or unticked, as their browser says it.
    """

    def ticked() -> None:
        said = st.session_state[key].get("ticks")
        if on_ticks is not None and said is not None:
            on_ticks(said)

    shown = renderer(data=dict(data), key=key, on_go_change=nothing, on_ticks_change=ticked)
    clicked = shown.get("go")
    link = parse_url(clicked) if isinstance(clicked, str) else None
    if link is not None:
        go_to(link)


def nothing() -> None:
    """A component reports an event only where it has a callback."""
