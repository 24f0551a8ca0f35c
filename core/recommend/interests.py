"""What a user is interested in, and what the lists expose people to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from core import collections
from core.compare import distinctive
from core.database.posts import ids_of
from core.database.recommend import authors_and_days
from core.errors import FeedscopeError
from core.recommend.acts import History, history_of
from core.recommend.metrics import gini
from core.recommend.rerank import Knobs
from core.recommend.serving import Listing, flagged, listing_of
from core.recommend.similar import everybody, users_alike

if TYPE_CHECKING:
    from core.workspace import Workspace

_EVIDENCE = 6
_TAG = re.compile(r"#\w{2,50}")
_SEGMENT = 100
EVERYBODY, ALIKE, AS_ACTIVE = "everybody", "alike", "as-active"
SEGMENTS = (EVERYBODY, ALIKE, AS_ACTIVE)


@dataclass(frozen=True, slots=True)
class Interest:
    """A topic of a history: ``weight`` is the share of the history's weight that has it, 0 to 1, ``posts`` are ids."""

    name: str
    kind: Literal["cluster", "words", "hashtags"]
    weight: float
    posts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """What lists show, each 0 to 1 but for the counts: ``authors`` different ones a list, ``concentration`` the Gini of
    how often an author is shown, ``popularity`` the mean share of posts that are less liked than those shown,
    ``diversity`` 1 - the mean cosine of two posts of a list, ``flagged`` the share that a policy flags. ``lists`` is
    over how many lists."""

    lists: int
    posts: int
    authors: float
    concentration: float
    popularity: float
    diversity: float
    flagged: float


def interests(workspace: Workspace, history: History, *, limit: int = 8) -> tuple[Interest, ...]:
    """By the clusters of the first map of posts where there is one, else by the hashtags and words that are
    distinctive of the history against all posts."""
    rows = history.rows()
    if not len(rows):
        return ()
    weights = dict(zip(rows.tolist(), history.weights().tolist(), strict=True))
    topics = _clusters(workspace, weights) or _distinctive(workspace, weights)
    ids = ids_of(workspace.cursor(), {row for _, _, own in topics for row in own})
    total = sum(weights.values()) or 1.0
    found = [
        Interest(
            name, kind, sum(weights[row] for row in own) / total,
            tuple(ids[row] for row in sorted(own, key=lambda row: -weights[row]) if row in ids)[:_EVIDENCE],
        )
        for name, kind, own in topics
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: -one.weight)[:limit])


def _clusters(
    workspace: Workspace, weights: dict[int, float]
) -> list[tuple[str, Literal["cluster", "words", "hashtags"], list[int]]]:
    """Topics by a saved map: its largest level's clusters and their names."""
    from core.maps.layouts import list_layouts, read_layout

    try:
        layout = next((one for one in list_layouts(workspace) if one.recipe.space in ("text", "blend")), None)
        if layout is None:
            return []
        read = read_layout(workspace, layout.id)
    except FeedscopeError:
        return []
    names = {cluster.number: cluster.name for cluster in read.at_level(0)}
    members: dict[int, list[int]] = defaultdict(list)
    at = {int(row): place for place, row in enumerate(read.rows.tolist())}
    for row in weights:
        place = at.get(row)
        if place is not None and int(read.labels[0][place]) in names:
            members[int(read.labels[0][place])].append(row)
    return [(names[number], "cluster", own) for number, own in members.items()]


def _distinctive(
    workspace: Workspace, weights: dict[int, float]
) -> list[tuple[str, Literal["cluster", "words", "hashtags"], list[int]]]:
    comparison = distinctive(workspace, list(weights), limit=12)
    texts = dict(
        workspace.cursor()
        .execute(
            "SELECT row, lower(left(text, 5000)) FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [list(weights)]
        )
        .fetchall()
    )
    topics: list[tuple[str, Literal["cluster", "words", "hashtags"], list[int]]] = []
    for facet in comparison.facets:
        if facet.name in ("hashtags", "words"):
            kind: Literal["words", "hashtags"] = "hashtags" if facet.name == "hashtags" else "words"
            for feature in facet.here:
                own = [row for row, text in texts.items() if feature.name.lower() in text]
                if len(own) > 1:
                    topics.append((feature.name, kind, own))
    return topics or _hashtags(texts)


