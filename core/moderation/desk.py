"""Everything that the desk shows of an item, gathered in one call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core.database.moderation import Score, read_standings, scores_of
from core.database.posts import get_posts, get_thread
from core.database.users import get_users
from core.errors import ModerationError
from core.moderation.accounts import AccountRecord, account_record
from core.moderation.alike import Alike, Case, closest_cases, group_of
from core.moderation.decisions import history_of
from core.moderation.policies import Policy, list_policies
from core.moderation.queue import Item
from core.moderation.reports import open_reports
from core.moderation.roles import ALONE, Person
from core.moderation.scorers.normalise import is_disguised
from core.moderation.scoring import notes_of
from core.moderation.waves import behaviours
from core.types import Post, User

if TYPE_CHECKING:
    from core.database.moderation import Decision
    from core.workspace import Workspace

THREAD = 6
DISGUISED = "Letters in it seem disguised; the word scorer reads them as what they stand for"


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An item on the desk. ``scores`` pairs each enabled policy with its score, those that flag it first; ``notes`` say
    why a scorer said nothing; ``signs`` are how it was posted and written, in words; ``thread`` is the conversation's
    beginning and what the post answers. In a blind second review ``past`` and ``cases`` are empty."""

    item: Item
    post: Post
    user: User | None
    scores: tuple[tuple[Policy, Score], ...]
    notes: tuple[str, ...]
    signs: tuple[str, ...]
    reports: tuple[tuple[str, str | None, str, str], ...]
    thread: tuple[Post, ...]
    group: tuple[Alike, ...]
    cases: tuple[Case, ...]
    account: AccountRecord | None
    past: tuple[Decision, ...]


def open_item(workspace: Workspace, item: Item, *, by: Person = ALONE, blind: bool = False) -> OpenItem:
    """Raises RoleError, and ModerationError where the post has gone, or is locked and not for this person."""
    by.require("review")
    cursor = workspace.cursor()
    post = get_posts(cursor, [item.post_id]).get(item.post_id)
    if post is None:
        raise ModerationError(f"The post {item.post_id!r} is no longer in this workspace.")
    past = history_of(workspace, post.id)
    locked = cursor.execute(
        "SELECT 1 FROM standings WHERE noun = 'post' AND subject = ? AND state = 'locked'", [post.id]
    ).fetchall()
    if locked:
        by.require("see locked")
    policies = {policy.id: policy for policy in list_policies(workspace, enabled=True)}
    scores = [(policies[s.policy], s) for s in scores_of(cursor, [item.row]) if s.policy in policies]
    scores.sort(key=lambda pair: (pair[1].score < pair[0].threshold, -pair[1].score))
    talk = get_thread(cursor, post.id)
    standings = read_standings(cursor, "post", [one.id for one in talk])
    away = {id_ for id_, standing in standings.items() if standing.state == "locked" and id_ != post.id}
    thread = _around([one for one in talk if one.id not in away], post)
    users = get_users(cursor, [post.user_id]) if post.user_id else {}
    behaviour = behaviours(workspace).get(item.row)
    return OpenItem(
        item,
        post,
        users.get(post.user_id or ""),
        tuple(scores),
        tuple(
            dict.fromkeys(note for scorer, note in notes_of(workspace, item.row) if scorer in ("words", "classifier"))
        ),
        (*(behaviour.reasons() if behaviour is not None else ()), *([DISGUISED] if is_disguised(post.text) else [])),
        tuple(open_reports(workspace, item.row)),
        thread,
        () if blind or locked else tuple(group_of(workspace, post.id, by=by)),
        () if blind or locked else tuple(closest_cases(workspace, post.id, by=by)),
        account_record(workspace, post.user_id, by=by) if post.user_id and not blind else None,
        () if blind else tuple(past),
    )


def _around(thread: list[Post], post: Post) -> tuple[Post, ...]:
    """The post itself with what it answers and the first answers, in the order of the conversation."""
    if len(thread) < 2:
        return ()
    by_id = {one.id: one for one in thread}
    kept = {post.id}
    above = by_id.get(post.reply_to or "")
    while above is not None and len(kept) < THREAD - 2 and above.id not in kept:
        kept.add(above.id)
        above = by_id.get(above.reply_to or "")
    for one in thread:
        if one.reply_to == post.id and len(kept) < THREAD:
            kept.add(one.id)
    return tuple(one for one in thread if one.id in kept)


def waited(since: datetime, now: datetime) -> str:
    """12 min, 5 h, 3 days."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
