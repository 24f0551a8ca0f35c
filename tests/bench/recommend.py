"""How quick a recommendation is beside the bare index: history -> vector -> top 100 with exclusions, as one JSON line.

python -m tests.bench.recommend [ITEMS ...]     default 41000; 1000000 takes minutes to build
"""

import json
import sys
import time
from datetime import datetime

import faiss
import numpy as np

from core.database.vectors import RECOMMEND
from core.recommend.acts import Act, History
from core.recommend.models import make_model
from core.recommend.models.content import unit_rows
from core.recommend.serving import search_without, user_vector
from core.recommend.trained import Trained
from core.types import Space
from core.vectors.faiss_index import build_index
from core.vectors.families import choose_family

DIM, K, HISTORY, SEEN, QUERIES = 64, 100, 50, 300, 300


def percentile(times, share):
    return round(float(np.percentile(times, share)), 3)


def timed(function, arguments):
    for one in arguments[:20]:
        function(one)
    times = []
    for one in arguments:
        begun = time.perf_counter()
        function(one)
        times.append(1000 * (time.perf_counter() - begun))
    return times


def measure(items, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.arange(1, items + 1)
    # Clustered, as items of taste are.
    centres = rng.normal(size=(200, DIM))
    vectors = unit_rows((centres[rng.integers(0, 200, items)] + 0.7 * rng.normal(size=(items, DIM))).astype(np.float32))
    model = make_model("two-tower")
    model.item_in, model.item_out = vectors, vectors
    model.sharpness = np.ones(1, np.float32)  # attention has its price
    trained = Trained("two-tower", 1, 1, model, rows, (), space=Space(RECOMMEND, "bench", DIM))
    index = build_index(vectors, rows, trained.space, choose_family(items, DIM)[0])
    moment = datetime(2026, 1, 1)
    histories = []
    for _ in range(QUERIES):
        seen = np.sort(rng.choice(rows, SEEN, replace=False))
        acts = tuple(Act(int(row), ("like",), moment, 1.0) for row in seen[:HISTORY])
        histories.append(History("u", acts, seen))
    queries = [user_vector(None, trained, history)[None] for history in histories]
    faiss.omp_set_num_threads(1)
    ours = timed(lambda h: search_without(index, user_vector(None, trained, h), K, h.seen), histories)
    same_size = timed(lambda q: index.search(q, K), queries)
    bare = faiss.IndexFlatIP(DIM)
    bare.add(vectors)
    flat = timed(lambda q: bare.search(q, K), queries[:100])
    return {
        "items": items, "family": index.family, "recall_of_index": round(float(index.recall), 4),
        "recommend_p50_ms": percentile(ours, 50), "recommend_p95_ms": percentile(ours, 95),
        "index_p50_ms": percentile(same_size, 50), "bare_flat_p50_ms": percentile(flat, 50),
        "ratio_to_index": round(percentile(ours, 50) / percentile(same_size, 50), 2),
        "ratio_to_bare_flat": round(percentile(ours, 50) / percentile(flat, 50), 2),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps({"sizes": [measure(int(items)) for items in sys.argv[1:] or ["41000"]]}))
