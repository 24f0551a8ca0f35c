"""The queue: what waits for a decision, in which order, and who has it open.

An item is a post. It waits where the score of an enabled policy reaches its threshold, or somebody reported it, and
nothing was decided on its present text; an appeal waits whatever was decided. Handing items out claims them in the same
transaction, so two reviewers never get the same one; a claim ends by itself after CLAIM_MINUTES, so that a browser that
was closed holds nothing up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from core.database.connection import first_row
from core.database.moderation import Cursor
from core.errors import ModerationError
from core.jobs.runner import utc_now
from core.moderation.policies import list_policies
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

Kind: TypeAlias = Literal["open", "appeals", "second", "locked"]
Order: TypeAlias = Literal["priority", "score", "reach", "waiting", "newest", "unsure"]
KINDS: tuple[Kind, ...] = ("open", "appeals", "second", "locked")
ORDERS: tuple[Order, ...] = ("priority", "score", "reach", "waiting", "newest", "unsure")

CLAIM_MINUTES = 15
SECOND_SHARE = 0.1
"""Of the first decisions, so many are reviewed again blindly unless the workspace says otherwise."""

REACH = "1 + ln(1 + greatest(coalesce(p.likes, 0) + 2 * coalesce(p.reposts, 0) + coalesce(p.replies, 0), 0))"
PRIORITY = f"w.score * ({REACH}) * (1 + least(date_diff('minute', w.since, $now), 43200) / 1440.0)"
"""Calibrated score x reach x age: reach is 1 + ln(1 + likes + 2 reposts + replies), age 1 + days in the queue, 30 at
most."""

_ORDERS: dict[Order, str] = {
    "priority": f"{PRIORITY} DESC",
    "score": "w.score DESC",
    "reach": f"{REACH} DESC",
    "waiting": "w.since",
    "newest": "p.created_at DESC NULLS LAST",
    "unsure": "abs(w.score - w.threshold)",
}


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which items: ``kind`` open, appeals, second (blind second reviews) or locked; under one ``policy`` or all; of
    some languages; with or without pictures; only reported ones."""

    kind: Kind = "open"
    policy: str | None = None
    langs: tuple[str, ...] = ()
    has_picture: bool | None = None
    reported: bool = False
    order: Order = "priority"


