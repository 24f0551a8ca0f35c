"""SQL of the job list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb

from core.database.connection import first_row

JobState = Literal["queued", "running", "stopping", "stopped", "done", "failed"]
_COLUMNS = (
    "id, kind, title, params, state, phase, done, total, error, result, checkpoint, created_at, started_at, finished_at"
)


@dataclass(frozen=True, slots=True)
class Job:
    """A long task. ``done`` of ``total`` counts the items of ``phase`` (total None: unknown).

    ``seconds_left`` is an estimate for the phase, None where there is none; ``result`` is what a done job returned,
    ``checkpoint`` where a stopped one goes on. Times are naive UTC.
    """

    id: int
    kind: str
    title: str
    params: dict[str, Any]
    state: JobState
    phase: str
    done: int
    total: int | None
    error: str | None
    result: dict[str, Any] | None
    checkpoint: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds_left: float | None = None

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running", "stopping")


def insert_job(cursor: duckdb.DuckDBPyConnection, kind: str, title: str, params: dict[str, Any], now: datetime) -> int:
    (id_,) = first_row(
        cursor.execute(
            "INSERT INTO jobs (kind, title, params, state, created_at) VALUES (?, ?, ?, 'queued', ?) RETURNING id",
            [kind, title, json.dumps(params), now],
        )
    ) or (0,)
    return int(id_)


def update_job(cursor: duckdb.DuckDBPyConnection, id_: int, **fields: Any) -> None:
    """Sets columns of a job; dicts are stored as JSON."""
    for name in ("result", "checkpoint"):
        if isinstance(fields.get(name), dict):
            fields[name] = json.dumps(fields[name])
    assignments = ", ".join(f"{name} = ?" for name in fields)
    cursor.execute(f"UPDATE jobs SET {assignments} WHERE id = ?", [*fields.values(), id_])


def get_job(cursor: duckdb.DuckDBPyConnection, id_: int) -> Job | None:
    row = first_row(cursor.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", [id_]))
    return None if row is None else _job(row)


def list_jobs(cursor: duckdb.DuckDBPyConnection, *, limit: int) -> list[Job]:
    """Newest first."""
    rows = cursor.execute(f"SELECT {_COLUMNS} FROM jobs ORDER BY id DESC LIMIT ?", [limit]).fetchall()
    return [_job(row) for row in rows]


def next_queued(cursor: duckdb.DuckDBPyConnection, first: Sequence[str] = ()) -> Job | None:
    """The oldest of the kinds in ``first``, else the oldest of all."""
    row = first_row(
        cursor.execute(
            f"SELECT {_COLUMNS} FROM jobs WHERE state = 'queued' ORDER BY NOT list_contains(?, kind), id LIMIT 1",
            [list(first) or [""]],
        )
    )
    return None if row is None else _job(row)


def requeue_interrupted(cursor: duckdb.DuckDBPyConnection) -> int:
    """Queues again the jobs that a dead process left running, stops those it was stopping; gives the number queued."""
    cursor.execute("UPDATE jobs SET state = 'stopped' WHERE state = 'stopping'")
    (count,) = first_row(cursor.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'")) or (0,)
    return int(count)


def _job(row: tuple[Any, ...]) -> Job:
    id_, kind, title, params, state, phase, done, total, error, result, checkpoint, *times = row
    return Job(
        id_, kind, title, json.loads(params), state, phase, done, total, error,
        json.loads(result) if result else None, json.loads(checkpoint) if checkpoint else {}, *times,
    )  # fmt: skip
