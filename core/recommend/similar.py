"""Users alike, users to follow, and posts that the same people liked."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.database.posts import ids_of, rows_of
from core.database.recommend import authors_and_days, followed_by, followed_by_followed
from core.moderation import effects
from core.recommend.acts import HALF_LIFE_DAYS, Acts, History, all_acts
from core.recommend.interactions import faded
from core.recommend.models.content import unit_rows
from core.recommend.serving import user_vector
from core.recommend.trained import input_vectors, open_trained, publish, told_by_profiles, trained_names

if TYPE_CHECKING:
    from core.workspace import Workspace

Matrix = NDArray[np.float32]

_kept: WeakKeyDictionary[Workspace, tuple[tuple[int, int, int], Acts, Matrix]] = WeakKeyDictionary()
_lock = threading.Lock()
_NEIGHBOURS = 20
RRF = 60.0
"""Constant of reciprocal rank fusion (Cormack et al., 2009)."""


def everybody(workspace: Workspace) -> tuple[Acts, Matrix]:
    """All acts, and a unit vector a user: by the two towers where they are trained, else the user's row of acts
    projected at random to 256 dimensions, whose cosines are those of shared neighbours but for chance."""
    trained = open_trained(workspace, "two-tower") if "two-tower" in trained_names(workspace) else None
    at = (workspace.generation, trained.number if trained else -1, effects.version(workspace))
    with _lock:
        kept = _kept.get(workspace)
        if kept is not None and kept[0] == at:
            return kept[1], kept[2]
        acts = all_acts(workspace)
        if trained is not None:
            histories = faded(acts.matrix, acts.age_days, HALF_LIFE_DAYS)
            told = told_by_profiles(workspace, trained, acts.users)
            vectors = trained.towers.pool_histories(histories, input_vectors(workspace, trained, acts.posts), told)
        else:
            inputs = np.random.default_rng(0).normal(size=(len(acts.posts), 256)).astype(np.float32)
            vectors = unit_rows(np.asarray(acts.matrix @ inputs, np.float32))
        _kept[workspace] = (at, acts, vectors)
        return acts, vectors


def users_alike(
    workspace: Workspace, history: History, *, who_acted_on: str | None = None, k: int = 10
) -> list[tuple[str, float]]:
    """(user id, cosine) of the users whose vectors are nearest; or of those who acted on a post, less its author."""
    acts, vectors = everybody(workspace)
    if not len(acts.users) or not len(history.acts):
        return []
    cosines = vectors @ _own_vector(workspace, acts, vectors, history)
    if who_acted_on is not None:
        row = rows_of(workspace.cursor(), [who_acted_on]).get(who_acted_on)
        at = np.flatnonzero(acts.posts == row)
        if row is None or not len(at):  # nobody acted on it
            return []
        acted = np.zeros(len(acts.users), bool)
        acted[acts.matrix.tocsc()[:, at].indices] = True
        author = authors_and_days(workspace.cursor(), [row]).get(row, (None, None))[0]
        acted &= np.array([user != author for user in acts.users])
        cosines = np.where(acted, cosines, -np.inf)
    order = np.argsort(-cosines, kind="stable")
    found = [(acts.users[at], float(cosines[at])) for at in order[: k + 1] if np.isfinite(cosines[at])]
    return [(user, cosine) for user, cosine in found if user != history.user_id][:k]


def _own_vector(workspace: Workspace, acts: Acts, vectors: Matrix, history: History) -> Matrix:
    if "two-tower" in trained_names(workspace):
        return user_vector(workspace, open_trained(workspace, "two-tower"), history)
    at = int(np.searchsorted(np.array(acts.users), history.user_id))
    known = at < len(acts.users) and acts.users[at] == history.user_id
    return vectors[at] if known else np.zeros(vectors.shape[1], np.float32)


def shared_neighbours(workspace: Workspace, history: History, *, k: int = 10) -> list[tuple[str, float]]:
    """(user id, overlap) of users who acted on the same posts: shared posts over the root of both counts."""
    acts, _ = everybody(workspace)
    rows = history.rows()
    if not len(rows):
        return []
    at = np.searchsorted(acts.posts, rows)
    own = np.zeros(len(acts.posts), np.float32)
    own[at[(at < len(acts.posts)) & np.isin(rows, acts.posts)]] = 1.0
    both = (acts.matrix != 0).astype(np.float32) @ own
    counts = np.diff(acts.matrix.indptr)
    overlap = both / np.sqrt(np.maximum(counts, 1) * max(1.0, float(own.sum())))
    order = np.argsort(-overlap, kind="stable")[: k + 1]
    return [(acts.users[i], float(overlap[i])) for i in order if overlap[i] > 0 and acts.users[i] != history.user_id][
        :k
    ]


@dataclass(frozen=True, slots=True)
class ToFollow:
    """A user whom another might follow. ``cosine`` is that of the user's vector to the mean of their nearest posts, 0
    where none is near; ``alike`` so many users alike act on their posts; ``followed`` so many of those whom the user
    follows follow them."""

    user_id: str
    cosine: float
    alike: int
    followed: int


def to_follow(workspace: Workspace, history: History, *, k: int = 10) -> list[ToFollow]:
    """Users whom the user neither follows nor has acted on.

    Three rankings merged by reciprocal rank: authors whose posts' vectors are nearest to the user's, authors on whom
    the 20 users with most shared neighbours act, and those who are followed by whom the user follows.
    """
    cursor = workspace.cursor()
    met = {author for author, _ in authors_and_days(cursor, history.rows().tolist()).values()}
    met |= {history.user_id, None, ""} | followed_by(cursor, history.user_id)
    near = _near_authors(workspace, history) if history.acts else {}
    counts: dict[str, int] = defaultdict(int)
    acts, _ = everybody(workspace)
    place = {user: at for at, user in enumerate(acts.users)}
    for user, _ in shared_neighbours(workspace, history, k=_NEIGHBOURS):
        at = place[user]
        rows = acts.posts[acts.matrix.indices[acts.matrix.indptr[at] : acts.matrix.indptr[at + 1]]]
        for author in {author for author, _ in authors_and_days(cursor, rows.tolist()).values() if author}:
            if author != user:
                counts[author] += 1
    graph = dict(followed_by_followed(cursor, history.user_id, limit=1000))
    merged: dict[str, float] = defaultdict(float)
    scores: Mapping[str, float]
    for scores in (near, counts, graph):
        ranked = sorted((one for one in scores if one not in met), key=lambda one: (-scores[one], one))
        for rank, author in enumerate(ranked, start=1):
            merged[author] += 1.0 / (RRF + rank)
    best = sorted(merged, key=lambda author: (-merged[author], author))[:k]
    return [ToFollow(one, near.get(one, 0.0), counts.get(one, 0), graph.get(one, 0)) for one in best]


def _near_authors(workspace: Workspace, history: History) -> dict[str, float]:
    """Authors by the cosine of the user's vector and the mean of their posts', from the nearest 2,000 posts."""
    if "two-tower" not in trained_names(workspace):
        return {}
    publish(workspace)
    trained = open_trained(workspace, "two-tower")
    vector = user_vector(workspace, trained, history)
    assert trained.space is not None
    index = workspace.indexes.store.index(trained.space)
    if not np.any(vector) or not len(index):
        return {}
    scores, rows = index.search(vector[None], min(2000, len(index)))
    shown = np.setdiff1d(rows[0][rows[0] >= 0], effects.removed_rows(workspace))
    about = authors_and_days(workspace.cursor(), shown.tolist())
    best: dict[str, list[float]] = defaultdict(list)
    for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True):
        author = about.get(row, (None, None))[0]
        if author:
            best[author].append(score)
    return {author: float(np.mean(own[:5])) for author, own in best.items()}


def liked_together(workspace: Workspace, post_id: str, *, k: int = 10) -> list[tuple[str, float]]:
    """(post id, cosine) of the posts nearest in the two towers' space: those that the same people like."""
    row = rows_of(workspace.cursor(), [post_id]).get(post_id)
    if row is None or "two-tower" not in trained_names(workspace):
        return []
    publish(workspace)
    space = open_trained(workspace, "two-tower").space
    assert space is not None
    _, vectors = workspace.indexes.store.read(space, np.array([row], np.int64))
    if not len(vectors):
        return []
    index = workspace.indexes.store.index(space)
    removed = set(effects.removed_rows(workspace).tolist())
    scores, rows = index.search(vectors, min(k + 1 + len(removed), len(index)))
    ids = ids_of(workspace.cursor(), rows[0].tolist())
    return [
        (ids[one], float(score))
        for one, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True)
        if one in ids and one != row and one not in removed
    ][:k]
