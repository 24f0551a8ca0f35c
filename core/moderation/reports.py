"""Reports: anybody sends posts to the queue, whatever the scorers say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.database.posts import rows_of
from core.errors import ModerationError
from core.jobs.runner import utc_now
from core.moderation.policies import get_policy
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

MAX_NOTE = 4000
MAX_POSTS = 10_000


def report(
    workspace: Workspace, post_ids: Sequence[str], policy: str | None = None, note: str = "", *, by: Person = ALONE
) -> int:
    """Puts posts into the queue, under a policy or none, and gives how many were not waiting there for it already.

    A post that was decided is looked at again. Raises RoleError, and ModerationError for an unknown policy, too many
    posts or too long a note; unknown posts are left out.
    """
    by.require("report")
    if policy is not None:
        get_policy(workspace, policy)
    if len(note) > MAX_NOTE:
        raise ModerationError(f"A note has up to {MAX_NOTE} characters.")
    if len(post_ids) > MAX_POSTS:
        raise ModerationError(
            f"At most {MAX_POSTS:,} posts are sent to review at a time; {len(post_ids):,} were given."
        )
    with workspace.transaction() as cursor:
        rows = sorted(rows_of(cursor, list(post_ids)).values())
        found = cursor.execute(
            "INSERT INTO reports (post_row, policy, note, reporter, kind, made_at)"
            " SELECT row, ?, ?, ?, 'report', ? FROM (SELECT unnest(?::BIGINT[]) AS row) n WHERE NOT EXISTS"
            " (SELECT 1 FROM reports r WHERE r.post_row = n.row AND r.closed_by IS NULL AND r.policy IS NOT DISTINCT"
            " FROM ?::VARCHAR) RETURNING id",
            [policy, note, by.name, utc_now(), rows, policy],
        )
        return len(found.fetchall())


def open_reports(workspace: Workspace, post_row: int) -> list[tuple[str, str | None, str, str]]:
    """(kind, policy, note, reporter) of what waits for a post, oldest first."""
    return (
        workspace.cursor()
        .execute(
            "SELECT kind, policy, note, reporter FROM reports WHERE post_row = ? AND closed_by IS NULL ORDER BY id",
            [post_row],
        )
        .fetchall()
    )
