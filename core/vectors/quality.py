"""How good a vector index is: recall against exact search and the time of a query, measured on a fair sample.

Half of the queries are stored vectors, each left out of its own answer, as when a post's neighbours are asked for; half
lie between two stored ones, like the words of a search, which are near to posts and are none. The truth is found by
comparing with every vector. An answer counts by its score, not by its row: of equal vectors either will do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from core.database import vectors as vector_table
from core.database.connection import first_row
from core.errors import VectorError
from core.jobs.runner import utc_now
from core.types import Space
from core.vectors.protocol import Matrix, Rows, Scores, VectorIndex

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

K = 10
QUERIES = 400
SEED = 20_260
TIE = 1e-5
"""How far below the k-th score an answer may be: scores are added up in different orders."""

_BLOCK = 4096
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """Queries (m, dim), and for each the row that it is the vector of, or -1."""

    queries: Matrix
    own: Rows


@dataclass(frozen=True, slots=True)
class Quality:
    """``recall`` is the share of the ``k`` nearest that were found, 0 to 1; ``low`` and ``high`` bound it with 95 %
    confidence (Wilson, 1927), each query counted once, since its answers stand and fall together. Times are of one
    query at a time, in milliseconds."""

    recall: float
    low: float
    high: float
    p50_ms: float
    p95_ms: float
    queries: int
    k: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """The quality of a workspace's index. ``generation`` is that of its newest vector then; ``measured_at`` is naive
    UTC."""

    quality: Quality
    model_id: str
    family: str
    vectors: int
    generation: int
    measured_at: datetime


def draw_sample(index: VectorIndex, *, queries: int = QUERIES, seed: int = SEED) -> Sample:
    """Queries for ``index``, the same each time. Raises VectorError where it holds fewer than two vectors."""
    rows = index.rows()
    if len(rows) < 2:
        raise VectorError(f"The {index.space.name} index holds {len(rows)} vectors; recall takes two at least.")
    rng = np.random.default_rng(seed)
    half = min(queries // 2, len(rows))
    own = rng.choice(rows, half, replace=False)
    between = _vectors(index, rng.choice(rows, half)) + _vectors(index, rng.choice(rows, half))
    lengths = np.linalg.norm(between, axis=1, keepdims=True)
    between = (between / np.maximum(lengths, TIE))[lengths[:, 0] > TIE]  # opposite vectors have nothing between them
    return Sample(
        np.concatenate([_vectors(index, own), between]).astype(np.float32),
        np.concatenate([own, np.full(len(between), -1, np.int64)]),
    )


def _vectors(index: VectorIndex, rows: Rows) -> Matrix:
    """The vectors of rows of which some may be there twice."""
    distinct, at = np.unique(rows, return_inverse=True)
    return index.reconstruct(distinct)[at]


def true_scores(index: VectorIndex, sample: Sample, k: int, *, report: Report | None = None) -> Scores:
    """The ``k`` best scores of each query over every vector, (m, k) in falling order, -inf where there are fewer.

    Reads the index in blocks of a few thousand vectors, so that memory stays small and other threads get their turn;
    ``report(done, total)`` is told how far it is, and may raise to stop.
    """
    rows = index.rows()
    best = np.full((len(sample.own), k), -np.inf, np.float32)
    for start in range(0, len(rows), _BLOCK):
        if report is not None:
            report(start, len(rows))
        block = rows[start : start + _BLOCK]
        scores = sample.queries @ index.reconstruct(block).T
        at = np.minimum(np.searchsorted(block, sample.own), len(block) - 1)
        own = np.flatnonzero(block[at] == sample.own)
        scores[own, at[own]] = -np.inf
        both = np.concatenate([best, scores], axis=1)
        best = np.partition(both, both.shape[1] - k, axis=1)[:, -k:]
    return -np.sort(-best, axis=1)


def measure(index: VectorIndex, sample: Sample, truth: Scores) -> Quality:
    """Asks ``index`` each query of the sample, one at a time. ``truth`` is of :func:`true_scores`, whose k it takes."""
    k = truth.shape[1]
    index.search(sample.queries[:1], k)  # the first one pays for what is read from disk
    times, found, wanted = [], 0, 0
    for query, own, best in zip(sample.queries, sample.own, truth, strict=True):
        started = time.perf_counter()
        _, rows = index.search(query[None], k + 1 if own >= 0 else k)
        times.append((time.perf_counter() - started) * 1000)
        answer = rows[0][(rows[0] >= 0) & (rows[0] != own)][:k]
        least = best[np.isfinite(best)]
        wanted += len(least)
        if len(answer) and len(least):
            scores = _vectors(index, answer) @ query  # the index's own may be estimates
            found += min(int(np.count_nonzero(scores >= least[-1] - TIE)), len(least))
    recall = found / wanted
    low, high = wilson(recall, len(times))
    p50, p95 = np.percentile(times, [50, 95])
    return Quality(recall, low, high, float(p50), float(p95), len(times), k)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share seen in ``count`` trials (Wilson, 1927): within 0 and 1, also for a share of 1."""
    z2 = 1.959964**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = (z2 * (share * (1 - share) / count + z2 / (4 * count**2))) ** 0.5 / (1 + z2 / count)
    return max(0.0, min(share, centre - reach)), min(1.0, max(share, centre + reach))  # against rounding


def run(context: JobContext) -> dict[str, Any]:
    """The job ``measure``: the index of the param ``space`` (text or dual), its result kept in the workspace."""
    workspace, kind = context.workspace, str(context.params["space"])
    index, space = workspace.indexes.vector(kind), workspace.indexes.space(kind)
    if index is None or space is None:
        raise VectorError(f"There is no {kind} index to measure: nothing is encoded yet.")
    generation = _newest(workspace, space)
    context.report("drawing a sample", 0, None)
    sample = draw_sample(index)
    truth = true_scores(index, sample, K, report=lambda done, total: context.report("searching exactly", done, total))
    context.report("asking the index", 0, None)
    quality = measure(index, sample, truth)
    measured = Measurement(quality, space.model_id, index.family, len(index), generation, utc_now())
    with workspace.transaction() as cursor:
        document = asdict(measured) | {"measured_at": measured.measured_at.isoformat()}
        cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_key(kind), json.dumps(document)])
    return {"recall": quality.recall, "low": quality.low, "high": quality.high, "p50_ms": quality.p50_ms}


def last_measurement(workspace: Workspace, kind: str) -> Measurement | None:
    """What the job ``measure`` last found of the space's present model, or None."""
    row = first_row(workspace.cursor().execute("SELECT value FROM meta WHERE key = ?", [_key(kind)]))
    space = workspace.indexes.space(kind)
    if row is None or space is None:
        return None
    document = json.loads(row[0])
    if document["model_id"] != space.model_id:
        return None
    document["quality"] = Quality(**document["quality"])
    document["measured_at"] = datetime.fromisoformat(document["measured_at"])
    return Measurement(**document)


def outdated(workspace: Workspace, kind: str, measured: Measurement, family: str) -> str | None:
    """Why a measurement no longer holds for the index of ``family`` that is there, in a sentence, or None."""
    if measured.family != family:
        return f"Measured on the family {measured.family}; the index is {family} now."
    space = workspace.indexes.space(kind)
    if space is not None and _newest(workspace, space) > measured.generation:
        return "Vectors were added or removed since it was measured."
    return None


def _newest(workspace: Workspace, space: Space) -> int:
    return vector_table.newest_generation(workspace.cursor(), space, workspace.indexes.store.key)


def _key(kind: str) -> str:
    return f"quality:{kind}"
