"""Accounts: what was decided on an author's posts and on the author, and deciding on one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.database.connection import first_row
from core.database.moderation import Decision, Standing, insert_decisions, known_token, read_decisions, set_standings
from core.errors import ModerationError
from core.jobs.runner import utc_now
from core.moderation.decisions import MAX_NOTE, REASONS, STATES, USER_ACTIONS
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

STRIKES = 3
"""From so many strikes on the desk proposes to suspend. A strike is a removed post or a warning that stands."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An author's past. ``decided`` and ``removed`` count posts as they stand now, ``flagged`` those that a policy
    flags; ``state`` is what stands on the account itself, empty where nothing does; ``latest`` are the newest entries
    about the account or its posts, newest first."""

    user_id: str
    posts: int
    flagged: int
    decided: int
    removed: int
    strikes: int
    state: str
    latest: tuple[Decision, ...]


def account_record(workspace: Workspace, user_id: str, *, by: Person = ALONE, latest: int = 8) -> AccountRecord:
    """Raises RoleError."""
    by.require("review")
    cursor = workspace.cursor()
    (posts, decided, removed, flagged) = first_row(
        cursor.execute(
            """
            SELECT count(*), count(t.state), count(*) FILTER (t.state IN ('removed', 'locked')), count(f.post_row)
            FROM posts p LEFT JOIN standings t ON t.noun = 'post' AND t.subject = p.id
            LEFT JOIN (SELECT DISTINCT s.post_row FROM scores s JOIN policies q ON q.id = s.policy
                WHERE q.enabled AND s.score >= q.threshold::FLOAT
                AND s.post_row IN (SELECT row FROM posts WHERE user_id = $user)) f ON f.post_row = p.row
            WHERE p.user_id = $user
            """,
            {"user": user_id},
        )
    ) or (0, 0, 0, 0)
    (state,) = first_row(
        cursor.execute("SELECT state FROM standings WHERE noun = 'user' AND subject = ?", [user_id])
    ) or ("",)
    (warnings,) = first_row(
        cursor.execute(
            "SELECT count(*) FROM decisions WHERE noun = 'user' AND subject = ? AND action = 'warn'"
            " AND id NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)",
            [user_id],
        )
    ) or (0,)
    entries = read_decisions(
        cursor,
        "review <> 'second' AND ((noun = 'user' AND subject = ?) OR (noun = 'post' AND author = ?))",
        [user_id, user_id],
    )
    return AccountRecord(
        user_id, posts, flagged, decided, removed, removed + warnings, state, tuple(reversed(entries[-latest:]))
    )


def decide_account(
    workspace: Workspace,
    user_id: str,
    action: str,
    *,
    reason: str,
    note: str = "",
    by: Person = ALONE,
    token: str | None = None,
) -> int:
    """Warns, limits, suspends or restores an account and gives the entry's id (0 where the token was known).

    ``limit`` and ``suspend`` mark the account; its posts stay where they are until they are decided on. Raises
    RoleError, and ModerationError for an unknown account, action or reason.
    """
    by.require("decide on accounts")
    if action not in USER_ACTIONS:
        raise ModerationError(f"There is no decision {action!r} on accounts; there are {', '.join(USER_ACTIONS)}.")
    if not reason:
        raise ModerationError("A decision on an account needs a reason, which its statement gives.")
    if reason not in REASONS:
        raise ModerationError(f"There is no reason {reason!r}; there are {', '.join(REASONS)}.")
    if len(note) > MAX_NOTE:
        raise ModerationError(f"A note has up to {MAX_NOTE} characters.")
    token = token or secrets.token_hex(8)
    with workspace.transaction() as cursor:
        if known_token(cursor, token):
            return 0
        known = cursor.execute(
            "SELECT 1 FROM users WHERE id = ? UNION ALL SELECT 1 FROM posts WHERE user_id = ? LIMIT 1",
            [user_id, user_id],
        )
        if first_row(known) is None:
            raise ModerationError(f"There is no account {user_id!r} in this workspace.")
        (id_,) = insert_decisions(
            cursor,
            [
                Decision(0, utc_now(), by.name, "user", user_id, None, user_id, None, action, reason=reason, note=note,
                         batch=token, token=token)
            ],
        )  # fmt: skip
        set_standings(cursor, [Standing("user", user_id, None, STATES[action], None, None, id_)])
    return id_


def find_accounts(
    workspace: Workspace, words: str, limit: int, *, by: Person = ALONE
) -> list[tuple[str, str, int, str]]:
    """(id, name, posts, state) of the accounts whose id is ``words``, or whose name or handle has them, the most posts
    first. Raises RoleError."""
    by.require("review")
    return (
        workspace.cursor()
        .execute(
            """
            WITH found AS (
                SELECT id, coalesce(name, handle, id) AS name FROM users
                WHERE id = $words OR contains(lower(coalesce(name, '') || ' @' || coalesce(handle, '')), lower($words))
                UNION SELECT user_id, user_id FROM posts WHERE user_id = $words
                    AND NOT EXISTS (SELECT 1 FROM users WHERE id = $words))
            SELECT f.id, f.name, (SELECT count(*) FROM posts p WHERE p.user_id = f.id) AS posts,
                coalesce((SELECT state FROM standings t WHERE t.noun = 'user' AND t.subject = f.id), '')
            FROM found f ORDER BY 3 DESC, 1 LIMIT $limit
            """,
            {"words": words.strip(), "limit": limit},
        )
        .fetchall()
    )


def accounts_with_strikes(workspace: Workspace, limit: int, *, by: Person = ALONE) -> list[tuple[str, str, int, str]]:
    """(id, name, strikes, state of the account) of the accounts that have any, the most first. Raises RoleError."""
    by.require("review")
    return (
        workspace.cursor()
        .execute(
            """
            WITH strikes AS (
                SELECT d.author AS id, count(*) AS n FROM standings t JOIN decisions d ON d.id = t.decision
                WHERE t.noun = 'post' AND t.state IN ('removed', 'locked') AND d.author IS NOT NULL GROUP BY 1
                UNION ALL
                SELECT subject, count(*) FROM decisions WHERE noun = 'user' AND action = 'warn'
                    AND id NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL) GROUP BY 1)
            SELECT s.id, coalesce((SELECT coalesce(name, handle) FROM users u WHERE u.id = s.id), s.id), sum(n)::BIGINT,
                coalesce((SELECT state FROM standings t WHERE t.noun = 'user' AND t.subject = s.id), '')
            FROM strikes s GROUP BY s.id ORDER BY 3 DESC, 1 LIMIT ?
            """,
            [limit],
        )
        .fetchall()
    )
