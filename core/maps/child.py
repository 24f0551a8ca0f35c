"""In the child process: lays points out with umap-learn, finds clusters, names them. Arrays come and go by file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.maps.islands import draw_nearer
from core.maps.layouts import Points

Report = Callable[[int, int], None]


def serve(params: dict[str, Any], report: Report) -> dict[str, Any]:
    """``do`` is layout, clusters or names."""
    return {"layout": _layout, "clusters": _clusters, "names": _names}[params["do"]](params, report)


def _layout(params: dict[str, Any], report: Report) -> dict[str, Any]:
    """Reads near.npy, far.npy and vectors.npy in ``folder``; writes xy.npy."""
    folder = Path(params["folder"])
    near, far = np.load(folder / "near.npy"), np.load(folder / "far.npy")
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    start = first_places(vectors, params["seed"])
    notes = []
    if start is None:
        notes.append("All vectors are the same, so the points lie in a disc in no order.")
        xy = sunflower(len(near))
    else:
        xy = laid_flat(draw_nearer(optimise(near, far, start, params, report)))
    np.save(folder / "xy.npy", xy)
    from core.maps.quality import measure_quality

    quality = None if start is None else measure_quality(vectors, near, xy, params["seed"])
    return {"notes": notes, "quality": quality}


def optimise(
    near: NDArray[np.int32], far: NDArray[np.float32], start: Points, params: dict[str, Any], report: Report
) -> Points:
    """UMAP's layout of a neighbour graph, from ``start``; one thread, so that the seed decides everything. The graph
    may hold more than the ``neighbours`` that the layout is made from."""
    import numba
    import umap.layouts
    from umap.umap_ import (
        compute_membership_strengths,
        find_ab_params,
        fuzzy_simplicial_set,
        simplicial_set_embedding,
        smooth_knn_dist,
    )

    # umap compiles these in every process; kept on disk, that takes ten seconds once and not each time.
    for compiled in (
        smooth_knn_dist, compute_membership_strengths, umap.layouts._nb_optimize_layout_euclidean_single_epoch
    ):  # fmt: skip
        compiled.enable_caching()
    near = np.ascontiguousarray(near[:, : params["neighbours"]])
    far = np.ascontiguousarray(far[:, : params["neighbours"]])
    missing = near < 0  # umap wants a distance there too, and leaves the pair out
    far = np.where(missing, np.where(missing, 0, far).max(axis=1, keepdims=True), far)
    numba.set_num_threads(min(params["threads"], numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]

    def told(epochs: Iterable[int], **_: Any) -> Iterator[int]:
        total = len(epochs)  # type: ignore[arg-type]
        for epoch in epochs:
            if epoch % max(1, total // 100) == 0:
                report(epoch, total)
            yield epoch

    umap.layouts.tqdm = told  # the one place where the optimiser says how far it is
    chance = np.random.RandomState(params["seed"])
    graph, _, _ = fuzzy_simplicial_set(start, near.shape[1], chance, "cosine", knn_indices=near, knn_dists=far)
    a, b = find_ab_params(1.0, params["min_dist"])
    xy, _ = simplicial_set_embedding(
        start, graph, 2, 1.0, a, b, 1.0, params["negatives"], params["epochs"] or None, start, chance, "cosine", {},
        False, {}, False,
    )  # fmt: skip
    return np.ascontiguousarray(xy, np.float32)


def first_places(vectors: NDArray[np.float32], seed: int) -> Points | None:
    """Where the optimiser begins: the two main components, (n, 2), ten wide; None where all vectors are the same.

    UMAP's own beginning is a spectral one that takes minutes for many points; that a beginning by components serves as
    well, and keeps the same sides each time, is Kobak and Linderman's finding (2021).
    """
    chance = np.random.default_rng(seed)
    some = vectors if len(vectors) <= 20_000 else vectors[np.sort(chance.choice(len(vectors), 20_000, replace=False))]
    mean = some.mean(axis=0, dtype=np.float64)
    centred = some - mean
    values, axes = np.linalg.eigh(centred.T @ centred / len(some))
    if values[-1] < 1e-9:
        return None
    main = axes[:, [-1, -2]] if axes.shape[1] > 1 else np.repeat(axes, 2, axis=1)
    main = main * np.sign(main[np.abs(main).argmax(axis=0), [0, 1]])
    xy = np.concatenate([(vectors[at : at + 16_384] - mean) @ main for at in range(0, len(vectors), 16_384)])
    xy *= 10 / np.abs(xy).max()
    return (xy + chance.normal(scale=1e-4, size=xy.shape)).astype(np.float32)


def laid_flat(xy: Points) -> Points:
    """Turned by the smallest angle that brings its longest axis to lie flat, since screens are wide."""
    centred = xy - xy.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    x, y = axes[:, 1] if axes[0, 1] >= 0 else -axes[:, 1]
    turned: Points = (centred @ np.array([[x, -y], [y, x]])).astype(np.float32)
    return turned


def sunflower(count: int) -> Points:
    """Points evenly in a disc (Vogel, 1979)."""
    at = np.arange(count)
    turn, radius = at * np.pi * (3 - 5**0.5), np.sqrt(at + 0.5)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1).astype(np.float32)


def _clusters(params: dict[str, Any], report: Report) -> dict[str, Any]:
    """Reads xy.npy and vectors.npy; writes labels.npy; gives each cluster without its name."""
    from core.maps.clusters import find_clusters

    folder = Path(params["folder"])
    xy = np.load(folder / "xy.npy")
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    found = find_clusters(xy)
    np.save(folder / "labels.npy", found.labels)
    clusters = []
    for level, labels in enumerate(found.labels):
        report(level, len(found.labels))
        sizes = np.bincount(labels)
        for number, (typical, untypical) in enumerate(extremes(vectors, labels)):
            x, y = found.peaks[level][number].tolist()
            clusters.append(
                {"level": level, "number": number, "parent": int(found.parents[level][number]), "x": x, "y": y,
                 "size": int(sizes[number]), "typical": typical, "untypical": untypical}
            )  # fmt: skip
    return {"clusters": clusters}


TYPICAL, UNTYPICAL = 12, 6


def extremes(vectors: NDArray[np.float32], labels: NDArray[np.int32]) -> list[tuple[list[int], list[int]]]:
    """The positions nearest to the mean of each cluster, and the farthest from it, by cosine."""
    count = int(labels.max()) + 1
    means = np.zeros((count, vectors.shape[1]), np.float32)
    for at in range(0, len(vectors), 16_384):
        np.add.at(means, labels[at : at + 16_384], vectors[at : at + 16_384])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    score = np.concatenate(
        [
            np.einsum("nd,nd->n", vectors[at : at + 16_384], means[labels[at : at + 16_384]])
            for at in range(0, len(vectors), 16_384)
        ]
    )
    order = np.lexsort((-score, labels))
    limits = np.searchsorted(labels[order], np.arange(count + 1))
    return [
        (order[a : min(a + TYPICAL, b)].tolist(), order[max(a, b - UNTYPICAL) : b][::-1].tolist())
        for a, b in pairwise(limits)
    ]


def _names(params: dict[str, Any], report: Report) -> dict[str, Any]:
    """Reads texts.jsonl, lines of [position, language, text], and labels.npy; gives the terms of each cluster."""
    from core.maps.names import name_clusters

    folder = Path(params["folder"])
    labels = np.load(folder / "labels.npy")
    with (folder / "texts.jsonl").open(encoding="utf-8") as lines:
        texts = [tuple(json.loads(line)) for line in lines]
    return {"terms": name_clusters(labels, texts, report)}
