"""The lab: builds index families on a sample of a workspace's vectors, measures each, and switches to the better one.

Each family is built, saved and opened as the workspace's own index is, in a child process, and asked the sample of
:mod:`core.vectors.quality` at several efforts: how far a graph is walked, how many lists are read.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core import derived
from core.database.jobs import Job
from core.errors import VectorError
from core.types import Space
from core.vectors.choice import choose, chosen_family
from core.vectors.families import check_family
from core.vectors.protocol import VectorIndex
from core.vectors.quality import K, Quality, draw_sample, measure, true_scores

if TYPE_CHECKING:
    from core.jobs.runner import JobContext

SAMPLE = 20_000
LEAST_SAMPLE = 100
EFFORTS: dict[str, tuple[int, ...]] = {
    "efSearch": (16, 32, 64, 128, 256, 512),
    "nprobe": (1, 2, 4, 8, 16, 32, 64, 128),
    "depth": (10, 30, 100, 300, 1000),
}
"""By the name of the setting, the first that a family has; beside these, what it chooses for itself is tried."""

GOOD_RECALL = 0.99
QUICK_MS = 10.0
"""Nobody feels exact search up to here."""

_BUILT = 70
"""Percent of a family's work that is done when it is built."""
_BLOCK = 4096
VECTORS = "vectors.npy"


@dataclass(frozen=True, slots=True)
class Point:
    """A family at one effort. ``own`` marks the effort that it chose for itself, with which it would serve. Memory is
    of the sample, in bytes, as is ``build_s``, seconds to build and tune it."""

    family: str
    effort: str
    own: bool
    exact: bool
    quality: Quality
    memory_bytes: int
    disk_bytes: int
    build_s: float


@dataclass(frozen=True, slots=True)
class Results:
    """What a run of the lab has found so far. ``sampled`` of ``vectors`` were tried; ``failures`` are (family, reason)
    of those that could not be built."""

    space: str
    families: tuple[str, ...]
    points: tuple[Point, ...]
    failures: tuple[tuple[str, str], ...]
    sampled: int
    vectors: int

    @property
    def tried(self) -> set[str]:
        return {point.family for point in self.points} | {family for family, _ in self.failures}


def run(context: JobContext) -> dict[str, Any]:
    """The job ``lab``. Params: ``space`` (text or dual), ``families``, ``sample`` (how many vectors). Results are in
    the checkpoint as they come, so that a stopped run goes on with the families that it lacks."""
    workspace, kind = context.workspace, str(context.params["space"])
    families = [str(name) for name in context.params["families"]]
    for family in families:
        check_family(family)
    index = workspace.indexes.vector(kind)
    if index is None or len(index) < LEAST_SAMPLE:
        raise VectorError(f"The lab takes {LEAST_SAMPLE} vectors at least; the {kind} index holds {len(index or ())}.")
    rows = index.rows()
    count = min(len(rows), max(LEAST_SAMPLE, int(context.params.get("sample", SAMPLE))))
    found: dict[str, Any] = {"points": [], "failures": [], "sampled": count, "vectors": len(rows)}
    if context.checkpoint.get("vectors") == len(rows):
        found = context.checkpoint
    done = {one["family"] for one in found["points"]} | {family for family, _ in found["failures"]}
    folder = workspace.path / "tmp" / f"lab-{context.id}"
    folder.mkdir(exist_ok=True)
    params = {
        "folder": str(folder),
        "space": [index.space.name, index.space.model_id, index.space.dim],
        "threads": workspace.settings.thread_count(),
    }
    try:
        _write_sample(index, count, folder / VECTORS)
        with context.child("core.vectors.lab:try_family") as child:
            for at, family in enumerate(families):
                if family in done:
                    continue
                try:
                    points = child.call({**params, "family": family}, _reporter(context, at, len(families)))["points"]
                    found = {**found, "points": [*found["points"], *points]}
                except VectorError as error:
                    found = {**found, "failures": [*found["failures"], [family, str(error)]]}
                with workspace.transaction() as cursor:
                    context.save_checkpoint(cursor, found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"families": len(families)}


def _write_sample(index: VectorIndex, count: int, path: Path) -> None:
    """The vectors of ``count`` rows, the same each time, as an .npy file."""
    rows = np.sort(np.random.default_rng(0).choice(index.rows(), count, replace=False))
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, (count, index.space.dim))
    for start in range(0, count, _BLOCK):
        vectors[start : start + _BLOCK] = index.reconstruct(rows[start : start + _BLOCK])


def _reporter(context: JobContext, at: int, families: int) -> Callable[[int, int], None]:
    """In percent of all families."""
    return lambda done, total: context.report("trying families", round(100 * (at + done / total) / families), 100)


