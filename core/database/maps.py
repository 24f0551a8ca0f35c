"""SQL of what people changed on maps by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb

from core.database.connection import first_row

Cursor = duckdb.DuckDBPyConnection


def select_edits(cursor: Cursor, layout: str) -> list[tuple[int, int, Any, str, tuple[str, ...], Any]]:
    """(number, level, kind, name, members, terms), the first made first."""
    rows = cursor.execute(
        "SELECT number, level, kind, name, members, terms FROM map_edits WHERE layout = ? ORDER BY number", [layout]
    ).fetchall()
    return [
        (number, level, kind, name, tuple(members), tuple((str(t), float(w)) for t, w in json.loads(terms)))
        for number, level, kind, name, members, terms in rows
    ]


def edits_stamp(cursor: Cursor, layout: str) -> int:
    row = first_row(
        cursor.execute("SELECT coalesce(max(number), 0) * 1000 + count(*) FROM map_edits WHERE layout = ?", [layout])
    )
    return int(row[0]) if row else 0


def insert_edits(
    cursor: Cursor, layout: str, edits: Sequence[tuple[int, str, str, list[str], Any]], now: datetime
) -> None:
    """``edits`` are (level, kind, name, members, terms), undone together. Call in a transaction."""
    (batch,) = first_row(cursor.execute("SELECT nextval('map_edit_batches')")) or (0,)
    for level, kind, name, members, terms in edits:
        cursor.execute(
            "INSERT INTO map_edits (layout, batch, level, kind, name, members, terms, made_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [layout, batch, level, kind, name, members, json.dumps(terms), now],
        )


def delete_last_edit(cursor: Cursor, layout: str) -> bool:
    """Call in a transaction."""
    row = first_row(cursor.execute("SELECT max(batch) FROM map_edits WHERE layout = ?", [layout]))
    if row is None or row[0] is None:
        return False
    cursor.execute("DELETE FROM map_edits WHERE layout = ? AND batch = ?", [layout, row[0]])
    return True
