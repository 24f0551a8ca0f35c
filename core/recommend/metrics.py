"""How good lists are: every item is ranked for every judged user, none is sampled (Krichene and Rendle, 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import SettingError
from core.recommend.protocol import Recommender, Report, exclude_seen, silent, top_items

Values = NDArray[np.float64]

_USERS_AT_A_TIME = 512
_LISTS_FOR_DIVERSITY = 2000
_RESAMPLES = 1000


@dataclass(frozen=True)
class Judged:
    """What was measured: ``users`` (n,) rows of the matrices, ``lists`` (n, k) items with -1 past the last, and of each
    user recall, NDCG, reciprocal rank, AUC and whether there was a hit."""

    k: int
    users: NDArray[np.int64]
    lists: NDArray[np.int64]
    recall: Values
    ndcg: Values
    reciprocal: Values
    auc: Values
    hit: Values


def judge(
    model: Recommender,
    seen: sp.csr_matrix,
    held: sp.csr_matrix,
    *,
    k: int = 20,
    users: NDArray[np.int64] | None = None,
    known_users: bool = True,
    candidates: NDArray[np.bool_] | None = None,
    ranks: bool = True,
    report: Report = silent,
) -> Judged:
    """Ranks all items that a user has not seen, or those of the mask ``candidates``, for each user of whom any is held.

    Recall@k is hits / held items of the user, as NGCF and LightGCN count it; NDCG@k has the ideal of min(k, held). The
    reciprocal rank is of the best held item in the whole ranking, and AUC the share of pairs in right order, ties half.
    Without ``ranks`` these two are left NaN, which is quicker. Raises SettingError where nothing is held.
    """
    counts = np.diff(held.indptr)
    judged = np.flatnonzero(counts) if users is None else users[counts[users] > 0]
    if not len(judged):
        raise SettingError("Nobody has anything held out, so there is nothing to judge by.")
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])
    n = len(judged)
    lists = np.full((n, k), -1, np.int64)
    recall, ndcg, hit = np.zeros(n), np.zeros(n), np.zeros(n)
    reciprocal, auc = np.full(n, np.nan), np.full(n, np.nan)
    for start in range(0, n, _USERS_AT_A_TIME):
        report("ranking", start, n)
        rows = judged[start : start + _USERS_AT_A_TIME]
        histories, wanted = seen[rows], held[rows]
        scores = exclude_seen(model.score(histories, rows if known_users else None), histories)
        if candidates is not None:
            scores[:, ~candidates] = -np.inf
        top = top_items(scores, k)
        lists[start : start + len(rows), : top.shape[1]] = top
        for at in range(len(rows)):
            own = wanted.indices[wanted.indptr[at] : wanted.indptr[at + 1]]
            hits = np.isin(top[at], own)
            i = start + at
            recall[i] = hits.sum() / len(own)
            ndcg[i] = (hits @ discounts[: len(hits)]) / ideal[min(k, len(own))]
            hit[i] = float(hits.any())
            if ranks:
                reciprocal[i], auc[i] = _whole_ranking(scores[at], own)
    return Judged(k, judged, lists, recall, ndcg, reciprocal, auc, hit)


def _whole_ranking(scores: NDArray[np.float32], own: NDArray[np.int32]) -> tuple[float, float]:
    """(1 / rank of the best held item, AUC) of one user; items at -inf take no part."""
    possible = np.isfinite(scores)
    mine = scores[own][possible[own]]
    total = int(possible.sum())
    others = total - len(mine)
    if not len(mine) or not others:
        return 0.0, np.nan
    above = np.array([np.count_nonzero(scores > score) for score in mine], np.float64)
    level = np.array([np.count_nonzero(scores == score) for score in mine], np.float64)
    # Held items among those above or level are no wrong pairs.
    above_own = np.array([(mine > score).sum() for score in mine])
    level_own = np.array([(mine == score).sum() for score in mine])
    wrong = (above - above_own) + 0.5 * (level - level_own)
    return 1.0 / (1.0 + float(above.min())), float(1.0 - wrong.mean() / others)


def summarise(judged: Judged, seen: sp.csr_matrix, held: sp.csr_matrix, *, seed: int) -> dict[str, Any]:
    """Every figure of a model's lists, JSON-able. ``*_ci`` are 95 % bootstrap intervals over users."""
    k = judged.k
    popularity = np.bincount(seen.indices, minlength=seen.shape[1]).astype(np.float64)
    shown = judged.lists[judged.lists >= 0]
    exposure = np.bincount(shown, minlength=seen.shape[1])
    figures: dict[str, Any] = {
        f"recall@{k}": float(judged.recall.mean()),
        f"recall@{k}_ci": interval(judged.recall, seed),
        f"ndcg@{k}": float(judged.ndcg.mean()),
        f"ndcg@{k}_ci": interval(judged.ndcg, seed),
        f"hit_rate@{k}": float(judged.hit.mean()),
        "mrr": _mean(judged.reciprocal),
        "auc": _mean(judged.auc),
        f"coverage@{k}": float((exposure > 0).mean()),
        f"novelty@{k}": novelty(shown, popularity, seen.shape[0]),
        f"diversity@{k}": diversity(judged.lists, seen, seed),
        f"gini@{k}": gini(exposure),
        f"popularity_lift@{k}": popularity_lift(judged, seen, popularity),
        "users": len(judged.users),
        "by_activity": by_activity(judged, seen),
        "by_item": by_item(judged, held, popularity),
    }
    return figures


