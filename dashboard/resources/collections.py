"""Collections, saved searches and what is distinctive of some posts.

Collections themselves are read anew each time, in a few milliseconds: they change without a new generation.
"""

from __future__ import annotations

from core import collections as core_collections
from core.types import Collection, Noun
from dashboard.resources.opened import workspace


def collections(noun: Noun | None = None) -> list[Collection]:
    """Without their members, the one changed last first."""
    return core_collections.list_all(workspace(), noun)


def collection(id_: str) -> Collection:
    """Without its members. Raises CollectionError where there is none."""
    return core_collections.about(workspace(), id_)


def members(id_: str) -> tuple[str, ...]:
    """All members. Raises CollectionError where there is no such collection."""
    return core_collections.get(workspace(), id_).members


def members_page(id_: str, offset: int, limit: int) -> tuple[str, ...]:
    return core_collections.page(workspace(), id_, offset=offset, limit=limit)


def collections_holding(member: str, noun: Noun = "post") -> list[Collection]:
    return core_collections.holding(workspace(), member, noun)