@dataclass(frozen=True, slots=True)
class Item:
    """A post that waits. ``policy`` is the one of its highest score, or that it was reported under; ``since`` naive
    UTC; ``decision`` is the one that stands (0: none); ``reported`` tells that people sent it, and then ``score`` is 1;
    ``until`` is when the claim ends."""

    post_id: str
    row: int
    policy: str | None
    score: float
    priority: float
    since: datetime
    decision: int
    reported: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits under a policy (None: reported under none): how many, since when the oldest."""

    policy: str | None
    count: int
    oldest: datetime | None


def claim_next(
    workspace: Workspace, wanted: QueueFilter, *, by: Person = ALONE, count: int = 2, skip: Sequence[str] = ()
) -> list[Item]:
    """The next ``count`` items for a reviewer, theirs alone for CLAIM_MINUTES; those that they have open come first.

    ``skip`` are posts that they want to leave for now. Claims on what this queue does not hold are let go. Raises
    RoleError, and ModerationError for a queue that does not exist.
    """
    _check(wanted, by)
    list_policies(workspace)
    now = utc_now()
    until = now + timedelta(minutes=CLAIM_MINUTES)
    sql, values = _waiting(workspace.cursor(), wanted, by, now)
    with workspace.transaction() as cursor:
        cursor.execute("DELETE FROM claims WHERE until <= ?", [now])
        rows = cursor.execute(
            f"""
            SELECT p.id, p.row, w.policy, w.score, {PRIORITY} AS priority, w.since,
                coalesce((SELECT decision FROM standings t WHERE t.noun = 'post' AND t.subject = p.id), 0), w.reported,
                p.row IN (SELECT post_row FROM claims WHERE reviewer = $me) AS mine
            FROM ({sql}) w JOIN posts p ON p.row = w.post_row
            WHERE {_conditions(wanted)}
                AND p.row NOT IN (SELECT post_row FROM claims WHERE reviewer <> $me)
                AND p.row NOT IN (SELECT post_row FROM snoozes WHERE until > $now)
                AND p.id NOT IN (SELECT unnest($skip::VARCHAR[]))
            ORDER BY mine DESC, {_ORDERS[wanted.order]}, p.row LIMIT $count
            """,
            {**values, **_filter_values(wanted), "skip": list(skip), "count": count, "now": now, "me": by.name},
        ).fetchall()
        chosen = [row[1] for row in rows]
        cursor.execute("DELETE FROM claims WHERE reviewer = ?", [by.name])
        if chosen:
            cursor.execute("INSERT INTO claims SELECT unnest(?::BIGINT[]), ?, ?", [chosen, by.name, until])
    return [Item(*(*row[:8], until)) for row in rows]


def list_waiting(
    workspace: Workspace, wanted: QueueFilter, *, by: Person = ALONE, limit: int = 60, offset: int = 0
) -> list[Item]:
    """The queue itself in its order, claimed by nobody through this; for the contact sheet."""
    _check(wanted, by)
    list_policies(workspace)
    now = utc_now()
    cursor = workspace.cursor()
    sql, values = _waiting(cursor, wanted, by, now)
    rows = cursor.execute(
        f"""
        SELECT p.id, p.row, w.policy, w.score, {PRIORITY} AS priority, w.since,
            coalesce((SELECT decision FROM standings t WHERE t.noun = 'post' AND t.subject = p.id), 0), w.reported
        FROM ({sql}) w JOIN posts p ON p.row = w.post_row
        WHERE {_conditions(wanted)}
            AND p.row NOT IN (SELECT post_row FROM claims WHERE reviewer <> $me AND until > $now)
            AND p.row NOT IN (SELECT post_row FROM snoozes WHERE until > $now)
        ORDER BY {_ORDERS[wanted.order]}, p.row LIMIT $count OFFSET $offset
        """,
        {**values, **_filter_values(wanted), "count": limit, "offset": offset, "now": now, "me": by.name},
    ).fetchall()
    return [Item(*row) for row in rows]


def count_waiting(workspace: Workspace, wanted: QueueFilter, *, by: Person = ALONE) -> int:
    """How many items a queue holds, those too that somebody has open or snoozed."""
    _check(wanted, by)
    cursor = workspace.cursor()
    sql, values = _waiting(cursor, wanted, by, utc_now())
    (count,) = first_row(
        cursor.execute(
            f"SELECT count(*) FROM ({sql}) w JOIN posts p ON p.row = w.post_row WHERE {_conditions(wanted)}",
            {**values, **_filter_values(wanted)},
        )
    ) or (0,)
    return int(count)


def waiting_by_policy(workspace: Workspace) -> list[Waiting]:
    """How much waits under each policy, and since when; a post that several policies flag counts under each."""
    list_policies(workspace)
    rows = (
        workspace.cursor()
        .execute(
            f"SELECT w.policy, count(DISTINCT w.post_row), min(w.since) FROM ({_FLAGS} UNION ALL BY NAME {_REPORTS}) w"
            f" JOIN posts p ON p.row = w.post_row WHERE ({_UNDECIDED} OR w.reported)"
            " AND p.row NOT IN (SELECT row FROM hidden_posts) GROUP BY 1 ORDER BY 2 DESC, 1",
        )
        .fetchall()
    )
    return [Waiting(*row) for row in rows]


def release(workspace: Workspace, *, by: Person = ALONE) -> None:
    """Lets go of everything that a reviewer has open."""
    with workspace.transaction() as cursor:
        cursor.execute("DELETE FROM claims WHERE reviewer = ?", [by.name])


def snooze(workspace: Workspace, post_id: str, hours: float, *, by: Person = ALONE) -> datetime:
    """Takes an item out of the queue for some hours (up to 720) and gives when it comes back, naive UTC."""
    by.require("review")
    if not 0 < hours <= 720:
        raise ModerationError("An item can be snoozed for up to 30 days.")
    until = utc_now() + timedelta(hours=hours)
    with workspace.transaction() as cursor:
        cursor.execute(
            "INSERT OR REPLACE INTO snoozes SELECT row, ?, ? FROM posts WHERE id = ?", [by.name, until, post_id]
        )
        cursor.execute(
            "DELETE FROM claims WHERE reviewer = ? AND post_row IN (SELECT row FROM posts WHERE id = ?)",
            [by.name, post_id],
        )
    return until


def second_share(workspace: Workspace) -> float:
    """Which part of the first decisions is reviewed again, 0 to 1."""
    return _second_share(workspace.cursor())


def set_second_share(workspace: Workspace, share: float, *, by: Person = ALONE) -> None:
    by.require("policies")
    if not 0 <= share <= 1:
        raise ModerationError("The share of second reviews is between 0 and 1.")
    with workspace.transaction() as cursor:
        cursor.execute("INSERT OR REPLACE INTO meta VALUES ('second_share', ?)", [str(share)])


def _second_share(cursor: Cursor) -> float:
    (share,) = first_row(cursor.execute("SELECT value FROM meta WHERE key = 'second_share'")) or (SECOND_SHARE,)
    return float(share)


def _check(wanted: QueueFilter, by: Person) -> None:
    by.require("see locked" if wanted.kind == "locked" else "review")
    if wanted.kind not in KINDS or wanted.order not in ORDERS:
        raise ModerationError(f"There is no queue {wanted.kind!r} in the order {wanted.order!r}.")


_FLAGS = """
    SELECT s.post_row, s.policy, s.score::DOUBLE AS score, s.scored_at AS since, q.threshold, false AS reported
    FROM scores s JOIN policies q ON q.id = s.policy WHERE q.enabled AND s.score >= q.threshold::FLOAT
