"""The neighbour graph of a map, asked of the vector store: of words, of pictures, of both, and of users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import MapError
from core.maps.layouts import LEAST, MapSpace, Recipe, Rows
from core.maps.user_vectors import UserVectors, user_vectors
from core.types import Space
from core.vectors.hnsw import short_walks
from core.vectors.protocol import Matrix, VectorIndex

if TYPE_CHECKING:
    from core.workspace import Workspace

Report = Callable[[str, int, int | None], None]
PHASE = "finding neighbours"
_CHUNK = 1024
WALK = 80
"""A graph index is asked with this efSearch: umap wants the neighbourhood of each post and not each last neighbour."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """``near`` is int32 (n, k), positions in ``rows`` of the nearest, the thing itself first, -1 for none; ``far``
    float32 (n, k) the distances, 1 - cosine. ``vectors`` is float32 (n, dim), unit length: what is mapped, where a map
    of two spaces has the longer of the two side by side."""

    rows: Rows
    near: NDArray[np.int32]
    far: NDArray[np.float32]
    vectors: Matrix
    model: str
    users: tuple[str, ...] = ()


def find_neighbours(
    workspace: Workspace, recipe: Recipe, report: Report, *, among: Rows | None = None, k: int | None = None
) -> Graph:
    """The graph of all posts (or of ``among``, rising rows) that have vectors in the recipe's space.

    Raises MapError where there are fewer than LEAST, and VectorStoreError.
    """
    k = k or recipe.neighbours
    if recipe.space == "text":
        return _by_words(workspace, k, report, among)
    if recipe.space == "dual":
        return _by_pictures(workspace, k, report, among)
    if recipe.space == "blend":
        return _by_both(workspace, k, recipe.blend, report, among)
    return _of_users(user_vectors(workspace, recipe.space, report), k, report)


def enough(count: int, space: MapSpace) -> None:
    """Raises MapError, saying why there is no map, where ``count`` is too few."""
    if count >= LEAST:
        return
    what = {
        "text": "posts whose words are encoded",
        "dual": "posts with a picture that is encoded",
        "blend": "posts that are encoded",
        "users": "users with posts that are encoded",
        "ties": "users who react to each other's posts",
    }[space]
    raise MapError(f"A map needs at least {LEAST} {what}; here there are {count}.")


def post_vectors(workspace: Workspace, space: MapSpace, among: Rows | None = None) -> tuple[Rows, Matrix, str]:
    """(post rows, rising; their unit vectors; the model) of words (``text``) or pictures (``dual``). A post of several
    pictures has the mean of theirs."""
    index = workspace.indexes.vector(space)
    if index is None or not len(index):
        return np.empty(0, np.int64), np.empty((0, 0), np.float32), ""
    if space == "text":
        rows = _there(workspace, index.rows(), among)
        return rows, _reconstruct(index, rows), index.space.model_id
    media = index.rows()
    posts, known = workspace.indexes.pictures().posts_of(media)
    kept = np.flatnonzero(np.isin(posts, _there(workspace, np.unique(posts), among)))
    rows, of = np.unique(posts[kept], return_inverse=True)
    vectors = np.zeros((len(rows), index.space.dim), np.float32)
    np.add.at(vectors, of, _reconstruct(index, media[known[kept]]))
    return rows, _unit(vectors), index.space.model_id


def _there(workspace: Workspace, rows: Rows, among: Rows | None) -> Rows:
    """Those of ``rows`` that are posts still, and among the asked."""
    found = workspace.cursor().execute("SELECT row FROM posts ORDER BY row").fetchnumpy()
    rows = np.intersect1d(rows, np.asarray(found["row"], np.int64))
    return rows if among is None else np.intersect1d(rows, among)


def _reconstruct(index: VectorIndex, rows: Rows) -> Matrix:
    vectors = np.empty((len(rows), index.space.dim), np.float32)
    for start in range(0, len(rows), 8192):
        vectors[start : start + 8192] = index.reconstruct(rows[start : start + 8192])
    return vectors


def _unit(vectors: Matrix) -> Matrix:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Matrix = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return found


def _by_words(workspace: Workspace, k: int, report: Report, among: Rows | None) -> Graph:
    rows, vectors, model = post_vectors(workspace, "text", among)
    enough(len(rows), "text")
    index = workspace.indexes.vector("text")
    assert index is not None
    near, far = nearest(index, vectors, rows, k, report, own=np.arange(len(rows)))
    return Graph(rows, near, far, vectors, model)


def _by_pictures(workspace: Workspace, k: int, report: Report, among: Rows | None) -> Graph:
    rows, vectors, model = post_vectors(workspace, "dual", among)
    enough(len(rows), "dual")
    near, far = nearest_by_pictures(workspace, vectors, rows, k, report, own=np.arange(len(rows)))
    return Graph(rows, near, far, vectors, model)


def nearest(
    index: VectorIndex, queries: Matrix, rows: Rows, k: int, report: Report, *, own: NDArray[np.int64] | None = None,
    phase: str = PHASE,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    """The ``k`` nearest of ``rows`` (rising) to each query, as positions and distances. With ``own``, each query's own
    position, that comes first and is not sought."""
    wanted = min(k, len(rows))
    allowed = None if len(rows) == len(index) else rows
    if allowed is not None:
        allowed = allowed.copy()
        allowed.setflags(write=False)
    near = np.full((len(queries), k), -1, np.int32)
    far = np.zeros((len(queries), k), np.float32)
    for start in range(0, len(queries), _CHUNK):
        report(phase, start, len(queries))
        chunk = slice(start, start + _CHUNK)
        with short_walks(WALK):
            scores, found = index.search(queries[chunk], wanted, allowed=allowed)
        positions = np.searchsorted(rows, found).astype(np.int32)
        positions[(found < 0) | (positions >= len(rows))] = -1
        near[chunk, :wanted], far[chunk, :wanted] = positions, np.clip(1 - scores, 0, 2)
    if own is not None:
        _own_first(near, far, own.astype(np.int32))
    return near, far


def _own_first(near: NDArray[np.int32], far: NDArray[np.float32], own: NDArray[np.int32]) -> None:
    """Puts each thing itself in front, as umap expects; where it is not among its nearest, the last makes room."""
    k = near.shape[1]
    is_own = near == own[:, None]
    at = np.where(is_own.any(axis=1), is_own.argmax(axis=1), k - 1)
    order = np.arange(k)[None, :].repeat(len(near), axis=0)
    order = np.where(order <= at[:, None], order - 1, order)
    order[:, 0] = at
    near[:] = np.take_along_axis(near, order, axis=1)
    far[:] = np.take_along_axis(far, order, axis=1)
    near[:, 0], far[:, 0] = own, 0.0


def nearest_by_pictures(
    workspace: Workspace, queries: Matrix, rows: Rows, k: int, report: Report, *, own: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    """As :func:`nearest`, where what is found are pictures and what is asked for their posts: of a post's pictures the
    nearest counts."""
    index = workspace.indexes.vector("dual")
    assert index is not None
    pictures = workspace.indexes.pictures()
    media = np.intersect1d(pictures.of_posts(rows), index.rows())
    several = 1 if len(media) == len(rows) else 3
    found, distances = nearest(index, queries, media, min(k * several, len(media)), report)
    near = np.full((len(queries), k), -1, np.int32)
    far = np.zeros((len(queries), k), np.float32)
    posts, known = pictures.posts_of(media)
    position = np.full(len(media), -1, np.int32)
    position[known] = np.searchsorted(rows, posts)
    of_post = np.where(found >= 0, position[found], -1)
    if several == 1:
        near[:, : found.shape[1]], far[:, : found.shape[1]] = of_post, distances
    else:
        for at, (some, theirs) in enumerate(zip(of_post, distances, strict=True)):
            _, first = np.unique(some, return_index=True)
            first = np.sort(first[some[first] >= 0])[:k]
            near[at, : len(first)], far[at, : len(first)] = some[first], theirs[first]
    if own is not None:
        _own_first(near, far, own.astype(np.int32))
    return near, far


def _by_both(workspace: Workspace, k: int, weight: float, report: Report, among: Rows | None) -> Graph:
    """Candidates are the nearest by words and by pictures. Their distance is the weighted mean of the two, each in
    units of its space's usual distance to the k-th neighbour; where one of two posts lacks words or pictures, what both
    have counts alone."""
    parts = []
    for space in ("text", "dual"):
        rows, vectors, model = post_vectors(workspace, space, among)
        parts.append((rows, vectors, model))
    rows = np.union1d(parts[0][0], parts[1][0])
    enough(len(rows), "blend")
    if not len(parts[0][0]) or not len(parts[1][0]):
        lacks = "words" if not len(parts[0][0]) else "pictures"
        raise MapError(f"No {lacks} are encoded here, so there is nothing to blend: make the other map.")
    wholes: list[tuple[Matrix, NDArray[np.bool_]]] = []
    candidates, units = [], []
    for (own_rows, vectors, _), space in zip(parts, ("text", "dual"), strict=True):
        own = np.arange(len(own_rows))
        if space == "text":
            index = workspace.indexes.vector("text")
            assert index is not None
            near, far = nearest(index, vectors, own_rows, k, report, own=own)
        else:
            near, far = nearest_by_pictures(
                workspace,
                vectors,
                own_rows,
                k,
                report,
                own=own,
            )
        units.append(max(float(np.median(far[:, -1])), 1e-6))
        at = np.searchsorted(rows, own_rows)
        whole = np.zeros((len(rows), vectors.shape[1]), np.float32)
        whole[at] = vectors
        there = np.zeros(len(rows), bool)
        there[at] = True
        wholes.append((whole, there))
        spread = np.full((len(rows), k), -1, np.int32)
        spread[at] = np.where(near >= 0, at[near], -1)
        candidates.append(spread)
    both = np.concatenate(candidates, axis=1)
    near, far = _ranked(both, wholes, units, (weight, 1 - weight), k, report)
    _own_first(near, far, np.arange(len(rows), dtype=np.int32))
    scale = min(units)
    joined = np.concatenate([weight * wholes[0][0], (1 - weight) * wholes[1][0]], axis=1)
    return Graph(rows, near, far * scale, _unit(joined), f"{parts[0][2]} + {parts[1][2]}")


def _ranked(
    both: NDArray[np.int32], wholes: list[tuple[Matrix, NDArray[np.bool_]]], units: list[float],
    weights: tuple[float, float], k: int, report: Report,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    near = np.full((len(both), k), -1, np.int32)
    far = np.zeros((len(both), k), np.float32)
    for start in range(0, len(both), _CHUNK):
        report("blending", start, len(both))
        some = both[start : start + _CHUNK]
        asking = np.arange(start, start + len(some))[:, None]
        total, share = np.zeros(some.shape, np.float32), np.zeros(some.shape, np.float32)
        for (vectors, there), unit, weight in zip(wholes, units, weights, strict=True):
            cosine = np.einsum("nd,nkd->nk", vectors[start : start + len(some)], vectors[some])
            counts = weight * (there[asking] & there[some])
            total += counts * np.clip(1 - cosine, 0, 2) / unit
            share += counts
        distance = np.where((some >= 0) & (share > 0), total / np.maximum(share, 1e-9), np.inf)
        order = np.argsort(some, axis=1, kind="stable")  # the same candidate twice counts once
        ordered = np.take_along_axis(some, order, axis=1)
        again = np.zeros(some.shape, bool)
        np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
        distance[again] = np.inf
        best = np.argsort(distance, axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(distance, best, axis=1)
        near[start : start + len(some)] = np.where(np.isfinite(found), np.take_along_axis(some, best, axis=1), -1)
        far[start : start + len(some)] = np.where(np.isfinite(found), found, 0)
    return near, far


def _of_users(found: UserVectors, k: int, report: Report) -> Graph:
    from core.vectors.faiss_index import FaissIndex

    enough(len(found.users), found.space)
    rows = np.arange(len(found.users), dtype=np.int64)
    index = FaissIndex(Space(found.space, found.model, found.vectors.shape[1]))
    index.add(rows, found.vectors)
    near, far = nearest(index, found.vectors, rows, k, report, own=rows)
    return Graph(rows, near, far, found.vectors, found.model, found.users)
