"""What a user would be shown: the history as it is now becomes a vector, the nearest posts a list.

1. The history less what was seen is encoded by the user tower, or scored by another model.
2. Posts that a reviewer removed and those from after the chosen moment are left out in the index; seen ones too.
3. The best candidates are re-ranked (:mod:`core.recommend.rerank`).

A user without a history, or a workspace without a trained model, gets what was liked most of late, and is told so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.database import recommend as table
from core.database.posts import ids_of
from core.errors import ModelError, QueryError, SettingError
from core.moderation import effects
from core.recommend.acts import History, history_of
from core.recommend.models import TITLES
from core.recommend.rerank import Knobs, rerank
from core.recommend.trained import (
    Trained,
    input_vectors,
    open_trained,
    publish,
    told_by_profiles,
    trained_names,
)

if TYPE_CHECKING:
    from core.vectors.protocol import VectorIndex
    from core.workspace import Workspace

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]
Scores = NDArray[np.float32]

FALLBACK = "fallback"
FOREIGN = "imported:"
_OVERFETCH = 2000
"""So many seen posts are asked for in addition and dropped; with more, the index is told which it may return."""
_FALLBACK_HALF_LIFE = 14.0
_UNKNOWN = "Nothing is known of what this user likes"


@dataclass(frozen=True, slots=True)
class Recommended:
    """One post of a list. ``rank`` counts from 1; ``score`` is 0 to 1 after freshness; ``relevance`` is the model's
    own: a cosine for the two towers. ``was`` is the model's rank before re-ranking."""

    post_id: str
    row: int
    rank: int
    score: float
    relevance: float
    was: int


@dataclass(frozen=True)
class Listing:
    """``model`` is what made the list; ``notes`` are sentences for the user: a fallback and why, what was left out."""

    history: History
    model: str
    items: tuple[Recommended, ...]
    notes: tuple[str, ...]
    elapsed_ms: float

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(item.post_id for item in self.items)

    def ranks(self) -> dict[str, int]:
        return {item.post_id: item.rank for item in self.items}


def models_here(workspace: Workspace) -> tuple[str, ...]:
    """Every model that can be asked, the best to begin with first; the fallback last."""
    foreign = tuple(f"{FOREIGN}{name}" for name, *_ in table.foreign_models(workspace.cursor()))
    return (*trained_names(workspace), *foreign, FALLBACK)


def title_of(model: str) -> str:
    if model == FALLBACK:
        return "Liked most of late"
    return f"{model.removeprefix(FOREIGN)} (imported)" if model.startswith(FOREIGN) else TITLES.get(model, model)


def recommend_for(
    workspace: Workspace,
    user_id: str,
    *,
    model: str | None = None,
    knobs: Knobs | None = None,
    without: Sequence[str] = (),
    added: Sequence[str] = (),
    at: datetime | None = None,
) -> Listing:
    """What ``user_id`` would be shown by ``model`` (default: the first of models_here), as the history is now, or
    would be without some posts, with others, or at another time.

    Raises QueryError for an unknown user, SettingError for a model or knob that can't be used, ModelError for one that
    is damaged or of other encoders, VectorStoreError where the store is away.
    """
    knobs = knobs or Knobs()
    knobs.check()
    if not table.user_is_known(workspace.cursor(), user_id) and not added:
        raise QueryError(f"There is no user {user_id!r} in this workspace.")
    known = models_here(workspace)
    if model is not None and model not in known:
        raise SettingError(f"The recommender {model!r} can't be asked here; there are {', '.join(known)}.")
    begun = time.perf_counter()
    history = history_of(workspace, user_id, without=without, added=added, at=at, unseen_views=knobs.viewed_again)
    return listing_of(workspace, history, model or known[0], knobs, begun)


