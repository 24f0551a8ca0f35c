"""SQL of moderation: policies, scores, the log of decisions, what it amounts to, reports, claims."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.database.connection import first_row

Cursor = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Decision:
    """An entry of the log.

    ``noun`` is post or user and ``subject`` its id; ``review`` is first, second (blind, without effect) or appeal;
    ``seen`` holds what the reviewer was shown (scores, thresholds, model ids); entries of one group share ``batch``;
    ``undoes`` names the entry that this one takes back. ``seconds`` is how long the item was open.
    """

    id: int
    made_at: datetime
    reviewer: str
    noun: str
    subject: str
    post_row: int | None
    author: str | None
    policy: str | None
    action: str
    label: str | None = None
    reason: str | None = None
    note: str = ""
    seen: dict[str, Any] = field(default_factory=dict)
    review: str = "first"
    undoes: int | None = None
    batch: str = ""
    token: str = ""
    seconds: float | None = None


_DECISION = (
    "id, made_at, reviewer, noun, subject, post_row, author, policy, action, label, reason, note, seen, review, undoes,"
    " batch, token, seconds"
)


def newest_decision(cursor: Cursor) -> int:
    (newest,) = first_row(cursor.execute("SELECT coalesce(max(id), 0) FROM decisions")) or (0,)
    return int(newest)


def known_token(cursor: Cursor, token: str) -> bool:
    return first_row(cursor.execute("SELECT 1 FROM decisions WHERE token = ? LIMIT 1", [token])) is not None


def insert_decisions(cursor: Cursor, decisions: Sequence[Decision]) -> list[int]:
    """Adds entries (their ids are given out here) and gives the ids. Call in a transaction."""
    if not decisions:
        return []
    ids = cursor.execute("SELECT nextval('decision_numbers') FROM range(?)", [len(decisions)]).fetchall()
    numbers = sorted(int(id_) for (id_,) in ids)

    def column(name: str, kind: pa.DataType) -> pa.Array:
        return pa.array([getattr(one, name) for one in decisions], kind)

    texts = ("reviewer", "noun", "subject", "author", "policy", "action", "label", "reason", "note", "review", "batch",
             "token")  # fmt: skip
    table = pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "made_at": column("made_at", pa.timestamp("us")),
            **{name: column(name, pa.string()) for name in texts},
            **{name: column(name, pa.int64()) for name in ("post_row", "undoes")},
            "seen": pa.array([json.dumps(one.seen, ensure_ascii=False) for one in decisions], pa.string()),
            "seconds": column("seconds", pa.float64()),
        }
    )
    cursor.register("incoming_decisions", table)
    cursor.execute(f"INSERT INTO decisions ({_DECISION}) SELECT {_DECISION} FROM incoming_decisions")
    cursor.unregister("incoming_decisions")
    return numbers


def read_decisions(cursor: Cursor, condition: str = "TRUE", values: Sequence[Any] = ()) -> list[Decision]:
    """Entries in the order in which they were made. ``condition`` is ours, never a stranger's."""
    rows = cursor.execute(f"SELECT {_DECISION} FROM decisions WHERE {condition} ORDER BY id", list(values)).fetchall()
    return [_decision(row) for row in rows]


def latest_batches(
    cursor: Cursor, limit: int, *, before: int | None = None, condition: str = "TRUE", values: Sequence[Any] = ()
) -> list[tuple[Decision, int]]:
    """What was decided in one go, newest first: of the entries that meet ``condition`` (ours, never a stranger's) the
    first and how many there are; with ``before`` those whose first one has a lower id."""
    rows = cursor.execute(
        f"SELECT {_DECISION}, entries FROM (SELECT min(id) AS first, count(*) AS entries FROM decisions"
        f" WHERE {condition} GROUP BY batch) JOIN decisions ON id = first WHERE first < ? ORDER BY first DESC LIMIT ?",
        [*values, before if before is not None else 1 << 62, limit],
    ).fetchall()
    return [(_decision(row[:-1]), int(row[-1])) for row in rows]


def _decision(row: tuple[Any, ...]) -> Decision:
    return Decision(*(*row[:12], json.loads(row[12]), *row[13:]))


