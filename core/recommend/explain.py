"""Why a post is in a list: which posts of the history carry it, what it is near to, who like the user liked it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.database.posts import ids_of, rows_of
from core.errors import QueryError
from core.recommend.acts import History
from core.recommend.rerank import Knobs
from core.recommend.serving import FALLBACK, FOREIGN, candidates, score_histories
from core.recommend.similar import users_alike
from core.recommend.trained import Trained, input_vectors, open_trained, told_by_profiles
from core.search.tokens import forms

if TYPE_CHECKING:
    from core.workspace import Workspace

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]

MOST_ACTS = 200
"""Of a longer history only the newest are taken out one by one."""
_RANKED_AMONG = 1000
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Carrier:
    """A post of the history. Without it the recommended post would fall ``ranks`` (rise, where negative) among the
    model's candidates, before re-ranking; ``share`` is the part of all falls, 0 to 1."""

    post_id: str
    ranks: int
    share: float


@dataclass(frozen=True, slots=True)
class Near:
    """A post of the history that says or shows something near. ``similarity`` is a cosine, -1 to 1; ``words`` are
    those in both texts."""

    post_id: str
    similarity: float
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """``rank`` is the model's own, before re-ranking; None where the post is not among its candidates. ``carriers``
    fall from the most, ``words`` and ``pictures`` from the nearest; ``liked_by`` are (user id, similarity) of users
    alike who acted on the post, the most alike first."""

    post_id: str
    rank: int | None
    carriers: tuple[Carrier, ...]
    words: tuple[Near, ...]
    pictures: tuple[Near, ...]
    liked_by: tuple[tuple[str, float], ...]
    note: str = ""


def explain(
    workspace: Workspace, history: History, post_id: str, model: str, knobs: Knobs | None = None
) -> Explanation:
    """Raises QueryError for an unknown post, and what serving raises."""
    knobs = knobs or Knobs()
    known = rows_of(workspace.cursor(), [post_id])
    if post_id not in known:
        raise QueryError(f"There is no post {post_id!r} in this workspace.")
    row = known[post_id]
    found, _, used, _ = candidates(workspace, history, model, _RANKED_AMONG, knobs)
    place = np.flatnonzero(found == row)
    rank = int(place[0]) + 1 if len(place) else None
    note = ""
    carriers: tuple[Carrier, ...] = ()
    if used == FALLBACK:
        note = "It is shown because many liked it lately; the history has no part in it."
    elif used.startswith(FOREIGN):
        note = "The list was made elsewhere, so what carries it can't be told; this is what it is near to."
    elif rank is not None:
        trained = open_trained(workspace, used)
        carriers = _carriers(workspace, trained, history, found, row)
    words, pictures = _near(workspace, history, row)
    liked_by = users_alike(workspace, history, who_acted_on=post_id, k=_SHOWN)
    return Explanation(post_id, rank, carriers, words, pictures, tuple(liked_by), note)


def _carriers(workspace: Workspace, trained: Trained, history: History, found: Rows, row: int) -> tuple[Carrier, ...]:
    """Takes each act out in turn and ranks the candidates again."""
    n = min(len(history.acts), MOST_ACTS)
    if len(history.acts) < 2:
        only = ids_of(workspace.cursor(), history.rows().tolist())
        return tuple(Carrier(id_, 0, 1.0) for id_ in only.values())
    scores = _scores_without(workspace, trained, history, found, n)
    own = int(np.flatnonzero(found == row)[0])
    ranks = 1 + (scores > scores[:, own : own + 1]).sum(axis=1)
    falls = ranks[1:] - ranks[0]
    ids = ids_of(workspace.cursor(), history.rows()[:n].tolist())
    # The loss of score decides among posts without which the rank stays, as at the first place.
    loss = scores[0, own] - scores[1:, own]
    order = np.lexsort((-loss, -falls))
    total = max(1, int(np.maximum(falls, 0).sum()))
    each = history.rows()
    return tuple(
        Carrier(ids[int(each[at])], int(falls[at]), max(0, int(falls[at])) / total)
        for at in order
        if int(each[at]) in ids and (falls[at] > 0 or loss[at] > 0)
    )[:_SHOWN]


def _scores_without(
    workspace: Workspace, trained: Trained, history: History, found: Rows, n: int
) -> NDArray[np.float32]:
    """(1 + n, candidates): with the whole history, then without each of its first ``n`` acts."""
    if trained.name == "two-tower":
        assert trained.space is not None
        weights = np.tile(history.weights(), (n + 1, 1))
        weights[np.arange(1, n + 1), np.arange(n)] = 0.0
        told = told_by_profiles(workspace, trained, [history.user_id])
        users = trained.towers.pool(weights, input_vectors(workspace, trained, history.rows()), told)
        rows, vectors = workspace.indexes.store.read(trained.space, found)
        order = np.argsort(found)
        at = np.empty(len(found), np.int64)
        at[order[np.searchsorted(found[order], rows)]] = np.arange(len(rows))
        scores: NDArray[np.float32] = users @ vectors[at].T
        return scores
    masks = [np.ones(len(history.acts), bool)]
    for act in range(n):
        masks.append(np.arange(len(history.acts)) != act)
    at, _ = trained.positions(found)
    return score_histories(trained, [history] * (n + 1), masks)[:, at]


def _near(workspace: Workspace, history: History, row: int) -> tuple[tuple[Near, ...], tuple[Near, ...]]:
    """The history's posts whose words, and whose pictures, are nearest to those of a post."""
    rows = history.rows()
    cursor = workspace.cursor()
    ids = ids_of(cursor, [*rows.tolist(), row])
    texts = dict(
        cursor.execute(
            "SELECT row, left(text, 2000) FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [[*rows.tolist(), row]]
        ).fetchall()
    )
    own_words = _words(texts.get(row, ""))
    words = [
        Near(ids[other], score, tuple(sorted(own_words & _words(texts.get(other, "")), key=len, reverse=True)[:5]))
        for other, score in _cosines(workspace, "text", row, rows)
        if other in ids
    ]
    pictures = [Near(ids[other], score) for other, score in _cosines(workspace, "dual", row, rows) if other in ids]
    return tuple(words[:3]), tuple(pictures[:3])


def _cosines(workspace: Workspace, kind: str, row: int, rows: Rows) -> list[tuple[int, float]]:
    """(row, cosine) of posts against one, the nearest first; of pictures the best pair."""
    indexes = workspace.indexes
    if kind == "text":
        found, vectors = indexes.stored("text", np.append(rows, row))
        owners = found
    else:
        pictures = indexes.pictures()
        found, vectors = indexes.stored("dual", pictures.of_posts(np.append(rows, row)))
        owners, known = pictures.posts_of(found)
        vectors = vectors[known]
    own, others = vectors[owners == row], owners != row
    if not len(own) or not others.any():
        return []
    cosines = (vectors[others] @ own.T).max(axis=1)
    best: dict[int, float] = {}
    for other, score in zip(owners[others].tolist(), cosines.tolist(), strict=True):
        best[other] = max(score, best.get(other, -1.0))
    return sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))


def _words(text: str) -> frozenset[str]:
    found, _ = forms(text)
    return frozenset(word for word in found if len(word) > 3)
