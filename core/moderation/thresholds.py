"""What another threshold would do: flags gained and lost, expected precision and recall, hours of review, examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.database.posts import ids_of
from core.errors import ModerationError
from core.moderation.policies import get_policy
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

Floats = NDArray[np.float64]

LEAST_DECIDED = 30
LEAST_EACH = 5
SECONDS = 12.0
"""A decision, until this workspace's own median is known."""

EDGE = 6


@dataclass(frozen=True, slots=True)
class Preview:
    """``now`` and ``then`` count the posts flagged at the present threshold and at the tried one; ``gained`` and
    ``lost`` the difference, of which ``undecided`` of the gained still wait. ``precision`` and ``recall`` (of all posts
    that break the policy) are expected at both, (now, then). They rest on the scores, corrected by the ``decided``
    decisions that say something of this policy where those are enough (``corrected``). ``hours`` is the work gained
    (negative: saved). ``above`` and ``below`` are (post id, score) nearest to the tried threshold."""

    policy: str
    threshold: float
    tried: float
    posts: int
    now: int
    then: int
    gained: int
    lost: int
    undecided: int
    precision: tuple[float, float]
    recall: tuple[float, float]
    hours: float
    decided: int
    corrected: bool
    above: tuple[tuple[str, float], ...]
    below: tuple[tuple[str, float], ...]
    histogram: tuple[int, ...]


def preview_threshold(workspace: Workspace, policy: str, tried: float, *, by: Person = ALONE) -> Preview:
    """Raises RoleError, and ModerationError for an unknown policy or one that nothing was scored under."""
    by.require("insights")
    threshold = get_policy(workspace, policy).threshold
    if not 0 <= tried <= 1:
        raise ModerationError("A threshold is a number from 0 to 1.")
    cursor = workspace.cursor()
    found = cursor.execute(
        "SELECT s.post_row AS row, s.score::DOUBLE AS score FROM scores s WHERE s.policy = ?"
        " AND s.post_row NOT IN (SELECT post_row FROM standings WHERE state = 'locked' AND post_row IS NOT NULL)",
        [policy],
    ).fetchnumpy()
    rows, scores = np.asarray(found["row"], np.int64), np.asarray(found["score"], np.float64)
    if not len(rows):
        raise ModerationError("No post was scored under this policy yet.")
    # What was done under another policy says nothing of this one; what was kept broke none.
    standing = cursor.execute(
        "SELECT post_row AS row, state <> 'kept' AS acted, state = 'kept' OR policy IS NOT DISTINCT FROM ? AS known"
        " FROM standings WHERE noun = 'post' AND state <> 'locked' AND post_row IS NOT NULL ORDER BY 1",
        [policy],
    ).fetchnumpy()
    decided_rows, acted = np.asarray(standing["row"], np.int64), np.asarray(standing["acted"], np.bool_)
    order = np.argsort(rows)
    rows, scores = rows[order], scores[order]
    at = np.searchsorted(rows, decided_rows)
    scored = np.append(rows, -1)[at] == decided_rows
    known = np.flatnonzero(scored & np.asarray(standing["known"], np.bool_))
    likely, corrected = _corrected(scores, scores[at[known]], acted[known])
    now, then = scores >= np.float32(threshold), scores >= np.float32(tried)
    decided = np.zeros(len(rows), np.bool_)
    decided[at[scored]] = True
    gained, lost = then & ~now, now & ~then
    (seconds,) = cursor.execute("SELECT median(seconds) FROM decisions WHERE seconds > 0").fetchall()[0]
    work = int((gained & ~decided).sum()) - int((lost & ~decided).sum())
    total = float(likely.sum())
    return Preview(
        policy, threshold, tried, len(rows), int(now.sum()), int(then.sum()), int(gained.sum()), int(lost.sum()),
        int((gained & ~decided).sum()),
        (_mean(likely[now]), _mean(likely[then])),
        (float(likely[now].sum()) / max(total, 1e-9), float(likely[then].sum()) / max(total, 1e-9)),
        work * float(seconds or SECONDS) / 3600, len(known), corrected,
        *_edges(workspace, rows, scores, float(np.float32(tried))),
        tuple(np.histogram(scores, bins=50, range=(0, 1))[0].tolist()),
    )  # fmt: skip


def _corrected(scores: Floats, decided: Floats, acted: NDArray[np.bool_]) -> tuple[Floats, bool]:
    """How likely each post breaks the policy: its score, or where enough was decided a logistic curve over the score's
    log odds (Platt) fitted to the decisions."""
    if len(decided) < LEAST_DECIDED or min(acted.sum(), (~acted).sum()) < LEAST_EACH:
        return scores, False
    slope, shift = platt(_log_odds(decided), acted)
    return 1 / (1 + np.exp(-(slope * _log_odds(scores) + shift))), True


def platt(values: Floats, truth: NDArray[np.bool_], *, steps: int = 100) -> tuple[float, float]:
    """(slope, shift) of the logistic curve over ``values`` (n,), by damped Newton steps, with a prior that holds the
    slope near 1 where the data say little of it. The slope is kept positive: a higher score is never less likely."""
    goal = truth.astype(np.float64)
    design = np.stack([values, np.ones_like(values)], axis=1)
    middle, strength = np.array([1.0, 0.0]), np.array([5.0, 0.05])

    def loss(weights: Floats) -> float:
        margins = design @ weights
        return float(
            (np.logaddexp(0, margins) - goal * margins).sum() + 0.5 * (strength * (weights - middle) ** 2).sum()
        )

    weights = middle.copy()
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (chance - goal) + strength * (weights - middle)
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag(strength)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and loss(weights - size * step) > loss(weights):
            size /= 2
        weights = weights - size * step
        weights[0] = max(weights[0], 1e-3)
        if np.abs(size * step).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])


def _log_odds(scores: Floats) -> Floats:
    bounded = np.clip(scores, 1e-4, 1 - 1e-4)
    found: Floats = np.log(bounded / (1 - bounded))
    return found


def _edges(
    workspace: Workspace, rows: NDArray[np.int64], scores: Floats, tried: float
) -> tuple[tuple[tuple[str, float], ...], tuple[tuple[str, float], ...]]:
    sides = []
    for mask in (scores >= tried, scores < tried):
        there = np.flatnonzero(mask)
        near = there[np.argsort(np.abs(scores[there] - tried), kind="stable")[:EDGE]]
        ids = ids_of(workspace.cursor(), rows[near])
        sides.append(tuple((ids[int(rows[one])], float(scores[one])) for one in near if int(rows[one]) in ids))
    return sides[0], sides[1]


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
