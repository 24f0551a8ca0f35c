"""Text on the page. What posts, users and files say comes from strangers: it may only ever be plain text.

Two ways lead to the page and both are closed. HTML is built by :func:`element` alone, which escapes every string that
it did not build itself and knows only harmless tags and attributes, so that no script runs, no picture is fetched and
no link leaves the app. The components in ``assets/js`` receive strings and set them as ``textContent``. Labels of
Streamlit widgets are Markdown and may load pictures: a value of the data goes there through :func:`label`.
"""

from __future__ import annotations

import re
from html import escape

import streamlit as st

TAGS = frozenset(
    {"b", "bdi", "dd", "div", "dl", "dt", "h1", "h2", "h3", "li", "p", "pre", "span", "strong", "ul"}
) | frozenset({"table", "tbody", "td", "th", "thead", "tr"})
ATTRIBUTES = frozenset({"class", "dir", "role", "title", "aria-label", "aria-hidden", "colspan"})
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufff9-\ufffb]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])")


class Markup(str):
    """HTML that this module has built."""

    __slots__ = ()


def clean(text: str) -> str:
    """Without control characters and broken surrogates, which no font shows and some parsers stumble over.

    Zero-width and right-to-left marks stay, since real scripts and emoji need them; whatever shows a stranger's text
    isolates its direction (``<bdi>``), so that a mark can't reach beyond its own text.
    """
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def element(tag: str, *children: str, share: float | None = None, **attributes: str) -> Markup:
    """One HTML element. A child that is not Markup is a stranger's: it is cleaned and escaped.

    Attributes are given as in Python (``class_``, ``aria_label``). ``share``, 0 to 1, becomes the CSS variable --share.
    Raises ValueError for a tag or an attribute that is not on the lists of this module.
    """
    if tag not in TAGS:
        raise ValueError(f"<{tag}> is not among the tags that a page may build.")
    written = ""
    for given, value in attributes.items():
        name = given.rstrip("_").replace("_", "-")
        if name not in ATTRIBUTES:
            raise ValueError(f"{name} is not among the attributes that a page may set.")
        written += f' {name}="{escape(clean(value))}"'
    if share is not None:
        written += f' style="--share:{min(max(float(share), 0.0), 1.0):.4f}"'
    inner = "".join(child if isinstance(child, Markup) else escape(clean(child)) for child in children)
    return Markup(f"<{tag}{written}>{inner}</{tag}>")


def foreign(text: str) -> Markup:
    """A stranger's words inside a sentence of ours, their direction isolated."""
    return element("bdi", text, dir="auto")


def show(*parts: Markup, width: str = "stretch") -> None:
    """Draws markup. Streamlit sanitises it once more (DOMPurify, no scripts)."""
    for part in parts:
        if not isinstance(part, Markup):
            raise TypeError("Only what element() has built may be shown as HTML.")
    if any(parts):
        st.html("".join(parts), width="content" if width == "content" else "stretch")


def label(text: str, *, limit: int = 60) -> str:
    """A stranger's words as a widget's label: one line, cut, with every sign that Markdown knows escaped."""
    text = " ".join(clean(text).split())
    return _MARKDOWN.sub(r"\\\1", text if len(text) <= limit else text[: limit - 1] + "…")
