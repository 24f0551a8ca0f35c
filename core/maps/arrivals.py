"""What came since a map was made: which posts or users they are, and what of the map they are nearest to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.database.vectors import removed_since
from core.maps.layouts import Layout, Positions, Rows
from core.maps.neighbours import Report, nearest, nearest_by_pictures, nearest_users, post_vectors
from core.maps.user_vectors import user_vectors

if TYPE_CHECKING:
    from core.workspace import Workspace

Keys: TypeAlias = NDArray[Any]
"""What things go by: post rows as int64, user ids as text."""
Nearest: TypeAlias = Callable[[Positions, int, Report], tuple[NDArray[np.int32], NDArray[np.float32]]]


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """``keys``, rising, of what came since. ``nearest(anchors, k, report)`` gives, for each of them, which of the map's
    positions ``anchors`` are nearest, as (m, k) places in ``anchors`` (-1 for none), and their distances."""

    keys: Keys
    model: str
    nearest: Nearest

    def __len__(self) -> int:
        return len(self.keys)


def keys_of(layout: Layout) -> Keys:
    """By position."""
    return np.array(layout.users, np.str_) if layout.users else layout.rows


def changes(workspace: Workspace, layout: Layout) -> tuple[Keys, NDArray[np.bool_]]:
    """(keys of all that could be on the map now, rising; which of the map's positions are gone or say something else
    since)."""
    space = layout.info.recipe.space
    if layout.users:
        present: Keys = np.array(user_vectors(workspace, space, _silent).users, np.str_)
        return present, ~np.isin(keys_of(layout), present)
    rows = _encoded(workspace, ("text", "dual") if space == "blend" else (space,))
    gone = ~np.isin(layout.rows, rows)
    if space != "dual":
        gone |= np.isin(layout.rows, removed_since(workspace.cursor(), "post", layout.info.generation))
    return rows, gone


def _encoded(workspace: Workspace, spaces: tuple[str, ...]) -> Rows:
    """Rows of the posts that have a vector in any of the spaces."""
    found = np.empty(0, np.int64)
    for space in spaces:
        index = workspace.indexes.vector(space)
        if index is not None and len(index):
            own = index.rows()
            found = np.union1d(found, own if space == "text" else workspace.indexes.pictures().posts_of(own)[0])
    posts = workspace.cursor().execute("SELECT row FROM posts ORDER BY row").fetchnumpy()
    return np.intersect1d(found, np.asarray(posts["row"], np.int64), assume_unique=True)


def arrivals(workspace: Workspace, layout: Layout, kept: Positions, present: Keys) -> Arrivals:
    """What of ``present`` is not at the positions ``kept``."""
    new = np.setdiff1d(present, keys_of(layout)[kept], assume_unique=True)
    space = layout.info.recipe.space
    if space == "blend":
        return _by_both(workspace, layout, new)
    if layout.users:
        return _users(workspace, layout, new)
    rows, vectors, model = post_vectors(workspace, space, new)

    def posts(anchors: Positions, k: int, report: Report) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        if space == "dual":
            return nearest_by_pictures(workspace, vectors, layout.rows[anchors], k, report)
        index = workspace.indexes.vector("text")
        assert index is not None
        return nearest(index, vectors, layout.rows[anchors], k, report)

    return Arrivals(rows, model, posts)


def _by_both(workspace: Workspace, layout: Layout, new: Rows) -> Arrivals:
    from core.maps.blend import both_sides, nearest_by_both

    asked = both_sides(workspace, new)

    def posts(anchors: Positions, k: int, report: Report) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        among = both_sides(workspace, layout.rows[anchors])
        near, far = nearest_by_both(workspace, asked, among, k, layout.info.recipe.blend, report)
        # An anchor that is no longer encoded is not among them.
        place = np.append(np.searchsorted(layout.rows[anchors], among.rows), -1).astype(np.int32)
        return place[near], far

    return Arrivals(asked.rows, asked.model, posts)


def _users(workspace: Workspace, layout: Layout, new: Keys) -> Arrivals:
    found = user_vectors(workspace, layout.info.recipe.space, _silent)
    names = np.array(found.users, np.str_)
    own = keys_of(layout)

    def users(anchors: Positions, k: int, report: Report) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        queries = found.vectors[np.searchsorted(names, new)]
        return nearest_users(found, queries, np.searchsorted(names, own[anchors]), k, report)

    return Arrivals(new, found.model, users)


def _silent(phase: str, done: int, total: int | None) -> None:
    """Reading what users post takes a moment and is told of by nobody."""
