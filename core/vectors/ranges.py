"""All vectors above a similarity, found by comparing with every one: no family's shortcut promises all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from core.vectors.family import Positions
from core.vectors.protocol import InRange, Matrix, Rows, Scores
from core.vectors.validation import ROUNDING

_NUMBERS = 4_000_000
"""Scores, and numbers of vectors, that are held at a time."""


def all_above(
    queries: Matrix, matrix: Matrix, least: float, positions: Positions | None
) -> Iterator[tuple[int, Scores, Positions]]:
    """(number of the query, scores, positions) of what reaches ``least`` over some positions or all, block by block,
    in no order. A score that rounding alone keeps below ``least`` counts."""
    count = len(matrix) if positions is None else len(positions)
    size = max(1, _NUMBERS // max(queries.shape))
    for start in range(0, count, size):
        here = slice(start, start + size)
        block = matrix[here] if positions is None else matrix[positions[here]]
        near = queries @ block.T >= least - 2 * ROUNDING
        for number in np.flatnonzero(near.any(axis=1)).tolist():
            found = np.flatnonzero(near[number])
            # A product of matrices adds up in an order that depends on the block: once more, all in one way.
            scores = np.einsum("ij,j->i", block[found], queries[number])
            reached = scores >= least - ROUNDING
            found = found[reached]
            yield number, scores[reached], found + start if positions is None else positions[here][found]


def in_order(found: Sequence[Sequence[tuple[Scores, Rows]]]) -> InRange:
    """The answer of a range search from what was found for each query, in parts."""
    limits = np.zeros(len(found) + 1, np.int64)
    every_score, every_row = [np.empty(0, np.float32)], [np.empty(0, np.int64)]
    for number, parts in enumerate(found):
        scores = np.concatenate([every_score[0], *(part[0] for part in parts)])
        rows = np.concatenate([every_row[0], *(part[1] for part in parts)])
        order = np.lexsort((rows, -scores))
        every_score.append(scores[order])
        every_row.append(rows[order])
        limits[number + 1] = limits[number] + len(rows)
    return InRange(limits, np.concatenate(every_score), np.concatenate(every_row))
