"""What a page says when there is something to say beside its content: notices, empty and failed states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from dashboard.components.text import Markup, element, show

Kind = Literal["info", "warning", "error"]


def notice(*sentences: str, kind: Kind = "info") -> None:
    """Sentences beside each other's content; a stranger's words in them stay plain text."""
    role = "alert" if kind == "error" else "status"
    show(element("div", *(element("p", sentence) for sentence in sentences), class_=f"fs-notice fs-{kind}", role=role))


def notices(sentences: Iterable[str], kind: Kind = "warning") -> None:
    given = tuple(sentences)
    if given:
        notice(*given, kind=kind)


def state(title: str, *sentences: str, steps: Sequence[str] = (), kind: Literal["empty", "failed"] = "empty") -> None:
    """A page or a part of one that has nothing to show: what that means, and what to do."""
    parts: list[Markup] = [element("h2", title)]
    parts += [element("p", sentence) for sentence in sentences]
    if steps:
        parts.append(element("ul", *(element("li", step) for step in steps)))
    show(element("div", *parts, class_=f"fs-state fs-{kind}"))
