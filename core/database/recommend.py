"""SQL of recommenders: who acted on what, trainings with their figures, lists that were made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from core.database.connection import first_row

Cursor = duckdb.DuckDBPyConnection

# Whom and what an act tells of, with the posts that a user wrote as acts of their own. What somebody follows is a user.
_ACTS = """
    SELECT i.user_id, p.row, i.kind, i.created_at, i.weight FROM interactions i JOIN posts p ON p.id = i.post_id
    WHERE i.kind <> 'follow'
    UNION ALL
    SELECT user_id, row, 'wrote', created_at, 1.0 FROM posts WHERE user_id IS NOT NULL AND user_id <> ''
"""
_NO_ACT = "('view', 'impression', 'follow')"
"""Kinds of interactions that say nothing of what a user thinks of a post."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One training of a model. ``figures`` and ``curve`` as the evaluation and the model gave them."""

    id: int
    model: str
    trained_at: datetime
    generation: int
    seconds: float
    settings: dict[str, Any]
    figures: dict[str, Any]
    curve: list[dict[str, float]]


def read_acts(cursor: Cursor, user_id: str | None = None) -> dict[str, Any]:
    """Columns user_id, row, kind, created_at, weight and hidden of all acts, or of one user's, in the order of time.
    ``hidden``: a reviewer removed or locked the post."""
    where = "" if user_id is None else "WHERE user_id = ?"
    found: dict[str, Any] = cursor.execute(
        "SELECT *, row IN (SELECT row FROM hidden_posts) AS hidden"
        f" FROM ({_ACTS}) {where} ORDER BY created_at NULLS FIRST, row, kind, user_id",
        [] if user_id is None else [user_id],
    ).fetchnumpy()
    return found


def find_people(cursor: Cursor, words: str, *, limit: int) -> list[tuple[str, int]]:
    """(user id, number of acts) of users whose name, handle or id holds ``words``, who act on posts; the busiest first.
    Without words the busiest of all."""
    found = cursor.execute(
        f"""
        SELECT i.user_id, count(*) FROM interactions i LEFT JOIN users u ON u.id = i.user_id
        WHERE i.kind NOT IN {_NO_ACT}
            AND (? = '' OR contains(lower(concat_ws(' ', u.name, u.handle, i.user_id)), lower(?)))
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?
        """,
        [words, words, limit],
    ).fetchall()
    if found or not words:
        return [(str(id_), int(n)) for id_, n in found]
    found = cursor.execute(
        """
        SELECT p.user_id, 0 FROM posts p LEFT JOIN users u ON u.id = p.user_id
        WHERE contains(lower(concat_ws(' ', u.name, u.handle, p.user_id)), lower(?)) GROUP BY 1 ORDER BY 1 LIMIT ?
        """,
        [words, limit],
    ).fetchall()
    return [(str(id_), 0) for id_, _ in found]


def user_is_known(cursor: Cursor, user_id: str) -> bool:
    found = cursor.execute(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM users WHERE id = ?) OR EXISTS (SELECT 1 FROM posts WHERE user_id = ?)"
        " OR EXISTS (SELECT 1 FROM interactions WHERE user_id = ?)",
        [user_id, user_id, user_id],
    )
    return first_row(found) is not None


def insert_training(cursor: Cursor, row: TrainingRow) -> int:
    (id_,) = first_row(
        cursor.execute(
            "INSERT INTO trainings (model, trained_at, generation, seconds, settings, figures, curve)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
            [row.model, row.trained_at, row.generation, row.seconds, json.dumps(row.settings),
             json.dumps(row.figures), json.dumps(row.curve)],
        )
    ) or (0,)  # fmt: skip
    return int(id_)


def list_trainings(cursor: Cursor, *, limit: int = 200) -> list[TrainingRow]:
    """Newest first."""
    rows = cursor.execute(
        "SELECT id, model, trained_at, generation, seconds, settings, figures, curve FROM trainings"
        " ORDER BY id DESC LIMIT ?",
        [limit],
    ).fetchall()
    return [TrainingRow(*row[:5], *(json.loads(text) for text in row[5:])) for row in rows]


