"""What people did in a workspace, as a recommender sees it: acts with weights, the history of one user, a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.database.posts import rows_of
from core.database.recommend import read_acts

if TYPE_CHECKING:
    import scipy.sparse as sp

    from core.workspace import Workspace

Rows = NDArray[np.int64]

KIND_WEIGHTS = {
    "like": 1.0, "favourite": 1.0, "favorite": 1.0, "upvote": 1.0, "quote": 1.2, "repost": 1.2, "share": 1.2,
    "bookmark": 1.2, "save": 1.2, "follow": 1.0, "reply": 0.8, "comment": 0.8, "click": 0.3, "wrote": 0.5,
    "view": 0.0, "impression": 0.0, "dislike": 0.0, "hide": 0.0, "block": 0.0, "report": 0.0,
}  # fmt: skip
"""How much an act says that the user wants more of its kind; one of weight 0 only says that the post was seen. A kind
that is not here counts as 1."""

HALF_LIFE_DAYS = 60.0
"""An act tells half as much of the user's present interests after so many days."""

MOST_HISTORY = 2000
"""Older acts than these many are not in a history: the newest say more, and a list of 100,000 helps nobody."""


@dataclass(frozen=True, slots=True)
class Act:
    """One post in a history. ``kinds`` are what the user did with it, ``weight`` is what that tells, before time
    fades it. ``added``: put in by hand, as a what-if."""

    row: int
    kinds: tuple[str, ...]
    created_at: datetime | None
    weight: float
    added: bool = False


@dataclass(frozen=True)
class History:
    """What is known of one user at a moment, newest first. ``seen`` are rising rows that are not to be recommended: all
    that the user acted on, saw or wrote, and what was taken out of the history by hand. ``left_out`` counts acts past
    MOST_HISTORY, ``removed`` those on posts that a reviewer removed, which are no part of the history."""

    user_id: str
    acts: tuple[Act, ...]
    seen: Rows
    at: datetime | None = None
    left_out: int = 0
    removed: int = 0

    def rows(self) -> Rows:
        return np.array([act.row for act in self.acts], np.int64)

    def weights(self) -> NDArray[np.float32]:
        """Of each act as of the newest, or of ``at``: halved every HALF_LIFE_DAYS."""
        moments = [act.created_at for act in self.acts if act.created_at is not None]
        now = self.at or (max(moments) if moments else None)
        return np.array([act.weight * _fading(act.created_at, now) for act in self.acts], np.float32)


@dataclass(frozen=True)
class Acts:
    """All acts that say something, of users and posts by number: ``users`` are ids, ``posts`` rising rows.

    ``matrix`` is (users, posts) CSR of weights at their newest; ``moments`` and ``age_days``, aligned with its data,
    when the last act was, as seconds since 1970 (NaN where unknown), and days before the newest of all.
    """

    users: tuple[str, ...]
    posts: Rows
    matrix: sp.csr_matrix
    moments: NDArray[np.float64]
    age_days: NDArray[np.float32]


def _fading(moment: datetime | None, now: datetime | None) -> float:
    if moment is None or now is None:
        return 1.0 if now is None else 0.5
    return float(0.5 ** (max(0.0, (now - moment).total_seconds()) / 86400 / HALF_LIFE_DAYS))


def weight_of(kind: str, weight: float) -> float:
    """What an act tells; an impression's weight is its rank and tells nothing."""
    return KIND_WEIGHTS.get(kind.lower(), 1.0) * max(0.0, min(weight, 10.0)) if np.isfinite(weight) else 0.0


