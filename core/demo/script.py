"""Reads the authored texts: blocks of lines, each block a post with what follows from it.

A file of ``texts/`` is named for its topic. Blocks are parted by an empty line. The first line is a post; then

- ``+ text``: the author's own thread goes on
- ``> text``: somebody replies to the first post
- ``>> text``: somebody replies to the line above
- ``>@ text``: the author of the first post replies to the line above
- ``~ text``: somebody quotes the first post

and a line without such a mark is a further line of the text above it. Any text may begin with tags in brackets, parted
by spaces: ``pic=NAME,NAME`` its pictures, ``on=WHEN`` its day (see :mod:`core.demo.timeline`), ``at=HOUR`` or
``at=HOUR:MINUTE``, ``by=HANDLE``, ``lang=CODE``, ``topic=NAME``, and the flags ``rude``, ``ad`` and ``raw`` (no change
of voice).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

TEXTS = Path(__file__).parent / "texts"

Relation: TypeAlias = Literal["root", "more", "reply", "nested", "answer", "quote"]

_MARKS: tuple[tuple[str, Relation], ...] = (
    ("+ ", "more"),
    (">> ", "nested"),
    (">@ ", "answer"),
    ("> ", "reply"),
    ("~ ", "quote"),
)
_TAG = r"(?:(?:pic|on|at|by|lang|topic)=[^\s\]]+|rude|ad|raw)"
_TAGS = re.compile(rf"\[({_TAG}(?: {_TAG})*)\] ")
_NOT_TOPICS = frozenset({"spam", "replies", "quotes"})


@dataclass(frozen=True, slots=True)
class Line:
    """One authored post. ``lang`` is an ISO 639-1 code; ``at`` an hour, 0 to 23, ``minute`` one within it;
    ``pictures`` names subjects."""

    text: str
    topic: str
    relation: Relation = "root"
    pictures: tuple[str, ...] = ()
    on: str | None = None
    at: int | None = None
    minute: int | None = None
    by: str | None = None
    lang: str = "en"
    rude: bool = False
    ad: bool = False
    raw: bool = False


Block: TypeAlias = tuple[Line, ...]
"""A first post and what follows from it."""


def read_blocks() -> list[Block]:
    """Every authored block, in the order of file names and lines."""
    blocks: list[Block] = []
    for path in sorted(TEXTS.glob("*.txt")):
        if path.stem not in _NOT_TOPICS:
            blocks += parse_blocks(path.read_text(encoding="utf-8"), path.stem)
    return blocks


def read_lines(name: str) -> list[str]:
    """The lines of a plain list among the texts."""
    return (TEXTS / name).read_text(encoding="utf-8").splitlines()


def read_rows(name: str) -> Iterator[list[str]]:
    """The rows of a table among the texts: one a line, cells parted by bars."""
    for line in read_lines(name):
        yield [cell.strip() for cell in line.split("|")]


def parse_blocks(source: str, topic: str) -> list[Block]:
    """The blocks of one file; ``topic`` is that of lines without a tag."""
    blocks = []
    for chunk in re.split(r"\n\s*\n", source.strip("\n")):
        lines: list[Line] = []
        for row in chunk.split("\n"):
            relation, text = _relation(row)
            if relation == "root" and lines:
                lines[-1] = replace(lines[-1], text=f"{lines[-1].text}\n{row}")
                continue
            inherited = lines[0] if lines else Line("", topic)
            lines.append(_line(text, relation, inherited))
        blocks.append(tuple(lines))
    return blocks


def _relation(row: str) -> tuple[Relation, str]:
    for mark, relation in _MARKS:
        if row.startswith(mark):
            return relation, row.removeprefix(mark)
    return "root", row


def _line(text: str, relation: Relation, first: Line) -> Line:
    """What follows from a post shares its topic and language unless its own tags say otherwise."""
    line = Line(text, first.topic, relation, lang=first.lang, raw=first.raw)
    tags = _TAGS.match(text)
    if tags is None:
        return line
    line = replace(line, text=text[tags.end() :])
    for tag in tags.group(1).split(" "):
        key, _, value = tag.partition("=")
        match key:
            case "pic":
                line = replace(line, pictures=tuple(value.split(",")))
            case "at":
                hour, _, minute = value.partition(":")
                line = replace(line, at=int(hour), minute=int(minute) if minute else None)
            case "on":
                line = replace(line, on=value)
            case "by":
                line = replace(line, by=value)
            case "lang":
                line = replace(line, lang=value)
            case "topic":
                line = replace(line, topic=value)
            case "rude":
                line = replace(line, rude=True)
            case "ad":
                line = replace(line, ad=True)
            case _:
                line = replace(line, raw=True)
    return line
