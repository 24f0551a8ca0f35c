"""Components: Python hands plain values to a script in assets/js, that draws them and tells what was clicked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.links import parse_url
from dashboard.navigation import go_to
from dashboard.theme import ASSETS

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

_CLICKED = "frontend.clicked"


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

    follow_click()
    renderer(data=dict(data), key=key, on_go_change=partial(keep_click, key), on_ticks_change=ticked)


def keep_click(key: str) -> None:
    """The callback of a link in the component ``key``.

    The click is kept and not followed here: a callback can't leave the page, and what a component reports is gone when
    another run takes the place of the one that was to read it.
    """
    clicked = (st.session_state.get(key) or {}).get("go")
    if isinstance(clicked, str):
        st.session_state[_CLICKED] = clicked


def follow_click() -> None:
    """Leaves for the link that was clicked last and not followed yet, if there is one."""
    clicked = st.session_state.pop(_CLICKED, None)
    link = parse_url(clicked) if clicked is not None else None
    if link is not None:
        go_to(link)


def nothing() -> None:
    """A component reports an event only where it has a callback."""