def interval(values: Values, seed: int) -> list[float]:
    """The 2.5th and 97.5th percentile of the mean over resampled users."""
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return [float(low), float(high)]


def novelty(shown: NDArray[np.int64], popularity: Values, users: int) -> float:
    """Mean bits of surprise of what is shown: -log2 of the share of users who acted on it; one who did is assumed."""
    if not len(shown):
        return 0.0
    return float(-np.log2(np.maximum(popularity[shown], 1.0) / users).mean())


def diversity(lists: NDArray[np.int64], seen: sp.csr_matrix, seed: int) -> float:
    """1 - the mean cosine of two items of a list, as the users who acted on both tell it; of up to 2,000 lists."""
    rng = np.random.default_rng(seed)
    some = rng.choice(len(lists), min(_LISTS_FOR_DIVERSITY, len(lists)), replace=False)
    by_item = seen.T.tocsr()
    lengths = np.sqrt(np.asarray(by_item.multiply(by_item).sum(axis=1)).ravel())
    unit = sp.diags_array(1.0 / np.maximum(lengths, 1e-9)) @ by_item
    unit = sp.csr_matrix(unit)
    found = []
    for one in lists[some]:
        own = unit[one[one >= 0]]
        if own.shape[0] > 1:
            n = own.shape[0]
            similar = (own @ own.T).toarray()
            found.append(1.0 - (similar.sum() - np.trace(similar)) / (n * (n - 1)))
    return float(np.mean(found)) if found else 0.0


def gini(exposure: NDArray[np.int64]) -> float:
    """How unequally items are shown: 0 where all are shown alike, near 1 where one is shown always."""
    ordered = np.sort(exposure.astype(np.float64))
    total = ordered.sum()
    if total <= 0:
        return 0.0
    n = len(ordered)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def popularity_lift(judged: Judged, seen: sp.csr_matrix, popularity: Values) -> float:
    """How much more popular the lists are than the histories, over users: (shown - seen) / seen, of mean popularity
    (Abdollahpouri et al., 2019). 0 is as popular, 1 twice."""
    histories = seen[judged.users]
    counts = np.diff(histories.indptr)
    able = counts > 0
    if not able.any():
        return 0.0
    own = np.add.reduceat(np.append(popularity[histories.indices], 0.0), histories.indptr[:-1])[able] / counts[able]
    lists = judged.lists[able]
    there = lists >= 0
    shown = np.where(there, popularity[np.maximum(lists, 0)], 0.0).sum(1) / np.maximum(there.sum(1), 1)
    return float(shown.mean() / own.mean() - 1.0)


def by_activity(judged: Judged, seen: sp.csr_matrix) -> list[dict[str, Any]]:
    """Recall and NDCG of the third of users with the shortest histories, the middle one and the longest."""
    lengths = np.diff(seen.indptr)[judged.users]
    parts = np.array_split(np.argsort(lengths, kind="stable"), 3)
    return [
        {
            "histories": [int(lengths[part].min()), int(lengths[part].max())],
            "users": len(part),
            "recall": float(judged.recall[part].mean()),
            "ndcg": float(judged.ndcg[part].mean()),
        }
        for part in parts
        if len(part)
    ]


def by_item(judged: Judged, held: sp.csr_matrix, popularity: Values) -> list[dict[str, Any]]:
    """The share of held interactions that were found, by how known the item was: unseen, and thirds of the known."""
    known = np.sort(popularity[popularity > 0])
    edges = [0.0, 1.0, *(float(part[0]) for part in np.array_split(known, 3)[1:] if len(part)), np.inf]
    wanted = held[judged.users]
    rows = np.repeat(np.arange(len(judged.users)), np.diff(wanted.indptr))
    found = np.array((judged.lists[rows] == wanted.indices[:, None]).any(axis=1), bool)
    of = popularity[wanted.indices]
    groups = []
    for low, high in pairwise(edges):
        inside = (of >= low) & (of < high)
        if inside.any():
            span = [int(low), int(of[inside].max())]
            share = float(found[inside].mean())
            groups.append({"popularity": span, "interactions": int(inside.sum()), "recall": share})
    return groups


def _mean(values: Values) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None