@dataclass(frozen=True, slots=True)
class Standing:
    """What the log amounts to for one post or user. ``state`` of a post is kept, removed, labelled, limited or locked,
    of a user warned, limited or suspended."""

    noun: str
    subject: str
    post_row: int | None
    state: str
    label: str | None
    policy: str | None
    decision: int
    content_hash: str | None = None


def set_standings(cursor: Cursor, standings: Sequence[Standing]) -> None:
    """Writes what subjects stand at, over what they stood at. Call in the transaction of the decision."""
    if not standings:
        return
    texts = ("noun", "subject", "state", "label", "policy", "content_hash")
    table = pa.table(
        {
            **{name: pa.array([getattr(one, name) for one in standings], pa.string()) for name in texts},
            **{
                name: pa.array([getattr(one, name) for one in standings], pa.int64())
                for name in ("post_row", "decision")
            },
        }
    )
    cursor.register("incoming_standings", table)
    cursor.execute(
        "INSERT OR REPLACE INTO standings (noun, subject, post_row, state, label, policy, decision, content_hash)"
        " SELECT noun, subject, post_row, state, label, policy, decision, content_hash FROM incoming_standings"
    )
    cursor.unregister("incoming_standings")


def clear_standings(cursor: Cursor, noun: str, subjects: Sequence[str]) -> None:
    cursor.execute(
        "DELETE FROM standings WHERE noun = ? AND subject IN (SELECT unnest(?::VARCHAR[]))", [noun, list(subjects)]
    )


def read_standings(cursor: Cursor, noun: str, subjects: Sequence[str]) -> dict[str, Standing]:
    rows = cursor.execute(
        "SELECT noun, subject, post_row, state, label, policy, decision, content_hash FROM standings"
        " WHERE noun = ? AND subject IN (SELECT unnest(?::VARCHAR[]))",
        [noun, list(subjects)],
    ).fetchall()
    return {row[1]: Standing(*row) for row in rows}


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer gave a post under a policy: calibrated, 0 to 1."""

    policy: str
    post_row: int
    score: float
    model_id: str
    scored_at: datetime


def store_scores(
    cursor: Cursor,
    policy: str,
    rows: NDArray[np.int64],
    hashes: Sequence[str],
    scores: NDArray[np.float32],
    *,
    model_id: str,
    now: datetime,
) -> None:
    """Writes ``scores`` (n,) of a policy for post ``rows`` (n,), over older ones. Call in a transaction."""
    if not len(rows):
        return
    table = pa.table(
        {
            "row": pa.array(rows, pa.int64()),
            "hash": pa.array(list(hashes), pa.string()),
            "score": pa.array(np.asarray(scores, np.float32)),
        }
    )
    cursor.register("incoming_scores", table)
    cursor.execute("DELETE FROM scores WHERE policy = ? AND post_row IN (SELECT row FROM incoming_scores)", [policy])
    cursor.execute("INSERT INTO scores SELECT ?, row, score, ?, hash, ? FROM incoming_scores", [policy, model_id, now])
    cursor.unregister("incoming_scores")


def note_scored(
    cursor: Cursor,
    scorer: str,
    rows: NDArray[np.int64],
    hashes: Sequence[str],
    notes: Sequence[str | None],
    model_id: str,
) -> None:
    """Remembers that a scorer has seen posts. ``notes`` say why it gave no score, where it gave none."""
    if not len(rows):
        return
    table = pa.table(
        {
            "row": pa.array(rows, pa.int64()),
            "hash": pa.array(list(hashes), pa.string()),
            "note": pa.array(list(notes), pa.string()),
        }
    )
    cursor.register("incoming_scored", table)
    cursor.execute("DELETE FROM scored WHERE scorer = ? AND post_row IN (SELECT row FROM incoming_scored)", [scorer])
    cursor.execute("INSERT INTO scored SELECT ?, row, hash, ?, note FROM incoming_scored", [scorer, model_id])
    cursor.unregister("incoming_scored")


def scores_of(cursor: Cursor, rows: Sequence[int] | NDArray[np.int64]) -> list[Score]:
    """Every score of some posts, the highest first."""
    found = cursor.execute(
        "SELECT policy, post_row, score, model_id, scored_at FROM scores"
        " WHERE post_row IN (SELECT unnest(?::BIGINT[])) ORDER BY score DESC, policy",
        [[int(row) for row in rows]],
    ).fetchall()
    return [Score(*row) for row in found]
