"""How well search finds pictures here: the words of the workspace's own posts, asked for their own pictures.

A post's text seldom describes its picture, so the figures lie far below those on captioned photographs; they are for
comparing encoders on the same posts, and the misses are there to be looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.encoders.text import PACKAGED, PACKAGED_MULTILINGUAL
from core.errors import ModelError
from core.jobs.runner import utc_now

if TYPE_CHECKING:
    from core.encoders.protocol import Encoder, Vectors
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

SAMPLE = 1000
MISSES = 6
CHUNK = 64
RECALL_AT = (1, 5, 10)
JOB = "own_pictures"

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Miss:
    """The words of ``post_id`` found the picture of ``found_id`` first, and their own at ``rank`` (from 1)."""

    post_id: str
    found_id: str
    rank: int


@dataclass(frozen=True, slots=True)
class OwnPictures:
    """``recall`` is the share of the ``asked`` posts whose own picture is among the first k of ``posts``, by k."""

    model_id: str
    posts: int
    asked: int
    recall: dict[int, float]
    median_rank: float
    misses: tuple[Miss, ...]
    measured_at: datetime


def run(context: JobContext) -> dict[str, Any]:
    """The job ``own_pictures``: asks up to SAMPLE posts, the same each time, with a text of their own.

    Raises ModelError where no post has both words and an encoded picture.
    """
    workspace = context.workspace
    encoder, space = workspace.encoder("dual"), workspace.indexes.space("dual")
    rows, texts, vectors, post_of = _with_both(workspace)
    if space is None or len(rows) < 2:
        raise ModelError("Fewer than two posts have both words and an encoded picture: there is nothing to measure.")
    asked = np.sort(np.random.default_rng(0).permutation(len(rows))[:SAMPLE])
    words = []
    for start in range(0, len(asked), CHUNK):
        context.report("asking for own pictures", start, len(asked))
        words.append(encoder.encode_queries([texts[at] for at in asked[start : start + CHUNK]]))
    ranks, first = own_ranks(np.concatenate(words), asked, vectors, post_of)
    ids = dict(workspace.cursor().execute("SELECT row, id FROM posts WHERE pictures > 0").fetchall())
    worst = np.lexsort((asked, -ranks))[:MISSES]
    return {
        "model_id": space.model_id,
        "words": _words_by(workspace),
        "posts": len(rows),
        "asked": len(asked),
        "recall": {str(k): float((ranks <= k).mean()) for k in RECALL_AT},
        "median_rank": float(np.median(ranks)),
        "misses": [
            {"post_id": ids[int(rows[asked[at]])], "found_id": ids[int(rows[first[at]])], "rank": int(ranks[at])}
            for at in worst
            if ranks[at] > 1
        ],
        "measured_at": utc_now().isoformat(),
    }


def own_ranks(words: Vectors, asked: Rows, vectors: Vectors, post_of: Rows) -> tuple[Rows, Rows]:
    """(rank of each asked post's own picture among all posts, from 1; the post that came first), both (m,).

    ``words`` is (m, dim), of the posts ``asked``; ``vectors`` (p, dim) are pictures of the posts ``post_of`` (rising).
    A post counts by its best picture. A tie counts against the encoder.
    """
    starts = np.flatnonzero(np.diff(post_of, prepend=-1))
    best = np.maximum.reduceat(words @ vectors.T, starts, axis=1)
    own = best[np.arange(len(asked)), asked]
    ranks = (best >= own[:, None]).sum(axis=1)
    others = best.copy()
    others[np.arange(len(asked)), asked] -= 1e-6
    return ranks, others.argmax(axis=1)


def _with_both(workspace: Workspace) -> tuple[Rows, list[str], Vectors, Rows]:
    """(post rows (n,) rising, their texts, picture vectors (p, dim), which of the n each belongs to (p,))."""
    found = (
        workspace.cursor()
        .execute(
            "SELECT m.row, p.row, p.text FROM media m JOIN posts p ON p.row = m.post_row"
            " WHERE m.path IS NOT NULL AND p.text <> ''"
            " AND p.row NOT IN (SELECT row FROM hidden_posts) ORDER BY p.row, m.row"
        )
        .fetchall()
    )
    media = np.array([row for row, _, _ in found], np.int64)
    stored, vectors = workspace.indexes.stored("dual", media)
    kept = np.flatnonzero(np.isin(media, stored))
    posts = np.array([found[at][1] for at in kept], np.int64)
    rows, first, post_of = np.unique(posts, return_index=True, return_inverse=True)
    texts = [str(found[kept[at]][2]) for at in first]
    return rows, texts, vectors[np.searchsorted(stored, media[kept])], post_of


def last_measured(workspace: Workspace) -> OwnPictures | None:
    """What the job last found of the present encoder, asked by the words that it reads now, or None."""
    space = workspace.indexes.space("dual")
    for job in workspace.jobs.list(limit=200):
        if job.kind == JOB and job.state == "done" and job.result and space is not None:
            found = dict(job.result)
            if (found["model_id"], found.pop("words", PACKAGED)) == (space.model_id, _words_by(workspace)):
                found["recall"] = {int(k): share for k, share in found["recall"].items()}
                found["misses"] = tuple(Miss(**miss) for miss in found["misses"])
                found["measured_at"] = datetime.fromisoformat(found["measured_at"])
                return OwnPictures(**found)
    return None


def _words_by(workspace: Workspace) -> str:
    """Which packaged text encoder reads the words: the same pictures are found by either."""
    multilingual = workspace.settings.text_model == PACKAGED_MULTILINGUAL
    return PACKAGED_MULTILINGUAL if multilingual else PACKAGED


def agreement(workspace: Workspace, posts: Rows) -> tuple[Rows, NDArray[np.float32]]:
    """(those of some posts that have words and an encoded picture, the cosine of the words with the nearest of the
    post's pictures), both (n,).

    The words are encoded here, a chunk at a time: some milliseconds a post, unless the packaged text encoder has
    stored their vectors, which the packaged dual encoder takes as they are.
    """
    encoder = workspace.encoder("dual")
    media = workspace.indexes.pictures().of_posts(posts)
    stored, vectors = workspace.indexes.stored("dual", media)
    owners, _ = workspace.indexes.pictures().posts_of(stored)
    rows, said = _words_of(workspace, np.unique(owners), encoder)
    kept = np.flatnonzero(np.isin(owners, rows))
    at = np.searchsorted(rows, owners[kept])
    cosines = np.full(len(rows), -np.inf, np.float32)
    np.maximum.at(cosines, at, np.einsum("ij,ij->i", said[at], vectors[kept]).astype(np.float32))
    return rows, cosines


def _words_of(workspace: Workspace, posts: Rows, encoder: Encoder) -> tuple[Rows, Vectors]:
    """(rows of the posts that have words, rising; their words in the dual encoder's space)."""
    from core.encoders.dual import DualEncoder

    space = workspace.indexes.space("text")
    if isinstance(encoder, DualEncoder) and space is not None and space.model_id == encoder.sentence_model_id:
        rows, vectors = workspace.indexes.stored("text", posts)
        return rows, encoder.encode_sentence_vectors(vectors)
    found = (
        workspace.cursor()
        .execute(
            "SELECT row, text FROM posts WHERE text <> '' AND row IN (SELECT unnest(?::BIGINT[])) ORDER BY row",
            [posts.tolist()],
        )
        .fetchall()
    )
    rows = np.array([row for row, _ in found], np.int64)
    texts = [text for _, text in found]
    parts = [encoder.encode_queries(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]
    return rows, np.concatenate(parts) if parts else np.empty((0, encoder.space.dim), np.float32)
