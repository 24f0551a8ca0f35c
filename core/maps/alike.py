"""Users alike: nearest by what they post and like, from the vectors, not from the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.maps.layouts import Layout

if TYPE_CHECKING:
    from core.workspace import Workspace

MOST_POSTS = 2000
MOST_HITS = 400


@dataclass(frozen=True, slots=True)
class Alike:
    """``similarity`` is a cosine, -1 to 1."""

    user: str
    similarity: float


def users_alike(layout: Layout, user: str, *, k: int = 12) -> list[Alike]:
    """From a map of users: its nearest as the map's neighbour graph has them, nearest first; empty where the user is
    not on it."""
    if user not in layout.users:
        return []
    at = layout.users.index(user)
    near, far = layout.near[at], layout.far[at]
    return [
        Alike(layout.users[other], 1 - float(distance))
        for other, distance in zip(near.tolist(), far.tolist(), strict=True)
        if other >= 0 and other != at
    ][:k]


def authors_alike(workspace: Workspace, user: str, *, k: int = 12) -> list[Alike]:
    """Where there is no map of users: the authors of the posts nearest to the mean of the user's, each by their best
    one. Empty where nothing of the user is encoded."""
    cursor = workspace.cursor()
    index = workspace.indexes.vector("text")
    if index is None or not len(index):
        return []
    own = cursor.execute(
        "SELECT row FROM posts WHERE user_id = ? AND text <> '' ORDER BY row DESC LIMIT ?", [user, MOST_POSTS]
    ).fetchnumpy()
    _, vectors = workspace.indexes.stored("text", np.asarray(own["row"], np.int64))
    if not len(vectors):
        return []
    mean = vectors.mean(axis=0, keepdims=True)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    scores, rows = index.search(mean.astype(np.float32), min(MOST_HITS, len(index)))
    authors = dict(
        cursor.execute(
            "SELECT row, user_id FROM posts WHERE row IN (SELECT unnest(?::BIGINT[])) AND user_id IS NOT NULL",
            [rows[0][rows[0] >= 0].tolist()],
        ).fetchall()
    )
    best: dict[str, float] = {}
    for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True):
        author = authors.get(row)
        if author and author != user:
            best[author] = max(score, best.get(author, -1.0))
    ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Alike(author, score) for author, score in ranked[:k]]
