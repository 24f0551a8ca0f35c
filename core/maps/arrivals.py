"""What came since a map was made: which posts or users they are, and what of the map they are nearest to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.database.posts import rows_since
from core.database.vectors import removed_since
from core.maps.layouts import Layout, Positions, Recipe, Rows
from core.maps.neighbours import KEPT, Report, nearest, nearest_by_pictures, nearest_users, post_vectors
from core.maps.user_vectors import user_vectors

if TYPE_CHECKING:
    from core.workspace import Workspace

Keys: TypeAlias = NDArray[Any]
"""What things go by: post rows as int64, user ids as text."""
Near: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]
Nearest: TypeAlias = Callable[[Positions, int, Report], Near]

BELONGS = 0.5
"""A new post belongs on a map of chosen posts where so many of its nearest among all that were there are on it."""


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
    since). On a map of chosen posts could be what is on it, and what belongs there of what came since."""
    space = layout.info.recipe.space
    if layout.users:
        present: Keys = np.array(user_vectors(workspace, space, _silent).users, np.str_)
        return present, ~np.isin(keys_of(layout), present)
    rows = _encoded(workspace, ("text", "dual") if space == "blend" else (space,))
    gone = ~np.isin(layout.rows, rows)
    if space != "dual":
        gone |= np.isin(layout.rows, removed_since(workspace.cursor(), "post", layout.info.generation))
    if layout.info.recipe.of:
        rows = np.union1d(np.intersect1d(rows, layout.rows, assume_unique=True), _belonging(workspace, layout, rows))
    return rows, gone


def _belonging(workspace: Workspace, layout: Layout, encoded: Rows) -> Rows:
    """The posts that came since and are most like those that were chosen: among all the others that were there."""
    new = np.setdiff1d(rows_since(workspace.cursor(), layout.info.generation), layout.rows, assume_unique=True)
    before = np.setdiff1d(encoded, new, assume_unique=True)
    asked = _Posts(workspace, layout.info.recipe, np.intersect1d(encoded, new, assume_unique=True))
    if not len(asked.rows) or not len(before):
        return asked.rows[:0]
    near, _ = asked.nearest(before, min(KEPT, len(before)), _silent)
    on_it = np.append(np.isin(before, layout.rows), False)[near]
    mine: Rows = asked.rows[on_it.sum(axis=1) >= BELONGS * np.maximum(1, (near >= 0).sum(axis=1))]
    return mine


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
    if layout.users:
        return _users(workspace, layout, new)
    posts = _Posts(workspace, layout.info.recipe, new)
    return Arrivals(posts.rows, posts.model, lambda anchors, k, report: posts.nearest(layout.rows[anchors], k, report))


class _Posts:
    """Those of ``rows`` that are encoded in a map's space, to ask what they are nearest to."""

    def __init__(self, workspace: Workspace, recipe: Recipe, rows: Rows) -> None:
        from core.maps.blend import both_sides

        self._workspace = workspace
        self._recipe = recipe
        if recipe.space == "blend":
            self._both = both_sides(workspace, rows)
            self.rows, self.model = self._both.rows, self._both.model
        else:
            self.rows, self._vectors, self.model = post_vectors(workspace, recipe.space, rows)

    def nearest(self, among: Rows, k: int, report: Report) -> Near:
        """Places in ``among``, rising post rows, and distances, (n, k) each; -1 for none."""
        workspace = self._workspace
        if self._recipe.space == "blend":
            from core.maps.blend import both_sides, nearest_by_both

            answering = both_sides(workspace, among)
            near, far = nearest_by_both(workspace, self._both, answering, k, self._recipe.blend, report)
            # What is no longer encoded is not among the answering.
            place = np.append(np.searchsorted(among, answering.rows), -1).astype(np.int32)
            return place[near], far
        if self._recipe.space == "dual":
            return nearest_by_pictures(workspace, self._vectors, among, k, report)
        index = workspace.indexes.vector("text")
        assert index is not None
        return nearest(index, self._vectors, among, k, report)


def _users(workspace: Workspace, layout: Layout, new: Keys) -> Arrivals:
    found = user_vectors(workspace, layout.info.recipe.space, _silent)
    names = np.array(found.users, np.str_)
    own = keys_of(layout)

    def users(anchors: Positions, k: int, report: Report) -> Near:
        queries = found.vectors[np.searchsorted(names, new)]
        return nearest_users(found, queries, np.searchsorted(names, own[anchors]), k, report)

    return Arrivals(new, found.model, users)


def _silent(phase: str, done: int, total: int | None) -> None:
    """Reading what users post takes a moment and is told of by nobody."""
