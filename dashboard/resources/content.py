"""Posts, their authors, and the figures of the whole workspace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from core.database.filters import FilterChoices, count_posts, filter_choices
from core.database.overview import Summary, recent_pictures, summary
from core.database.posts import Counts, count_history, get_posts, get_thread
from core.database.users import get_users
from core.moderation.effects import hidden_ids
from core.types import Filters, Post, User
from dashboard.resources.opened import Version, version, workspace


def overview() -> Summary:
    return _overview(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _overview(at: Version) -> Summary:
    return summary(workspace().cursor())


def choices() -> FilterChoices:
    """What the filters offer."""
    return _choices(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _choices(at: Version) -> FilterChoices:
    return filter_choices(workspace().cursor())


def newest_pictures(limit: int) -> tuple[str, ...]:
    """Ids of the newest posts with a picture."""
    return _newest_pictures(limit, version())


@st.cache_resource(max_entries=8, show_spinner=False)
def _newest_pictures(limit: int, at: Version) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id_ for id_, _ in recent_pictures(workspace().cursor(), limit=limit)))


def posts(ids: Sequence[str], *, hidden: bool = False) -> dict[str, Post]:
    """The posts of one shown page; not kept, since reading them takes a few milliseconds. Removed and locked posts are
    left out unless the page is one of moderation, which asks for the ``hidden`` ones too."""
    away = frozenset() if hidden else hidden_ids(workspace(), ids)
    return get_posts(workspace().cursor(), [id_ for id_ in ids if id_ not in away])


def users(found: Iterable[Post]) -> dict[str, User]:
    """The authors of some posts, by id."""
    return get_users(workspace().cursor(), list({post.user_id for post in found if post.user_id}))


def user_names(ids: Sequence[str]) -> dict[str, str]:
    """What to call some users, by id; unknown ones go by their id."""
    known = get_users(workspace().cursor(), ids)
    return {id_: (known[id_].name or known[id_].handle or id_) if id_ in known else id_ for id_ in ids}


def thread(post_id: str) -> list[Post]:
    """The conversation around a post, without what is removed or locked but the post itself."""
    found = get_thread(workspace().cursor(), post_id)
    away = hidden_ids(workspace(), [post.id for post in found]) - {post_id}
    return [post for post in found if post.id not in away]


def count(filters: Filters) -> int:
    """How many posts pass."""
    return count_posts(workspace().cursor(), filters)


def counts_over_time(post_id: str) -> list[Counts]:
    """A post's counts as imports found them, oldest first; empty where they never changed."""
    return count_history(workspace().cursor(), post_id)
