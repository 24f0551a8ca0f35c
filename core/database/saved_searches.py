"""SQL of saved searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from core.database.connection import first_row

Cursor = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search to come back to. ``url`` is its address in the app; ``seen_at`` (naive UTC) and ``seen_row`` tell when
    it was last looked at, and which post was the newest then: those with a higher row have come since."""

    id: str
    name: str
    url: str
    created_at: datetime
    seen_at: datetime
    seen_row: int


def insert_search(cursor: Cursor, id_: str, name: str, url: str, now: datetime) -> None:
    cursor.execute(
        "INSERT INTO saved_searches SELECT ?, ?, ?, ?, ?, coalesce(max(row), 0) FROM posts", [id_, name, url, now, now]
    )


def select_searches(cursor: Cursor) -> list[SavedSearch]:
    """By name."""
    found = cursor.execute(
        "SELECT id, name, url, created_at, seen_at, seen_row FROM saved_searches ORDER BY lower(name), id"
    )
    return [SavedSearch(*row) for row in found.fetchall()]


def set_seen(cursor: Cursor, id_: str, now: datetime) -> None:
    cursor.execute(
        "UPDATE saved_searches SET seen_at = ?, seen_row = (SELECT coalesce(max(row), 0) FROM posts) WHERE id = ?",
        [now, id_],
    )


def delete_search(cursor: Cursor, id_: str) -> SavedSearch | None:
    row = first_row(
        cursor.execute(
            "DELETE FROM saved_searches WHERE id = ? RETURNING id, name, url, created_at, seen_at, seen_row", [id_]
        )
    )
    return None if row is None else SavedSearch(*row)


def insert_again(cursor: Cursor, saved: SavedSearch) -> None:
    cursor.execute(
        "INSERT OR REPLACE INTO saved_searches VALUES (?, ?, ?, ?, ?, ?)",
        [saved.id, saved.name, saved.url, saved.created_at, saved.seen_at, saved.seen_row],
    )


def newer_than(cursor: Cursor, ids: Sequence[str], row: int) -> list[str]:
    """Those of some posts that came in after a row."""
    found = cursor.execute(
        "SELECT id FROM posts WHERE row > ? AND id IN (SELECT unnest(?::VARCHAR[]))", [row, list(ids)]
    ).fetchall()
    return [id_ for (id_,) in found]
