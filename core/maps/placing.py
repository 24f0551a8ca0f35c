"""The job ``map_place``: puts new posts or users on a finished map. No old point moves.

As :meth:`umap.UMAP.transform` does it, written out in numpy, since umap can't transform what was fitted on neighbours
that were given to it, and would compile for longer than this takes: each new post begins at the mean of its neighbours
on the map, weighted by UMAP's membership strengths, and is then moved by a few epochs of UMAP's stochastic gradient
descent in which only new points move.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.database.posts import rows_since
from core.errors import MapError
from core.maps.arrivals import Arrivals, arrivals, changes, keys_of
from core.maps.layouts import Cluster, Drawn, Layout, Points, Positions, read_layout, write_layout
from core.maps.neighbours import Report

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

EPOCHS = 30
NEGATIVES = 5
_BISECTIONS = 64


def waiting(workspace: Workspace, layout: Layout) -> int:
    """How many posts (or users) came since and have no place on the map. Of a map of chosen posts, all that came: which
    of them belong there is found when they are placed."""
    if layout.info.generation == workspace.generation:
        return 0
    if layout.info.recipe.of:
        return len(np.setdiff1d(rows_since(workspace.cursor(), layout.info.generation), layout.rows))
    present, gone = changes(workspace, layout)
    return len(present) - int((~gone).sum())


def run(context: JobContext) -> dict[str, Any]:
    """The job ``map_place``: places what came since on the layout ``layout``; of a map of chosen posts, what belongs
    there."""
    from core.maps.building import outcome

    workspace = context.workspace
    layout = read_layout(workspace, str(context.params["layout"]))
    name = layout.info.name
    generation = workspace.generation
    present, gone = changes(workspace, layout)
    kept = np.flatnonzero(~gone)
    if len(kept) < 2:
        raise MapError(f"Of what is on the map “{name}” nothing is left: make it anew.")
    context.report("placing", 0, len(present) - len(kept))
    found = arrivals(workspace, layout, kept, present)
    if found.model and found.model != layout.info.recipe.model:
        raise MapError(
            f"The map “{name}” was made with the model {layout.info.recipe.model}; now it is {found.model}. Make the"
            " map anew."
        )
    placed = place(layout, kept, found, context.report)
    info = write_layout(
        workspace, name, layout.info.recipe, placed, generation=generation, created_at=layout.info.created_at,
        seconds=layout.info.seconds, square=layout.bounds(),
    )  # fmt: skip
    return outcome(info) | {"new": len(found), "gone": int(gone.sum())}


def place(layout: Layout, kept: Positions, found: Arrivals, report: Report) -> Drawn:
    """The layout's old points at ``kept`` with those that came since among them. Only points that shaped the map
    pull."""
    recipe = layout.info.recipe
    anchors = kept[~layout.placed[kept]] if not layout.placed[kept].all() else kept
    k = min(recipe.neighbours, len(anchors))
    if len(found):
        near, far = found.nearest(anchors, k, report)
        xy = settle(layout.xy[anchors], near, far, recipe.min_dist, recipe.seed)
        left, bottom, width, height = layout.bounds()
        xy = np.clip(xy, [left, bottom], [left + width, bottom + height]).astype(np.float32)
        labels = _votes(layout.labels[:, anchors], near, far)
        near = np.where(near >= 0, anchors[near], -1)
    else:
        near, far = np.empty((0, k), np.int32), np.empty((0, k), np.float32)
        xy, labels = np.empty((0, 2), np.float32), np.empty((len(layout.labels), 0), np.int32)

    all_keys = np.concatenate([keys_of(layout)[kept], found.keys])
    order = np.argsort(all_keys, kind="stable")
    where = np.full(len(layout.rows) + 1, -1, np.int64)  # the last stands for none
    where[kept] = np.argsort(order, kind="stable")[: len(kept)]
    width_k = layout.near.shape[1]
    new_near = np.full((len(found), width_k), -1, np.int64)
    new_near[:, 1 : min(k, width_k - 1) + 1] = near[:, : width_k - 1]
    new_far = np.zeros((len(found), width_k), np.float16)
    new_far[:, 1 : min(k, width_k - 1) + 1] = far[:, : width_k - 1]
    both_near = where[np.concatenate([layout.near[kept], new_near])][order]
    both_near[:, 0] = np.arange(len(order))
    both_labels = np.concatenate([layout.labels[:, kept], labels], axis=1)[:, order]
    return Drawn(
        rows=np.arange(len(order), dtype=np.int64) if layout.users else all_keys[order],
        xy=np.concatenate([layout.xy[kept], xy])[order],
        placed=np.concatenate([layout.placed[kept], np.ones(len(found), bool)])[order],
        near=both_near.astype(np.int32),
        far=np.concatenate([layout.far[kept], new_far])[order],
        labels=both_labels,
        clusters=_recounted(layout.clusters, both_labels, where),
        users=tuple(all_keys[order].tolist()) if layout.users else (),
        quality=layout.info.quality,
        notes=layout.info.notes,
    )


def _recounted(
    clusters: tuple[Cluster, ...], labels: NDArray[np.int32], where: NDArray[np.int64]
) -> tuple[Cluster, ...]:
    def now(positions: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(int(where[at]) for at in positions if where[at] >= 0)

    sizes = [np.bincount(of[of >= 0], minlength=1) for of in labels]
    return tuple(
        replace(
            cluster,
            size=int(sizes[cluster.level][cluster.number]) if cluster.number < len(sizes[cluster.level]) else 0,
            typical=now(cluster.typical),
            untypical=now(cluster.untypical),
        )
        for cluster in clusters
    )


def _votes(labels: NDArray[np.int32], near: NDArray[np.int32], far: NDArray[np.float32]) -> NDArray[np.int32]:
    """The cluster of most of the nearest at each level; of equal ones that of the nearer."""
    weight = np.where(near >= 0, 1 / (0.05 + far), 0).astype(np.float32)
    found = np.empty((len(labels), len(near)), np.int32)
    for level, of in enumerate(labels):
        theirs = of[near]
        votes = np.concatenate(
            [
                (weight[at : at + 8192, :, None] * (some[:, :, None] == some[:, None, :])).sum(axis=1)
                for at in range(0, len(theirs), 8192)
                for some in (theirs[at : at + 8192],)
            ]
        )
        found[level] = np.take_along_axis(theirs, votes.argmax(axis=1)[:, None], axis=1)[:, 0]
    return found


def memberships(far: NDArray[np.float32], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """UMAP's membership strengths (its ``smooth_knn_dist`` and ``compute_membership_strengths``) of distances (m, k),
    0 where ``there`` is False."""
    distances = np.where(there, far, np.inf).astype(np.float64)
    positive = np.where((distances > 0) & there, distances, np.inf)
    rho = positive.min(axis=1)
    rho[~np.isfinite(rho)] = 0.0
    beyond = np.where(there, np.maximum(distances - rho[:, None], 0), np.inf)
    target = np.log2(max(2, far.shape[1]))
    low, high, sigma = np.zeros(len(far)), np.full(len(far), np.inf), np.ones(len(far))
    for _ in range(_BISECTIONS):
        total = np.exp(-beyond / sigma[:, None]).sum(axis=1)
        more = total < target
        low, high = np.where(more, sigma, low), np.where(more, high, sigma)
        sigma = np.where(np.isfinite(high), (low + high) / 2, sigma * 2)
        sigma = np.clip(sigma, 1e-12, 1e12)
    least = 1e-3 * np.where(there, far, 0).mean(axis=1)
    strengths: NDArray[np.float64] = np.exp(-beyond / np.maximum(np.maximum(sigma, least), 1e-12)[:, None])
    return strengths


def settle(
    anchors: Points, near: NDArray[np.int32], far: NDArray[np.float32], min_dist: float, seed: int
) -> NDArray[np.float64]:
    """Where new points lie among ``anchors`` (n, 2), which stay. ``near``, ``far`` are (m, k)."""
    a, b = curve(min_dist)
    there = near >= 0
    weight = memberships(far, there)
    total = weight.sum(axis=1, keepdims=True)
    weight = np.where(total > 0, weight / np.maximum(total, 1e-12), there / np.maximum(there.sum(axis=1)[:, None], 1))
    pull = anchors[np.maximum(near, 0)].astype(np.float64)
    xy: NDArray[np.float64] = np.einsum("mk,mkd->md", weight, pull)
    chance = np.random.default_rng(seed)
    often = weight / np.maximum(weight.max(axis=1, keepdims=True), 1e-12)
    for epoch in range(EPOCHS):
        # As in umap's transform, the steps are a quarter of those of a fit.
        step = 0.25 * (1 - epoch / EPOCHS)
        sampled = chance.random(often.shape) < often
        apart = xy[:, None, :] - pull
        squared = (apart**2).sum(axis=2)
        powered = np.where(squared > 0, squared, 1.0) ** (b - 1)
        grip = np.where(squared > 0, -2 * a * b * powered / (1 + a * squared**b), 0.0)
        xy += (
            step
            * (np.clip(grip[:, :, None] * apart, -4, 4) * sampled[:, :, None]).sum(axis=1)
            / np.maximum(1, sampled.sum(axis=1))[:, None]
        )
        others = anchors[chance.integers(0, len(anchors), (len(xy), NEGATIVES))]
        apart = xy[:, None, :] - others
        squared = (apart**2).sum(axis=2)
        push = 2 * b / ((0.001 + squared) * (1 + a * squared**b))
        xy += step * np.clip(push[:, :, None] * apart, -4, 4).sum(axis=1) / NEGATIVES
    return xy


def curve(min_dist: float) -> tuple[float, float]:
    """UMAP's a and b: 1 / (1 + a d^2b) fitted to the wanted fall of likeness with distance, at spread 1."""
    from scipy.optimize import curve_fit

    x = np.linspace(0, 3, 300)
    y = np.where(x < min_dist, 1.0, np.exp(-(x - min_dist)))
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), x, y)
    return float(a), float(b)
