"""Coordination: accounts that post the same things at nearly the same time.

From the near-duplicate groups (:mod:`core.duplicates`): a group in which several accounts posted close to each other in
time is a *wave*, scored by how many accounts take part and how short the gaps between them are. Accounts that share
waves are tied to each other, the more the closer in time, after the co-sharing networks of Pacheco and others
(Uncovering Coordinated Networks on Social Media, 2021). A score is a reason to look, not a verdict: fans of one team
and readers of one paper post alike too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.duplicates import find_groups
from core.moderation.effects import removed_rows

if TYPE_CHECKING:
    from core.workspace import Workspace

LEAST_ACCOUNTS = 2
HALF_TIME = 3600.0
"""Seconds between two posts at which a pair counts half of what it would at once."""
MOST_ACCOUNTS = 200
"""Of a wave's accounts so many are tied to each other, the first ones: the pairs grow with the square."""
EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Wave:
    """``group`` is the near-duplicate group's place in :func:`core.duplicates.find_groups`, ``posts`` its post ids in
    the order of time; ``accounts`` distinct authors, the first to post first. ``gap`` is the median of the seconds
    between the first posts of one account and of the next, ``span`` the seconds from the first to the last, both None
    where times are missing. ``words`` and ``picture`` are the group's similarities, 0 to 1. ``score`` is 0 upwards:
    one less than the accounts, each weighed by how soon it followed the one before."""

    group: int
    posts: tuple[str, ...]
    accounts: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    gap: float | None
    span: float | None
    words: float | None
    picture: float | None
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Tie:
    """Two accounts (``first`` < ``second``) that share ``waves`` waves; ``weight`` adds up, for each, half as much for
    every HALF_TIME between their posts; ``gap`` is the shortest time between them in seconds, None where unknown."""

    first: str
    second: str
    waves: int
    weight: float
    gap: float | None


@dataclass(frozen=True, slots=True)
class Coordination:
    """``waves`` by falling score, ``ties`` by falling weight. ``searched_at`` is when near-duplicates were looked for
    (naive UTC), ``generation`` the workspace's of then."""

    waves: tuple[Wave, ...]
    ties: tuple[Tie, ...]
    searched_at: datetime
    generation: int


def find_coordination(workspace: Workspace, *, least_accounts: int = LEAST_ACCOUNTS) -> Coordination | None:
    """None where near-duplicates were not looked for yet (the job ``duplicates``). Posts that reviewers removed and
    posts of unknown authors do not count."""
    found = find_groups(workspace)
    if found is None:
        return None
    about = _about(workspace, [id_ for group in found.groups for id_ in group.posts])
    waves = []
    ties: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
    for number, group in enumerate(found.groups):
        known = sorted(
            (about[id_] for id_ in group.posts if id_ in about), key=lambda post: (post.at is None, post.at, post.id)
        )
        firsts = {post.user: post for post in reversed(known)}
        accounts = sorted(firsts.values(), key=lambda post: (post.at is None, post.at, post.id))
        if len(accounts) < least_accounts:
            continue
        waves.append(_wave(number, known, accounts, group.words, group.picture))
        _tie(accounts[:MOST_ACCOUNTS], ties)
    tied = [
        Tie(first, second, len(pairs), round(sum(weight for weight, _ in pairs), 4),
            min((gap for _, gap in pairs if gap is not None), default=None))
        for (first, second), pairs in ties.items()
    ]  # fmt: skip
    return Coordination(
        tuple(sorted(waves, key=lambda wave: (-wave.score, wave.group))),
        tuple(sorted(tied, key=lambda tie: (-tie.weight, tie.first, tie.second))),
        found.found_at,
        found.generation,
    )


@dataclass(frozen=True, slots=True)
class _Post:
    id: str
    user: str
    at: datetime | None
    text: str


def _about(workspace: Workspace, ids: Sequence[str]) -> dict[str, _Post]:
    removed = set(removed_rows(workspace).tolist())
    rows = workspace.cursor().execute(
        "SELECT row, id, user_id, created_at, left(text, ?) FROM posts WHERE id IN (SELECT unnest(?::VARCHAR[]))"
        " AND user_id IS NOT NULL AND user_id <> ''",
        [EXCERPT, list(ids)],
    ).fetchall()  # fmt: skip
    return {id_: _Post(id_, user, at, text) for row, id_, user, at, text in rows if row not in removed}


