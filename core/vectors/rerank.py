"""The second look of the compressed families: the best candidates by their codes are ranked by their whole vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.vectors.family import Positions
from core.vectors.protocol import Matrix, Scores
from core.vectors.validation import ROUNDING

MOST_DEPTH = 2_000
"""Candidates for the first neighbours, at most."""
STEPS = (100, 500)
"""Depths that are tried before that one."""
NEIGHBOURS = 20
"""Up to so many neighbours the depth is as tuned; beyond, it grows with their number."""


def depth_for(depth: int, k: int, count: int) -> int:
    """How many candidates of ``count`` vectors are ranked exactly for ``k`` neighbours."""
    return min(count, max(k, depth, depth * k // NEIGHBOURS))


def tune_depth(
    queries: Matrix, matrix: Matrix, worst: Scores, k: int, wanted: float, candidates: Callable[[int], Positions]
) -> int:
    """The least depth that reaches the recall ``wanted`` for ``k`` neighbours, or MOST_DEPTH.

    ``candidates(c)`` gives (m, c) positions, best first by their codes, -1 at the end; ``worst`` is (m,), the k-th
    exact score.
    """
    for most in (*STEPS, MOST_DEPTH):
        some = candidates(min(most, len(matrix)))
        found = np.zeros(some.shape, np.int64)
        for at, positions in enumerate(some):
            real = positions[positions >= 0]
            # By score and not by position: of equal vectors any will do.
            found[at, : len(real)] = matrix[real] @ queries[at] >= worst[at] - ROUNDING
        reached = np.minimum(found.cumsum(axis=1), k).mean(axis=0) / k
        enough = np.flatnonzero(reached >= wanted)
        if enough.size:
            return int(enough[0]) + 1
    return MOST_DEPTH
