"""Reciprocal rank fusion: several rankings become one, judged by ranks alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import LegName

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]

CONSTANT = 60
"""Cormack, Clarke and Büttcher (SIGIR 2009) found 60 to do well over many collections: large enough that the first
ranks of one leg don't outweigh agreement between legs."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One ranking: ``rows`` (n,) best first, distinct; their ``scores`` (n,), which are kept for showing and take no
    part in the fusion; and a ``weight`` above 0."""

    rows: NDArray[np.int64]
    scores: NDArray[np.floating]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Fused:
    """``rows`` (n,) best first with their fused ``scores`` (n,), between 0 and the sum of weights / (constant + 1).

    ``ranks`` has an (n,) array a leg: the row's rank there, from 1, or 0 where the leg did not find it.
    """

    rows: Rows
    scores: Scores
    ranks: Mapping[LegName, NDArray[np.int64]]
    legs: Mapping[LegName, Leg]

    def __len__(self) -> int:
        return len(self.rows)

    def found_by(self, name: LegName, at: int) -> tuple[int, float] | None:
        """Rank (from 1) and score that the leg gave to the hit at position ``at``; None where it did not find it."""
        rank = int(self.ranks[name][at])
        return (rank, float(self.legs[name].scores[rank - 1])) if rank else None


def fuse(legs: Mapping[LegName, Leg], *, k: int, exclude: Rows | None = None, constant: int = CONSTANT) -> Fused:
    """The best ``k`` rows by the sum over legs of weight / (constant + rank), ties in rising row.

    Rows in ``exclude`` are left out; the others keep the ranks that their legs gave them.
    """
    rows = np.unique(np.concatenate([np.empty(0, np.int64), *(leg.rows for leg in legs.values())]))
    if exclude is not None:
        rows = rows[~np.isin(rows, exclude)]
    scores = np.zeros(len(rows), np.float64)
    ranks = {}
    for name, leg in legs.items():
        rank = np.zeros(len(rows), np.int64)
        at = np.searchsorted(rows, leg.rows)
        # A row that was excluded is nowhere in ``rows``: what stands where it would be is another one.
        kept = np.flatnonzero(np.append(rows, -1)[at] == leg.rows)
        rank[at[kept]] = kept + 1
        scores += np.where(rank > 0, leg.weight / (constant + rank), 0.0)
        ranks[name] = rank
    # Rounded, since the same ranks from other legs add up to the same score but for the last digit.
    best = np.lexsort((rows, -scores.round(12)))[:k]
    return Fused(rows[best], scores[best], {name: rank[best] for name, rank in ranks.items()}, legs)
