"""Vector search through FaissIndex against bare Faiss, in one process and on one thread; prints one JSON document.

    python -m tests.bench.vectors [--vectors FILE.npy] [--count 60000] [--dim 384] [--queries 200]

FILE.npy holds unit vectors (n, dim) float32, for example those of real posts; without it clustered ones are generated.
The last rows are held out as queries. Calls to the class and to bare Faiss take turns, query by query and in random
order, so that what else the machine does falls on all of them alike. Times are in microseconds, recall@10 is against
exact search.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from core.types import Space
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.families import HNSW_COST, exact_search

K = 10
SHARES = (0.5, 0.1, 0.01, 0.001)

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]
Search = Callable[[Matrix], tuple[NDArray[np.float32], Rows]]


def clustered(count: int, dim: int) -> Matrix:
    """Unit vectors around 1,000 centres of unequal size, in blocks, so that memory holds them once."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((1_000, dim), np.float32)
    share = 1 / np.arange(1, 1_001)
    vectors = np.empty((count, dim), np.float32)
    for start in range(0, count, 20_000):
        block = vectors[start : start + 20_000]
        block[:] = centres[rng.choice(1_000, len(block), p=share / share.sum())]
        block += rng.standard_normal(block.shape, np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def in_turns(queries: Matrix, searches: dict[str, Search], exact: list[Rows]) -> dict[str, Any]:
    times: dict[str, list[float]] = {name: [] for name in searches}
    hits = dict.fromkeys(searches, 0)
    order = np.random.default_rng(1)
    for search in searches.values():
        search(queries[:1])
    for query, expected in zip(queries, exact, strict=True):
        for name in order.permutation(list(searches)):  # the first finds the caches cold
            started = time.perf_counter()
            _, rows = searches[name](query[None])
            times[name].append((time.perf_counter() - started) * 1e6)
            hits[name] += len(np.intersect1d(rows[0], expected))
    wanted = sum(len(rows) for rows in exact)
    return {
        name: {
            "p50": round(float(np.percentile(taken, 50)), 1),
            "p95": round(float(np.percentile(taken, 95)), 1),
            "recall@10": round(hits[name] / wanted, 4),
        }
        for name, taken in times.items()
    }


def exact_rows(vectors: Matrix, queries: Matrix, allowed: Rows | None) -> list[Rows]:
    matrix = vectors if allowed is None else vectors[allowed]
    _, found = faiss.knn(queries, matrix, min(K, len(matrix)), metric=faiss.METRIC_INNER_PRODUCT)
    return list(found if allowed is None else allowed[found])


def by_rows(vectors: Matrix, allowed: Rows) -> Search:
    """Bare exact search over the allowed rows."""

    def search(query: Matrix) -> tuple[NDArray[np.float32], Rows]:
        scores, rows = np.empty((1, K), np.float32), np.empty((1, K), np.int64)
        faiss.knn_inner_products_by_idx(
            faiss.swig_ptr(query),
            faiss.swig_ptr(vectors),
            faiss.swig_ptr(allowed),
            vectors.shape[1],
            1,
            len(vectors),
            len(allowed),
            K,
            faiss.swig_ptr(scores),
            faiss.swig_ptr(rows),
            0,
        )
        return scores, rows

    return search


def measure(vectors: Matrix, queries: Matrix) -> dict[str, Any]:
    count, dim = vectors.shape
    rows = np.arange(count, dtype=np.int64)
    space = Space("text", "bench", dim)
    flat = build_index(vectors, rows, space, "flat")
    started = time.perf_counter()
    graph = build_index(vectors, rows, space, "hnsw")
    built = time.perf_counter() - started

    faiss.omp_set_num_threads(1)
    bare = graph._state.base.family._index  # type: ignore[union-attr]  # the same graph without the class around it
    effort = bare.hnsw.efSearch
    report: dict[str, Any] = {
        "count": count,
        "dim": dim,
        "hnsw_build_s": round(built, 1),
        "efSearch": effort,
        "recall_on_sample": graph.recall,
    }

    def bare_graph(selector: Any, effort: int) -> Search:
        parameters = faiss.SearchParametersHNSW(efSearch=effort, sel=selector)
        return lambda query: bare.search(query, K, params=parameters)  # type: ignore[no-any-return]

    exact = exact_rows(vectors, queries, None)
    report["unfiltered"] = in_turns(
        queries,
        {
            "flat": lambda query: flat.search(query, K),
            "bare flat": lambda query: exact_search(query, vectors, K, None),
            "hnsw": lambda query: graph.search(query, K),
            "bare hnsw": bare_graph(None, effort),
        },
        exact,
    )
    rng = np.random.default_rng(2)
    for share in SHARES:
        allowed = np.sort(rng.permutation(count)[: max(1, int(share * count))])
        mask = np.zeros(count, np.bool_)
        mask[allowed] = True
        selector = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        report[f"filtered {share:.1%}"] = in_turns(
            queries,
            {
                "flat": lambda query, allowed=allowed: flat.search(query, K, allowed=allowed),
                "hnsw": lambda query, allowed=allowed: graph.search(query, K, allowed=allowed),
                "bare exact over allowed": by_rows(vectors, allowed),
                "bare hnsw with selector": bare_graph(selector, int(effort / share)),
            },
            exact_rows(vectors, queries, allowed),
        )
    report["cost_of_one_efSearch_in_vectors"] = cost_of_effort(vectors, queries, bare)
    report["cost_assumed"] = HNSW_COST
    report["living"] = living(graph, queries)
    return report


def cost_of_effort(vectors: Matrix, queries: Matrix, bare: Any) -> float:
    """What HNSW_COST should be here: time of one step of efSearch over time of one vector compared by its number."""
    allowed = np.arange(0, len(vectors), 10)
    over_rows = by_rows(vectors, allowed)
    parameters = faiss.SearchParametersHNSW(efSearch=512)
    graph_times, exact_times = [], []
    for query in queries[:50]:
        started = time.perf_counter()
        bare.search(query[None], K, params=parameters)
        between = time.perf_counter()
        over_rows(query[None])
        graph_times.append((between - started) / 512)
        exact_times.append((time.perf_counter() - between) / len(allowed))
    return round(float(np.median(graph_times) / np.median(exact_times)), 1)


def living(graph: FaissIndex, queries: Matrix) -> dict[str, Any]:
    """The graph with 2,000 rows added since, and 2,000 removed."""
    top = max(len(graph), int(graph.rows()[-1]) + 1)
    rng = np.random.default_rng(3)
    new = rng.standard_normal((2_000, queries.shape[1]), np.float32)
    graph.add(np.arange(top, top + 2_000), new / np.linalg.norm(new, axis=1, keepdims=True))
    graph.remove(np.arange(0, 20_000, 10))
    times = []
    for query in queries:
        started = time.perf_counter()
        graph.search(query[None], K)
        times.append((time.perf_counter() - started) * 1e6)
    return {"p50": round(float(np.percentile(times, 50)), 1), "p95": round(float(np.percentile(times, 95)), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    if options.vectors:
        vectors = np.load(options.vectors)[: options.count + options.queries]
    else:
        vectors = clustered(options.count + options.queries, options.dim)
    stored, queries = vectors[: -options.queries], vectors[-options.queries :]
    print(json.dumps({"vectors": str(options.vectors or "generated")} | measure(stored, queries), indent=1))


if __name__ == "__main__":
    main()
