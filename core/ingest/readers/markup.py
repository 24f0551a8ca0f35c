"""HTML as plain text, in one pass that no input can slow down."""

from __future__ import annotations

import re

from core.ingest.values import unescape

# Stopping at "<" keeps this linear; a ">" inside a quoted attribute ends the tag early, and no export writes one.
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>|<!--[^<>]*-->")
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_CLASS = re.compile(r"\bclass\s*=\s*[\"'][^\"']*\b(?:mention|hashtag)\b", re.IGNORECASE)
_SPACE = re.compile(r"[ \t]*\n[ \t\n]*\n[ \t]*")
_BREAKS = {"br": "\n", "p": "\n\n", "div": "\n", "li": "\n", "blockquote": "\n\n", "tr": "\n"}
_SILENT = ("script", "style")


def plain_text(markup: object) -> object:
    """The text of HTML with its entities resolved; anything but a string as it is."""
    return unescape(strip_html(markup)) if isinstance(markup, str) else markup


def resolved(text: object) -> object:
    """A text with its HTML entities resolved, tags and all else left as they are."""
    return unescape(text) if isinstance(text, str) else text


def strip_html(markup: str) -> str:
    """The text of HTML: paragraphs and line breaks kept, the address of a link added where its text is not the address,
    entities left as they are."""
    if "<" not in markup:
        return markup
    parts: list[str] = []
    end = 0
    silent: str | None = None
    link: tuple[str, int] | None = None  # the address, and where in parts its text begins
    for match in _TAG.finditer(markup):
        if silent is None:
            parts.append(markup[end : match.start()])
        end = match.end()
        closing, name, attributes = match[1], (match[2] or "").lower(), match[3]
        if silent is not None:
            if closing and name == silent:
                silent = None
        elif name in _SILENT and not closing:
            silent = name
        elif name in _BREAKS and (closing or name == "br"):
            parts.append(_BREAKS[name])
        elif name == "a" and not closing:
            href = _HREF.search(attributes)
            shown_elsewhere = href is None or _CLASS.search(attributes)
            link = None if href is None or shown_elsewhere else (href[1] or href[2] or "", len(parts))
        elif name == "a" and link is not None:
            address, begin = link
            said = "".join(parts[begin:]).strip()
            if address.startswith(("http://", "https://")) and said not in (address, address.split("://", 1)[1]):
                parts.append(f" ({address})" if said else address)
            link = None
    if silent is None:
        parts.append(markup[end:])
    return _SPACE.sub("\n\n", "".join(parts)).strip()
