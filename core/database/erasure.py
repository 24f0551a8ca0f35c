"""SQL that takes a post or a user out of every table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

import duckdb
import numpy as np
from numpy.typing import NDArray

from core.database.vectors import list_spaces
from core.types import Noun

Cursor = duckdb.DuckDBPyConnection
ERASED = "[erased]"
LEAST_CHARS = 5
"""A shorter id can't be told from other numbers and words: it is sought as a whole value where ids are kept."""
LEAST_NUMBER = 8
"""A number that an import kept, or a job counted, is taken for an id from so many digits on."""
_OUR_OWN = frozenset(("meta", "migrations", "spaces", "stores", "policies", "media"))
_JSON = frozenset(("extra", "params", "result", "checkpoint", "mapping", "seen", "about", "settings"))
_FREE = frozenset(
    (*_JSON, "title", "error", "reason", "place", "note", "path", "source", "url", "address", "name", "text")
)
_IDS = frozenset(("user_id", "post_id", "author", "subject", "member", "reporter", "user", "post"))
"""Columns that hold an id and nothing else; in others of ours a word like ``label`` may be anything but a handle."""
_REFERENCES = frozenset(("reply_to", "repost_of"))


@dataclass(slots=True)
class Erased:
    """How many rows each table lost or had changed, and which tables must be written anew. ``files`` are paths below
    ``media/`` that nothing needs any more, ``digests`` the SHA-256 of all pictures that went."""

    rows: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    def note(self, table: str, count: int, what: str = "") -> None:
        if count:
            self.rows[what or table] = self.rows.get(what or table, 0) + count
            self.touched.add(table)


def posts_to_erase(cursor: Cursor, noun: Noun, id_: str) -> tuple[list[str], NDArray[np.int64]]:
    """Ids and rows of the post, or of all posts of the user."""
    column = "id" if noun == "post" else "user_id"
    found = cursor.execute(f"SELECT id, row FROM posts WHERE {column} = ? ORDER BY row", [id_]).fetchall()
    return [one for one, _ in found], np.array([row for _, row in found], np.int64)


