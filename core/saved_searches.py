"""Searches to come back to: each is run again on what is here now, and says what is new since it was last looked at."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.database import saved_searches as table
from core.database.saved_searches import SavedSearch
from core.errors import CollectionError
from core.jobs.runner import utc_now

if TYPE_CHECKING:
    from core.workspace import Workspace

MAX_NAME = 200
MAX_URL = 8_000
MAX_SAVED = 200


def save(workspace: Workspace, name: str, url: str) -> SavedSearch:
    """Keeps a search by its address in the app; the posts that are here count as seen. Raises CollectionError."""
    name = " ".join(name.split())
    every = list_all(workspace)
    if not name or len(name) > MAX_NAME:
        raise CollectionError(f"A saved search has a name of 1 to {MAX_NAME} characters.")
    if len(url) > MAX_URL or len(every) >= MAX_SAVED:
        raise CollectionError(
            f"At most {MAX_SAVED} searches are saved, each with an address of {MAX_URL:,} characters."
        )
    id_ = secrets.token_hex(5)
    with workspace.transaction() as cursor:
        table.insert_search(cursor, id_, name, url, utc_now())
    return next(saved for saved in list_all(workspace) if saved.id == id_)


def list_all(workspace: Workspace) -> list[SavedSearch]:
    """By name."""
    return table.select_searches(workspace.cursor())


def new_since(workspace: Workspace, saved: SavedSearch, post_ids: Sequence[str]) -> list[str]:
    """Those of the posts that the search finds now that have come in since it was last looked at."""
    new = set(table.newer_than(workspace.cursor(), post_ids, saved.seen_row))
    return [id_ for id_ in post_ids if id_ in new]


def mark_seen(workspace: Workspace, id_: str) -> None:
    """From now on only what comes in later is new."""
    with workspace.transaction() as cursor:
        table.set_seen(cursor, id_, utc_now())


def delete(workspace: Workspace, id_: str) -> SavedSearch:
    """Gives what was deleted, for :func:`restore`. Raises CollectionError where there is no such search."""
    with workspace.transaction() as cursor:
        found = table.delete_search(cursor, id_)
    if found is None:
        raise CollectionError("There is no such saved search: it may have been deleted.")
    return found


def restore(workspace: Workspace, saved: SavedSearch) -> None:
    """Takes a deleted search back as it was."""
    with workspace.transaction() as cursor:
        table.insert_again(cursor, saved)
