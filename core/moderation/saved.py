"""Queues that were kept under a name, by their address in the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import ModerationError
from core.jobs.runner import utc_now
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

MOST = 50
MAX_NAME = 60


def list_saved(workspace: Workspace) -> list[tuple[str, str]]:
    """(name, address), by name."""
    return workspace.cursor().execute("SELECT name, address FROM saved_queues ORDER BY name").fetchall()


def save_address(workspace: Workspace, name: str, address: str, *, by: Person = ALONE) -> None:
    """Keeps an address under a name, over an earlier one. Raises RoleError, and ModerationError for a name that is too
    long, or the MOST-and-first."""
    by.require("review")
    if not name.strip() or len(name) > MAX_NAME:
        raise ModerationError(f"A queue's name has 1 to {MAX_NAME} characters.")
    known = [one for one, _ in list_saved(workspace)]
    if name not in known and len(known) >= MOST:
        raise ModerationError(f"At most {MOST} queues are kept.")
    with workspace.transaction() as cursor:
        cursor.execute("INSERT OR REPLACE INTO saved_queues VALUES (?, ?, ?)", [name, address, utc_now()])


def forget(workspace: Workspace, name: str, *, by: Person = ALONE) -> None:
    by.require("review")
    with workspace.transaction() as cursor:
        cursor.execute("DELETE FROM saved_queues WHERE name = ?", [name])
