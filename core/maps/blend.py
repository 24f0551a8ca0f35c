"""The neighbour graph of words and pictures together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import MapError
from core.maps.layouts import Rows
from core.maps.neighbours import Graph, Report, enough, nearest, nearest_by_pictures, own_first, post_vectors, unit
from core.vectors.protocol import Matrix

if TYPE_CHECKING:
    from core.workspace import Workspace

_CHUNK = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Some posts in one space: ``vectors`` is (n, dim), zero where a post has none, ``there`` says which have one."""

    vectors: Matrix
    there: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BothSides:
    """Posts that have words or pictures, in rising row; ``model`` names both encoders."""

    rows: Rows
    words: Side
    pictures: Side
    model: str


def both_sides(workspace: Workspace, among: Rows | None = None) -> BothSides:
    """All posts that are encoded in either space, or those of ``among``. Raises MapError where nothing is encoded in
    one of the two."""
    parts = [post_vectors(workspace, space, among) for space in ("text", "dual")]
    rows = np.union1d(parts[0][0], parts[1][0])
    sides = []
    for own_rows, vectors, _ in parts:
        at = np.searchsorted(rows, own_rows)
        whole = np.zeros((len(rows), vectors.shape[1]), np.float32)
        whole[at] = vectors
        there = np.zeros(len(rows), bool)
        there[at] = True
        sides.append(Side(whole, there))
    return BothSides(rows, sides[0], sides[1], f"{parts[0][2]} + {parts[1][2]}")


def blended(workspace: Workspace, k: int, weight: float, report: Report, among: Rows | None) -> Graph:
    """The graph of all posts, or of ``among``; ``weight`` is that of words, 0 to 1. Raises MapError."""
    sides = both_sides(workspace, among)
    enough(len(sides.rows), "blend")
    for side, lacks in ((sides.words, "words"), (sides.pictures, "pictures")):
        if not side.there.any():
            raise MapError(f"No {lacks} are encoded here, so there is nothing to blend: make the other map.")
    near, far = nearest_by_both(workspace, sides, sides, k, weight, report)
    own_first(near, far, np.arange(len(sides.rows), dtype=np.int32))
    joined = np.concatenate([weight * sides.words.vectors, (1 - weight) * sides.pictures.vectors], axis=1)
    return Graph(sides.rows, near, far, unit(joined), sides.model)


def nearest_by_both(
    workspace: Workspace, asked: BothSides, among: BothSides, k: int, weight: float, report: Report
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The ``k`` nearest of ``among`` to each post of ``asked``, as positions and distances.

    Candidates are the nearest by words and by pictures. Their distance is the weighted mean of the two, each in units
    of its space's usual distance to the k-th neighbour, so that neither drowns the other; where one of two posts lacks
    words or pictures, what both have counts alone.
    """
    candidates, units = [], []
    for space, asking, answering in (("text", asked.words, among.words), ("dual", asked.pictures, among.pictures)):
        spread = np.full((len(asked.rows), k), -1, np.int32)
        at, targets = np.flatnonzero(asking.there), np.flatnonzero(answering.there)
        candidates.append(spread)
        if not len(at) or not len(targets):
            units.append(1.0)
            continue
        own = np.arange(len(at)) if asked is among else None
        queries = np.ascontiguousarray(asking.vectors[at])
        if space == "text":
            index = workspace.indexes.vector("text")
            assert index is not None
            near, far = nearest(index, queries, among.rows[targets], k, report, own=own)
        else:
            near, far = nearest_by_pictures(workspace, queries, among.rows[targets], k, report, own=own)
        units.append(max(float(np.median(far[:, -1])), 1e-6))
        spread[at] = np.where(near >= 0, targets[near], -1)
    both = np.concatenate(candidates, axis=1)
    near, far = _ranked(both, asked, among, units, (weight, 1 - weight), k, report)
    return near, far * min(units)


def _ranked(
    both: NDArray[np.int32], asked: BothSides, among: BothSides, units: list[float], weights: tuple[float, float],
    k: int, report: Report,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    near = np.full((len(both), k), -1, np.int32)
    far = np.zeros((len(both), k), np.float32)
    pairs = ((asked.words, among.words), (asked.pictures, among.pictures))
    for start in range(0, len(both), _CHUNK):
        report("blending", start, len(both))
        chunk = slice(start, start + _CHUNK)
        some = both[chunk]
        total, share = np.zeros(some.shape, np.float32), np.zeros(some.shape, np.float32)
        for (asking, answering), measure, weight in zip(pairs, units, weights, strict=True):
            cosine = np.einsum("nd,nkd->nk", asking.vectors[chunk], answering.vectors[some])
            counts = weight * (asking.there[chunk][:, None] & answering.there[some])
            total += counts * np.clip(1 - cosine, 0, 2) / measure
            share += counts
        distance = np.where((some >= 0) & (share > 0), total / np.maximum(share, 1e-9), np.inf)
        order = np.argsort(some, axis=1, kind="stable")  # the same candidate twice counts once
        ordered = np.take_along_axis(some, order, axis=1)
        again = np.zeros(some.shape, bool)
        np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
        distance[again] = np.inf
        best = np.argsort(distance, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(distance, best, axis=1)
        near[chunk] = np.where(np.isfinite(found), np.take_along_axis(some, best, axis=1), -1)
        far[chunk] = np.where(np.isfinite(found), found, 0)
    return near, far
