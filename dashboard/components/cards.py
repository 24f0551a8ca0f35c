"""Posts as cards: what a card says of a post, and the drawing of many."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import streamlit as st

from core.types import Hit, LegName, Post, User
from dashboard.components.frontend import component, draw
from dashboard.components.text import clean
from dashboard.links import PostLink, SearchLink

Layout = Literal["grid", "tiles", "thread", "full"]
Thumbnail = Callable[[str, int], bytes | None]
"""Gives the JPEG of a picture by its path below the media folder and a side in pixels; None where it can't be read."""


MOST_TICKED = 10_000


class Selection:
    """Posts that a visitor has ticked in one list, such as the results of one search, over all its pages."""

    def __init__(self, key: str, of: str) -> None:
        """``of`` names what the list shows: of another one, nothing is ticked."""
        kept = st.session_state.get(key)
        if kept is None or kept[0] != of:
            kept = st.session_state[key] = (of, {})
        self.of = of
        self._ids: dict[str, None] = kept[1]

    @property
    def ids(self) -> tuple[str, ...]:
        """In the order in which they were ticked."""
        return tuple(self._ids)

    def take(self, said: object) -> None:
        """Takes what a browser says of its ticks, ``{"of": ..., "ticked": [[id, bool], ...]}``; it may say so again.
        What is not of that form, or of another list, is left."""
        pairs = said.get("ticked") if isinstance(said, dict) and said.get("of") == self.of else None
        for pair in pairs if isinstance(pairs, list) else ():
            match pair:
                case [str(id_), bool(ticked)]:
                    if not ticked:
                        self._ids.pop(id_, None)
                    elif len(self._ids) < MOST_TICKED:
                        self._ids[id_] = None

    def clear(self) -> None:
        self._ids.clear()


LEG_NAMES: dict[LegName, tuple[str, str]] = {
    "lexical": ("Words", "BM25"),
    "text": ("Meaning", "cosine"),
    "image": ("Picture", "cosine"),
}
SIDES: dict[Layout, int] = {"grid": 420, "tiles": 220, "thread": 200, "full": 1100}
SHOWN_PICTURES: dict[Layout, int] = {"grid": 1, "tiles": 1, "thread": 4, "full": 20}

_cards = component("cards")


@dataclass(frozen=True, slots=True)
class Card:
    """A post and what is to be said of it beside itself.

    ``spans`` mark matched words in ``text``, which may be an excerpt of the post's; ``badges`` are (kind, text,
    tooltip); ``search`` gives the card "like this" and "not this"; of a ``veiled`` one pictures are blurred and grey.
    """

    post: Post
    user: User | None = None
    text: str | None = None
    spans: Sequence[tuple[int, int]] = ()
    hit: Hit | None = None
    badges: Sequence[tuple[str, str, str]] = ()
    search: SearchLink | None = None
    depth: int = 0
    current: bool = False
    link: bool = True
    veiled: bool = False


def draw_cards(
    cards: Sequence[Card],
    thumbnail: Thumbnail,
    *,
    layout: Layout,
    label: str,
    key: str,
    view: str = "",
    selection: Selection | None = None,
) -> None:
    """Draws posts. ``label`` names the list for those who hear the page; another ``view`` begins at the page's top.
    With a ``selection`` each card can be ticked."""
    shown = [_card_data(card, layout, thumbnail) for card in cards]
    for data in shown:
        data["selected"] = None if selection is None else data["id"] in selection.ids
    ticks = selection.of if selection is not None else None
    data_ = {"layout": layout, "label": label, "view": view, "cards": shown, "ticks": ticks}
    draw(_cards, data_, key=key, on_ticks=selection.take if selection is not None else None)


def _card_data(card: Card, layout: Layout, thumbnail: Thumbnail) -> dict[str, Any]:
    post, user = card.post, card.user
    text = post.text if card.text is None else card.text
    name = author_name(post, user)
    shown = SHOWN_PICTURES[layout]
    there = [item for item in post.media if item.path]
    pictures = [
        {
            "src": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(),
            "alt": clean(item.alt or ""),
            "width": item.width,
            "height": item.height,
        }
        for item in there[:shown]
        if item.path and (jpeg := thumbnail(item.path, SIDES[layout])) is not None
    ]
    example = card.search
    return {
        "id": post.id,
        "url": PostLink(post.id).url() if card.link else None,
        "label": clean(" ".join(text.split())[:120]) or f"A picture by {name or 'an unknown author'}",
        "name": name,
        "initial": next((sign.upper() for sign in name if sign.isalnum()), "?"),
        "handle": _handle(user, name),
        "hue": hue(post.user_id or ""),
        "user_url": SearchLink(users=(post.user_id,)).url() if post.user_id else None,
        "time": short_time(post.created_at) if post.created_at else None,
        "time_title": f"{post.created_at:%A, %d %B %Y, %H:%M:%S} UTC" if post.created_at else None,
        "lang": post.lang,
        "text": pieces(text, card.spans),
        "pictures": pictures,
        "veiled": card.veiled,
        "more_pictures": max(0, len(there) - shown),
        "missing": [_missing(item.name, item.error) for item in post.media if not item.path][:4],
        "counts": counts(post),
        "legs": [
            [leg.leg, LEG_NAMES[leg.leg][0], str(leg.rank), f"{LEG_NAMES[leg.leg][1]} {leg.score:.3g}, rank {leg.rank}"]
            for leg in (card.hit.legs if card.hit else ())
        ],
        "badges": [list(badge) for badge in card.badges],
        "actions": [
            ["more", example.more_like(post.id).url(), "More like this"],
            ["less", example.less_like(post.id).url(), "Not like this"],
        ]
        if example is not None
        else [],
        "depth": min(card.depth, 6),
        "current": card.current,
    }


def author_name(post: Post, user: User | None) -> str:
    """What to call a post's author; empty where nothing is known."""
    return clean((user and (user.name or user.handle)) or post.user_id or "").strip()


def _handle(user: User | None, name: str) -> str | None:
    handle = clean(user.handle or "").strip().removeprefix("@") if user else ""
    return f"@{handle}" if handle and handle != name.removeprefix("@") else None


def _missing(name: str, error: str | None) -> str:
    return clean(error or f"The picture {name} is missing.")


def pieces(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The text cut at the spans (start, end), which are ascending and apart: (piece, whether it is marked)."""
    cut: list[tuple[str, bool]] = []
    at = 0
    for start, end in spans:
        cut += [(text[at:start], False), (text[start:end], True)]
        at = end
    cut.append((text[at:], False))
    return [(clean(piece), marked) for piece, marked in cut if piece]


def counts(post: Post) -> list[tuple[str, str, str]]:
    """(kind, short number, sentence) of the counts that the source gives."""
    given = (("likes", post.likes, "like"), ("reposts", post.reposts, "repost"), ("replies", post.replies, "reply"))
    return [(kind, short_number(n), f"{n:,} {plural(noun, n)}") for kind, n, noun in given if n is not None]


def plural(noun: str, n: int) -> str:
    return noun if n == 1 else noun.removesuffix("y") + "ies" if noun.endswith("y") else noun + "s"


def short_number(n: int) -> str:
    """1234 as 1.2k: at most four signs."""
    for size, sign in ((1_000_000_000, "bn"), (1_000_000, "m"), (1_000, "k")):
        if n >= size:
            value = n / size
            return f"{value:.0f}{sign}" if value >= 10 else f"{value:.1f}{sign}".replace(".0", "")
    return str(n)


def short_time(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def hue(text: str) -> int:
    """A colour angle, 0 to 359, the same for the same user each time."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=2).digest()) % 360
