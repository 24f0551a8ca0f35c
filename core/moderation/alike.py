"""What is like an item: near-duplicates that are decided with it, its wave, and the closest cases that were decided."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.database.posts import ids_of, rows_of
from core.errors import ModerationError
from core.moderation.effects import version
from core.moderation.roles import ALONE, Person
from core.moderation.waves import wave_of
from core.search.neighbours import COMPARED_CHARS, PDQ_QUALITY, overlap, word_pairs

if TYPE_CHECKING:
    from core.workspace import Workspace

LEAST = 0.6
"""From here on the slider goes: cosine of the texts, or the share of equal bits of the pictures' hashes."""

USUAL = 0.85
LEAST_OVERLAP = 0.2
"""Texts of the same group share this part of their word pairs at least, whatever their vectors say."""

MOST = 500
CLOSE = 0.55
"""Decided cases that are less alike are not shown."""

CONTRADICTS = 0.7
"""From here on a decision is told where such a case was decided otherwise: kept where this is not, or the other way
round."""


@dataclass(frozen=True, slots=True)
class Alike:
    """A post that could be decided with the item. ``words`` is the cosine of the texts, ``picture`` the share of equal
    bits of the nearest pictures' PDQ hashes, None where there is nothing to compare; ``wave`` tells that it belongs to
    the same wave (see core.moderation.waves); ``state`` is what was decided on it, empty where nothing was."""

    post_id: str
    words: float | None
    picture: float | None
    wave: bool
    state: str

    @property
    def similarity(self) -> float:
        return max(self.words or 0.0, self.picture or 0.0)


@dataclass(frozen=True, slots=True)
class Case:
    """A decided post near the item: how near (cosine), and what was decided, by whom, when last."""

    post_id: str
    similarity: float
    state: str
    policy: str | None
    reviewer: str
    decision: int


def group_of(workspace: Workspace, post_id: str, *, by: Person = ALONE) -> list[Alike]:
    """The posts like one, most alike first, at most MOST; locked ones are left out. Raises ModerationError for an
    unknown post, RoleError."""
    by.require("review")
    cursor = workspace.cursor()
    rows = rows_of(cursor, [post_id])
    if post_id not in rows:
        raise ModerationError(f"There is no post {post_id!r} in this workspace.")
    own = rows[post_id]
    words = _by_words(workspace, own)
    pictures = _by_picture(workspace, own)
    wave = set(wave_of(workspace, own).tolist())
    every = (words.keys() | pictures.keys() | wave) - {own}
    best = sorted(every, key=lambda row: (row not in wave, -max(words.get(row, 0), pictures.get(row, 0)), row))[:MOST]
    ids = ids_of(cursor, best)
    states = dict(
        cursor.execute(
            "SELECT post_row, state FROM standings WHERE noun = 'post' AND post_row IN (SELECT unnest(?::BIGINT[]))",
            [best],
        ).fetchall()
    )
    found = [
        Alike(ids[row], words.get(row), pictures.get(row), row in wave, states.get(row, ""))
        for row in best
        if row in ids and states.get(row) != "locked"
    ]
    return sorted(found, key=lambda one: -one.similarity)


def _by_words(workspace: Workspace, row: int) -> dict[int, float]:
    index = workspace.indexes.vector("text")
    if index is None or not len(index):
        return {}
    _, vectors = workspace.indexes.stored("text", np.array([row], np.int64))
    if not len(vectors):
        return {}
    scores, rows = index.search(vectors, min(MOST + 1, len(index), index.capabilities.most_k or MOST))
    near = {int(r): float(s) for r, s in zip(rows[0], scores[0], strict=True) if r >= 0 and s >= LEAST}
    texts = dict(
        workspace.cursor()
        .execute(
            "SELECT row, left(text, ?) FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))",
            [COMPARED_CHARS, [*near, row]],
        )
        .fetchall()
    )
    own = word_pairs(texts.get(row, ""))
    return {
        other: score
        for other, score in near.items()
        if texts.get(other) == texts.get(row) or overlap(own, word_pairs(texts.get(other, ""))) >= LEAST_OVERLAP
    }


def _by_picture(workspace: Workspace, row: int) -> dict[int, float]:
    """By PDQ, over every picture of the workspace: 200,000 hashes are compared in 10 ms."""
    own = (
        workspace.cursor()
        .execute(
            "SELECT pdq, pdq_quality, sha256 FROM media WHERE post_row = ? AND path IS NOT NULL AND pdq IS NOT NULL",
            [row],
        )
        .fetchall()
    )
    if not own:
        return {}
    posts, hashes, usable = _hashes(workspace)
    found: dict[int, float] = {}
    for pdq, quality, _ in own:
        if (quality or 0) < PDQ_QUALITY:
            continue
        words = np.frombuffer(bytes.fromhex(pdq), np.uint64)
        equal = 1 - np.bitwise_count(hashes ^ words).sum(1) / 256
        for at in np.flatnonzero((equal >= LEAST + 0.1) & usable):
            found[int(posts[at])] = max(found.get(int(posts[at]), 0.0), float(equal[at]))
    return found


