"""Maps as they are drawn: layouts, what colours them, what is chosen on them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TypeAlias

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.database.filters import newest_rows
from core.database.posts import ids_of, rows_of
from core.database.users import get_users, post_counts
from core.maps import colours, drawing, edits, placing
from core.maps.alike import Alike, authors_alike, users_alike
from core.maps.colours import Paint, Times, scored_policies
from core.maps.drawing import Window
from core.maps.layouts import Layout, LayoutInfo, Positions, list_layouts
from core.maps.portrait import Portrait, portrait
from core.moderation import effects
from core.moderation.policies import list_policies
from core.types import Filters, User
from dashboard.links import MapLink
from dashboard.links.map import Corner
from dashboard.resources.opened import Version, version, workspace

SLOW = "sentiment"
DAY = 86_400
MOST_POSTS = 20_000


def layouts() -> list[LayoutInfo]:
    return _layouts(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _layouts(at: Version) -> list[LayoutInfo]:
    return list_layouts(workspace())


def layout(id_: str) -> Layout:
    """A layout with its edits by hand. Raises MapError where there is none."""
    return _layout(id_, *_state(id_))


@st.cache_resource(max_entries=4, show_spinner=False)
def _layout(id_: str, at: Version, changed: int) -> Layout:
    return edits.open_layout(workspace(), id_)


def _state(id_: str) -> tuple[Version, int]:
    """What the drawing of a map depends on: the workspace, and what people and reviewers did since."""
    opened = workspace()
    return version(), edits.stamp(opened, id_) * 1_000_003 + effects.version(opened)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """What a map is drawn from, whatever its colours: ``units`` (n, 2), ``sample`` the drawn positions with their
    coordinates ``at`` in base64, ``density`` a grid in base64, ``extent`` how wide and high the points lie, 0 to 1."""

    units: NDArray[np.float32]
    sample: Positions
    at: str
    density: str
    extent: tuple[float, float]


def base(id_: str) -> Base:
    return _base(id_, *_state(id_))


@st.cache_resource(max_entries=4, show_spinner=False)
def _base(id_: str, at: Version, changed: int) -> Base:
    shown = layout(id_)
    units = drawing.unit(shown)
    sample = drawing.drawn_sample(len(units))
    if len(removed := drawing.positions_of(shown, effects.removed_rows(workspace())) if not shown.users else ()):
        units = units.copy()
        units[removed] = np.nan  # nowhere: neither drawn nor found in any area
        sample = np.setdiff1d(sample, removed)
    return Base(
        units, sample, packed(drawing.quantised(units, sample)), packed(drawing.density(units)), drawing.extent(units)
    )


def packed(array: NDArray[np.generic]) -> str:
    """An array's bytes, little endian, as a component's script reads them."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def paint(id_: str, by: str, level: int) -> Paint:
    """What colours all points; by sentiment, which takes long to tell, the drawn sample alone. Raises MapError."""
    return _paint(id_, by, level, *_state(id_))


@st.cache_resource(max_entries=12, show_spinner="Colouring …")
def _paint(id_: str, by: str, level: int, at: Version, changed: int) -> Paint:
    shown = layout(id_)
    positions = base(id_).sample if by == SLOW else np.arange(len(shown.rows), dtype=np.int64)
    if by == "cluster":
        return colours.paint_clusters(shown, positions, min(level, len(shown.labels) - 1))
    return colours.paint(workspace(), shown, positions, by)


def codes(id_: str, by: str, level: int, positions: Positions) -> NDArray[np.uint8]:
    """The colour codes of some points."""
    if by == SLOW:
        known = base(id_).sample
        if positions is known:
            return paint(id_, by, level).codes
        return colours.paint(workspace(), layout(id_), positions, by).codes
    return paint(id_, by, level).codes[positions]


def times(id_: str) -> Times | None:
    """When the points were written; None where that is not known."""
    return _times(id_, *_state(id_))


@st.cache_resource(max_entries=4, show_spinner=False)
def _times(id_: str, at: Version, changed: int) -> Times | None:
    return colours.point_times(workspace(), layout(id_))


def time_density(id_: str) -> str:
    """How dense all points lie in each part of the time, in base64; empty where all points are drawn themselves."""
    return _time_density(id_, *_state(id_))


@st.cache_resource(max_entries=4, show_spinner=False)
def _time_density(id_: str, at: Version, changed: int) -> str:
    known, written = base(id_), times(id_)
    if written is None or len(known.sample) >= len(known.units):
        return ""
    return packed(drawing.density_over_time(known.units, written.shares))


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """The points of a window, or a fair sample of its ``total``."""

    positions: Positions
    total: int
    at: str
    codes: NDArray[np.uint8]
    times: str


def detail(id_: str, window: Window, by: str, level: int) -> Detail:
    return _detail(id_, window, by, level, *_state(id_))


@st.cache_resource(max_entries=12, show_spinner=False)
def _detail(id_: str, window: Window, by: str, level: int, at: Version, changed: int) -> Detail:
    known = base(id_)
    positions, total = drawing.in_window(known.units, window)
    written = times(id_)
    return Detail(
        positions, total, packed(drawing.quantised(known.units, positions)), codes(id_, by, level, positions),
        packed(written.codes(positions)) if written else "",
    )  # fmt: skip


def inside(id_: str, polygon: tuple[tuple[float, float], ...]) -> Positions:
    """The positions inside a polygon in unit coordinates."""
    return drawing.in_polygon(base(id_).units, polygon)


