"""Collections, saved searches and what is distinctive of some posts.

Collections themselves are read anew each time, in a few milliseconds: they change without a new generation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core import collections as core_collections
from core.compare import Comparison, distinctive
from core.database.posts import ids_of
from core.database.users import count_posts_of, get_users
from core.types import Collection, Noun, User
from dashboard.resources.opened import Version, version, workspace


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


def post_ids(id_: str) -> list[str]:
    """The posts of a collection, of one of users those by its members; in rising row."""
    opened = workspace()
    return list(ids_of(opened.cursor(), core_collections.post_rows(opened, id_)).values())


def users_with_counts(ids: Sequence[str]) -> list[tuple[User, int]]:
    """Users in the order asked for, each with how many posts of theirs are here; of one who has no account only the id
    is known."""
    cursor = workspace().cursor()
    known, counts = get_users(cursor, ids), count_posts_of(cursor, ids)
    return [(known.get(id_, User(id_)), counts.get(id_, 0)) for id_ in ids]


def compared(id_: str, against: str) -> Comparison:
    """What is distinctive in a collection against another one, or (an empty ``against``) the rest. Raises
    CollectionError and QueryError."""
    opened = workspace()
    rows = core_collections.post_rows(opened, id_)
    others = core_collections.post_rows(opened, against) if against else None
    return compared_rows(rows, others)


def compared_rows(rows: NDArray[np.int64], others: NDArray[np.int64] | None = None) -> Comparison:
    """What is distinctive of the posts in some rows against those in others, or all the rest. Raises QueryError."""
    # Kept under the rows' bytes: to hash 200,000 numbers one by one takes seconds.
    return _compared(rows.tobytes(), None if others is None else others.tobytes(), version())


@st.cache_resource(max_entries=16, show_spinner=False)
def _compared(rows: bytes, others: bytes | None, at: Version) -> Comparison:
    here = np.frombuffer(rows, np.int64)
    return distinctive(workspace(), here, None if others is None else np.frombuffer(others, np.int64))