Hashes = tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.bool_]]
_hashes_kept: WeakKeyDictionary[Workspace, tuple[int, Hashes]] = WeakKeyDictionary()
_lock = threading.Lock()


def _hashes(workspace: Workspace) -> Hashes:
    """(post rows (n,), PDQ hashes (n, 4) as words, usable (n,)) of all pictures, kept for a generation."""
    with _lock:
        kept = _hashes_kept.get(workspace)
    if kept is not None and kept[0] == workspace.generation:
        return kept[1]
    generation = workspace.generation
    rows = (
        workspace.cursor()
        .execute("SELECT post_row, pdq, coalesce(pdq_quality, 0) FROM media WHERE path IS NOT NULL AND pdq IS NOT NULL")
        .fetchall()
    )
    hashes = np.frombuffer(bytes.fromhex("".join(pdq for _, pdq, _ in rows)), np.uint64).reshape(-1, 4)
    made = (
        np.array([row for row, _, _ in rows], np.int64),
        hashes,
        np.array([quality >= PDQ_QUALITY for _, _, quality in rows], np.bool_),
    )
    with _lock:
        _hashes_kept[workspace] = (generation, made)
    return made


def closest_cases(workspace: Workspace, post_id: str, *, by: Person = ALONE, k: int = 5) -> list[Case]:
    """The ``k`` decided posts nearest to one, by words or by picture, nearest first, from CLOSE on; locked ones are
    left out. Raises RoleError."""
    by.require("review")
    cursor = workspace.cursor()
    own = rows_of(cursor, [post_id]).get(post_id)
    if own is None:
        return []
    best: dict[int, float] = {}
    for kind in ("text", "dual"):
        rows, vectors = _decided_vectors(workspace, kind)
        mine = np.array([own]) if kind == "text" else workspace.indexes.pictures().of_posts(np.array([own]))
        _, queries = workspace.indexes.stored(kind, mine)
        if not len(queries) or not len(rows):
            continue
        scores = (vectors @ queries.T).max(1)
        # In the space of pictures everything is somewhat alike: only nearly the same counts.
        least = CLOSE if kind == "text" else 0.9
        for at in np.argsort(-scores)[: k + 1]:
            if scores[at] >= least and int(rows[at]) != own:
                best[int(rows[at])] = max(best.get(int(rows[at]), 0.0), float(scores[at]))
    chosen = sorted(best, key=lambda row: -best[row])[:k]
    found = cursor.execute(
        "SELECT t.post_row, t.subject, t.state, t.policy, d.reviewer, d.id FROM standings t"
        " JOIN decisions d ON d.id = t.decision"
        " WHERE t.noun = 'post' AND t.state <> 'locked' AND t.post_row IN (SELECT unnest(?::BIGINT[]))",
        [chosen],
    ).fetchall()
    cases = [Case(id_, best[row], state, policy, who, decision) for row, id_, state, policy, who, decision in found]
    return sorted(cases, key=lambda case: -case.similarity)


Decided = tuple[NDArray[np.int64], NDArray[np.float32]]
_decided_kept: WeakKeyDictionary[Workspace, dict[str, tuple[tuple[int, int], Decided]]] = WeakKeyDictionary()


def _decided_vectors(workspace: Workspace, kind: str) -> Decided:
    """(post rows, vectors) of all decided posts, kept until the next decision, which adds only its own."""
    now = (workspace.generation, version(workspace))
    with _lock:
        kept = _decided_kept.setdefault(workspace, {}).get(kind)
    if kept is not None and kept[0] == now:
        return kept[1]
    cursor = workspace.cursor()
    decided = np.asarray(
        cursor.execute(
            "SELECT post_row AS row FROM standings WHERE noun = 'post' AND state <> 'locked' AND post_row IS NOT NULL"
            " ORDER BY 1"
        ).fetchnumpy()["row"],
        np.int64,
    )
    known: Decided | None = None
    if kept is not None and kept[0][0] == now[0]:
        rows, vectors = kept[1]
        still = np.isin(rows, decided)
        known = (rows[still], vectors[still])
    wanted = decided if known is None else np.setdiff1d(decided, known[0])
    if kind == "text":
        rows, vectors = workspace.indexes.stored(kind, wanted)
    else:
        pictures = workspace.indexes.pictures()
        media, vectors = workspace.indexes.stored(kind, pictures.of_posts(wanted))
        rows, at = pictures.posts_of(media)
        vectors = vectors[at]
    if known is not None and len(known[0]):
        rows = np.concatenate([known[0], rows])
        vectors = np.concatenate([known[1], vectors]) if len(vectors) else known[1]
    with _lock:
        _decided_kept[workspace][kind] = (now, (rows, vectors))
    return rows, vectors
