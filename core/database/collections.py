"""SQL of collections and their members."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from core.database.connection import first_row
from core.types import Collection, Noun

Cursor = duckdb.DuckDBPyConnection
SetOperation = Literal["union", "intersection", "difference"]

_COLUMNS = """
    c.id, c.name, c.noun, coalesce(c.tags, []), coalesce(c.note, ''), c.created_at,
    coalesce(c.changed_at, c.created_at),
    (SELECT count(*) FROM collection_members m WHERE m.collection_id = c.id)
"""


def insert_collection(cursor: Cursor, id_: str, name: str, noun: Noun, now: datetime) -> None:
    cursor.execute(
        "INSERT INTO collections (id, name, noun, created_at, changed_at, note, tags) VALUES (?, ?, ?, ?, ?, '', [])",
        [id_, name, noun, now, now],
    )


def select_collection(cursor: Cursor, id_: str, *, deleted: bool = False) -> Collection | None:
    """A collection without its members; ``deleted`` looks in the bin instead."""
    row = first_row(
        cursor.execute(
            f"SELECT {_COLUMNS} FROM collections c WHERE c.id = ? AND (c.deleted_at IS NOT NULL) = ?", [id_, deleted]
        )
    )
    return None if row is None else _collection(row)


def select_collections(cursor: Cursor, *, deleted: bool = False) -> list[Collection]:
    """Those changed last come first; none has its members."""
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM collections c WHERE (c.deleted_at IS NOT NULL) = ?"
        " ORDER BY coalesce(c.changed_at, c.created_at) DESC, c.name, c.id",
        [deleted],
    ).fetchall()
    return [_collection(row) for row in rows]


def _collection(row: tuple[object, ...]) -> Collection:
    id_, name, noun, tags, note, created_at, changed_at, size = row
    return Collection(id_, name, noun, (), tuple(tags), note, created_at, changed_at, size)  # type: ignore[arg-type]


def select_members(cursor: Cursor, id_: str, *, offset: int = 0, limit: int | None = None) -> tuple[str, ...]:
    """In the order in which they were added."""
    found = cursor.execute(
        "SELECT member FROM collection_members WHERE collection_id = ? ORDER BY position, member LIMIT ? OFFSET ?",
        [id_, 2**62 if limit is None else limit, offset],
    ).fetchall()
    return tuple(member for (member,) in found)


def member_rows(cursor: Cursor, id_: str, noun: Noun) -> NDArray[np.int64]:
    """Rising rows of the posts that are members, or that are by members."""
    key = "id" if noun == "post" else "user_id"
    found = cursor.execute(
        f"SELECT row FROM posts WHERE {key} IN (SELECT member FROM collection_members WHERE collection_id = ?)"
        " ORDER BY row",
        [id_],
    ).fetchnumpy()
    return np.asarray(found["row"], np.int64)


def insert_members(cursor: Cursor, id_: str, members: Sequence[str], now: datetime) -> int:
    """Adds those that are not there yet and gives how many. Members must be distinct."""
    if not members:
        return 0
    (last,) = first_row(
        cursor.execute("SELECT max(position) FROM collection_members WHERE collection_id = ?", [id_])
    ) or (0,)
    added = cursor.execute(
        """
        INSERT INTO collection_members (collection_id, member, added_at, position)
        SELECT $id, member, $now, $last + place FROM (
            SELECT unnest($members::VARCHAR[]) AS member, generate_subscripts($members::VARCHAR[], 1) AS place) AS given
        WHERE NOT EXISTS (
            SELECT 1 FROM collection_members m WHERE m.collection_id = $id AND m.member = given.member)
        RETURNING 1
        """,
        {"id": id_, "now": now, "last": last or 0, "members": list(members)},
    ).fetchall()
    return len(added)


def delete_members(cursor: Cursor, id_: str, members: Sequence[str]) -> tuple[str, ...]:
    """Gives those that were there."""
    found = cursor.execute(
        "DELETE FROM collection_members WHERE collection_id = ? AND member IN (SELECT unnest(?::VARCHAR[]))"
        " RETURNING member",
        [id_, list(members)],
    ).fetchall()
    return tuple(member for (member,) in found)


def known_members(cursor: Cursor, noun: Noun, members: Sequence[str]) -> set[str]:
    """Those of some ids that name a post, or a user: an account, an author, or somebody who acted on a post."""
    known = (
        "SELECT id FROM posts"
        if noun == "post"
        else "SELECT id FROM users UNION SELECT user_id FROM posts UNION SELECT user_id FROM interactions"
    )
    found = cursor.execute(
        f"SELECT member FROM (SELECT unnest(?::VARCHAR[]) AS member) WHERE member IN ({known})", [list(members)]
    ).fetchall()
    return {member for (member,) in found}


def combined_members(cursor: Cursor, operation: SetOperation, ids: Sequence[str]) -> tuple[str, ...]:
    """Members of all, of each, or of the first but none of the others; in the order of the first that has them."""
    condition = {
        "union": "TRUE",
        "intersection": "count(DISTINCT collection_id) = ?",
        "difference": "bool_and(collection_id = ?)",
    }[operation]
    bound: list[object] = {"union": [], "intersection": [len(set(ids))], "difference": [ids[0]]}[operation]  # type: ignore[assignment]
    found = cursor.execute(
        "SELECT member FROM collection_members WHERE collection_id IN (SELECT unnest(?::VARCHAR[]))"
        f" GROUP BY member HAVING {condition}"
        " ORDER BY min((list_position(?::VARCHAR[], collection_id), position)), member",
        [list(ids), *bound, list(ids)],
    ).fetchall()
    return tuple(member for (member,) in found)


def touch(cursor: Cursor, id_: str, now: datetime) -> None:
    cursor.execute("UPDATE collections SET changed_at = ? WHERE id = ?", [now, id_])


def set_about(cursor: Cursor, id_: str, name: str, tags: Sequence[str], note: str) -> None:
    cursor.execute("UPDATE collections SET name = ?, tags = ?, note = ? WHERE id = ?", [name, list(tags), note, id_])


def set_deleted(cursor: Cursor, id_: str, at: datetime | None) -> None:
    cursor.execute("UPDATE collections SET deleted_at = ? WHERE id = ?", [at, id_])


def purge_deleted(cursor: Cursor, before: datetime) -> None:
    """Forgets for good what has been in the bin since before a moment."""
    cursor.execute(
        "DELETE FROM collection_members WHERE collection_id IN (SELECT id FROM collections WHERE deleted_at < ?)",
        [before],
    )
    cursor.execute("DELETE FROM collections WHERE deleted_at < ?", [before])


def memberships(cursor: Cursor, noun: Noun, member: str) -> list[Collection]:
    """The collections that hold a post or a user."""
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM collections c WHERE c.deleted_at IS NULL AND c.noun = ?"
        " AND EXISTS (SELECT 1 FROM collection_members m WHERE m.collection_id = c.id AND m.member = ?)"
        " ORDER BY c.name",
        [noun, member],
    ).fetchall()
    return [_collection(row) for row in rows]