def listing_of(workspace: Workspace, history: History, model: str, knobs: Knobs, begun: float | None = None) -> Listing:
    begun = time.perf_counter() if begun is None else begun
    wanted = min(1000, max(200, 5 * knobs.k))
    rows, scores, used, notes = candidates(workspace, history, model, wanted, knobs)
    about = table.authors_and_days(workspace.cursor(), rows.tolist())
    now = history.at or max((moment for _, moment in about.values() if moment), default=None)
    age = np.array([_age(about.get(row, (None, None))[1], now) for row in rows.tolist()], np.float64)
    authors = [about.get(row, (None, None))[0] for row in rows.tolist()]
    vectors = _vectors(workspace, rows) if knobs.diversity and len(rows) else None
    order = rerank(scores.astype(np.float64), vectors, age, authors, knobs)
    ids = ids_of(workspace.cursor(), [int(rows[at]) for at, _ in order])
    shown = [(at, score) for at, score in order if int(rows[at]) in ids]
    items = tuple(
        Recommended(ids[int(rows[at])], int(rows[at]), rank, score, float(scores[at]), at + 1)
        for rank, (at, score) in enumerate(shown, start=1)
    )
    return Listing(history, used, items, tuple(notes), 1000 * (time.perf_counter() - begun))


def candidates(
    workspace: Workspace, history: History, model: str, k: int, knobs: Knobs
) -> tuple[Rows, Scores, str, list[str]]:
    """(rows, scores) of the ``k`` best that may be shown, in falling score; the model that was used; notes."""
    notes: list[str] = []
    if history.left_out:
        notes.append(f"The history is long: its newest {len(history.acts):,} posts count, {history.left_out:,} do not.")
    if model.startswith(FOREIGN):
        found = table.foreign_list(workspace.cursor(), model.removeprefix(FOREIGN), history.user_id)
        notes.append("Made elsewhere: a changed history does not change this list.")
        if not found:
            notes.append("The imported lists have nothing for this user.")
        rows = np.array([row for row, _ in found], np.int64)
        scores = np.array([score for _, score in found], np.float32)
        return *_permitted(workspace, history, knobs, rows, scores, k), model, notes
    if model != FALLBACK and not len(history.acts):
        known = "All that this user liked was removed by review" if history.removed else _UNKNOWN
        notes.append(f"{known}, so the list is what was liked most of late.")
        model = FALLBACK
    if model != FALLBACK:
        trained = open_trained(workspace, model)
        if model == "two-tower":
            rows, scores = nearest_posts(workspace, trained, history, k, knobs)
        else:
            rows, scores = _scored(workspace, trained, history, k, knobs)
        if len(rows):
            return rows, scores, model, notes
        notes.append(f"{title_of(model)} has nothing for this history, so the list is what was liked most of late.")
    rows, scores = lately_liked(workspace, history.at)
    return *_permitted(workspace, history, knobs, rows, scores, k), FALLBACK, notes


def user_vector(workspace: Workspace, trained: Trained, history: History) -> Matrix:
    """(factors,) unit vector of the two towers, zeros where the history tells nothing."""
    if not len(history.acts):
        return np.zeros(trained.towers.item_out.shape[1], np.float32)
    inputs = input_vectors(workspace, trained, history.rows())
    told = told_by_profiles(workspace, trained, [history.user_id])
    vector: Matrix = trained.towers.pool(history.weights()[None], inputs, told)[0]
    return vector


def nearest_posts(
    workspace: Workspace, trained: Trained, history: History, k: int, knobs: Knobs
) -> tuple[Rows, Scores]:
    """The two towers' answer, from the vector store. A post that was ingested since is brought in first."""
    publish(workspace)
    vector = user_vector(workspace, trained, history)
    if not np.any(vector):
        return np.empty(0, np.int64), np.empty(0, np.float32)
    assert trained.space is not None
    index = workspace.indexes.store.index(trained.space)
    return search_without(index, vector, k, blocked_rows(workspace, history, knobs))


def search_without(index: VectorIndex, vector: Matrix, k: int, blocked: Rows) -> tuple[Rows, Scores]:
    """The ``k`` nearest rows to a (d,) vector that are not among ``blocked``, which rise. Few blocked rows are asked
    for in addition and dropped, which costs less than telling the index of all others."""
    if len(blocked) <= _OVERFETCH:
        scores, rows = index.search(vector[None], min(k + len(blocked), max(1, len(index))))
    else:
        allowed = np.setdiff1d(index.rows(), blocked, assume_unique=True)
        scores, rows = index.search(vector[None], k, allowed=allowed)
    keep = rows[0] >= 0
    if len(blocked):
        keep &= blocked[np.minimum(np.searchsorted(blocked, rows[0]), len(blocked) - 1)] != rows[0]
    return rows[0][keep][:k], scores[0][keep][:k]


