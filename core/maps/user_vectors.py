"""Users as vectors: the mean of what they post and like, and whom they react to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.maps.layouts import MapSpace
from core.vectors.protocol import Matrix

if TYPE_CHECKING:
    from core.workspace import Workspace

Report = Callable[[str, int, int | None], None]

LIKE_WEIGHT = 0.5
"""What somebody likes tells less of them than what they write."""
TIES_DIM = 64
LEAST_TIES = 2
"""Who reacted to fewer authors is in no map of ties: one thread holds nobody in place."""


@dataclass(frozen=True, slots=True, eq=False)
class UserVectors:
    """``vectors`` is float32 (n, dim), unit length, of ``users``, in rising id. ``note`` says who is not among them."""

    space: MapSpace
    users: tuple[str, ...]
    vectors: Matrix
    model: str
    note: str = ""


def user_vectors(workspace: Workspace, space: MapSpace, report: Report) -> UserVectors:
    return _by_content(workspace, report) if space == "users" else _by_ties(workspace, report)


def _by_content(workspace: Workspace, report: Report) -> UserVectors:
    """The mean of the word vectors of what each user posts, with what they react to at LIKE_WEIGHT."""
    index = workspace.indexes.vector("text")
    if index is None or not len(index):
        return UserVectors("users", (), np.empty((0, 0), np.float32), "")
    pairs = (
        workspace.cursor()
        .execute(
            """
            SELECT user_id, row, sum(weight) AS weight FROM (
                SELECT user_id, row, 1.0 AS weight FROM posts WHERE user_id IS NOT NULL AND user_id <> '' AND text <> ''
                UNION ALL
                SELECT i.user_id, p.row, ? FROM interactions i JOIN posts p ON p.id = i.post_id
                WHERE i.user_id <> p.user_id AND p.text <> '')
            GROUP BY ALL ORDER BY row
            """,
            [LIKE_WEIGHT],
        )
        .fetchnumpy()
    )
    rows, weight = np.asarray(pairs["row"], np.int64), np.asarray(pairs["weight"], np.float32)
    there = np.isin(rows, index.rows())
    names, of = np.unique(np.asarray(pairs["user_id"], object)[there].astype(str), return_inverse=True)
    rows, weight = rows[there], weight[there]
    vectors = np.zeros((len(names), index.space.dim), np.float32)
    for start in range(0, len(rows), 8192):
        report("reading what users post", start, len(rows))
        part = slice(start, start + 8192)
        distinct, at = np.unique(rows[part], return_inverse=True)
        np.add.at(vectors, of[part], index.reconstruct(distinct)[at] * weight[part, None])
    length = np.linalg.norm(vectors, axis=1)
    kept = length > 1e-6
    return UserVectors("users", tuple(names[kept].tolist()), vectors[kept] / length[kept, None], index.space.model_id)


def _by_ties(workspace: Workspace, report: Report) -> UserVectors:
    """Users by the authors whose posts they like, repost and answer: the left singular vectors of the matrix of users
    and authors, its counts damped and each row brought to length 1 (latent semantic analysis of who reacts to whom)."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import svds

    pairs = (
        workspace.cursor()
        .execute(
            """
            SELECT a AS source, b AS target, count(*) AS n FROM (
                SELECT i.user_id AS a, p.user_id AS b FROM interactions i JOIN posts p ON p.id = i.post_id
                UNION ALL
                SELECT p.user_id, q.user_id FROM posts p JOIN posts q ON q.id = p.reply_to
                UNION ALL
                SELECT p.user_id, q.user_id FROM posts p JOIN posts q ON q.id = p.repost_of)
            WHERE a IS NOT NULL AND b IS NOT NULL AND a <> '' AND b <> '' AND a <> b GROUP BY ALL ORDER BY a, b
            """
        )
        .fetchnumpy()
    )
    report("reading who reacts to whom", 0, None)
    source = np.asarray(pairs["source"], object).astype(str)
    target = np.asarray(pairs["target"], object).astype(str)
    empty = UserVectors("ties", (), np.empty((0, 0), np.float32), "reactions")
    if not len(source):
        return empty
    users, at = np.unique(source, return_inverse=True)
    authors, by = np.unique(target, return_inverse=True)
    counts = np.log1p(np.asarray(pairs["n"], np.float64))
    popular = np.bincount(by, minlength=len(authors))
    counts *= np.log1p(len(users) / popular[by])  # everybody's favourite tells nothing of anybody
    matrix = csr_matrix((counts, (at, by)), shape=(len(users), len(authors)))
    enough = np.flatnonzero(np.diff(matrix.indptr) >= LEAST_TIES)
    dim = min(TIES_DIM, len(enough) - 1, len(authors) - 1)
    if dim < 1:
        return empty
    kept = matrix[enough]
    left, values, _ = svds(kept, k=dim, random_state=np.random.default_rng(0))
    vectors = np.ascontiguousarray((left * values)[:, ::-1], np.float32)
    length = np.linalg.norm(vectors, axis=1)
    solid = length > 1e-6
    return UserVectors(
        "ties", tuple(users[enough][solid].tolist()), vectors[solid] / length[solid, None], "reactions",
        _left_out(len(users) - len(enough), int((~solid).sum())),
    )  # fmt: skip


def _left_out(few: int, apart: int) -> str:
    """Which users that react to somebody are on no map of ties."""
    said = [
        f"{few:,} users react to fewer than {LEAST_TIES} authors, so that nothing holds them in place" if few else "",
        f"{apart:,} users react within small circles alone, apart from everybody else" if apart else "",
    ]
    return "; ".join(part for part in said if part) + ": they are not on it." if few or apart else ""