def quantised(id_: str, positions: Positions) -> str:
    units = base(id_).units
    return packed(drawing.quantised(units, positions[np.isfinite(units[positions, 0])]))


def shown(id_: str, positions: Sequence[int]) -> list[int]:
    """Without those that reviewers removed."""
    units = base(id_).units
    return [at for at in positions if np.isfinite(units[at, 0])]


def positions_of_posts(id_: str, post_ids: Sequence[str]) -> Positions:
    rows = np.array(sorted(rows_of(workspace().cursor(), post_ids).values()), np.int64)
    return drawing.positions_of(layout(id_), rows)


def ids_at(id_: str, positions: Sequence[int] | Positions) -> list[str]:
    """The ids of posts (or users) at some positions, in that order; those that are gone are left out."""
    shown = layout(id_)
    if shown.users:
        return [shown.users[at] for at in positions]
    rows = shown.rows[np.asarray(positions, np.int64)].tolist()
    ids = ids_of(workspace().cursor(), rows)
    return [ids[row] for row in rows if row in ids]


def chosen(link: MapLink) -> Positions:
    """The positions that a link's polygon or cluster holds, of its time where it has one."""
    found = _chosen(link)
    span = chosen_span(link)
    written = times(link.layout) if span else None
    return found if span is None or written is None else found[written.within(*span)[found]]


Span: TypeAlias = tuple[int, int]
"""From and to, seconds since 1970."""


def chosen_span(link: MapLink) -> Span | None:
    """The time that what is chosen is of: where two times are side by side, both."""
    if link.beside and link.beside == link.layout and (both := periods(link)):
        return both[1][0], both[0][1]
    return link.times


def periods(link: MapLink) -> tuple[Span, Span] | None:
    """(the later, the one before, of the same length), for one map beside itself: what the link says, else the last
    week of two or more, the last day of two or more, or the last half. None where times are not known."""
    written = times(link.layout)
    if written is None:
        return None
    first, last = (int(moment.replace(tzinfo=UTC).timestamp()) for moment in (written.first, written.last))
    whole = last - first
    length = next((length for length in (7 * DAY, DAY) if whole >= 2 * length), max(1, whole // 2))
    start, end = link.times or (last - length, last)
    return (start, end), (2 * start - end, start)


def _chosen(link: MapLink) -> Positions:
    if link.cluster is not None:
        level, cluster = link.cluster
        labels = layout(link.layout).labels
        if level >= len(labels):
            return np.empty(0, np.int64)
        shown = np.isfinite(base(link.layout).units[:, 0])
        return np.flatnonzero((labels[level] == cluster) & shown).astype(np.int64)
    return inside(link.layout, link.polygon)


def portrait_of(id_: str, positions: Positions) -> Portrait:
    return portrait(workspace(), layout(id_).rows[positions])


def people(ids: tuple[str, ...]) -> list[tuple[User, int]]:
    """Some users with how many posts each has here, in the order given; those of whom nothing is known go by their
    id."""
    cursor = workspace().cursor()
    known = get_users(cursor, ids)
    counts = post_counts(cursor, ids)
    return [(known.get(id_, User(id_)), counts.get(id_, 0)) for id_ in ids]


def waiting(id_: str) -> int:
    """How many posts or users could be placed on a map."""
    return _waiting(id_, version())


@st.cache_resource(max_entries=8, show_spinner=False)
def _waiting(id_: str, at: Version) -> int:
    return placing.waiting(workspace(), layout(id_))


def policies() -> dict[str, str]:
    """Names of the enabled policies that posts were scored by, by id."""
    return _policies(version())


@st.cache_resource(max_entries=2, show_spinner=False)
def _policies(at: Version) -> dict[str, str]:
    scored = scored_policies(workspace())
    return {policy.id: policy.name for policy in list_policies(workspace(), enabled=True) if policy.id in scored}


def rows_of_user(user: str) -> tuple[int, ...]:
    """Rows of a user's newest posts, those left out that reviewers removed."""
    return tuple(row for row, _ in newest_rows(workspace().cursor(), Filters(user_ids=(user,)), MOST_POSTS))


def newest_of_user(user: str, limit: int) -> tuple[str, ...]:
    return tuple(id_ for _, id_ in newest_rows(workspace().cursor(), Filters(user_ids=(user,)), limit))


def portrait_of_rows(rows: tuple[int, ...]) -> Portrait:
    return portrait(workspace(), np.array(rows, np.int64))


def alike(user: str) -> list[Alike]:
    """Users alike, from the map of users where there is one that holds this user, else from their posts."""
    return _alike(user, version())


@st.cache_resource(max_entries=64, show_spinner=False)
def _alike(user: str, at: Version) -> list[Alike]:
    for info in layouts():
        if info.recipe.space == "users" and (found := users_alike(layout(info.id), user)):
            return found
    return authors_alike(workspace(), user)


def chosen_ids(link: MapLink) -> list[str]:
    """The ids of what a link's polygon or cluster holds."""
    return _chosen_ids(link.layout, link.polygon, link.cluster, link.beside, link.times, *_state(link.layout))


@st.cache_resource(max_entries=8, show_spinner=False)
def _chosen_ids(
    id_: str, polygon: tuple[Corner, ...], cluster: tuple[int, int] | None, beside: str, span: Span | None, at: Version,
    changed: int,
) -> list[str]:  # fmt: skip
    link = MapLink(layout=id_, polygon=polygon, cluster=cluster, beside=beside, times=span)
    return ids_at(id_, chosen(link))
