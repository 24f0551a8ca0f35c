"""What the vector index costs and finds beside bare Faiss and hnswlib, on one thread, recall beside each speed.

Vectors are real ones from a file or generated. Every family is built, saved, opened and searched, alone and under
filters; calls that are compared take turns, query by query and in random order, so that what else the machine does
falls on all of them alike. Times of searches are in microseconds, recall@10 is against exact search.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core import derived
from core.errors import VectorError
from core.evaluation import bare_engines
from core.evaluation.bare_engines import Search, faiss
from core.evaluation.bench_vectors import generate, read_vectors
from core.evaluation.vector_tables import goals_of
from core.types import Space
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.families import FAMILIES, check_family
from core.vectors.family import true_neighbours
from core.vectors.protocol import Matrix, Rows, Scores
from core.vectors.validation import ROUNDING

K = 10
SHARES = (0.5, 0.1, 0.01, 0.001)
BUILT_TWICE = 50_000
"""So many vectors are built by bare Faiss as well: the same work for both, and no second build of a million."""
CHANGED = 2_000
WORTH_A_WALK = 5
"""A walk that looks at more than one of so many allowed rows takes longer than comparing with them all."""

Report = Callable[[str, int, int | None], None]


def run(
    *,
    vectors: Path | None = None,
    count: int = 20_000,
    dim: int = 384,
    queries: int = 200,
    families: Sequence[str] = tuple(FAMILIES),
    out: Path | None = None,
    report: Report = lambda phase, done, total: None,
) -> dict[str, Any]:
    """Measures, and gives one JSON document; :mod:`core.evaluation.vector_tables` makes tables of it.

    ``vectors`` is an .npy file of unit vectors (n, d) float32, of which the first ``count`` are stored and the last
    ``queries`` asked for; without it as many of ``dim`` numbers are generated. What is found is written to ``out``
    after each step, and what is built lies beside it until the run is over: a run with the same ``out`` and the same
    question goes on where the last one was. Raises VectorError for a file that can't be used, and for an unknown
    family.
    """
    for family in families:
        check_family(family)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    scratch = out.with_name(f"{out.name}.work") if out else Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        scratch.mkdir(exist_ok=True)
        generated = scratch / f"vectors-{count + queries}-{dim}.npy"
        if vectors is None and not generated.exists():
            report("generating vectors", 0, None)
            generate(generated, count + queries, dim)
        matrix = read_vectors(vectors or generated)
        count = min(count, len(matrix) - queries)
        if count < 1 or queries < 1:
            raise VectorError(f"There are {len(matrix)} vectors, too few for {queries} queries and something to find.")
        about = {
            "vectors": str(vectors) if vectors else "generated",
            "count": count,
            "dim": matrix.shape[1],
            "queries": queries,
            "threads": 1,
            "machine": f"{platform.machine()}, {os.cpu_count()} threads",
            "faiss": faiss.__version__,
        }
        found = _found(out, about)
        if not found["families"]:  # what lies there is of another question
            for family in FAMILIES:
                shutil.rmtree(scratch / family, ignore_errors=True)
        bench = _Bench(matrix[:count], np.array(matrix[len(matrix) - queries :]), scratch, out, report, found)
        for family in families:
            bench.measure(family)
        bench.found["goals"] = goals_of(bench.found)
        bench.save()
        shutil.rmtree(scratch)
        return bench.found
    finally:
        faiss.omp_set_num_threads(threads)
        if out is None:
            shutil.rmtree(scratch, ignore_errors=True)


def _found(out: Path | None, about: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run found out about the same."""
    if out is not None and out.exists():
        found = json.loads(out.read_text())
        if {name: found.get(name) for name in about} == about:
            return dict(found)
    return {**about, "families": {}}


@dataclass(frozen=True)
class _Truth:
    """What exact search finds: ``worst`` is (m,), the least score of each query's ``k`` nearest; ``vectors_of`` gives
    the vectors of rows."""

    queries: Matrix
    worst: Scores
    k: int
    vectors_of: Callable[[Rows], Matrix]

    def recall(self, found: Sequence[Rows]) -> float:
        """By score and not by row: of equal vectors any will do."""
        hits = 0
        for query, rows, worst in zip(self.queries, found, self.worst, strict=True):
            hits += int(np.count_nonzero(self.vectors_of(rows[rows >= 0]) @ query >= worst - ROUNDING))
        return hits / (self.k * len(self.queries))


