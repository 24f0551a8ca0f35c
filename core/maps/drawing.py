"""What a browser needs of a map: a fair sample of points in two bytes a coordinate, the density of all, a window, a
selection. The cost there is the same for any number of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.maps.layouts import Layout, Positions

ALL_UP_TO = 50_000
"""Up to here every point is drawn; beyond, SAMPLE of them over a picture of the density of all."""
SAMPLE = 20_000
WINDOW = 30_000
GRID = 128
TIME_GRID, TIME_PARTS = 64, 48
"""Of the density in each part of the time: 200 kilobytes, whatever the number of points."""

Polygon = Sequence[tuple[float, float]]
"""Corners in unit coordinates: 0 to 1 over the square of :meth:`Layout.bounds`, x to the right and y up."""


@dataclass(frozen=True, slots=True)
class Window:
    x0: float
    y0: float
    x1: float
    y1: float


def unit(layout: Layout) -> NDArray[np.float32]:
    """All points in unit coordinates, (n, 2)."""
    left, bottom, width, height = layout.bounds()
    return np.clip(
        (layout.xy - np.array([left, bottom], np.float32)) / np.array([width, height], np.float32), 0, 1
    ).astype(np.float32)


def quantised(units: NDArray[np.float32], positions: Positions) -> NDArray[np.uint16]:
    """(m, 2) of 0 to 65535."""
    return np.round(units[positions] * 65535).astype(np.uint16)


def drawn_sample(count: int, seed: int = 0) -> Positions:
    """The positions that are drawn, rising: all of few, else a fair sample, the same each time."""
    if count <= ALL_UP_TO:
        return np.arange(count, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(count, SAMPLE, replace=False)).astype(np.int64)


def density(units: NDArray[np.float32], side: int = GRID) -> NDArray[np.uint8]:
    """How dense the points lie, (side, side), x first, 0 to 255: the logarithm of a smoothed count."""
    from scipy.ndimage import gaussian_filter

    units = units[np.isfinite(units[:, 0])]
    cells = np.minimum((units * side).astype(np.int64), side - 1)
    counted = np.bincount(cells[:, 0] * side + cells[:, 1], minlength=side * side).reshape(side, side)
    spread = 0.9 if len(units) > ALL_UP_TO else 1.6
    logs = np.log1p(gaussian_filter(counted.astype(np.float64), spread) * 4)
    most = float(logs.max())
    shades: NDArray[np.uint8] = np.round(logs * (255 / most) if most > 0 else logs).astype(np.uint8)
    return shades


def density_over_time(
    units: NDArray[np.float32], shares: NDArray[np.float32], side: int = TIME_GRID, parts: int = TIME_PARTS
) -> NDArray[np.uint8]:
    """How dense the points lie in each of so many equal parts of the time, (parts, side, side), x first: the square
    root of a smoothed count, 0 to 255. ``shares`` is 0 to 1, NaN for a point without a time, which counts nowhere."""
    from scipy.ndimage import gaussian_filter

    there = np.isfinite(units[:, 0]) & np.isfinite(shares)
    cells = np.minimum((units[there] * side).astype(np.int64), side - 1)
    part = np.minimum((shares[there] * parts).astype(np.int64), parts - 1)
    flat = (part * side + cells[:, 0]) * side + cells[:, 1]
    counted = np.bincount(flat, minlength=parts * side * side).reshape(parts, side, side)
    roots = np.sqrt(gaussian_filter(counted.astype(np.float32), (0, 0.7, 0.7)))
    most = float(roots.max())
    shades: NDArray[np.uint8] = np.round(roots * (255 / most) if most > 0 else roots).astype(np.uint8)
    return shades


def extent(units: NDArray[np.float32]) -> tuple[float, float]:
    """How much of the square's width and height the points take, with a margin: 0.05 to 1 each."""
    wide, high = (np.nanmax(np.abs(units - 0.5), axis=0) * 2.08).tolist() if len(units) else (1.0, 1.0)
    return min(max(wide, 0.05), 1.0), min(max(high, 0.05), 1.0)


def in_window(units: NDArray[np.float32], window: Window, most: int = WINDOW) -> tuple[Positions, int]:
    """(positions in the window, a fair sample of them where they are more than ``most``; how many there are)."""
    inside = np.flatnonzero(
        (units[:, 0] >= window.x0) & (units[:, 0] <= window.x1) & (units[:, 1] >= window.y0)
        & (units[:, 1] <= window.y1)
    )  # fmt: skip
    count = len(inside)
    if count > most:
        inside = np.sort(np.random.default_rng(0).choice(inside, most, replace=False))
    return inside.astype(np.int64), count


def in_polygon(units: NDArray[np.float32], polygon: Polygon) -> Positions:
    """The positions inside a polygon, its inside by the even-odd rule; empty where it has fewer than three corners."""
    if len(polygon) < 3:
        return np.empty(0, np.int64)
    corners = np.asarray(polygon, np.float32)
    near = np.flatnonzero(((units >= corners.min(axis=0)) & (units <= corners.max(axis=0))).all(axis=1))
    x, y = units[near, 0], units[near, 1]
    inside = np.zeros(len(near), bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        if ay != by:
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return near[inside].astype(np.int64)


def positions_of(layout: Layout, rows: NDArray[np.int64]) -> Positions:
    """The positions of those rows that are on the map."""
    at = np.searchsorted(layout.rows, rows)
    at[at == len(layout.rows)] = 0
    return np.unique(at[layout.rows[at] == rows]).astype(np.int64) if len(layout.rows) else np.empty(0, np.int64)