def blocked_rows(workspace: Workspace, history: History, knobs: Knobs) -> Rows:
    """Rising rows that may not be shown: seen, removed by review, written after the moment, flagged if so wished."""
    parts = [history.seen, history.rows(), effects.removed_rows(workspace)]
    cursor = workspace.cursor()
    if history.at is not None:
        later = cursor.execute("SELECT row FROM posts WHERE created_at > ?", [history.at]).fetchnumpy()
        parts.append(np.asarray(later["row"], np.int64))
    if knobs.hide_flagged:
        parts.append(flagged(workspace))
    return np.unique(np.concatenate(parts))


def flagged(workspace: Workspace) -> Rows:
    """Rows of posts that a policy flags or a reviewer limited."""
    from core.moderation.flagged import flagged_rows

    return np.asarray(flagged_rows(workspace), np.int64)


def _permitted(
    workspace: Workspace, history: History, knobs: Knobs, rows: Rows, scores: Scores, k: int
) -> tuple[Rows, Scores]:
    keep = ~np.isin(rows, blocked_rows(workspace, history, knobs))
    return rows[keep][:k], scores[keep][:k]


def _scored(workspace: Workspace, trained: Trained, history: History, k: int, knobs: Knobs) -> tuple[Rows, Scores]:
    scores = score_histories(trained, [history], [np.ones(len(history.acts), bool)])[0]
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order])]
    if trained.name not in ("popularity", "recent-popularity"):
        order = order[scores[order] != 0]  # of which the model knows nothing
    return _permitted(workspace, history, knobs, trained.rows[order], scores[order], k)


def score_histories(trained: Trained, histories: Sequence[History], kept: Sequence[NDArray[np.bool_]]) -> Scores:
    """(n, items) of a model: each history with the acts that its mask keeps."""
    import scipy.sparse as sp

    data, columns, starts = [], [], [0]
    for history, mask in zip(histories, kept, strict=True):
        at, known = trained.positions(history.rows())
        use = known & mask
        columns.append(at[use])
        data.append(history.weights()[use])
        starts.append(starts[-1] + int(use.sum()))
    matrix = sp.csr_matrix(
        (np.concatenate(data), np.concatenate(columns), np.array(starts)), (len(histories), len(trained.rows))
    )
    return trained.model.score(matrix)


def lately_liked(workspace: Workspace, at: datetime | None) -> tuple[Rows, Scores]:
    """The posts with most acts, each halved every two weeks before ``at`` or the newest; then the newest posts."""
    cursor = workspace.cursor()
    found = table.lately_acted_on(cursor, at or datetime(9999, 1, 1), _FALLBACK_HALF_LIFE)
    if not found:
        found = [
            (row, -float(place))
            for place, (row,) in enumerate(
                cursor.execute(
                    "SELECT row FROM posts ORDER BY created_at DESC NULLS LAST, row DESC LIMIT 5000"
                ).fetchall()
            )
        ]
    return np.array([row for row, _ in found], np.int64), np.array([score for _, score in found], np.float32)


def _vectors(workspace: Workspace, rows: Rows) -> Matrix | None:
    """What posts are compared by: the two towers' vectors, else those of their words; zeros where there is none."""
    try:
        if "two-tower" in trained_names(workspace):
            space = open_trained(workspace, "two-tower").space
            assert space is not None
            index = workspace.indexes.store.index(space)
            found = rows[np.isin(rows, index.rows())]
            vectors = index.reconstruct(found)
        else:
            found, vectors = workspace.indexes.stored("text", rows)
    except ModelError:
        return None
    if not len(found):
        return None
    all_of = np.zeros((len(rows), vectors.shape[1]), np.float32)
    order = np.argsort(rows)
    all_of[order[np.searchsorted(rows, found, sorter=order)]] = vectors
    return all_of


def _age(moment: datetime | None, now: datetime | None) -> float:
    return float("nan") if moment is None or now is None else (now - moment).total_seconds() / 86400


def as_json(listing: Listing) -> dict[str, Any]:
    """The list as a document."""
    return {
        "user": listing.history.user_id,
        "model": listing.model,
        "history": len(listing.history.acts),
        "notes": list(listing.notes),
        "elapsed_ms": round(listing.elapsed_ms, 2),
        "items": [
            {"rank": one.rank, "post": one.post_id, "score": round(one.score, 4), "relevance": round(one.relevance, 4),
             "was": one.was}
            for one in listing.items
        ],
    }  # fmt: skip