def replace_lists(cursor: Cursor, model: str, rows: Sequence[tuple[str, str, float, int]], at: datetime) -> None:
    """Keeps (user, post, score, rank) as what ``model`` would show, in place of what was there."""
    cursor.execute("DELETE FROM foreign_lists WHERE model = ?", [model])
    users, posts, scores, ranks = zip(*rows, strict=True) if rows else ((), (), (), ())
    table = pa.table(
        {"user_id": pa.array(users, pa.string()), "post_id": pa.array(posts, pa.string()),
         "score": pa.array(scores, pa.float64()), "rank": pa.array(ranks, pa.int32())}
    )  # fmt: skip
    cursor.register("incoming_lists", table)
    cursor.execute(
        "INSERT INTO foreign_lists SELECT ?, user_id, post_id, score, rank, ? FROM incoming_lists", [model, at]
    )
    cursor.unregister("incoming_lists")


def foreign_models(cursor: Cursor) -> list[tuple[str, int, datetime]]:
    """(model, users, imported at) of the lists that were made elsewhere, by name."""
    return cursor.execute(
        "SELECT model, count(DISTINCT user_id), max(imported_at) FROM foreign_lists GROUP BY 1 ORDER BY 1"
    ).fetchall()


def foreign_list(cursor: Cursor, model: str, user_id: str) -> list[tuple[int, float]]:
    """(post row, score) in rank order, of posts that are still here."""
    return cursor.execute(
        "SELECT p.row, f.score FROM foreign_lists f JOIN posts p ON p.id = f.post_id"
        " WHERE f.model = ? AND f.user_id = ? ORDER BY f.rank, p.row",
        [model, user_id],
    ).fetchall()


def click_through(cursor: Cursor) -> list[tuple[int, int, int]]:
    """(rank, impressions, how many the user acted on) of acts of the kind ``impression``, whose weight is the rank at
    which the post was shown. An act counts where it is of the same user and post, no earlier, and no view."""
    return cursor.execute(
        f"""
        SELECT i.weight::INTEGER, count(*), count(*) FILTER (EXISTS (
            SELECT 1 FROM interactions a WHERE a.user_id = i.user_id AND a.post_id = i.post_id
                AND a.kind NOT IN {_NO_ACT} AND coalesce(a.created_at >= i.created_at, true)))
        FROM interactions i WHERE i.kind = 'impression' AND i.weight BETWEEN 1 AND 1000 GROUP BY 1 ORDER BY 1
        """
    ).fetchall()


def authors_and_days(cursor: Cursor, rows: Sequence[int]) -> dict[int, tuple[str | None, datetime | None]]:
    """(author, time) of posts by row."""
    found = cursor.execute(
        "SELECT row, user_id, created_at FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [list(rows)]
    ).fetchall()
    return {row: (author, moment) for row, author, moment in found}


def lately_acted_on(cursor: Cursor, at: datetime, half_life: float, *, limit: int = 5000) -> list[tuple[int, float]]:
    """(post row, sum of its acts, each halved every ``half_life`` days before ``at`` or the newest), the most first."""
    return cursor.execute(
        f"""
        WITH acts AS (SELECT p.row, i.created_at FROM interactions i JOIN posts p ON p.id = i.post_id
                      WHERE i.kind NOT IN {_NO_ACT} AND coalesce(i.created_at <= ?, true)),
             newest AS (SELECT max(created_at) AS moment FROM acts)
        SELECT row, sum(pow(2, -coalesce(epoch(moment) - epoch(created_at), 86400 * ?) / 86400 / ?)) AS liked
        FROM acts, newest GROUP BY row ORDER BY liked DESC, row DESC LIMIT ?
        """,
        [at, 10 * half_life, half_life, limit],
    ).fetchall()


def followed_by(cursor: Cursor, user_id: str) -> set[str]:
    """Whom a user follows: interactions of the kind ``follow`` name a user in place of a post."""
    found = cursor.execute(
        "SELECT DISTINCT post_id FROM interactions WHERE kind = 'follow' AND user_id = ?", [user_id]
    ).fetchall()
    return {str(id_) for (id_,) in found}


def followed_by_followed(cursor: Cursor, user_id: str, *, limit: int) -> list[tuple[str, int]]:
    """(user, by how many of those whom ``user_id`` follows that one is followed), the most first, less those whom the
    user follows already."""
    return cursor.execute(
        """
        WITH follows AS (SELECT DISTINCT user_id, post_id FROM interactions WHERE kind = 'follow'),
             mine AS (SELECT post_id AS id FROM follows WHERE user_id = ?)
        SELECT f.post_id, count(*) FROM follows f JOIN mine ON f.user_id = mine.id
        WHERE f.post_id <> ? AND f.post_id NOT IN (SELECT id FROM mine) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?
        """,
        [user_id, user_id, limit],
    ).fetchall()
