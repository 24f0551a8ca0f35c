"""SQL of posts and their media: reading them by id, storing a batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.types import Media, Post

_POST_COLUMNS = (
    "id, text, user_id, created_at, lang, url, reply_to, repost_of, likes, reposts, replies, source, extra, row"
)


def get_posts(cursor: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, Post]:
    """The posts by id, in the order asked for, with their media; unknown ids are left out."""
    rows = cursor.execute(
        f"SELECT {_POST_COLUMNS} FROM posts WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)]
    ).fetchall()
    found = {post.id: post for post in _with_media(cursor, rows)}
    return {id_: found[id_] for id_ in dict.fromkeys(ids) if id_ in found}


def get_thread(cursor: duckdb.DuckDBPyConnection, post_id: str, *, limit: int = 200) -> list[Post]:
    """The conversation that a post is in, root first, then by time; the post alone where it answers nothing.

    Follows ``reply_to`` up to the oldest post that is here, then every answer down from it, at most ``limit`` posts.
    """
    rows = cursor.execute(
        f"""
        WITH RECURSIVE up (id, reply_to, depth) AS (
            SELECT id, reply_to, 0 FROM posts WHERE id = $id
            UNION ALL
            SELECT p.id, p.reply_to, up.depth + 1 FROM posts p JOIN up ON p.id = up.reply_to WHERE up.depth < 100
        ), root AS (SELECT id FROM up ORDER BY depth DESC LIMIT 1), down (id) AS (
            SELECT id FROM root
            UNION
            SELECT p.id FROM posts p JOIN down ON p.reply_to = down.id
        )
        SELECT {_POST_COLUMNS} FROM posts WHERE id IN (SELECT id FROM down)
        ORDER BY id = (SELECT id FROM root) DESC, created_at NULLS LAST, row LIMIT $limit
        """,
        {"id": post_id, "limit": limit},
    ).fetchall()
    return _with_media(cursor, rows)


def _with_media(cursor: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]) -> list[Post]:
    ids: dict[int, str] = {row[-1]: row[0] for row in rows}
    media: dict[int, list[Media]] = {}
    found = cursor.execute(
        "SELECT post_row, row, position, name, sha256, path, width, height, pdq, pdq_quality, alt, error FROM media"
        " WHERE post_row IN (SELECT unnest(?::BIGINT[])) ORDER BY post_row, position",
        [list(ids)],
    ).fetchall()
    for post_row, row, *rest in found:
        media.setdefault(post_row, []).append(Media(row, ids[post_row], *rest))
    return [
        Post(*(*known, tuple(media.get(row, ())), json.loads(extra)))  # in the order of Post's fields
        for *known, extra, row in rows
    ]


def rows_of(cursor: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, int]:
    """Row numbers by post id; unknown ids are left out."""
    if not ids:
        return {}
    found = cursor.execute(
        "SELECT id, row FROM posts WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)]
    ).fetchall()
    return dict(found)


def ids_of(cursor: duckdb.DuckDBPyConnection, rows: Iterable[int]) -> dict[int, str]:
    """Post ids by row number; unknown rows are left out."""
    found = cursor.execute(
        "SELECT row, id FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [[int(row) for row in rows]]
    ).fetchall()
    return dict(found)


def has_pictures(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Whether any post has a picture that could be read."""
    return cursor.execute("SELECT 1 FROM media WHERE path IS NOT NULL LIMIT 1").fetchone() is not None


def rows_since(cursor: duckdb.DuckDBPyConnection, generation: int) -> NDArray[np.int64]:
    """Rising rows of the posts that were stored, or stored anew, after a generation."""
    found = cursor.execute("SELECT row FROM posts WHERE generation > ? ORDER BY row", [generation]).fetchnumpy()
    return np.asarray(found["row"], np.int64)


@dataclass(frozen=True, slots=True)
class StoredIdentity:
    """What an import needs to know of a post that is already there."""

    row: int
    content_hash: str
    text_hash: str
    user_id: str | None
    created_at: datetime | None
    source: str | None


def stored_identities(cursor: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, StoredIdentity]:
    found = cursor.execute(
        "SELECT id, row, content_hash, text_hash, user_id, created_at, source FROM posts"
        " WHERE id IN (SELECT unnest(?::VARCHAR[]))",
        [list(ids)],
    ).fetchall()
    return {id_: StoredIdentity(*rest) for id_, *rest in found}


@dataclass(frozen=True, slots=True)
class PostToStore:
    """A post with its media, ready to be written."""

    post: Post
    content_hash: str
    text_hash: str
    lang_guessed: bool


