"""SQL of users and interactions."""

from __future__ import annotations

import json
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from core.database.connection import first_row
from core.types import Interaction, User

_TEXTS = ("id", "name", "handle", "description", "location")
_COUNTS = ("followers", "following")


def get_users(cursor: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, User]:
    """The users by id; unknown ids are left out (a post may name an author of whom nothing else is known)."""
    rows = cursor.execute(
        "SELECT id, name, handle, description, location, created_at, followers, following, extra FROM users"
        " WHERE id IN (SELECT unnest(?::VARCHAR[]))",
        [list(ids)],
    ).fetchall()
    return {row[0]: User(*(*row[:8], json.loads(row[8]))) for row in rows}


def count_posts_of(cursor: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, int]:
    """How many posts each of some users wrote; those who wrote none are left out."""
    found = cursor.execute(
        "SELECT user_id, count(*) FROM posts WHERE user_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY 1", [list(ids)]
    ).fetchall()
    return dict(found)


def store_users(cursor: duckdb.DuckDBPyConnection, users: Sequence[User], *, generation: int) -> int:
    """Adds users, and fills in what is known of them since; a None never overwrites. Gives the number that is new.

    Ids must be distinct. Call in a transaction.
    """
    if not users:
        return 0
    table = pa.table(
        {
            **{name: pa.array([getattr(u, name) for u in users], pa.string()) for name in _TEXTS},
            "created_at": pa.array([u.created_at for u in users], pa.timestamp("us")),
            **{name: pa.array([getattr(u, name) for u in users], pa.int64()) for name in _COUNTS},
            "extra": pa.array([json.dumps(dict(u.extra), ensure_ascii=False) for u in users], pa.string()),
        }
    )
    cursor.register("incoming_users", table)
    fields = (*_TEXTS[1:], "created_at", *_COUNTS)
    cursor.execute(
        f"""
        UPDATE users SET {", ".join(f"{name} = coalesce(i.{name}, users.{name})" for name in fields)},
            extra = CASE WHEN i.extra = '{{}}' THEN users.extra ELSE i.extra END, generation = ?
        FROM incoming_users i WHERE users.id = i.id
            AND ({" OR ".join(f"coalesce(i.{name}, users.{name}) IS DISTINCT FROM users.{name}" for name in fields)}
                 OR (i.extra <> '{{}}' AND i.extra <> users.extra))
        """,
        [generation],
    )
    (added,) = first_row(
        cursor.execute(
            f"""
        INSERT INTO users (id, {", ".join(fields)}, extra, generation)
        SELECT id, {", ".join(fields)}, extra, ? FROM incoming_users i
        WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = i.id)
        """,
            [generation],
        )
    ) or (0,)
    cursor.unregister("incoming_users")
    return int(added)


def store_interactions(
    cursor: duckdb.DuckDBPyConnection, interactions: Sequence[Interaction], *, generation: int
) -> int:
    """Adds those that are not there yet (same user, post, kind, time); gives how many. Call in a transaction."""
    if not interactions:
        return 0
    table = pa.table(
        {
            **{n: pa.array([getattr(i, n) for i in interactions], pa.string()) for n in ("user_id", "post_id", "kind")},
            "created_at": pa.array([i.created_at for i in interactions], pa.timestamp("us")),
            "weight": pa.array([i.weight for i in interactions], pa.float64()),
        }
    )
    cursor.register("incoming_interactions", table)
    (added,) = first_row(
        cursor.execute(
            """
        INSERT INTO interactions
        SELECT user_id, post_id, kind, created_at, max(weight), ? FROM incoming_interactions i
        WHERE NOT EXISTS (
            SELECT 1 FROM interactions k WHERE k.user_id = i.user_id AND k.post_id = i.post_id AND k.kind = i.kind
                AND k.created_at IS NOT DISTINCT FROM i.created_at)
        GROUP BY user_id, post_id, kind, created_at
        """,
            [generation],
        )
    ) or (0,)
    cursor.unregister("incoming_interactions")
    return int(added)


def post_counts(cursor: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, int]:
    """How many posts each user has; those without one are left out."""
    found = cursor.execute(
        "SELECT user_id, count(*) FROM posts WHERE user_id IN (SELECT unnest(?::VARCHAR[])) GROUP BY 1", [list(ids)]
    ).fetchall()
    return dict(found)