def erase_rows(
    cursor: Cursor, noun: Noun, id_: str, ids: Sequence[str], rows: Sequence[int], generation: int
) -> Erased:
    """Deletes everything of some posts and, for a user, of the account. Call in a transaction."""
    erased = Erased()
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE erase_posts AS SELECT unnest(?::VARCHAR[]) AS id, unnest(?::BIGINT[]) AS row",
        [list(ids), [int(row) for row in rows]],
    )
    media = cursor.execute(
        "SELECT row, path, sha256, name FROM media WHERE post_row IN (SELECT row FROM erase_posts)"
    ).fetchall()
    erased.digests = sorted({sha256 for _, _, sha256, _ in media if sha256})

    def run(table: str, sql: str, values: Sequence[object] | Mapping[str, object] = (), what: str = "") -> None:
        (count,) = cursor.execute(sql, values).fetchall()[0]
        erased.note(table, int(count), what)

    media_rows = [row for row, *_ in media]
    for space in list_spaces(cursor):
        doomed = [int(row) for row in rows] if space.name == "text" else media_rows
        for table in _vector_tables(cursor, space.name, space.model_id):
            run(table, f"DELETE FROM {table} WHERE row IN (SELECT unnest(?::BIGINT[]))", [doomed], "vectors")
    cursor.execute("INSERT INTO removed SELECT 'post', row, ? FROM erase_posts", [generation])
    cursor.execute("INSERT INTO removed SELECT 'media', unnest(?::BIGINT[]), ?", [media_rows, generation])
    if media:
        names = sorted({name for *_, name in media})
        run("media", "DELETE FROM media WHERE post_row IN (SELECT row FROM erase_posts)")
        run(
            "picture_fetches",
            "DELETE FROM picture_fetches WHERE url IN (SELECT unnest(?::VARCHAR[]))"
            " AND url NOT IN (SELECT name FROM media)",
            [names],
        )
        kept = cursor.execute(
            "SELECT sha256 FROM media WHERE sha256 IN (SELECT unnest(?::VARCHAR[]))", [erased.digests]
        ).fetchall()
        still = {sha256 for (sha256,) in kept}
        erased.files = sorted({path for _, path, sha256, _ in media if path and sha256 not in still})
        erased.digests = [digest for digest in erased.digests if digest not in still]
    for table in ("scores", "scored", "reports", "claims", "snoozes", "count_history", "standings"):
        run(table, f"DELETE FROM {table} WHERE post_row IN (SELECT row FROM erase_posts)")
    run("interactions", "DELETE FROM interactions WHERE post_id IN (SELECT id FROM erase_posts)")
    run(
        "collection_members",
        "DELETE FROM collection_members WHERE member IN (SELECT id FROM erase_posts)"
        " AND collection_id IN (SELECT id FROM collections WHERE noun = 'post')",
    )
    for column in ("reply_to", "repost_of"):
        run(
            "posts",
            f"UPDATE posts SET {column} = NULL, generation = ? WHERE {column} IN (SELECT id FROM erase_posts)"
            " AND id NOT IN (SELECT id FROM erase_posts)",
            [generation],
            "references in other posts",
        )
    run(
        "decisions",
        "UPDATE decisions SET subject = ?, author = NULL, post_row = NULL, note = '', seen = '{}'"
        " WHERE post_row IN (SELECT row FROM erase_posts)"
        " OR (noun = 'post' AND subject IN (SELECT id FROM erase_posts))",
        [ERASED],
    )
    run("posts", "DELETE FROM posts WHERE id IN (SELECT id FROM erase_posts)")
    if noun == "user":
        run("users", "DELETE FROM users WHERE id = ?", [id_])
        run(
            "interactions",
            "DELETE FROM interactions WHERE user_id = ? OR (kind = 'follow' AND post_id = ?)",
            [id_, id_],
        )
        run(
            "collection_members",
            "DELETE FROM collection_members WHERE member = ?"
            " AND collection_id IN (SELECT id FROM collections WHERE noun = 'user')",
            [id_],
        )
        run("standings", "DELETE FROM standings WHERE noun = 'user' AND subject = ?", [id_])
        run(
            "decisions",
            "UPDATE decisions SET subject = ?, author = NULL, note = '', seen = '{}'"
            " WHERE (noun = 'user' AND subject = ?) OR author = ?",
            [ERASED, id_, id_],
        )
    named = [id_, *(str(int(row)) for row in rows)]  # members of a map's edits are rows as text, or users
    run(
        "map_edits",
        "UPDATE map_edits SET members = list_filter(members, lambda one: NOT list_contains($named::VARCHAR[], one))"
        " WHERE len(list_intersect(members, $named::VARCHAR[])) > 0",
        {"named": named},
    )
    return erased


def _vector_tables(cursor: Cursor, name: str, model_id: str) -> list[str]:
    found = cursor.execute(
        "SELECT 'vectors_' || number FROM spaces WHERE name = $1 AND model_id = $2 UNION ALL SELECT 'held_' || t.number"
        " FROM stores t JOIN spaces s ON s.number = t.space WHERE s.name = $1 AND s.model_id = $2",
        [name, model_id],
    ).fetchall()
    there = {table for (table,) in cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    return [table for (table,) in found if table in there]


def scrub_mentions(cursor: Cursor, needles: Sequence[str], erased: Erased, generation: int) -> dict[str, int]:
    """Takes ids out of what other rows tell of them: imported columns, notes of jobs and runs, saved addresses. What
    other people wrote in their posts stays; gives how many rows of each column still hold a needle."""
    left: dict[str, int] = {}
    for table, column in _text_columns(cursor):
        for needle in needles if table not in _OUR_OWN else ():
            reached = _IDS if len(needle) < LEAST_CHARS else _FREE | _IDS
            if column not in reached or (table, column) == ("users", "name"):
                continue
            count = _scrub(cursor, table, column, needle, erased, generation)
            if count:
                left[f"{table}.{column}"] = left.get(f"{table}.{column}", 0) + count
    return left


def _text_columns(cursor: Cursor) -> list[tuple[str, str]]:
    return cursor.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND schema_name = 'main'"
        " AND data_type = 'VARCHAR' AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE NOT temporary)"
    ).fetchall()


