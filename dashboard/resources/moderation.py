"""The review desk: what waits, an item with all that is beside it, and what is kept of both."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.database.moderation import Decision
from core.moderation.accounts import accounts_with_strikes, find_accounts
from core.moderation.desk import OpenItem, open_item
from core.moderation.effects import Mark, marks
from core.moderation.policies import Policy, list_policies
from core.moderation.queue import Item, QueueFilter, Waiting, claim_next, count_waiting, list_waiting, waiting_by_policy
from core.moderation.roles import Person
from core.moderation.saved import forget, list_saved, save_address
from core.moderation.scorers.words import reliability_of_packaged
from core.moderation.scoring import unscored
from core.moderation.statement import LogFilter, recent_decisions, reviewers
from dashboard.links import ReviewLink, parse_url
from dashboard.resources.opened import Version, version, workspace


def policies(*, enabled: bool | None = None) -> tuple[Policy, ...]:
    return list_policies(workspace(), enabled=enabled)


def next_items(wanted: QueueFilter, by: Person, *, skip: tuple[str, ...] = (), count: int = 2) -> list[Item]:
    """Claims the next items of a queue. Raises RoleError."""
    return claim_next(workspace(), wanted, by=by, count=count, skip=skip)


def opened(item: Item, by: Person, *, blind: bool = False) -> OpenItem:
    """Raises RoleError and ModerationError."""
    return open_item(workspace(), item, by=by, blind=blind)


def waiting_items(wanted: QueueFilter, by: Person, *, limit: int, offset: int) -> list[Item]:
    return list_waiting(workspace(), wanted, by=by, limit=limit, offset=offset)


def count_in_queue(wanted: QueueFilter, by: Person) -> int:
    return count_waiting(workspace(), wanted, by=by)


def waiting() -> list[Waiting]:
    return waiting_by_policy(workspace())


def mark_of(post_id: str) -> Mark:
    """What is to be said of one post, with the reports of this moment; not kept, since a report is no decision."""
    return marks(workspace(), [post_id]).get(post_id, Mark())


def marks_of(post_ids: Sequence[str]) -> dict[str, Mark]:
    """The same of many, by id; those of which there is nothing to say are left out."""
    return marks(workspace(), post_ids)


def not_scored() -> dict[str, int]:
    return _not_scored(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _not_scored(at: Version) -> dict[str, int]:
    return unscored(workspace())


def decisions(
    limit: int, by: Person, *, before: int | None = None, wanted: LogFilter | None = None
) -> list[tuple[Decision, int]]:
    """The log, newest first: the first entry of what was decided together, and how many there are. Raises RoleError."""
    return recent_decisions(workspace(), limit, before=before, wanted=wanted, by=by)


def deciders(by: Person) -> list[str]:
    """Who has decided anything. Raises RoleError."""
    return reviewers(workspace(), by=by)


def saved_queues() -> dict[str, ReviewLink]:
    """Queues that were kept, by name."""
    found: dict[str, ReviewLink] = {}
    for name, address in list_saved(workspace()):
        link = parse_url(address)
        if isinstance(link, ReviewLink):
            found[name] = link
    return found


def save_queue(name: str, link: ReviewLink, by: Person) -> None:
    save_address(workspace(), name, link.url(), by=by)


def forget_queue(name: str, by: Person) -> None:
    forget(workspace(), name, by=by)


def accounts_by_strikes(limit: int, by: Person) -> list[tuple[str, str, int, str]]:
    """(id, name, strikes, state) of the accounts with the most. Raises RoleError."""
    return accounts_with_strikes(workspace(), limit, by=by)


def accounts_named(words: str, limit: int, by: Person) -> list[tuple[str, str, int, str]]:
    """(id, name, posts, state) of the accounts of that id, name or handle. Raises RoleError."""
    return find_accounts(workspace(), words, limit, by=by)


def reliability() -> dict[str, list[tuple[float, float, int]]]:
    """(mean score, share that was so, texts) in rising score, by attribute of the packaged word scorer."""
    return reliability_of_packaged()
