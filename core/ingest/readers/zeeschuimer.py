"""Zeeschuimer: one collected item a line, ``{"source_platform": ..., "data": {...}}``, and 4CAT's copies of them, which
are the data with ``__import_meta`` in it.

Shape: js/zs-background.js and modules/ of digitalmethodsinitiative/zeeschuimer; import_from_tool of
digitalmethodsinitiative/4cat. The platform decides which reader lays the data out. Platforms without one are laid out
by the names of their columns.
"""

from __future__ import annotations

from collections.abc import Callable

from core.ingest.mapping import find_columns
from core.ingest.readers import bluesky, instagram, mastodon, telegram, tiktok, x
from core.ingest.readers.exports import BESIDE, Export, Made, at, first
from core.ingest.readers.json_objects import Row
from core.ingest.readers.rows import flatten

_PLATFORMS: dict[str, tuple[str, Callable[[Row], Made]]] = {
    "x.com": ("x", x.read_graphql),
    "twitter.com": ("x", x.read_graphql),
    "instagram.com": ("instagram", instagram.read_instagram),
    "threads.net": ("threads", instagram.read_threads),
    "threads.com": ("threads", instagram.read_threads),
    "tiktok.com": ("tiktok", tiktok.read),
    "truthsocial.com": ("truthsocial", mastodon.read_status),
    "gab.com": ("gab", mastodon.read_status),
}


def is_line(item: Row) -> bool:
    return isinstance(item.get("source_platform"), str) and isinstance(item.get("data"), dict)


def is_4cat_line(item: Row) -> bool:
    return (
        "__import_meta" in item
        or isinstance(item.get("4CAT_metadata"), dict)
        or ("_chat" in item and telegram.is_message(item))
    )


def read_line(item: Row) -> Made:
    data = item.get("data")
    return _read(data, item.get("source_platform")) if is_line(item) and isinstance(data, dict) else None


def read_4cat_line(item: Row) -> Made:
    """What 4CAT collects itself (Bluesky, Telegram), or keeps of Zeeschuimer."""
    if "_chat" in item:
        return _from(telegram.read(item), "telegram")
    if "4CAT_metadata" in item:
        return _from(bluesky.read(item), "bluesky")
    meta = item.get("__import_meta")
    return _read({key: value for key, value in item.items() if key != "__import_meta"}, at(meta, "source_platform"))


def _read(data: Row, platform: object) -> Made:
    name = platform.removeprefix("www.").lower() if isinstance(platform, str) else ""
    if name in _PLATFORMS:
        source, read = _PLATFORMS[name]
        return _from(read(data), source)
    data = {key: value for key, value in data.items() if key != BESIDE}
    row = flatten(data)
    fields = find_columns(list(row))
    if "text" not in fields and "pictures" not in fields:
        return None
    named: Row = {field: row[column] for field, column in fields.items()}
    used = frozenset(fields.values())
    return _from([{**{key: value for key, value in row.items() if key not in used}, **named}], name)


def _from(made: Made, source: str) -> Made:
    if made is None:
        return None
    return [{**one, "source": first(one.get("source"), source)} if isinstance(one, dict) else one for one in made]


LINES = Export("zeeschuimer", "lines of Zeeschuimer", is_line, read_line)
FOURCAT_LINES = Export("4cat", "a data set of 4CAT", is_4cat_line, read_4cat_line)
