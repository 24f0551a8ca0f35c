"""Layouts made by hand, without umap: what pages and edits need of one."""

from datetime import datetime

import numpy as np

from core.maps.layouts import Cluster, Drawn, Recipe, write_layout

CENTRES = np.array([[0, 0], [8, 0], [0, 8], [8, 8]], np.float32)
NAMES = ("cats, kittens", "coffee, espresso", "rockets", "garden, beans")


def blobs(each=40, spread=0.6, seed=0):
    """Four groups of points, (4 * each, 2), and which each is of."""
    chance = np.random.default_rng(seed)
    of = np.repeat(np.arange(4), each)
    return (CENTRES[of] + chance.normal(scale=spread, size=(len(of), 2))).astype(np.float32), of


def drawn(xy, of, rows=None, users=()):
    """A layout of two levels: two halves, left and right, and the groups ``of``."""
    count = len(xy)
    labels = np.stack([of % 2, of]).astype(np.int32)
    clusters = []
    for level, names in ((0, ("left", "right")), (1, NAMES)):
        for number in range(int(labels[level].max()) + 1):
            members = np.flatnonzero(labels[level] == number)
            x, y = xy[members].mean(axis=0).tolist()
            clusters.append(
                Cluster(level, number, -1 if level == 0 else number % 2, names[number], len(members), x, y,
                        ((names[number].split(",")[0], 1.0),), tuple(members[:3].tolist()),
                        tuple(members[-2:].tolist()))
            )  # fmt: skip
    order = ((xy[:, None] - xy) ** 2).sum(axis=2).argsort(axis=1)[:, : min(6, count)]
    far = np.take_along_axis(np.sqrt(((xy[:, None] - xy) ** 2).sum(axis=2)), order, axis=1) / 20
    return Drawn(
        rows=np.arange(1, count + 1, dtype=np.int64) if rows is None else np.asarray(rows, np.int64),
        xy=xy, placed=np.zeros(count, bool), near=order.astype(np.int32), far=far.astype(np.float16), labels=labels,
        clusters=tuple(clusters), users=tuple(users),
    )  # fmt: skip


def write_drawn(workspace, name="Words", space="text", rows=None, users=(), each=40, of=None, xy=None):
    """Writes such a layout into a workspace and gives what is known of it."""
    if xy is None:
        xy, of = blobs(each)
    return write_layout(
        workspace, name, Recipe(space, model="fake"), drawn(xy, of, rows, users), generation=workspace.generation,
        created_at=datetime(2024, 5, 1), seconds=1.0,
    )  # fmt: skip