def try_family(params: dict[str, Any], report: Callable[[int, int], None]) -> dict[str, Any]:
    """Called by core.jobs.child: builds one family over the vectors in a folder, gives its points."""
    import faiss

    from core.vectors.faiss_index import FaissIndex, build_index

    name, model_id, dim = params["space"]
    space = Space(name, model_id, dim)
    folder = Path(params["folder"])
    vectors = np.load(folder / VECTORS, allow_pickle=False)
    rows = np.arange(len(vectors))
    exact = build_index(vectors, rows, space, "flat")
    sample = draw_sample(exact)
    truth = true_scores(exact, sample, K)
    faiss.omp_set_num_threads(params["threads"])
    started = time.perf_counter()
    built = build_index(
        vectors, rows, space, params["family"], report=lambda done, total: report(_BUILT * done // total, 100)
    )
    build_s = time.perf_counter() - started
    faiss.omp_set_num_threads(1)  # so that families compare, whatever else the machine does
    folder /= params["family"]
    built.save(folder, generation=0)
    manifest = derived.read_manifest(folder)
    assert manifest is not None
    settings: dict[str, int] = manifest.about["settings"]
    tries = list(efforts(settings))
    points = []
    for at, (effort, changed) in enumerate(tries):
        derived.write_manifest(folder, replace(manifest, about={**manifest.about, "settings": changed}))
        index = FaissIndex.load(folder, space)
        point = Point(
            family=params["family"],
            effort=effort,
            own=changed == settings,
            exact=index.capabilities.exact,
            quality=measure(index, sample, truth),
            memory_bytes=index.memory_bytes,
            disk_bytes=sum(file.bytes for file in manifest.files.values()),
            build_s=build_s,
        )
        points.append(asdict(point))
        report(_BUILT + (100 - _BUILT) * (at + 1) // len(tries), 100)
    return {"points": points}


def efforts(settings: Mapping[str, int]) -> Iterator[tuple[str, dict[str, int]]]:
    """(name, settings) of each effort to try, rising; the family's own is among them."""
    key = next((key for key in EFFORTS if key in settings), None)
    if key is None:
        yield "", dict(settings)
        return
    most = settings.get("nlist", max(EFFORTS[key]))
    for value in sorted({settings[key], *(value for value in EFFORTS[key] if value <= most)}):
        yield f"{key} {value}", {**settings, key: value}


def results(job: Job) -> Results:
    """What a job of the kind ``lab`` has found so far."""
    found = job.checkpoint
    points = (Point(**{**one, "quality": Quality(**one["quality"])}) for one in found.get("points", ()))
    return Results(
        str(job.params["space"]),
        tuple(job.params["families"]),
        tuple(points),
        tuple((family, reason) for family, reason in found.get("failures", ())),
        int(found.get("sampled", 0)),
        int(found.get("vectors", 0)),
    )


def recommend(found: Results) -> tuple[str, str] | None:
    """The family that the lab would choose, and why in a sentence; None where nothing was measured.

    Exact search where it would be quick enough over all vectors, its time growing with their number; else the quickest
    of those that find GOOD_RECALL with the effort that they chose for themselves, the smaller of two that are within a
    tenth; else the one that finds most.
    """
    points = [point for point in found.points if point.own]
    if not points:
        return None
    exact = next((point for point in points if point.exact), None)
    exact_ms = exact.quality.p50_ms * found.vectors / found.sampled if exact else 0.0
    if exact is not None and exact_ms <= QUICK_MS:
        return exact.family, (
            f"Comparing with all {found.vectors:,} vectors takes about {_ms(exact_ms)} a query, misses nothing, and"
            " there is nothing to tune."
        )
    beside = f" Exact search would take about {_ms(exact_ms)} over all {found.vectors:,} vectors." if exact else ""
    good = [point for point in points if point.quality.recall >= GOOD_RECALL and not point.exact]
    if good:
        quickest = min(point.quality.p50_ms for point in good)
        best = min((p for p in good if p.quality.p50_ms <= 1.1 * quickest), key=lambda point: point.memory_bytes)
        which = "The quickest" if best.quality.p50_ms == quickest else "The smallest of the quickest"
        return best.family, (
            f"{which} of those that find {GOOD_RECALL:.0%} of the nearest or more: {_ms(best.quality.p50_ms)} a query."
            f"{beside}"
        )
    best = exact or max(points, key=lambda point: point.quality.recall)
    others = "" if len(points) == 1 else f" No other that was tried finds {GOOD_RECALL:.0%}."
    return best.family, f"It finds {best.quality.recall:.1%} of the nearest.{others}{beside}"


def _ms(value: float) -> str:
    return f"{value:.2g} ms" if value < 100 else f"{value:,.0f} ms"


def cost(found: Results, family: str) -> tuple[float, float]:
    """(seconds to build, bytes of memory) of a family over all vectors, from what the sample took."""
    point = next(point for point in found.points if point.family == family)
    scale = found.vectors / found.sampled
    return point.build_s * scale, point.memory_bytes * scale


def run_switch(context: JobContext) -> dict[str, Any]:
    """The job ``switch``: builds the index of the param ``space`` anew as ``family`` (or as AUTO would) and stores that
    choice. Searches go on with the old index until the new one is whole; where it fails or is stopped, the choice is
    what it was."""
    workspace, kind, family = context.workspace, str(context.params["space"]), str(context.params["family"])
    space = workspace.indexes.space(kind)
    if space is None:
        raise VectorError(f"There is no {kind} index to switch: nothing is encoded yet.")
    with workspace.transaction() as cursor:
        before = chosen_family(cursor, kind)
        choose(cursor, kind, family)
    try:
        workspace.indexes.store.save(context, space)
    except BaseException:
        with workspace.transaction() as cursor:
            choose(cursor, kind, before)
        raise
    return {"family": workspace.indexes.store.index(space).family}
