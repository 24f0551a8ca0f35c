"""The figures of a whole workspace: how many, since when, from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb


@dataclass(frozen=True, slots=True)
class Run:
    """One import. ``finished_at`` is None while it runs or where it was interrupted."""

    id: int
    path: str
    format: str
    started_at: datetime
    finished_at: datetime | None
    seen: int
    added: int
    updated: int
    skipped: int
    failed: int
    pictures_failed: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a workspace holds. ``posts_by_day`` covers the days that have posts; times are naive UTC."""

    posts: int
    users: int
    pictures: int
    interactions: int
    first_at: datetime | None
    last_at: datetime | None
    undated: int
    posts_by_day: tuple[tuple[date, int], ...]
    sources: tuple[tuple[str, int], ...]
    langs: tuple[tuple[str, int], ...]
    hashtags: tuple[tuple[str, int], ...]
    runs: tuple[Run, ...]


def summary(cursor: duckdb.DuckDBPyConnection, *, top: int = 12) -> Summary:
    """``users`` counts authors of posts and known accounts together; hashtags come from the newest 50,000 posts."""

    def rows(sql: str, *values: Any) -> tuple[Any, ...]:
        return tuple(cursor.execute(sql, list(values)).fetchall())

    ((posts, first_at, last_at, undated),) = rows(
        "SELECT count(*), min(created_at), max(created_at), count(*) - count(created_at) FROM posts"
    )
    ((users,),) = rows(
        "SELECT count(*) FROM (SELECT id FROM users UNION SELECT user_id FROM posts WHERE user_id IS NOT NULL)"
    )
    ((pictures,),) = rows("SELECT count(*) FROM media WHERE path IS NOT NULL")
    ((interactions,),) = rows("SELECT count(*) FROM interactions")
    return Summary(
        posts=posts,
        users=users,
        pictures=pictures,
        interactions=interactions,
        first_at=first_at,
        last_at=last_at,
        undated=undated,
        posts_by_day=rows(
            "SELECT created_at::DATE AS day, count(*) FROM posts WHERE created_at IS NOT NULL GROUP BY day ORDER BY day"
        ),
        sources=rows(
            "SELECT source, count(*) AS n FROM posts WHERE source IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT ?",
            top,
        ),
        langs=rows(
            "SELECT lang, count(*) AS n FROM posts WHERE lang IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT ?", top
        ),
        hashtags=rows(
            """
            SELECT tag, count(*) AS n FROM (
                SELECT unnest(list_distinct(regexp_extract_all(lower(text), '#[\\p{L}\\p{N}_]{2,50}'))) AS tag
                FROM (SELECT text FROM posts ORDER BY row DESC LIMIT 50000))
            GROUP BY 1 ORDER BY n DESC, 1 LIMIT ?
            """,
            top,
        ),
        runs=list_runs(cursor),
    )


def list_runs(cursor: duckdb.DuckDBPyConnection, *, limit: int = 50) -> tuple[Run, ...]:
    """Imports, newest first."""
    found = cursor.execute(
        "SELECT id, path, format, started_at, finished_at, seen, added, updated, skipped, failed, pictures_failed"
        " FROM runs ORDER BY id DESC LIMIT ?",
        [limit],
    ).fetchall()
    return tuple(Run(*row) for row in found)


def recent_pictures(cursor: duckdb.DuckDBPyConnection, *, limit: int = 12) -> tuple[tuple[str, str], ...]:
    """(post id, path below ``media/``) of the newest posts' first pictures, each picture once."""
    return tuple(
        cursor.execute(
            """
            SELECT id, path FROM (
                SELECT p.id, m.path, p.created_at, p.row FROM posts p JOIN media m ON m.post_row = p.row
                WHERE m.path IS NOT NULL AND p.row NOT IN (SELECT row FROM hidden_posts)
                QUALIFY row_number() OVER (PARTITION BY m.sha256 ORDER BY p.row) = 1)
            ORDER BY created_at DESC NULLS LAST, row DESC LIMIT ?
            """,
            [limit],
        ).fetchall()
    )