def history_of(
    workspace: Workspace,
    user_id: str,
    *,
    without: Sequence[str] = (),
    added: Sequence[str] = (),
    at: datetime | None = None,
    unseen_views: bool = False,
) -> History:
    """The user's history as it is now, or as it was ``at`` a moment, less the posts ``without`` and with ``added``.

    Unknown posts are ignored. ``unseen_views``: what was only viewed may be recommended again.
    """
    cursor = workspace.cursor()
    columns = read_acts(cursor, user_id)
    known = rows_of(cursor, [*without, *added])
    taken = {known[id_] for id_ in without if id_ in known}
    found: dict[int, tuple[list[str], datetime | None, float]] = {}
    seen: set[int] = set()
    removed: set[int] = set()
    for row, kind, moment, weight, hidden in zip(
        columns["row"].tolist(), columns["kind"].tolist(), _moments(columns), columns["weight"].tolist(),
        columns["hidden"].tolist(), strict=True,
    ):  # fmt: skip
        if at is not None and moment is not None and moment > at:
            continue
        tells = weight_of(kind, weight)
        if tells or not unseen_views:
            seen.add(row)
        if not tells:
            continue
        if hidden:
            removed.add(row)
            continue
        kinds, _, total = found.get(row, ([], None, 0.0))
        found[row] = ([*dict.fromkeys([*kinds, kind])], moment, total + tells)
    acts = [Act(row, tuple(kinds), moment, total) for row, (kinds, moment, total) in found.items() if row not in taken]
    acts.sort(key=lambda act: (act.created_at or datetime.min, act.row), reverse=True)
    by_hand = [
        Act(known[id_], (), at, 1.0, True) for id_ in dict.fromkeys(added) if known.get(id_) not in {None, *taken}
    ]
    by_hand = [act for act in by_hand if act.row not in found]
    seen |= {act.row for act in by_hand}
    kept = [*by_hand, *acts][:MOST_HISTORY]
    return History(
        user_id, tuple(kept), np.array(sorted(seen), np.int64), at, len(by_hand) + len(acts) - len(kept), len(removed)
    )


def _moments(columns: dict[str, Any]) -> list[datetime | None]:
    values = np.ma.filled(columns["created_at"].astype("datetime64[us]"), np.datetime64("NaT")).tolist()
    return [value if isinstance(value, datetime) else None for value in values]


def all_acts(workspace: Workspace, *, until: datetime | None = None) -> Acts:
    """Every act that tells something, up to a moment; of acts without a time all. Acts on hidden posts are left out."""
    import scipy.sparse as sp

    cursor = workspace.cursor()
    columns = read_acts(cursor)
    posts = np.asarray(cursor.execute("SELECT row FROM posts ORDER BY row").fetchnumpy()["row"], np.int64)
    kinds = columns["kind"]
    names, kind_at = np.unique(np.asarray(kinds, str), return_inverse=True)
    tells = np.array([KIND_WEIGHTS.get(name.lower(), 1.0) for name in names])[kind_at] if len(names) else np.empty(0)
    given = np.nan_to_num(np.ma.filled(columns["weight"].astype(np.float64), 1.0), nan=0.0, posinf=0.0, neginf=0.0)
    weights = tells * np.clip(given, 0.0, 10.0)
    moments = np.ma.filled(columns["created_at"].astype("datetime64[us]"), np.datetime64("NaT"))
    seconds = moments.astype("datetime64[us]").astype(np.float64) / 1e6
    seconds[np.isnat(moments)] = np.nan
    # What is hidden teaches nothing, least of all what is locked as possibly illegal.
    use = (weights > 0) & ~np.asarray(columns["hidden"], bool)
    if until is not None:
        use &= ~(seconds > _seconds(until))
    users, user_at = np.unique(np.asarray(columns["user_id"], str)[use], return_inverse=True)
    post_at = np.searchsorted(posts, columns["row"][use])
    weights, seconds = weights[use], seconds[use]
    # One entry a user and post, with the weights added up and the time of the last act.
    code = user_at.astype(np.int64) * max(len(posts), 1) + post_at
    each, place = np.unique(code, return_inverse=True)
    total = np.bincount(place, weights, len(each))
    last = np.full(len(each), -np.inf)
    np.maximum.at(last, place, np.nan_to_num(seconds, nan=-np.inf))
    last[np.isinf(last)] = np.nan
    newest = np.nanmax(last) if np.isfinite(last).any() else 0.0
    age = np.nan_to_num((newest - last) / 86400, nan=HALF_LIFE_DAYS).astype(np.float32)
    matrix = sp.csr_matrix(
        (total.astype(np.float32), (each // max(len(posts), 1), each % max(len(posts), 1))), (len(users), len(posts))
    )
    return Acts(tuple(str(user) for user in users), posts, matrix, last, age)


def _seconds(moment: datetime) -> float:
    return float(np.datetime64(moment, "us").astype(np.int64)) / 1e6
