"""The look of the app: page settings, logo and the CSS that Streamlit's theme (.streamlit/config.toml) can't say."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from core.settings import ROOT

ASSETS = ROOT / "assets"


def configure_page() -> None:
    """Call first on every run."""
    st.set_page_config(page_title="Feedscope", page_icon=str(ASSETS / "icon.svg"), layout="wide")
    st.html(ASSETS / "css" / "app.css")
    dark = st.context.theme.type == "dark"
    st.logo(str(ASSETS / ("logo-dark.svg" if dark else "logo.svg")), size="large", icon_image=str(ASSETS / "icon.svg"))


def shown_theme() -> Literal["light", "dark"]:
    return "dark" if st.context.theme.type == "dark" else "light"


def chart_colours() -> list[str]:
    """The theme's colours for things that differ in kind, in the light or the dark form that is shown."""
    return list(st.get_option(f"theme.{shown_theme()}.chartCategoricalColors"))
