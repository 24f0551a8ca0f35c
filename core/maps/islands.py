"""Draws islands nearer. UMAP leaves empty sea between groups that share no neighbour, as wide as it happens to be: the
width says nothing, and the groups become too small to read. Each island is moved as a whole towards the main land until
a strait is left, so that what lies inside an island does not change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.maps.layouts import Points

CELLS_OF_MAIN = 90
"""The main land is so many cells wide, fewer where points are few; points in the same cell, or with one or two cells
between them, are of one island."""
STRAIT = 1 / 30
"""Of the main land's width, that stays between two islands."""
MOST_CELLS = 900


def draw_nearer(xy: Points) -> Points:
    """``xy`` (n, 2) with its islands moved; the same points where there is one land only."""
    from scipy.ndimage import binary_dilation, label

    low, high = np.quantile(xy, [0.05, 0.95], axis=0)
    wide = float(np.clip(len(xy) ** 0.5 / 1.5, 4, CELLS_OF_MAIN))  # so that a cell of the land has a few points
    strait = max(1, round(STRAIT * wide))
    cell = max(float((high - low).max()) / wide, float(np.ptp(xy, axis=0).max()) / MOST_CELLS)
    if cell <= 0:
        return xy
    cells = ((xy - xy.min(axis=0)) / cell).astype(np.int64) + strait + 1
    shape = tuple((cells.max(axis=0) + strait + 2).tolist())
    there = np.zeros(shape, bool)
    there[cells[:, 0], cells[:, 1]] = True
    islands, count = label(binary_dilation(there, iterations=1), structure=np.ones((3, 3)))
    if count < 2:
        return xy
    of_point = islands[cells[:, 0], cells[:, 1]]
    sizes = np.bincount(of_point, minlength=count + 1)
    main = int(sizes.argmax())
    middles = np.stack([np.bincount(of_point, cells[:, d], count + 1) / np.maximum(sizes, 1) for d in (0, 1)], axis=1)
    taken = _grown(there & (islands == main), strait)
    moved = np.zeros((count + 1, 2))
    away = np.linalg.norm(middles - middles[main], axis=1)
    for island in np.argsort(away, kind="stable").tolist():
        if island in (0, main) or not sizes[island]:
            continue
        own = np.unique(cells[of_point == island], axis=0)
        shift = _shift(own, middles[main] - middles[island], taken)
        moved[island] = shift
        placed = np.zeros(shape, bool)
        at = own + shift
        placed[at[:, 0], at[:, 1]] = True
        taken |= _grown(placed, strait)
    nearer: Points = (xy + moved[of_point] * cell).astype(np.float32)
    return nearer


def _grown(cells: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation

    grown: NDArray[np.bool_] = binary_dilation(cells, iterations=by)
    return grown


def _shift(own: NDArray[np.int64], way: NDArray[np.float64], taken: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The farthest step along ``way``, in whole cells, before an island's cells meet what is taken."""
    steps = int(np.abs(way).max())
    last = np.zeros(2, np.int64)
    for step in range(1, steps + 1):
        shift = np.round(way * (step / steps)).astype(np.int64)
        at = own + shift
        if taken[at[:, 0], at[:, 1]].any():
            break
        last = shift
    return last
