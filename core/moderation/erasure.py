"""Erasing a person: their words and pictures go, what was decided on them stays, under a keyed hash of their ids.

The key is made once a workspace and kept in it: the same person erased twice has the same hash, and nobody who knows an
id but not the key can tell which hash is theirs.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.database import vectors as vector_table
from core.database.connection import first_row
from core.database.moderation import Cursor, Decision, insert_decisions
from core.jobs.runner import utc_now
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

KEY = "erasure key"


@dataclass(frozen=True, slots=True)
class Erased:
    """``user_id`` is the hash that stands for the person now."""

    user_id: str
    posts: int
    pictures: int


def erase_person(workspace: Workspace, user_id: str, *, by: Person = ALONE) -> Erased:
    """Drops a person's texts, pictures, vectors, profile and acts, and replaces their ids everywhere.

    Posts stay as empty rows, so that the log's entries have a subject. What was seen (scores) stays in the log; notes
    and labels go, since they may quote. Raises RoleError.
    """
    by.require("erase")
    with workspace.new_generation() as (cursor, generation):
        key = _key(cursor)
        new_user = _hashed(key, user_id)
        posts = dict(cursor.execute("SELECT row, id FROM posts WHERE user_id = ?", [user_id]).fetchall())
        rows = list(posts)
        media = cursor.execute(
            "SELECT row, path FROM media WHERE path IS NOT NULL AND post_row IN (SELECT unnest(?::BIGINT[]))", [rows]
        ).fetchall()
        for space in vector_table.list_spaces(cursor):
            lost = rows if vector_table.noun_of(space) == "post" else [row for row, _ in media]
            for store in ("", workspace.indexes.store.key):
                if vector_table.has_store(cursor, space, store):
                    cursor.execute(
                        f"DELETE FROM {vector_table.table_name(cursor, space, store)}"
                        " WHERE row IN (SELECT unnest(?::BIGINT[]))",
                        [lost],
                    )
        for noun, gone in (("post", rows), ("media", [row for row, _ in media])):
            cursor.execute("INSERT INTO removed SELECT ?, unnest(?::BIGINT[]), ?", [noun, gone, generation])
        for row, id_ in posts.items():
            _rename(cursor, id_, _hashed(key, id_))
            cursor.execute(
                "UPDATE posts SET id = ?, text = '', user_id = ?, url = NULL, reply_to = NULL, repost_of = NULL,"
                " extra = '{}', content_hash = 'erased', text_hash = 'erased', pictures = 0, generation = ?,"
                " text_generation = ? WHERE row = ?",
                [_hashed(key, id_), new_user, generation, generation, row],
            )
        cursor.execute("DELETE FROM media WHERE post_row IN (SELECT unnest(?::BIGINT[]))", [rows])
        cursor.execute("DELETE FROM scores WHERE post_row IN (SELECT unnest(?::BIGINT[]))", [rows])
        cursor.execute("DELETE FROM reports WHERE post_row IN (SELECT unnest(?::BIGINT[]))", [rows])
        cursor.execute("DELETE FROM users WHERE id = ?", [user_id])
        cursor.execute("DELETE FROM interactions WHERE user_id = ?", [user_id])
        _rename(cursor, user_id, new_user)
        cursor.execute("UPDATE decisions SET author = ?, note = '', label = NULL WHERE author = ?", [new_user, user_id])
        token = secrets.token_hex(8)
        insert_decisions(
            cursor,
            [
                Decision(
                    0, utc_now(), by.name, "user", new_user, None, new_user, None, "erase", batch=token, token=token
                )
            ],
        )
        kept = {
            path
            for (path,) in cursor.execute(
                "SELECT DISTINCT path FROM media WHERE path IN (SELECT unnest(?::VARCHAR[]))", [[p for _, p in media]]
            ).fetchall()
        }
    for _, path in media:
        if path not in kept:  # others may have posted the same picture
            (workspace.media_folder / path).unlink(missing_ok=True)
    return Erased(new_user, len(rows), len(media))


def _rename(cursor: Cursor, old: str, new: str) -> None:
    """An id as the subject of entries and standings, and as a member of collections."""
    cursor.execute("UPDATE decisions SET subject = ? WHERE subject = ?", [new, old])
    cursor.execute("UPDATE standings SET subject = ? WHERE subject = ?", [new, old])
    cursor.execute("DELETE FROM collection_members WHERE member = ?", [old])
    cursor.execute("UPDATE posts SET reply_to = NULL WHERE reply_to = ?", [old])


def _key(cursor: Cursor) -> bytes:
    found = first_row(cursor.execute("SELECT value FROM meta WHERE key = ?", [KEY]))
    if found is None:
        found = (secrets.token_hex(32),)
        cursor.execute("INSERT INTO meta VALUES (?, ?)", [KEY, found[0]])
    return bytes.fromhex(found[0])


def _hashed(key: bytes, id_: str) -> str:
    return "erased-" + hmac.new(key, id_.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:24]
