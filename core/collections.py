"""Collections: named sets of posts or of users, by which pages work together.

Whatever shows posts can put some into a collection; a collection can be shown on the map, compared, exported, queued.
Members are kept as ids in the order in which they were added. Changing a collection does not change the workspace's
generation, since no index depends on it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.database import collections as table
from core.database.collections import SetOperation
from core.errors import CollectionError
from core.jobs.runner import utc_now
from core.types import Collection, Noun

if TYPE_CHECKING:
    from core.workspace import Workspace

MAX_NAME = 200
MAX_NOTE = 20_000
MAX_TAGS = 50
KEPT_DELETED = timedelta(days=30)
"""How long a deleted collection can be taken back."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of members to add: ``added`` are new, ``already`` were there, ``unknown`` name nothing here and were
    left out."""

    added: int
    already: int
    unknown: tuple[str, ...] = ()


def create(workspace: Workspace, name: str, noun: Noun = "post", members: Iterable[str] = ()) -> Collection:
    """Makes a collection, with members where some are given (unknown ids are left out).

    Raises CollectionError for an empty or a very long name.
    """
    name = _checked_name(name)
    if noun not in ("post", "user"):
        raise CollectionError(f"A collection holds posts or users, not {noun!r}.")
    id_ = secrets.token_hex(5)
    now = utc_now()
    with workspace.transaction() as cursor:
        table.purge_deleted(cursor, now - KEPT_DELETED)
        table.insert_collection(cursor, id_, name, noun, now)
    add(workspace, id_, members)
    return get(workspace, id_)


def get(workspace: Workspace, id_: str) -> Collection:
    """A collection with all its members. Raises CollectionError where there is none."""
    cursor = workspace.cursor()
    return replace(_about(workspace, id_), members=table.select_members(cursor, id_))


def about(workspace: Workspace, id_: str) -> Collection:
    """A collection without its members, whose number is ``size``. Raises CollectionError where there is none."""
    return _about(workspace, id_)


def list_all(workspace: Workspace, noun: Noun | None = None) -> list[Collection]:
    """All collections, or those of posts or of users, without their members; the one changed last first."""
    return [found for found in table.select_collections(workspace.cursor()) if noun in (None, found.noun)]


def find(workspace: Workspace, named: str) -> Collection:
    """The collection of that id or, where only one has it, of that name; without members. Raises CollectionError."""
    every = list_all(workspace)
    by_id = [found for found in every if found.id == named]
    by_name = [found for found in every if found.name.casefold() == named.strip().casefold()]
    if by_id or len(by_name) == 1:
        return (by_id or by_name)[0]
    if by_name:
        ids = ", ".join(found.id for found in by_name)
        raise CollectionError(f"Several collections are named {named!r}: say which by its id, one of {ids}.")
    raise _missing(named)


def page(workspace: Workspace, id_: str, *, offset: int, limit: int) -> tuple[str, ...]:
    """Some of the members, in the order in which they were added."""
    return table.select_members(workspace.cursor(), id_, offset=offset, limit=limit)


def post_rows(workspace: Workspace, id_: str) -> NDArray[np.int64]:
    """Rising rows of the collection's posts; of a collection of users, of all posts of theirs."""
    return table.member_rows(workspace.cursor(), id_, _about(workspace, id_).noun)


def add(workspace: Workspace, id_: str, members: Iterable[str]) -> Added:
    """Adds posts or users by their ids. Raises CollectionError where there is no such collection."""
    wanted = list(dict.fromkeys(members))
    found = _about(workspace, id_)
    with workspace.transaction() as cursor:
        known = table.known_members(cursor, found.noun, wanted)
        kept = [member for member in wanted if member in known]
        added = table.insert_members(cursor, id_, kept, utc_now())
        if added:
            table.touch(cursor, id_, utc_now())
    return Added(added, len(kept) - added, tuple(member for member in wanted if member not in known))


def remove(workspace: Workspace, id_: str, members: Iterable[str]) -> tuple[str, ...]:
    """Takes members out and gives those that were there; adding them again undoes it."""
    _about(workspace, id_)
    with workspace.transaction() as cursor:
        removed = table.delete_members(cursor, id_, list(members))
        if removed:
            table.touch(cursor, id_, utc_now())
    return removed


def describe(
    workspace: Workspace,
    id_: str,
    *,
    name: str | None = None,
    tags: Sequence[str] | None = None,
    note: str | None = None,
) -> Collection:
    """Changes what is given of a collection's name, tags and note. Raises CollectionError."""
    found = _about(workspace, id_)
    name = found.name if name is None else _checked_name(name)
    kept = found.tags if tags is None else tuple(dict.fromkeys(t for tag in tags if (t := " ".join(tag.split())[:60])))
    note = found.note if note is None else note.strip()
    if len(kept) > MAX_TAGS or len(note) > MAX_NOTE:
        raise CollectionError(f"A collection has at most {MAX_TAGS} tags and a note of {MAX_NOTE:,} characters.")
    with workspace.transaction() as cursor:
        table.set_about(cursor, id_, name, kept, note)
    return _about(workspace, id_)


def combine(workspace: Workspace, operation: SetOperation, ids: Sequence[str], name: str) -> Collection:
    """A new collection of the members of any (``union``), of each (``intersection``), or of the first and none of the
    others (``difference``). Raises CollectionError for fewer than two collections, or for posts and users mixed."""
    parts = [_about(workspace, id_) for id_ in dict.fromkeys(ids)]
    if len(parts) < 2:
        raise CollectionError("It takes two collections or more to combine them.")
    if len({part.noun for part in parts}) > 1:
        raise CollectionError("Collections of posts and collections of users can't be combined.")
    members = table.combined_members(workspace.cursor(), operation, [part.id for part in parts])
    return create(workspace, name, parts[0].noun, members)


def delete(workspace: Workspace, id_: str) -> Collection:
    """Puts a collection into the bin, whence :func:`restore` takes it for KEPT_DELETED. Its posts stay as they are."""
    found = _about(workspace, id_)
    with workspace.transaction() as cursor:
        table.set_deleted(cursor, id_, utc_now())
    return found


def restore(workspace: Workspace, id_: str) -> Collection:
    """Takes a deleted collection back. Raises CollectionError where it is not in the bin (any more)."""
    if table.select_collection(workspace.cursor(), id_, deleted=True) is None:
        raise _missing(id_)
    with workspace.transaction() as cursor:
        table.set_deleted(cursor, id_, None)
    return _about(workspace, id_)


def deleted(workspace: Workspace) -> list[Collection]:
    """What is in the bin."""
    return table.select_collections(workspace.cursor(), deleted=True)


def holding(workspace: Workspace, member: str, noun: Noun = "post") -> list[Collection]:
    """The collections that hold a post or a user, by name."""
    return table.memberships(workspace.cursor(), noun, member)


def _about(workspace: Workspace, id_: str) -> Collection:
    found = table.select_collection(workspace.cursor(), id_)
    if found is None:
        raise _missing(id_)
    return found


def _missing(named: str) -> CollectionError:
    return CollectionError(f"There is no collection {named[:80]!r}: it may have been deleted.")


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise CollectionError(f"A collection's name has 1 to {MAX_NAME} characters.")
    return name