def store_posts(
    cursor: duckdb.DuckDBPyConnection, posts: Sequence[PostToStore], *, run: int, generation: int, now: datetime
) -> None:
    """Adds posts, or replaces those with a known id, media included. Ids must be distinct. Call in a transaction."""
    if not posts:
        return
    cursor.register("incoming", _posts_table(posts))
    known = cursor.execute("SELECT p.row, p.id FROM posts p JOIN incoming i ON p.id = i.id").fetchall()
    if known:
        cursor.execute(
            "INSERT INTO removed SELECT 'post', p.row, ? FROM posts p JOIN incoming i ON p.id = i.id"
            " WHERE p.text_hash <> i.text_hash",
            [generation],
        )
        _note_counts(cursor, now)
        cursor.execute(
            """
            UPDATE posts SET text = i.text, user_id = i.user_id, created_at = i.created_at, lang = i.lang,
                lang_guessed = i.lang_guessed, url = i.url, reply_to = i.reply_to, repost_of = i.repost_of,
                likes = i.likes, reposts = i.reposts, replies = i.replies, source = i.source, extra = i.extra,
                content_hash = i.content_hash, text_hash = i.text_hash, pictures = i.pictures, run = $run,
                generation = $generation,
                text_generation = CASE
                    WHEN posts.text_hash = i.text_hash AND posts.user_id IS NOT DISTINCT FROM i.user_id
                    THEN posts.text_generation ELSE $generation END
            FROM incoming i WHERE posts.id = i.id
            """,
            {"run": run, "generation": generation},
        )
        rows = [row for row, _ in known]
        cursor.execute(
            "INSERT INTO removed SELECT 'media', row, ? FROM media WHERE post_row IN (SELECT unnest(?::BIGINT[]))",
            [generation, rows],
        )
        cursor.execute("DELETE FROM media WHERE post_row IN (SELECT unnest(?::BIGINT[]))", [rows])
    cursor.execute(
        """
        INSERT INTO posts (id, text, user_id, created_at, lang, lang_guessed, url, reply_to, repost_of, likes, reposts,
            replies, source, extra, content_hash, text_hash, pictures, run, ingested_at, generation, text_generation)
        SELECT id, text, user_id, created_at, lang, lang_guessed, url, reply_to, repost_of, likes, reposts, replies,
            source, extra, content_hash, text_hash, pictures, $run, $now, $generation, $generation
        FROM incoming i WHERE NOT EXISTS (SELECT 1 FROM posts p WHERE p.id = i.id) ORDER BY position
        """,
        {"run": run, "now": now, "generation": generation},
    )
    cursor.unregister("incoming")
    media = [item for entry in posts for item in entry.post.media]
    if media:
        cursor.register("incoming_media", _media_table(media))
        cursor.execute(
            """
            INSERT INTO media (post_row, position, name, sha256, path, width, height, pdq, pdq_quality, alt, error,
                generation)
            SELECT p.row, m.position, m.name, m.sha256, m.path, m.width, m.height, m.pdq, m.pdq_quality, m.alt, m.error,
                ?
            FROM incoming_media m JOIN posts p ON p.id = m.post_id ORDER BY m.number
            """,
            [generation],
        )
        cursor.unregister("incoming_media")


def _note_counts(cursor: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Keeps the counts of posts that ``incoming`` gives other counts: those before, where it is the first change, and
    those from now on."""
    changed = (
        "FROM posts p JOIN incoming i ON p.id = i.id WHERE"
        " (p.likes, p.reposts, p.replies) IS DISTINCT FROM (i.likes, i.reposts, i.replies)"
    )
    cursor.execute(
        f"INSERT INTO count_history SELECT p.row, p.ingested_at, p.likes, p.reposts, p.replies {changed}"
        " AND NOT EXISTS (SELECT 1 FROM count_history h WHERE h.post_row = p.row)"
    )
    cursor.execute(f"INSERT INTO count_history SELECT p.row, ?, i.likes, i.reposts, i.replies {changed}", [now])


@dataclass(frozen=True, slots=True)
class Counts:
    """A post's counts as an import found them, at ``seen_at`` (naive UTC)."""

    seen_at: datetime
    likes: int | None
    reposts: int | None
    replies: int | None


def count_history(cursor: duckdb.DuckDBPyConnection, post_id: str) -> list[Counts]:
    """A post's counts over time, oldest first; empty where they never changed."""
    found = cursor.execute(
        "SELECT h.seen_at, h.likes, h.reposts, h.replies FROM count_history h JOIN posts p ON p.row = h.post_row"
        " WHERE p.id = ? ORDER BY h.seen_at",
        [post_id],
    ).fetchall()
    return [Counts(*row) for row in found]


def _posts_table(posts: Sequence[PostToStore]) -> pa.Table:
    def column(name: str, kind: pa.DataType) -> pa.Array:
        return pa.array([getattr(entry.post, name) for entry in posts], kind)

    return pa.table(
        {
            "position": pa.array(range(len(posts)), pa.int64()),
            **{
                name: column(name, pa.string())
                for name in ("id", "text", "user_id", "lang", "url", "reply_to", "repost_of", "source")
            },
            "created_at": column("created_at", pa.timestamp("us")),
            **{name: column(name, pa.int64()) for name in ("likes", "reposts", "replies")},
            "extra": pa.array([json.dumps(dict(e.post.extra), ensure_ascii=False) for e in posts], pa.string()),
            "content_hash": pa.array([e.content_hash for e in posts], pa.string()),
            "text_hash": pa.array([e.text_hash for e in posts], pa.string()),
            "lang_guessed": pa.array([e.lang_guessed for e in posts], pa.bool_()),
            "pictures": pa.array([sum(m.path is not None for m in e.post.media) for e in posts], pa.int32()),
        }
    )


def _media_table(media: Sequence[Media]) -> pa.Table:
    texts = ("post_id", "name", "sha256", "path", "pdq", "alt", "error")
    numbers = ("position", "width", "height", "pdq_quality")
    return pa.table(
        {
            "number": pa.array(range(len(media)), pa.int64()),
            **{name: pa.array([getattr(m, name) for m in media], pa.string()) for name in texts},
            **{name: pa.array([getattr(m, name) for m in media], pa.int32()) for name in numbers},
        }
    )