"""
_REPORTS = """
    SELECT post_row, policy, 1.0::DOUBLE AS score, made_at AS since, 0.5::DOUBLE AS threshold, true AS reported
    FROM reports WHERE kind = 'report' AND closed_by IS NULL
"""
_UNDECIDED = """
    NOT EXISTS (SELECT 1 FROM standings t WHERE t.noun = 'post' AND t.subject = p.id
        AND (t.state = 'locked' OR t.content_hash IS NOT DISTINCT FROM p.text_hash))
"""


def _waiting(cursor: Cursor, wanted: QueueFilter, by: Person, now: datetime) -> tuple[str, dict[str, Any]]:
    """One row a post of a queue: post_row, policy, score, since, threshold, reported; with its bound parameters."""
    if wanted.kind == "locked":
        return (
            "SELECT t.post_row, t.policy, 1.0::DOUBLE AS score, d.made_at AS since, 0.5::DOUBLE AS threshold,"
            " false AS reported FROM standings t JOIN decisions d ON d.id = t.decision"
            " WHERE t.noun = 'post' AND t.state = 'locked' AND t.post_row IS NOT NULL",
            {},
        )
    # What somebody decided on, they are not handed again: decide() would refuse it.
    mine = "" if by == ALONE else (
        " AND NOT EXISTS (SELECT 1 FROM decisions o WHERE o.noun = 'post' AND o.subject = t.subject"
        " AND o.reviewer = $reviewer AND o.action <> 'undo' AND o.review <> 'appeal')"
    )  # fmt: skip
    me: dict[str, Any] = {} if by == ALONE else {"reviewer": by.name}
    if wanted.kind == "appeals":
        return (
            "SELECT r.post_row, any_value(r.policy) AS policy, 1.0::DOUBLE AS score, min(r.made_at) AS since,"
            " 0.5::DOUBLE AS threshold, true AS reported FROM reports r JOIN standings t ON t.post_row = r.post_row"
            " JOIN decisions d ON d.id = t.decision WHERE r.kind = 'appeal' AND r.closed_by IS NULL"
            f" AND t.noun = 'post'{mine} GROUP BY r.post_row",
            me,
        )
    if wanted.kind == "second":
        return (
            "SELECT d.post_row, d.policy, 1.0::DOUBLE AS score, d.made_at AS since, 0.5::DOUBLE AS threshold,"
            " false AS reported FROM decisions d JOIN standings t ON t.decision = d.id AND t.noun = 'post'"
            " WHERE d.review = 'first' AND t.state <> 'locked' AND d.post_row IS NOT NULL"
            " AND hash(d.id) % 10000 < $share AND NOT EXISTS (SELECT 1 FROM decisions e WHERE e.review = 'second'"
            " AND e.subject = d.subject AND e.noun = 'post' AND e.id > d.id"
            f" AND e.id NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)){mine}",
            {"share": round(10_000 * _second_share(cursor)), **me},
        )
    return (
        "SELECT post_row, arg_max(policy, score) AS policy, max(score) AS score, min(since) AS since,"
        " arg_max(threshold, score) AS threshold, bool_or(reported) AS reported"
        f" FROM ({_FLAGS} UNION ALL BY NAME {_REPORTS}) WHERE $policy::VARCHAR IS NULL OR policy = $policy"
        " GROUP BY post_row",
        {"policy": wanted.policy},
    )


def _conditions(wanted: QueueFilter) -> str:
    parts = []
    if wanted.kind == "open":
        parts.append(f"({_UNDECIDED} OR w.reported)")
        # A removed or locked post that is reported once more shows nobody anything new.
        parts.append("p.row NOT IN (SELECT row FROM hidden_posts)")
    elif wanted.policy is not None:
        parts.append("w.policy = $policy")
    if wanted.langs:
        parts.append("p.lang IN (SELECT unnest($langs::VARCHAR[]))")
    if wanted.has_picture is not None:
        parts.append("p.pictures > 0" if wanted.has_picture else "p.pictures = 0")
    if wanted.reported:
        parts.append("w.reported")
    return " AND ".join(parts) or "TRUE"


def _filter_values(wanted: QueueFilter) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if wanted.langs:
        values["langs"] = list(wanted.langs)
    if wanted.kind != "open" and wanted.policy is not None:
        values["policy"] = wanted.policy
    return values
