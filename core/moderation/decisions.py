"""Decisions: an append-only log, and its effect in the same transaction.

An entry is never changed. Taking one back is another entry, which names it. What the entries amount to for a subject is
its standing, written with them: a process that is killed has made the decision with its effect, or neither. Each
decision carries a token that its maker chose: the same one sent twice is one decision.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.database.connection import first_row
from core.database.moderation import (
    Cursor,
    Decision,
    Standing,
    clear_standings,
    insert_decisions,
    known_token,
    read_decisions,
    read_standings,
    scores_of,
    set_standings,
)
from core.errors import ModerationError
from core.jobs.runner import utc_now
from core.moderation.policies import POST_ACTIONS, get_policy, list_policies
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

STATES: dict[str, str] = {
    "keep": "kept", "remove": "removed", "label": "labelled", "limit": "limited", "escalate": "locked",
    "warn": "warned", "suspend": "suspended", "restore": "restored",
}  # fmt: skip
USER_ACTIONS = ("warn", "limit", "suspend", "restore")
REASONS: dict[str, str] = {
    "illegal": "Illegal content",
    "hate": "Hate or harassment",
    "violence": "Threats or violence",
    "sexual": "Sexual content",
    "spam": "Spam or deception",
    "privacy": "Privacy or personal data",
    "minors": "Safety of minors",
    "other": "Other breach of the terms",
}
USUAL_REASONS: dict[str, str] = {
    "hate": "hate", "insult": "hate", "toxicity": "hate", "threat": "violence", "sexual": "sexual", "nudity": "sexual",
    "spam": "spam", "waves": "spam",
}  # fmt: skip
"""By the id of a default policy what the desk proposes to give as the reason."""

MAX_NOTE = 4000
MAX_LABEL = 80
MAX_GROUP = 5000


@dataclass(frozen=True, slots=True)
class Outcome:
    """``ids`` of the entries made, the same order as ``post_ids``; ``left_out`` are posts of a group that somebody else
    has open or that are locked. Both are empty where the token was known: the decision had been made before."""

    ids: tuple[int, ...]
    post_ids: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def decide(
    workspace: Workspace,
    post_ids: Sequence[str],
    action: str,
    *,
    policy: str | None = None,
    policies: Mapping[str, str] | None = None,
    by: Person = ALONE,
    label: str | None = None,
    reason: str | None = None,
    note: str = "",
    review: str = "first",
    token: str | None = None,
    seen: Mapping[str, Any] | None = None,
    seconds: float | None = None,
    standing_seen: int | None = None,
) -> Outcome:
    """Decides on one post, or on a group of which the first is the one that was looked at.

    ``action`` is one of POST_ACTIONS. ``policies`` are those of single posts, by id, where ``policy`` is not that of
    all. ``review`` second is blind and has no effect; an appeal is decided by somebody
    else than before. ``standing_seen`` is the decision that stood when the reviewer looked (0: none): where another one
    has come since, nothing is done. What was seen (scores, thresholds, model ids) is noted with each entry.

    Raises RoleError, and ModerationError where the first post is unknown, locked, open at somebody else's, decided in
    the meantime, or not for this reviewer.
    """
    by.require("review")
    under = policies or {}
    for one in dict.fromkeys([policy, *under.values()]):
        if one is not None:
            get_policy(workspace, one)
    _check(action, label, reason, note, review, post_ids)
    token = token or secrets.token_hex(8)
    now = utc_now()
    thresholds = {one.id: one.threshold for one in list_policies(workspace)}
    with workspace.transaction() as cursor:
        if known_token(cursor, token):
            return Outcome((), ())
        posts = _posts(cursor, post_ids)
        first = post_ids[0]
        if first not in posts:
            raise ModerationError(f"There is no post {first!r} in this workspace.")
        standings = read_standings(cursor, "post", list(posts))
        held = _held_by_others(cursor, [row for row, *_ in posts.values()], by)
        _check_first(cursor, first, posts[first][0], standings.get(first), held, by, review, standing_seen)
        chosen, left_out = [first], [id_ for id_ in post_ids if id_ not in posts]
        for id_ in dict.fromkeys(post_ids[1:]):
            if id_ == first or id_ not in posts:
                continue
            locked = id_ in standings and standings[id_].state == "locked" and not by.may("unlock")
            (left_out if locked or posts[id_][0] in held else chosen).append(id_)
        given = _scores_seen(cursor, {posts[id_][0]: id_ for id_ in chosen}, thresholds)
        entries = [
            Decision(
                0, now, by.name, "post", id_, posts[id_][0], posts[id_][1], under.get(id_, policy), action, label,
                reason, note, {**(seen or {}), **given[id_], "group": len(chosen)}, review, None, token, token,
                seconds,
            )
            for id_ in chosen
        ]  # fmt: skip
        ids = insert_decisions(cursor, entries)
        if review != "second":
            set_standings(
                cursor,
                [
                    Standing("post", id_, posts[id_][0], STATES[action], label, under.get(id_, policy), number,
                             posts[id_][2])
                    for id_, number in zip(chosen, ids, strict=True)
                ],
            )  # fmt: skip
            rows = [posts[id_][0] for id_ in chosen]
            _close_reports(cursor, dict(zip(rows, ids, strict=True)))
            cursor.execute("DELETE FROM snoozes WHERE post_row IN (SELECT unnest(?::BIGINT[]))", [rows])
        cursor.execute(
            "DELETE FROM claims WHERE reviewer = ? AND post_row IN (SELECT unnest(?::BIGINT[]))",
            [by.name, [posts[id_][0] for id_ in chosen]],
        )
    return Outcome(tuple(ids), tuple(chosen), tuple(left_out))


def undo(
    workspace: Workspace, decision: int, *, by: Person = ALONE, note: str = "", token: str | None = None
) -> Outcome:
    """Takes a decision back, with its whole group, by entries that name the ones they undo.

    A reviewer takes back their own, a lead anybody's. What was decided on a post later goes on to stand. Raises
    RoleError, and ModerationError for an unknown decision or one that was taken back already.
    """
    by.require("review")
    token = token or secrets.token_hex(8)
    with workspace.transaction() as cursor:
        if known_token(cursor, token):
            return Outcome((), ())
        found = read_decisions(cursor, "id = ?", [decision])
        if not found or found[0].action == "undo":
            raise ModerationError(f"There is no decision {decision} that could be taken back.")
        batch = read_decisions(
            cursor,
            "batch = ? AND action <> 'undo' AND id NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)",
            [found[0].batch],
        )
        if not batch:
            raise ModerationError(f"Decision {decision} was taken back already.")
        if any(one.reviewer != by.name for one in batch):
            by.require("unlock")
        if any(one.action == "escalate" for one in batch):
            by.require("unlock")
        ids = insert_decisions(
            cursor,
            [
                Decision(0, utc_now(), by.name, one.noun, one.subject, one.post_row, one.author, one.policy, "undo",
                         note=note, review=one.review, undoes=one.id, batch=token, token=token)
                for one in batch
            ],
        )  # fmt: skip
        for noun in {one.noun for one in batch}:
            restore_standings(cursor, noun, [one.subject for one in batch if one.noun == noun])
        cursor.execute(
            "UPDATE reports SET closed_by = NULL WHERE closed_by IN (SELECT unnest(?::BIGINT[]))",
            [[one.id for one in batch]],
        )
    return Outcome(tuple(ids), tuple(one.subject for one in batch))


def restore_standings(cursor: Cursor, noun: str, subjects: Sequence[str]) -> None:
    """Writes anew what the log amounts to for some subjects. Call in a transaction."""
    subjects = list(dict.fromkeys(subjects))
    latest = {one.subject: one for one in effective(cursor, noun, subjects)}
    clear_standings(cursor, noun, [subject for subject in subjects if subject not in latest])
    set_standings(
        cursor,
        [
            Standing(noun, one.subject, one.post_row, STATES[one.action], one.label, one.policy, one.id,
                     one.seen.get("text_hash"))
            for one in latest.values()
        ],
    )  # fmt: skip


def effective(cursor: Cursor, noun: str, subjects: Sequence[str]) -> list[Decision]:
    """The newest entry with effect of each subject; undone ones and blind reviews have none."""
    return read_decisions(
        cursor,
        "id IN (SELECT max(id) FROM decisions WHERE noun = ? AND subject IN (SELECT unnest(?::VARCHAR[]))"
        " AND review <> 'second' AND action NOT IN ('undo', 'erase')"
        " AND id NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL) GROUP BY subject)",
        [noun, list(subjects)],
    )


def history_of(workspace: Workspace, post_id: str) -> list[Decision]:
    """Every entry about a post, oldest first."""
    return read_decisions(workspace.cursor(), "noun = 'post' AND subject = ?", [post_id])


def appeal(workspace: Workspace, post_id: str, note: str, *, by: Person = ALONE) -> None:
    """Puts a decided post back into the queue, for another reviewer than the one who decided.

    Raises RoleError, and ModerationError where nothing was decided that could be appealed, or an appeal waits already.
    """
    by.require("report")
    if len(note) > MAX_NOTE:
        raise ModerationError(f"A note has up to {MAX_NOTE} characters.")
    with workspace.transaction() as cursor:
        standing = read_standings(cursor, "post", [post_id]).get(post_id)
        if standing is None or standing.state == "kept":
            raise ModerationError("Only a post that was removed, labelled, limited or locked can be appealed.")
        waits = cursor.execute(
            "SELECT 1 FROM reports WHERE post_row = ? AND kind = 'appeal' AND closed_by IS NULL", [standing.post_row]
        )
        if first_row(waits) is not None:
            raise ModerationError("An appeal of this post waits already.")
        cursor.execute(
            "INSERT INTO reports (post_row, policy, note, reporter, kind, made_at) VALUES (?, ?, ?, ?, 'appeal', ?)",
            [standing.post_row, standing.policy, note, by.name, utc_now()],
        )


def _check(action: str, label: str | None, reason: str | None, note: str, review: str, post_ids: Sequence[str]) -> None:
    if action not in POST_ACTIONS:
        raise ModerationError(f"There is no decision {action!r}; there are {', '.join(POST_ACTIONS)}.")
    if action == "label" and not (label or "").strip():
        raise ModerationError("A label needs words: what is shown beside the post.")
    if len(label or "") > MAX_LABEL or len(note) > MAX_NOTE:
        raise ModerationError(f"A label has up to {MAX_LABEL} characters and a note up to {MAX_NOTE}.")
    if reason is not None and reason not in REASONS:
        raise ModerationError(f"There is no reason {reason!r}; there are {', '.join(REASONS)}.")
    if review not in ("first", "second", "appeal"):
        raise ModerationError(f"A review is first, second or appeal, not {review!r}.")
    if not 1 <= len(post_ids) <= MAX_GROUP:
        raise ModerationError(f"A decision is on 1 to {MAX_GROUP:,} posts; {len(post_ids):,} were given.")
    if review == "second" and len(post_ids) > 1:
        raise ModerationError("A second review is of one post.")


def _posts(cursor: Cursor, ids: Sequence[str]) -> dict[str, tuple[int, str | None, str]]:
    rows = cursor.execute(
        "SELECT id, row, user_id, text_hash FROM posts WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(ids)]
    ).fetchall()
    return {id_: (row, user, text_hash) for id_, row, user, text_hash in rows}


def _held_by_others(cursor: Cursor, rows: Sequence[int], by: Person) -> dict[int, str]:
    return dict(
        cursor.execute(
            "SELECT post_row, reviewer FROM claims WHERE reviewer <> ? AND until > ?"
            " AND post_row IN (SELECT unnest(?::BIGINT[]))",
            [by.name, utc_now(), list(rows)],
        ).fetchall()
    )


def _check_first(
    cursor: Cursor, post_id: str, row: int, standing: Standing | None, held: Mapping[int, str], by: Person, review: str,
    standing_seen: int | None,
) -> None:  # fmt: skip
    if row in held and review != "second":
        raise ModerationError(f"{held[row]} has this post open: take the next one.")
    if standing is not None and standing.state == "locked":
        by.require("unlock")
    stands = standing.decision if standing else 0
    if review == "first" and standing_seen is not None and stands != standing_seen:
        (who,) = first_row(cursor.execute("SELECT reviewer FROM decisions WHERE id = ?", [stands])) or ("Somebody",)
        raise ModerationError(f"{who} decided on this post in the meantime: look at it again.")
    if review in ("second", "appeal"):
        if standing is None:
            raise ModerationError("Nothing was decided on this post that could be reviewed again.")
        reviewers = cursor.execute(
            "SELECT DISTINCT reviewer FROM decisions WHERE noun = 'post' AND subject = ? AND action <> 'undo'"
            " AND review <> 'appeal'", [post_id]
        ).fetchall()  # fmt: skip
        # Alone on a laptop there is nobody else: then the log shows who it was.
        if (by.name,) in reviewers and by != ALONE:
            raise ModerationError("You decided on this post before: another reviewer has to look at it now.")


def _scores_seen(cursor: Cursor, ids: Mapping[int, str], thresholds: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """By post id what its scores were, of which model, and the thresholds of then."""
    hashes = dict(
        cursor.execute(
            "SELECT row, text_hash FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [list(ids)]
        ).fetchall()
    )
    found: dict[str, dict[str, Any]] = {
        id_: {"scores": {}, "models": {}, "thresholds": {}, "text_hash": hashes.get(row)} for row, id_ in ids.items()
    }
    for score in scores_of(cursor, list(ids)):
        one = found[ids[score.post_row]]
        one["scores"][score.policy] = round(score.score, 4)
        one["models"][score.policy] = score.model_id
        if score.policy in thresholds:
            one["thresholds"][score.policy] = thresholds[score.policy]
    return found


def _close_reports(cursor: Cursor, decisions: Mapping[int, int]) -> None:
    waiting = cursor.execute(
        "SELECT id, post_row FROM reports WHERE closed_by IS NULL AND post_row IN (SELECT unnest(?::BIGINT[]))",
        [list(decisions)],
    ).fetchall()
    for report, row in waiting:
        cursor.execute("UPDATE reports SET closed_by = ? WHERE id = ?", [decisions[row], report])
