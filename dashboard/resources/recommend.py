"""What users would be shown, why, and the models behind it. Each call may raise FeedscopeError."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import streamlit as st

from core.collections import about
from core.database.recommend import (
    TrainingRow,
    click_through,
    find_people,
    foreign_models,
    list_trainings,
    user_is_known,
)
from core.recommend.acts import History, history_of
from core.recommend.explain import Explanation, explain
from core.recommend.interests import (
    ALIKE,
    AS_ACTIVE,
    EVERYBODY,
    SEGMENTS,
    Exposure,
    Interest,
    exposure_of,
    interests,
    segment_exposure,
    segment_users,
)
from core.recommend.rerank import Knobs
from core.recommend.serving import Listing, models_here, recommend_for
from core.recommend.similar import ToFollow, liked_together, shared_neighbours, to_follow, users_alike
from dashboard.links import RecommendLink
from dashboard.resources.opened import Version, version, workspace

SHOWN = 20


def models() -> tuple[str, ...]:
    """Every model that can be asked, the one to begin with first."""
    return models_here(workspace())


def trainings() -> list[TrainingRow]:
    return list_trainings(workspace().cursor())


def imported() -> list[tuple[str, int, datetime]]:
    """(model, users, imported at) of the lists that were made elsewhere."""
    return foreign_models(workspace().cursor())


def impressions() -> list[tuple[int, int, int]]:
    """(rank, impressions, how many were acted on)."""
    return _impressions(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _impressions(at: Version) -> list[tuple[int, int, int]]:
    return click_through(workspace().cursor())


def people(words: str, limit: int = 200) -> list[tuple[str, int]]:
    """(user id, acts) of those whose name holds ``words``, the busiest first."""
    return _people(words, limit, version())


@st.cache_resource(max_entries=32, show_spinner=False)
def _people(words: str, limit: int, at: Version) -> list[tuple[str, int]]:
    return find_people(workspace().cursor(), words, limit=limit)


def is_known(user_id: str) -> bool:
    return user_is_known(workspace().cursor(), user_id)


def knobs_of(link: RecommendLink) -> Knobs:
    return Knobs(SHOWN, link.diversity, link.freshness, link.cap, link.hide_flagged, link.viewed_again)


def moment_of(link: RecommendLink) -> datetime | None:
    """The end of the day that the link pretends it is."""
    return None if link.at is None else datetime.combine(link.at, time()) + timedelta(days=1)


def listing(link: RecommendLink, model: str) -> Listing:
    """The list that the link asks for, by one model."""
    given = RecommendLink(
        user=link.user, model=model, without=link.without, added=link.added, at=link.at, diversity=link.diversity,
        freshness=link.freshness, cap=link.cap, hide_flagged=link.hide_flagged, viewed_again=link.viewed_again,
    )  # fmt: skip
    return _listing(given, version())


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs={RecommendLink: RecommendLink.url})
def _listing(link: RecommendLink, at: Version) -> Listing:
    return recommend_for(
        workspace(), link.user, model=link.model or None, knobs=knobs_of(link), without=link.without, added=link.added,
        at=moment_of(link),
    )  # fmt: skip


def explanation(link: RecommendLink, model: str, post_id: str) -> Explanation:
    return explain(workspace(), listing(link, model).history, post_id, model, knobs_of(link))


def interests_of(history: History) -> tuple[Interest, ...]:
    return interests(workspace(), history)


def alike(history: History, k: int = 12) -> list[tuple[str, float]]:
    return users_alike(workspace(), history, k=k)


def shared(history: History, k: int = 12) -> list[tuple[str, float]]:
    return shared_neighbours(workspace(), history, k=k)


def follow(history: History, k: int = 12) -> list[ToFollow]:
    return to_follow(workspace(), history, k=k)


def together(post_id: str, k: int = 12) -> list[tuple[str, float]]:
    return liked_together(workspace(), post_id, k=k)


def exposure(link: RecommendLink, model: str) -> Exposure:
    return exposure_of(workspace(), [listing(link, model)])


def exposure_of_segment(link: RecommendLink, model: str) -> Exposure:
    """Of up to a hundred users of the link's segment, with the same model and knobs. May raise CollectionError."""
    given = RecommendLink(model=model, diversity=link.diversity, freshness=link.freshness, cap=link.cap,
                          hide_flagged=link.hide_flagged, viewed_again=link.viewed_again,
                          segment=link.segment or EVERYBODY)  # fmt: skip
    if link.segment in (ALIKE, AS_ACTIVE):  # of whom it is asked matters
        given = replace(given, user=link.user)
    # A collection changes without a new version.
    changed = None if given.segment in SEGMENTS else about(workspace(), given.segment).changed_at
    return _exposure_of_segment(given, changed, version())


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs={RecommendLink: RecommendLink.url})
def _exposure_of_segment(link: RecommendLink, changed: datetime | None, at: Version) -> Exposure:
    users = segment_users(workspace(), link.segment, history_of(workspace(), link.user))
    return segment_exposure(workspace(), link.model, knobs_of(link), users)