@dataclass
class _Bench:
    stored: Matrix
    queries: Matrix
    folder: Path
    out: Path | None
    report: Report
    found: dict[str, Any]

    def __post_init__(self) -> None:
        self.report("searching exactly", 0, None)
        self.rows = np.arange(len(self.stored))
        self.truth = {"all": self._exact(self.stored)}
        self.allowed: dict[str, Rows] = {}
        rng = np.random.default_rng(2)
        for share in SHARES:
            name = f"{share:.1%}"
            self.allowed[name] = np.sort(rng.permutation(self.rows)[: max(K, int(share * len(self.rows)))])
            self.allowed[name].flags.writeable = False  # as a page passes them that asks several times
            self.truth[name] = self._exact(self.stored[self.allowed[name]])

    def _exact(self, matrix: Matrix) -> _Truth:
        k = min(K, len(matrix))
        worst = true_neighbours(self.queries, matrix, k)[0][:, -1]
        return _Truth(self.queries, worst, k, lambda rows: self.stored[rows])

    def measure(self, family: str) -> None:
        """Everything about one family, step by step; what is there from an earlier run is not measured again."""
        entry: dict[str, Any] = self.found["families"].setdefault(family, {"filtered": {}})
        path = self.folder / family
        steps = {"search", "living", "hnswlib"} if family == "hnsw" else {"search", "living"}
        if steps <= entry.keys() and len(entry["filtered"]) == len(SHARES):
            return
        if derived.read_manifest(path) is None or "save_s" not in entry:
            self._build(family, path, entry)
            self.save()
        started = time.perf_counter()
        index = FaissIndex.load(path)
        entry["open_ms"] = round((time.perf_counter() - started) * 1e3, 1)
        entry |= {
            "settings": index.settings,
            "plan": index.plan(K).reason,
            "recall_on_sample": round(index.recall, 4),
            "memory_mb": round(index.memory_bytes / 1e6, 1),
            # Beside 4 bytes a number, which is what flat keeps.
            "memory_share": round(index.memory_bytes / (self.stored.nbytes + self.rows.nbytes), 3),
        }
        graph = self._graph(path) if family == "hnsw" else None
        if "search" not in entry:
            entry["search"] = self._search(index, graph)
            self.save()
        for share in self.allowed:
            if share not in entry["filtered"]:
                entry["filtered"][share] = self._filtered(index, graph, share)
                self.save()
        if "hnswlib" in steps and "hnswlib" not in entry:
            entry["hnswlib"] = self._beside_hnswlib(index, entry["search"]["hnsw"]["recall@10"])
            self.save()
        entry["living"] = self._living(index)  # last, since it changes the index
        self.save()
        shutil.rmtree(path)

    def _build(self, family: str, path: Path, entry: dict[str, Any]) -> None:
        space = Space("text", "bench", self.stored.shape[1])
        some = np.ascontiguousarray(self.stored[:BUILT_TWICE])
        self.report(f"{family}: building {len(some):,} vectors twice", 0, None)
        bare = bare_engines.build_seconds(family, some)
        started, cpu = time.perf_counter(), time.process_time()
        index = build_index(some, self.rows[: len(some)], space, family)
        cpu = time.process_time() - cpu
        entry["building"] = {
            "count": len(some), "cpu_s": round(cpu, 3), "bare_cpu_s": round(bare, 3), "ratio": round(cpu / bare, 3),
        }  # fmt: skip
        if len(some) < len(self.stored):
            started = time.perf_counter()
            index = build_index(
                self.stored, self.rows, space, family, report=partial(self.report, f"{family}: building")
            )
        entry["build_s"] = round(time.perf_counter() - started, 1)
        started = time.perf_counter()
        index.save(path, generation=1)
        entry["save_s"] = round(time.perf_counter() - started, 1)

    def _search(self, index: FaissIndex, graph: bare_engines.Graph | None) -> dict[str, Any]:
        turns: dict[str, Search] = {index.family: lambda query: index.search(query, K)[1]}
        if index.family == "flat":
            turns["bare flat"] = bare_engines.flat(self.stored, K)
        if graph:
            turns["bare hnsw"] = graph.search(index.settings["efSearch"], K)
        return self._in_turns(f"{index.family}: searching", turns, "all")

    def _graph(self, path: Path) -> bare_engines.Graph:
        manifest = derived.read_manifest(path)
        assert manifest is not None
        return bare_engines.Graph(manifest.folder)

    def _beside_hnswlib(self, index: FaissIndex, recall: float) -> dict[str, Any] | str:
        """The same query here and there, hnswlib with the least effort that finds as much."""
        if not bare_engines.hnswlib_there():
            return "not installed"
        self.report("hnswlib: building", 0, None)
        beside = bare_engines.HnswlibGraph(self.stored)
        effort = bare_engines.least_effort(
            lambda effort: beside.search(effort, K), self.queries, self.truth["all"].recall, recall - 0.001, 2_000
        )
        turns = {"hnsw": lambda query: index.search(query, K)[1], "hnswlib": beside.search(effort, K)}
        figures = self._in_turns("hnswlib: searching", turns, "all")
        return {**figures, "ef": effort, "build_s": round(beside.build_seconds, 1)}

    def _filtered(self, index: FaissIndex, graph: bare_engines.Graph | None, share: str) -> dict[str, Any]:
        allowed = self.allowed[share]
        phase = f"{index.family}: searching under a filter of {share}"
        ours: Search = lambda query: index.search(query, K, allowed=allowed)[1]  # noqa: E731
        turns = {index.family: ours}
        plan = index.plan(K, len(allowed))
        about: dict[str, Any] = {"rows": len(allowed), "plan": plan.how, "reason": plan.reason}
        if graph:
            mask = np.zeros(len(self.stored), np.bool_)
            mask[allowed] = True
            wanted = self.truth[share].recall([ours(query[None])[0] for query in self.queries]) - 0.001
            about["bare_effort"] = bare_engines.least_effort(
                lambda effort: graph.search(effort, K, mask),
                self.queries,
                self.truth[share].recall,
                wanted,
                max(64, len(allowed) // WORTH_A_WALK),
            )
            turns["bare exact"] = bare_engines.over_rows(self.stored, allowed, K)
            turns["bare hnsw"] = graph.search(about["bare_effort"], K, mask)
        return {**about, **self._in_turns(phase, turns, share)}

    def _living(self, index: FaissIndex) -> dict[str, Any]:
        """With some rows added since it was built, and some removed."""
        space, rng = index.space, np.random.default_rng(3)
        exact = build_index(self.stored, self.rows, space, "flat")
        changed = min(CHANGED, len(self.stored) // 10)
        new = self.stored[rng.integers(0, len(self.stored), changed)] + 0.1 * rng.standard_normal(
            (changed, space.dim), np.float32
        )
        new /= np.linalg.norm(new, axis=1, keepdims=True)
        gone = rng.permutation(self.rows)[:changed]
        for each in (index, exact):
            each.add(np.arange(len(self.stored), len(self.stored) + changed), new)
            each.remove(gone)
        worst = exact.search(self.queries, K)[0][:, -1]
        self.truth["living"] = _Truth(self.queries, worst, K, exact.reconstruct)
        turns: dict[str, Search] = {index.family: lambda query: index.search(query, K)[1]}
        return {"changed": changed, **self._in_turns(f"{index.family}: after changes", turns, "living")}

    def _in_turns(self, phase: str, searches: dict[str, Search], truth: str) -> dict[str, Any]:
        times: dict[str, list[float]] = {name: [] for name in searches}
        answers: dict[str, list[Rows]] = {name: [] for name in searches}
        order = np.random.default_rng(1)
        for search in searches.values():
            search(self.queries[:1])
        for number, query in enumerate(self.queries):
            for name in order.permutation(list(searches)):  # the first finds the caches cold
                started = time.perf_counter()
                rows = searches[name](query[None])
                times[name].append((time.perf_counter() - started) * 1e6)
                answers[name].append(rows[0])
            self.report(phase, number + 1, len(self.queries))
        return {
            name: {
                "p50": round(float(np.percentile(taken, 50)), 1),
                "p95": round(float(np.percentile(taken, 95)), 1),
                "recall@10": round(self.truth[truth].recall(answers[name]), 4),
            }
            for name, taken in times.items()
        }

    def save(self) -> None:
        if self.out is not None:
            new = self.out.with_name(f"{self.out.name}.new")
            new.write_text(json.dumps(self.found, indent=1))
            os.replace(new, self.out)