def _hashtags(texts: dict[int, str]) -> list[tuple[str, Literal["cluster", "words", "hashtags"], list[int]]]:
    """Where too few posts are there for anything to be distinctive: the hashtags that come twice."""
    members: dict[str, list[int]] = defaultdict(list)
    for row, text in texts.items():
        for tag in set(_TAG.findall(text)):
            members[tag].append(row)
    return [(tag, "hashtags", own) for tag, own in members.items() if len(own) > 1]


def exposure_of(workspace: Workspace, listings: list[Listing]) -> Exposure:
    """What some lists show."""
    acts, _ = everybody(workspace)
    liked = np.bincount(acts.matrix.indices, minlength=len(acts.posts)) if len(acts.posts) else np.zeros(0, np.int64)
    ordered = np.sort(liked)
    bad = set(flagged(workspace).tolist())
    rows = [item.row for listing in listings for item in listing.items]
    if not rows:
        return Exposure(len(listings), 0, 0.0, 0.0, 0.0, 0.0, 0.0)
    about = authors_and_days(workspace.cursor(), rows)
    authors = [about.get(row, (None, None))[0] or f"unknown {row}" for row in rows]
    _, counts = np.unique(authors, return_counts=True)
    each = [len({about.get(item.row, (None, None))[0] for item in one.items}) for one in listings if one.items]
    own = liked[np.searchsorted(acts.posts, rows)] if len(acts.posts) else np.zeros(len(rows))
    return Exposure(
        len(listings), len(rows), float(np.mean(each)), gini(counts),
        float((np.searchsorted(ordered, own, "left") / max(1, len(ordered))).mean()),
        float(np.mean([_diversity(workspace, one) for one in listings[:_SEGMENT]])),
        float(np.mean([row in bad for row in rows])),
    )  # fmt: skip


def segment_users(workspace: Workspace, segment: str, history: History) -> list[str]:
    """Ids of the users of a segment who have a history: everybody, those alike, those of a third of users as active as
    this one, or a collection of users by its id. Raises CollectionError for an unknown collection."""
    acts, _ = everybody(workspace)
    if segment == EVERYBODY:
        return list(acts.users)
    if segment == ALIKE:
        return [user for user, _ in users_alike(workspace, history, k=_SEGMENT)]
    if segment == AS_ACTIVE:
        lengths = np.diff(acts.matrix.indptr)
        if not len(lengths):
            return []
        low, high = np.quantile(lengths, [1 / 3, 2 / 3])
        third = np.searchsorted([low, high], lengths, "left")
        own = int(np.searchsorted([low, high], len(history.acts), "left"))
        return [acts.users[at] for at in np.flatnonzero(third == own)]
    known = set(acts.users)
    size = collections.about(workspace, segment).size
    return [user for user in collections.page(workspace, segment, offset=0, limit=size) if user in known]


def segment_exposure(
    workspace: Workspace, model: str, knobs: Knobs, users: Sequence[str], *, seed: int = 0
) -> Exposure:
    """The same over up to 100 of some users, drawn with a seed: what to compare one user's list with."""
    if not users:
        return exposure_of(workspace, [])
    some = np.random.default_rng(seed).choice(len(users), min(_SEGMENT, len(users)), replace=False)
    return exposure_of(
        workspace, [listing_of(workspace, history_of(workspace, users[at]), model, knobs) for at in np.sort(some)]
    )


def _diversity(workspace: Workspace, listing: Listing) -> float:
    rows, vectors = workspace.indexes.stored("text", np.array([item.row for item in listing.items], np.int64))
    if len(rows) < 2:
        return 0.0
    cosines = vectors @ vectors.T
    return float(1.0 - (cosines.sum() - np.trace(cosines)) / (len(rows) * (len(rows) - 1)))