def find_ids(cursor: Cursor, ids: Sequence[str]) -> tuple[int, list[str]]:
    """Compares whole values of all columns that keep ids: (how many columns, ``table.column`` of those that hold
    one)."""
    kept = [
        (table, column)
        for table, column in _text_columns(cursor)
        if column in _IDS | _REFERENCES or (table, column) in (("posts", "id"), ("users", "id"), ("users", "handle"))
    ]
    found = [
        f"{table}.{column}"
        for table, column in kept
        if cursor.execute(
            f"SELECT 1 FROM {table} WHERE {column} IN (SELECT unnest(?::VARCHAR[])) LIMIT 1", [list(ids)]
        ).fetchall()
    ]
    return len(kept), found


def _scrub(cursor: Cursor, table: str, column: str, needle: str, erased: Erased, generation: int) -> int:
    forms = sorted({needle, quote(needle, safe=""), quote_plus(needle)} | _as_in_json(needle, column))
    condition = " OR ".join([f"contains({column}, ?)"] * len(forms))
    if table == "saved_searches" and column == "url":
        fields = [f"{name}={form}" for name in ("user", "like", "unlike") for form in forms]
        clause = " OR ".join([f"ends_with({column}, ?) OR contains({column}, ?)"] * len(fields))
        bounds = [value for one in fields for value in (one, f"{one}&")]
        (count,) = cursor.execute(f"DELETE FROM saved_searches WHERE {clause}", bounds).fetchall()[0]
        erased.note("saved_searches", int(count))
        return 0
    found = cursor.execute(f"SELECT rowid, {column} FROM {table} WHERE {condition}", forms).fetchall()
    if not found or (table == "posts" and column != "extra"):
        return len(found) if column == "text" else 0
    replace_: Callable[[str], str] = _json_without(needle) if column in _JSON else _text_without(forms)
    if column in _IDS:
        replace_ = {needle: ERASED}.get  # type: ignore[assignment]
        found = [(rowid, value) for rowid, value in found if value == needle]
    left = 0
    for rowid, value in found:
        changed = replace_(value)
        if changed != value:
            mark = ", generation = ?" if table in ("posts", "users") else ""
            values: list[object] = [changed, *([generation] if mark else []), rowid]
            cursor.execute(f"UPDATE {table} SET {column} = ?{mark} WHERE rowid = ?", values)
            erased.note(table, 1, f"mentions in {table}")
        left += needle in changed
    return left


def _as_in_json(needle: str, column: str) -> set[str]:
    """How JSON writes an id that has quotes or other letters than ASCII."""
    return {json.dumps(needle)[1:-1], json.dumps(needle, ensure_ascii=False)[1:-1]} if column in _JSON else set()


def _text_without(forms: Sequence[str]) -> Callable[[str], str]:
    """A text without an id where that stands for itself."""
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(form)}(?!\w)" for form in forms))
    return lambda text: pattern.sub(ERASED, text)


def _json_without(needle: str) -> Callable[[str], str]:
    within = _text_without([needle])

    def clean(value: object) -> object:
        if isinstance(value, str):
            return within(value)
        if isinstance(value, list):
            return [clean(one) for one in value]
        if isinstance(value, dict):
            return {within(key): clean(one) for key, one in value.items()}
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and len(needle) >= LEAST_NUMBER
        return ERASED if number and str(value) == needle else value

    return lambda raw: json.dumps(clean(json.loads(raw)), ensure_ascii=False)
