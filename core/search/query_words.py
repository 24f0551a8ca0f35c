"""The small language of the search box: what a query's words ask for.

``bare words`` any of them, those with all first; ``"quoted phrase"`` must be there; ``pref*``; ``-word``, ``-"phrase"``
or ``NOT word`` must not be there; ``user:name`` and ``tag:name`` must be so; ``#tag`` and ``@name`` find hashtags and
mentions. Every string is a query: what makes no sense as an operator is read as words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.search.tokens import normal_form, tags, tokenise

MAX_QUERY_CHARS = 4_000
MAX_TERMS = 64

Kind: TypeAlias = Literal["word", "prefix", "phrase", "run", "tag", "user"]

_ITEM = re.compile(
    r"""
    (?P<minus>-(?=\S))?
    (?:(?P<field>user|tag|from):(?=\S))?
    (?: ["“”„«»](?P<quoted>[^"“”„«»]*)["“”„«»]?
      | (?P<bare>[^\s"“”„«»]+)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing asked for, in normal forms.

    ``terms`` is one word, prefix, tag (with its sign) or user; the words of a phrase; or one run of characters of a
    script without spaces. A ``required`` item must be there; of the others one must.
    """

    kind: Kind
    terms: tuple[str, ...]
    required: bool = False


@dataclass(frozen=True, slots=True)
class WordQuery:
    """``wanted`` items, and groups of ``unwanted`` ones: a post with all items of a group is left out."""

    wanted: tuple[Item, ...] = ()
    unwanted: tuple[tuple[Item, ...], ...] = ()


def parse(query: str) -> WordQuery:
    """What a query asks for. Never raises; reads at most MAX_QUERY_CHARS characters and MAX_TERMS words."""
    wanted: list[Item] = []
    unwanted: list[tuple[Item, ...]] = []
    room = MAX_TERMS
    negate_next = False
    for match in _ITEM.finditer(query[:MAX_QUERY_CHARS]):
        if match.group() == "NOT":
            negate_next = True
            continue
        if match.group() in ("AND", "OR"):
            continue
        negated = negate_next or match["minus"] is not None
        negate_next = False
        items = _within(_items(match, whole=negated), room)
        room -= sum(len(item.terms) for item in items)
        if not negated:
            wanted += (item for item in items if item not in wanted)
        elif items:
            unwanted.append(tuple(items))
    return WordQuery(tuple(wanted), tuple(unwanted))


def all_words(text: str) -> tuple[Item, ...]:
    """The words of a text as one group, without operators."""
    return tuple(_within(list(dict.fromkeys(_words(text))), MAX_TERMS))


def plain_words(query: str) -> str:
    """The query as a sentence for an encoder: without operators, fields and what is not wanted."""
    kept: list[str] = []
    negate_next = False
    for match in _ITEM.finditer(query[:MAX_QUERY_CHARS]):
        if match.group() == "NOT":
            negate_next = True
        elif negate_next or match["minus"]:
            negate_next = False
        elif match.group() not in ("AND", "OR") and (match["field"] or "").lower() not in ("user", "from"):
            kept.append((match["quoted"] or match["bare"] or "").rstrip("*"))
    return " ".join(part for part in kept if part)


def _items(match: re.Match[str], *, whole: bool) -> list[Item]:
    """``whole`` keeps the words of one chunk together: ``-covid-19`` leaves out that, and not every 19."""
    text = match["quoted"] if match["bare"] is None else match["bare"]
    field = (match["field"] or "").lower()
    if field in ("user", "from"):
        name = user_form(text)
        return [Item("user", (name,), required=True)] if name else []
    if field == "tag":
        found = next(tags(text if text[0:1] in "#＃@＠" else f"#{text}"), None)
        return [Item("tag", (found.form,), required=True)] if found else []
    if match["bare"] is None:
        return _phrase(text)
    tag = next(tags(text), None)
    if tag is not None and tag.start == 0:
        return [Item("tag", (tag.form,))]
    items = _words(text)
    if whole and len(items) > 1:
        return _phrase(text)
    if text.endswith("*") and items and items[-1].kind == "word":
        items[-1] = Item("prefix", items[-1].terms)
    return items


def _words(text: str) -> list[Item]:
    return [Item(token.kind, (token.form,)) for token in tokenise(text)]


def _phrase(text: str) -> list[Item]:
    tokens = list(tokenise(text))
    words = tuple(token.form for token in tokens if token.kind == "word")
    items = [Item("phrase", words, required=True)] if words else []
    return items + [Item("run", (token.form,), required=True) for token in tokens if token.kind == "run"]


def user_form(name: str) -> str:
    """The form of a user's id that is indexed and compared."""
    return " ".join(normal_form(part) for part in name.lstrip("@").split())


def _within(items: list[Item], room: int) -> list[Item]:
    """As many of the items as have at most ``room`` terms; a phrase is cut."""
    kept: list[Item] = []
    for item in items:
        if room <= 0:
            break
        kept.append(Item(item.kind, item.terms[:room], item.required))
        room -= len(item.terms)
    return kept
