"""The last step before a list is shown: fresh posts up, alike posts apart, no author too often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingError

Matrix = NDArray[np.float32]
Values = NDArray[np.float64]

FRESH_HALF_LIFE_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class Knobs:
    """``k`` how many to show; ``diversity`` and ``freshness`` 0 (not at all) to 1 (that alone); ``author_cap`` how many
    of one author at most, 0 for no limit; ``hide_flagged`` leaves out what a policy flags or a reviewer limited;
    ``viewed_again``: what was only viewed may be shown again."""

    k: int = 20
    diversity: float = 0.2
    freshness: float = 0.0
    author_cap: int = 3
    hide_flagged: bool = False
    viewed_again: bool = False

    def check(self) -> None:
        """Raises SettingError for values outside these ranges."""
        if not 1 <= self.k <= 500:
            raise SettingError(f"A list has 1 to 500 posts, not {self.k}.")
        if not (0 <= self.diversity <= 1 and 0 <= self.freshness <= 1):
            raise SettingError("Diversity and freshness lie between 0 and 1.")
        if self.author_cap < 0:
            raise SettingError("The most posts of one author is 0 (no limit) or more.")


def rerank(
    relevance: Values,
    vectors: Matrix | None,
    age_days: Values,
    authors: Sequence[str | None],
    knobs: Knobs,
) -> list[tuple[int, float]]:
    """(position among the candidates, score 0 to 1) of those shown, in order.

    ``relevance`` (n,) in any unit is brought to 0 to 1 over the candidates. Freshness blends in a half-life of
    FRESH_HALF_LIFE_DAYS; NaN ages count as old. Diversity is maximal marginal relevance (Carbonell and Goldstein, 1998)
    over unit ``vectors``, (n, d): each next post loses by its cosine to the nearest one that is already shown.
    """
    n = len(relevance)
    if not n:
        return []
    low, high = float(relevance.min()), float(relevance.max())
    scores = (relevance - low) / (high - low) if high > low else np.ones(n)
    if knobs.freshness:
        fresh = np.nan_to_num(0.5 ** (np.maximum(age_days, 0.0) / FRESH_HALF_LIFE_DAYS), nan=0.0)
        scores = (1 - knobs.freshness) * scores + knobs.freshness * fresh
    nearest = np.zeros(n)
    open_ = np.ones(n, bool)
    by_author: dict[str, int] = {}
    shown: list[tuple[int, float]] = []
    while len(shown) < knobs.k and open_.any():
        worth = (1 - knobs.diversity) * scores - knobs.diversity * nearest
        best = int(np.where(open_, worth, -np.inf).argmax())
        open_[best] = False
        author = authors[best]
        if author and knobs.author_cap and by_author.get(author, 0) >= knobs.author_cap:
            continue
        if author:
            by_author[author] = by_author.get(author, 0) + 1
        shown.append((best, float(scores[best])))
        if vectors is not None and knobs.diversity:
            np.maximum(nearest, np.maximum(vectors @ vectors[best], 0.0), out=nearest)
    return shown
