"""Turns a new layout the way the old one lay, so that left stays left."""

from __future__ import annotations

import numpy as np

from core.maps.layouts import Layout, Points, Rows

LEAST_SHARED = 3


def aligned(xy: Points, rows: Rows, old: Layout, users: tuple[str, ...] = ()) -> tuple[Points, float] | None:
    """``xy`` turned, mirrored and shifted onto ``old`` where the two share posts (or users), and how far those lie from
    their old places then: the median, as a share of the old map's width. None where they share too few.

    Orthogonal Procrustes (Schönemann, 1966). The scale stays as UMAP chose it.
    """
    from scipy.linalg import orthogonal_procrustes

    if users:
        place = {id_: at for at, id_ in enumerate(old.users)}
        pairs = [(at, place[id_]) for at, id_ in enumerate(users) if id_ in place]
        here, there = (
            (np.array(side, np.int64) for side in zip(*pairs, strict=True)) if pairs else (np.empty(0, int),) * 2
        )
    else:
        _, here, there = np.intersect1d(rows, old.rows, assume_unique=True, return_indices=True)
    if len(here) < LEAST_SHARED:
        return None
    new, before = xy[here].astype(np.float64), old.xy[there].astype(np.float64)
    new_middle, old_middle = new.mean(axis=0), before.mean(axis=0)
    turn, _ = orthogonal_procrustes(new - new_middle, before - old_middle)
    turned = ((xy - new_middle) @ turn + old_middle).astype(np.float32)
    away = np.median(np.linalg.norm(turned[here] - before, axis=1)) / old.bounds()[2]
    return turned, float(away)
