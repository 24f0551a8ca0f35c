"""A post's neighbours: by what it says, by what its pictures show, or by both, near-duplicates marked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.database.posts import get_posts, ids_of, rows_of
from core.errors import QueryError
from core.moderation.effects import removed_rows
from core.search.tokens import forms
from core.types import Post

if TYPE_CHECKING:
    from core.workspace import Workspace

By = Literal["words", "picture", "both"]

# PDQ's authors call two pictures the same at 31 of 256 bits or fewer, and a hash of quality below 50 unusable (2019).
PDQ_DISTANCE = 31
PDQ_QUALITY = 50
# Share of word pairs in common (Jaccard) from which two texts are the same but for small changes (Broder, 1997).
SHINGLE_OVERLAP = 0.5
COMPARED_CHARS = 5000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """``similarity`` is a cosine, -1 to 1; by both it is the mean of those that there are. ``duplicate`` tells that
    text or picture is nearly the same, by hash or word pairs and not by the vectors."""

    post_id: str
    similarity: float
    duplicate: bool


def neighbours(
    workspace: Workspace, post_id: str, *, by: By = "both", k: int = 12, min_similarity: float = -1.0
) -> list[Neighbour]:
    """The ``k`` nearest posts with at least ``min_similarity``, nearest first, without the post itself and those that
    moderation hides.

    A post without words has no neighbours by words, one without pictures none by picture. Raises QueryError for an
    unknown post or ``by``.
    """
    if by not in ("words", "picture", "both"):
        raise QueryError(f"Neighbours are by words, picture or both, not by {by!r}.")
    cursor = workspace.cursor()
    rows = rows_of(cursor, [post_id])
    if post_id not in rows:
        raise QueryError(f"There is no post {post_id!r} in this workspace.")
    own = rows[post_id]
    hidden = set(removed_rows(workspace).tolist())
    wanted, k = k, k + min(len(hidden), 1000)
    found: list[dict[int, float]] = []
    if by in ("words", "both"):
        found.append(_by_words(workspace, own, k))
    if by in ("picture", "both"):
        found.append(_by_picture(workspace, post_id, k))
    similarity: dict[int, list[float]] = {}
    for leg in found:
        for row, score in leg.items():
            similarity.setdefault(row, []).append(score)
    similarity.pop(own, None)
    ranked = sorted(((float(np.mean(s)), row) for row, s in similarity.items()), key=lambda pair: (-pair[0], pair[1]))
    ranked = [(score, row) for score, row in ranked if score >= min_similarity and row not in hidden][:wanted]
    ids = ids_of(cursor, [row for _, row in ranked])
    posts = get_posts(cursor, [post_id, *ids.values()])
    return [
        Neighbour(ids[row], score, near_duplicate(posts[post_id], posts[ids[row]]))
        for score, row in ranked
        if row in ids
    ]


def _by_words(workspace: Workspace, row: int, k: int) -> dict[int, float]:
    index = workspace.indexes.vector("text")
    if index is None:
        return {}
    _, vectors = workspace.indexes.stored("text", np.array([row], np.int64))
    if not len(vectors):
        return {}
    scores, rows = index.search(vectors, min(4 * k + 1, len(index)))
    return {int(r): float(s) for r, s in zip(rows[0], scores[0], strict=True) if r >= 0}


def _by_picture(workspace: Workspace, post_id: str, k: int) -> dict[int, float]:
    index = workspace.indexes.vector("dual")
    if index is None or not len(index):
        return {}
    post = get_posts(workspace.cursor(), [post_id])[post_id]
    pictures = np.array([item.row for item in post.media if item.path], np.int64)
    _, vectors = workspace.indexes.stored("dual", pictures)
    if not len(vectors):
        return {}
    scores, rows = index.search(vectors, min(4 * k + len(vectors), len(index)))
    best: dict[int, float] = {}
    for one_rows, one_scores in zip(rows, scores, strict=True):
        posts, kept = workspace.indexes.pictures().posts_of(one_rows)
        for row, score in zip(posts.tolist(), one_scores[kept].tolist(), strict=True):
            best[row] = max(score, best.get(row, -1.0))
    return best


def near_duplicate(one: Post, other: Post) -> bool:
    """Whether two posts say the same but for small changes, or show nearly the same picture (PDQ)."""
    for a in one.media:
        for b in other.media:
            if a.sha256 and a.sha256 == b.sha256:
                return True
            usable = a.pdq and b.pdq and min(a.pdq_quality or 0, b.pdq_quality or 0) >= PDQ_QUALITY
            if usable and (int(a.pdq or "", 16) ^ int(b.pdq or "", 16)).bit_count() <= PDQ_DISTANCE:
                return True
    return overlap(word_pairs(one.text), word_pairs(other.text)) >= SHINGLE_OVERLAP


def overlap(pairs: frozenset[tuple[str, str]], others: frozenset[tuple[str, str]]) -> float:
    """The share of all word pairs that are in both texts (Jaccard), 0 to 1; 0 where a text has none."""
    return len(pairs & others) / len(pairs | others) if pairs and others else 0.0


def word_pairs(text: str) -> frozenset[tuple[str, str]]:
    """Each word with the one after it, over the text's beginning; of scripts without spaces each character so."""
    words, runs = forms(text[:COMPARED_CHARS])
    return frozenset(pairwise(words)).union(*map(pairwise, runs))
