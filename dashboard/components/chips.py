"""Small links in a row: the parts of a search, each of which can be taken away, and things to try."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import PictureError
from dashboard import resources
from dashboard.components.figures import day
from dashboard.components.frontend import component, draw
from dashboard.components.text import clean
from dashboard.languages import language_name
from dashboard.links import Link, SearchLink

_chips = component("chips")
THUMBNAIL_SIDE = 96


@dataclass(frozen=True, slots=True)
class Chip:
    """``name`` is ours, ``text`` may be a stranger's. ``link`` leads on, ``remove`` to the search without this part."""

    text: str = ""
    name: str = ""
    count: str = ""
    kind: str = ""
    jpeg: bytes | None = None
    link: Link | None = None
    remove: Link | None = None


def draw_chips(chips: Sequence[Chip], *, label: str, key: str) -> None:
    if chips:
        draw(_chips, {"label": label, "chips": [_chip_data(chip) for chip in chips]}, key=key)


def _chip_data(chip: Chip) -> dict[str, str | None]:
    return {
        "text": clean(" ".join(chip.text.split())[:80]),
        "name": chip.name,
        "count": chip.count,
        "kind": chip.kind,
        "src": None if chip.jpeg is None else "data:image/jpeg;base64," + base64.b64encode(chip.jpeg).decode(),
        "url": chip.link.url() if chip.link else None,
        "remove": chip.remove.url() if chip.remove else None,
    }


def search_chips(link: SearchLink) -> list[Chip]:
    """What a search holds beside its words, each part with the search that lacks it."""
    chips = _example_chips(link) + filter_chips(link)
    if len(chips) > 1:
        chips.append(Chip(name="Clear all", kind="quiet", link=SearchLink(words=link.words, mode=link.mode)))
    return chips


def _example_chips(link: SearchLink) -> list[Chip]:
    first = replace(link, number=1)
    chips: list[Chip] = []
    if link.picture:
        try:
            jpeg = resources.query_thumbnail(link.picture, THUMBNAIL_SIDE)
        except PictureError:
            jpeg = None
        name = "Your picture" if jpeg else "A picture that is no longer kept"
        chips.append(Chip(name=name, jpeg=jpeg, remove=replace(first, picture=None)))
    posts = resources.posts([*link.like, *link.unlike])
    for field, name, kind in (("like", "Like", ""), ("unlike", "Not like", "away")):
        ids: tuple[str, ...] = getattr(link, field)
        for id_ in ids:
            post = posts.get(id_)
            pictures = [item.path for item in post.media if item.path] if post else []
            jpeg = resources.thumbnail(pictures[0], THUMBNAIL_SIDE) if pictures else None
            text = post.text if post and post.text else "" if jpeg else id_
            remaining = tuple(other for other in ids if other != id_)
            chips.append(Chip(name=name, text=text, kind=kind, jpeg=jpeg, remove=replace(first, **{field: remaining})))  # type: ignore[arg-type]
    if link.blend != 0.5:
        said = f"{1 - link.blend:.0%} words, {link.blend:.0%} pictures"
        chips.append(Chip(name=said, remove=replace(first, blend=0.5)))
    if link.avoid:
        chips.append(Chip(name="Not about", text=link.avoid, kind="away", remove=replace(first, avoid="")))
    return chips


def filter_chips(link: SearchLink) -> list[Chip]:
    """The filters of a search, each with the search that lacks it."""
    first = replace(link, number=1)
    names = resources.user_names(link.users)
    chips = [
        Chip(name="From", text=names[id_], remove=replace(first, users=tuple(u for u in link.users if u != id_)))
        for id_ in link.users
    ]
    if link.since:
        chips.append(Chip(name="Since", text=day(link.since), remove=replace(first, since=None)))
    if link.until:
        chips.append(Chip(name="Until", text=day(link.until), remove=replace(first, until=None)))
    chips += [
        Chip(
            name="Language",
            text=language_name(lang),
            remove=replace(first, langs=tuple(v for v in link.langs if v != lang)),
        )
        for lang in link.langs
    ]
    chips += [
        Chip(name="Source", text=source, remove=replace(first, sources=tuple(v for v in link.sources if v != source)))
        for source in link.sources
    ]
    if link.has_picture is not None:
        name = "With pictures" if link.has_picture else "Without pictures"
        chips.append(Chip(name=name, remove=replace(first, has_picture=None)))
    if link.min_likes is not None:
        chips.append(Chip(name="Likes", text=f"{link.min_likes:,} or more", remove=replace(first, min_likes=None)))
    for column, value in link.extra:
        others = tuple(pair for pair in link.extra if pair[0] != column)
        chips.append(Chip(name=clean(column), text=value, remove=replace(first, extra=others)))
    return chips
