"""The second look of the compressed families: the best candidates by their codes are ranked by their whole vectors."""

from __future__ import annotations

import numpy as np

from core.vectors.family import TARGET_RECALL, Positions
from core.vectors.protocol import Matrix

MOST_DEPTH = 2_000
"""Candidates for the first neighbours, at most."""
NEIGHBOURS = 20
"""Up to so many neighbours the depth is as tuned; beyond, it grows with their number."""


def depth_for(depth: int, k: int, count: int) -> int:
    """How many candidates of ``count`` vectors are ranked exactly for ``k`` neighbours."""
    return min(count, max(k, depth, depth * k // NEIGHBOURS))


def tune_depth(queries: Matrix, matrix: Matrix, candidates: Positions, worst: Matrix, k: int) -> int:
    """The least depth that reaches TARGET_RECALL for ``k`` neighbours, or as many as there are candidates.

    ``candidates`` is (m, c), best first by their codes, -1 at the end; ``worst`` is (m, 1), the k-th exact score.
    """
    found = np.zeros(candidates.shape, np.int64)
    for at, (query, some) in enumerate(zip(queries, candidates, strict=True)):
        real = some[some >= 0]
        # By score and not by position: of equal vectors any will do.
        found[at, : len(real)] = matrix[real] @ query >= worst[at] - 1e-6
    reached = np.minimum(found.cumsum(axis=1), k).mean(axis=0) / k
    enough = np.flatnonzero(reached >= TARGET_RECALL)
    return int(enough[0]) + 1 if enough.size else candidates.shape[1]
