"""The neighbour graph of a map, asked of the vector store: of words, of pictures, of both, and of users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import MapError
from core.maps.layouts import LEAST, MapSpace, Positions, Recipe, Rows
from core.maps.user_vectors import UserVectors, user_vectors
from core.types import Space
from core.vectors.protocol import Matrix, VectorIndex
from core.vectors.rough import rough_answers

if TYPE_CHECKING:
    from core.workspace import Workspace

Report = Callable[[str, int, int | None], None]
PHASE = "finding neighbours"
_CHUNK = 1024
KEPT = 16
"""At least so many are kept with a map, the thing itself counted, whatever it was laid out by: for users alike, exports
and measuring."""
WALK = 40
"""A graph index is asked with this efSearch, by which more than 97 of a hundred right neighbours are found."""
_PLACES = 512


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """``near`` is int32 (n, k), positions in ``rows`` of the nearest, the thing itself first, -1 for none; ``far``
    float32 (n, k) the distances, 1 - cosine. ``vectors`` is float32 (n, dim), unit length: what is mapped; of a map of
    two spaces, both side by side. ``note`` says what is not on the map."""

    rows: Rows
    near: NDArray[np.int32]
    far: NDArray[np.float32]
    vectors: Matrix
    model: str
    users: tuple[str, ...] = ()
    note: str = ""


def find_neighbours(
    workspace: Workspace, recipe: Recipe, report: Report, *, among: Rows | None = None, k: int | None = None
) -> Graph:
    """The graph of all posts (or of ``among``, rising rows) that have vectors in the recipe's space.

    Raises MapError where there are fewer than LEAST, and VectorStoreError.
    """
    k = k or max(recipe.neighbours, KEPT)
    if recipe.space == "text":
        return _by_words(workspace, k, report, among)
    if recipe.space == "dual":
        return _by_pictures(workspace, k, report, among)
    if recipe.space == "blend":
        from core.maps.blend import blended

        return blended(workspace, k, recipe.blend, report, among)
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
    waits = "" if space == "ties" else " The page Data shows what waits to be encoded."
    raise MapError(f"A map needs at least {LEAST} {what}; here there are {count}.{waits}")


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
    return rows, unit(vectors), index.space.model_id


def _there(workspace: Workspace, rows: Rows, among: Rows | None) -> Rows:
    """Those of ``rows`` that are posts still, and among the asked; all of them rise and are distinct."""
    found = workspace.cursor().execute("SELECT row FROM posts ORDER BY row").fetchnumpy()
    rows = np.intersect1d(rows, np.asarray(found["row"], np.int64), assume_unique=True)
    return rows if among is None else np.intersect1d(rows, among, assume_unique=True)


def _reconstruct(index: VectorIndex, rows: Rows) -> Matrix:
    vectors = np.empty((len(rows), index.space.dim), np.float32)
    for start in range(0, len(rows), 8192):
        vectors[start : start + 8192] = index.reconstruct(rows[start : start + 8192])
    return vectors


def unit(vectors: Matrix) -> Matrix:
    """Each row brought to length 1, (n, dim); a row of zeros stays."""
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
    turn = _near_after_near(queries)
    for start in range(0, len(queries), _CHUNK):
        report(phase, start, len(queries))
        chunk = turn[start : start + _CHUNK]
        with rough_answers(WALK):
            scores, found = index.search(queries[chunk], wanted, allowed=allowed)
        positions = np.searchsorted(rows, found).astype(np.int32)
        positions[(found < 0) | (positions >= len(rows))] = -1
        near[chunk, :wanted], far[chunk, :wanted] = positions, np.clip(1 - scores, 0, 2)
    if own is not None:
        own_first(near, far, own.astype(np.int32))
    return near, far


def _near_after_near(vectors: Matrix) -> Positions:
    """The positions in an order in which what lies near each other follows each other: walks through the same part of a
    graph find it in the processor's cache, and take four fifths of the time."""
    if len(vectors) <= _CHUNK:
        return np.arange(len(vectors))
    some = vectors[np.random.default_rng(0).choice(len(vectors), min(_PLACES, len(vectors)), replace=False)]
    nearest_of = [(vectors[at : at + _CHUNK] @ some.T).argmax(axis=1) for at in range(0, len(vectors), _CHUNK)]
    return np.argsort(np.concatenate(nearest_of), kind="stable")


def own_first(near: NDArray[np.int32], far: NDArray[np.float32], own: NDArray[np.int32]) -> None:
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
        own_first(near, far, own.astype(np.int32))
    return near, far


def _of_users(found: UserVectors, k: int, report: Report) -> Graph:
    enough(len(found.users), found.space)
    rows = np.arange(len(found.users), dtype=np.int64)
    near, far = nearest_users(found, found.vectors, rows, k, report, own=rows)
    return Graph(rows, near, far, found.vectors, found.model, found.users, found.note)


def nearest_users(
    found: UserVectors, queries: Matrix, among: Rows, k: int, report: Report, *, own: Rows | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """As :func:`nearest`, of users: ``among`` are positions in ``found``, rising, and what is found positions in
    ``among``."""
    from core.vectors.faiss_index import FaissIndex

    rows = np.arange(len(among), dtype=np.int64)
    index = FaissIndex(Space(found.space, found.model, found.vectors.shape[1]))
    index.add(rows, found.vectors[among])
    return nearest(index, queries, rows, k, report, own=own)