def closeness(gap: float | None) -> float:
    """How much a gap of so many seconds weighs: 1 at once, a half at HALF_TIME; a half where it is unknown."""
    return 0.5 if gap is None else 1 / (1 + gap / HALF_TIME)


def _gap(one: _Post, other: _Post) -> float | None:
    return abs((other.at - one.at).total_seconds()) if one.at is not None and other.at is not None else None


def _wave(
    number: int, known: Sequence[_Post], accounts: Sequence[_Post], words: float | None, picture: float | None
) -> Wave:
    gaps = [_gap(one, other) for one, other in pairwise(accounts)]
    timed = [gap for gap in gaps if gap is not None]
    dated = [post.at for post in known if post.at is not None]
    return Wave(
        group=number,
        posts=tuple(post.id for post in known),
        accounts=tuple(post.user for post in accounts),
        first=min(dated, default=None),
        last=max(dated, default=None),
        gap=float(np.median(timed)) if timed else None,
        span=(max(dated) - min(dated)).total_seconds() if dated else None,
        words=words,
        picture=picture,
        score=round(sum(closeness(gap) for gap in gaps), 4),
        text=next((post.text for post in known if post.text), ""),
    )


def _tie(accounts: Sequence[_Post], ties: dict[tuple[str, str], list[tuple[float, float | None]]]) -> None:
    for at, one in enumerate(accounts):
        for other in accounts[at + 1 :]:
            pair = (one.user, other.user) if one.user < other.user else (other.user, one.user)
            gap = _gap(one, other)
            ties.setdefault(pair, []).append((closeness(gap), gap))


def places(ties: Sequence[Tie], *, most: int = 400) -> dict[str, tuple[float, float]]:
    """Where accounts are drawn in a graph of the ``most`` strongest ties, each coordinate 0 to 1: circles of accounts
    that are tied to each other side by side, the largest first."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    shown = ties[:most]
    names = sorted({name for tie in shown for name in (tie.first, tie.second)})
    if not names:
        return {}
    number = {name: at for at, name in enumerate(names)}
    pairs = np.array([(number[tie.first], number[tie.second]) for tie in shown])
    weights = np.array([tie.weight for tie in shown])
    graph = csr_matrix((weights, (pairs[:, 0], pairs[:, 1])), shape=(len(names), len(names)))
    _, part_of = connected_components(graph, directed=False)
    sizes = np.bincount(part_of)
    widest = max(4.0, 2.2 * len(names) ** 0.5)
    spots = np.zeros((len(names), 2))
    x = y = row = 0.0
    for part in np.argsort(-sizes, kind="stable"):
        members = np.flatnonzero(part_of == part)
        side = float(len(members)) ** 0.5
        if x and x + side > widest:
            x, y, row = 0.0, y + row * 1.15, 0.0
        inside = graph[members][:, members].toarray()
        spots[members] = _springs(inside + inside.T) * side + [x, y]
        x, row = x + side * 1.15, max(row, side)
    spots /= np.maximum(spots.max(axis=0), 1e-9)
    return {name: (float(px), float(py)) for name, (px, py) in zip(names, spots, strict=True)}


def _springs(weights: NDArray[np.float64], rounds: int = 80) -> NDArray[np.float64]:
    """Fruchterman and Reingold's layout (1991) of a connected graph, (n, 2) in 0.05 to 0.95, from a circle."""
    count = len(weights)
    turn = np.arange(count) * (2 * np.pi / count)
    at = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    ideal = 1 / count**0.5
    strength = weights / max(float(weights.max()), 1e-9)
    for step in range(rounds):
        apart = at[:, None] - at
        distance = np.maximum(np.sqrt((apart**2).sum(axis=2)), 0.01)
        force = (apart * (ideal**2 / distance**2 - strength * distance / ideal)[:, :, None]).sum(axis=1)
        length = np.maximum(np.sqrt((force**2).sum(axis=1, keepdims=True)), 1e-9)
        at = at + force / length * np.minimum(length, 0.15 * (1 - step / rounds))
    low, high = at.min(axis=0), at.max(axis=0)
    scaled: NDArray[np.float64] = 0.05 + 0.9 * (at - low) / np.maximum(high - low, 1e-9)
    return scaled
