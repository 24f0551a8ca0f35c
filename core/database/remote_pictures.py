"""SQL of pictures that lie elsewhere: which are named and not here, and what became of asking for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from core.database.connection import first_row
from core.types import Media

Cursor = duckdb.DuckDBPyConnection

_WAITING = "path IS NULL AND regexp_matches(name, '^https?://', 'i')"
_UNTRIED = f"{_WAITING} AND name NOT IN (SELECT url FROM picture_fetches WHERE state = 'failed')"


@dataclass(frozen=True, slots=True)
class RemoteCounts:
    """Addresses of pictures that are not here: ``waiting`` were never asked for, ``failed`` were, in vain."""

    waiting: int
    failed: int


def count_remote(cursor: Cursor) -> RemoteCounts:
    row = first_row(
        cursor.execute(
            f"SELECT count(DISTINCT name) FILTER ({_UNTRIED}), count(DISTINCT name) FROM media WHERE {_WAITING}"
        )
    )
    waiting, every = row or (0, 0)
    return RemoteCounts(waiting, every - waiting)


def next_remote(cursor: Cursor, *, after: str, limit: int, again: bool) -> list[str]:
    """Addresses to ask for, in their order; ``again`` takes those that failed as well."""
    found = cursor.execute(
        f"SELECT DISTINCT name FROM media WHERE {_WAITING if again else _UNTRIED} AND name > ? ORDER BY name LIMIT ?",
        [after, limit],
    ).fetchall()
    return [name for (name,) in found]


def note_fetched(cursor: Cursor, url: str, media: Media, now: datetime, generation: int) -> int:
    """Gives every post that names the address its picture; gives how many. Call in a transaction."""
    rows = cursor.execute(
        "UPDATE media SET sha256 = ?, path = ?, width = ?, height = ?, pdq = ?, pdq_quality = ?, error = NULL,"
        " generation = ? WHERE name = ? AND path IS NULL RETURNING post_row",
        [media.sha256, media.path, media.width, media.height, media.pdq, media.pdq_quality, generation, url],
    ).fetchall()
    posts = [row for (row,) in rows]
    cursor.execute(
        "UPDATE posts SET generation = ?, pictures = (SELECT count(*) FROM media m WHERE m.post_row = posts.row"
        " AND m.path IS NOT NULL) WHERE row IN (SELECT unnest(?::BIGINT[]))",
        [generation, posts],
    )
    _note(cursor, url, "done", None, now)
    return len(posts)


def note_failed(cursor: Cursor, url: str, reason: str, now: datetime) -> None:
    cursor.execute("UPDATE media SET error = ? WHERE name = ? AND path IS NULL", [f"not fetched: {reason}", url])
    _note(cursor, url, "failed", reason, now)


def _note(cursor: Cursor, url: str, state: str, reason: str | None, now: datetime) -> None:
    cursor.execute("INSERT OR REPLACE INTO picture_fetches VALUES (?, ?, ?, ?)", [url, state, reason, now])


def failed_fetches(cursor: Cursor, *, limit: int = 1000) -> Sequence[tuple[str, str]]:
    """(address, reason) of those that could not be fetched, the latest first."""
    return cursor.execute(
        "SELECT url, reason FROM picture_fetches WHERE state = 'failed' ORDER BY tried_at DESC, url LIMIT ?", [limit]
    ).fetchall()
