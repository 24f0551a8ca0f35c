"""SQL of ingest runs: what was read from where, and what could not be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from core.database.connection import first_row


@dataclass(slots=True)
class RunCounts:
    """What became of the rows seen so far. ``pictures_failed`` counts pictures, whose posts were kept."""

    seen: int = 0
    added: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    pictures_failed: int = 0


def insert_run(
    cursor: duckdb.DuckDBPyConnection, path: str, format: str, mapping: Mapping[str, str], now: datetime
) -> int:
    (id_,) = first_row(
        cursor.execute(
            "INSERT INTO runs (path, format, mapping, started_at) VALUES (?, ?, ?, ?) RETURNING id",
            [path, format, json.dumps(dict(mapping)), now],
        )
    ) or (0,)
    return int(id_)


def save_run(
    cursor: duckdb.DuckDBPyConnection,
    id_: int,
    counts: RunCounts,
    position: int,
    failures: Sequence[tuple[str, str]],
    finished_at: datetime | None = None,
) -> None:
    """Stores counts, the position to go on from, and new (place, reason) failures. In the batch's transaction."""
    cursor.execute(
        "UPDATE runs SET seen = ?, added = ?, updated = ?, skipped = ?, failed = ?, pictures_failed = ?, position = ?,"
        " finished_at = ? WHERE id = ?",
        [counts.seen, counts.added, counts.updated, counts.skipped, counts.failed, counts.pictures_failed, position,
         finished_at, id_],
    )  # fmt: skip
    if failures:
        cursor.executemany(
            "INSERT INTO run_failures VALUES (?, ?, ?)", [(id_, place, reason) for place, reason in failures]
        )


def get_run(cursor: duckdb.DuckDBPyConnection, id_: int) -> tuple[RunCounts, int]:
    """Counts and position of a run."""
    row = first_row(
        cursor.execute(
            "SELECT seen, added, updated, skipped, failed, pictures_failed, position FROM runs WHERE id = ?", [id_]
        )
    )
    assert row is not None
    return RunCounts(*row[:6]), int(row[6])


def run_failures(cursor: duckdb.DuckDBPyConnection, id_: int, *, limit: int = 1000) -> list[tuple[str, str]]:
    """(place, reason) of what a run could not read, at most ``limit``."""
    return cursor.execute(
        "SELECT place, reason FROM run_failures WHERE run = ? ORDER BY rowid LIMIT ?", [id_, limit]
    ).fetchall()
