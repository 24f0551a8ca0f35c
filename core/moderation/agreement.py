"""How much reviewers agree beyond chance, and intervals of shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import nan, sqrt


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float:
    """Cohen's kappa (1960) of pairs of ratings of the same items, -1 to 1; 1 where both always said the same one thing,
    NaN where there is no pair."""
    if not pairs:
        return nan
    count = len(pairs)
    agreed = sum(a == b for a, b in pairs) / count
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[value] * second[value] for value in first) / count**2
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def krippendorff_alpha(units: Sequence[Sequence[Hashable]]) -> float:
    """Krippendorff's alpha (2011) for nominal ratings: a sequence of ratings an item, as many as there are; items with
    fewer than two say nothing. 1 is perfect, 0 is chance; NaN where no item has two ratings.

    From the coincidence matrix: alpha = 1 - (n - 1) (n - sum o_cc) / (n^2 - sum n_c^2).
    """
    same = 0.0
    totals: Counter[Hashable] = Counter()
    for ratings in units:
        size = len(ratings)
        if size < 2:
            continue
        counts = Counter(ratings)
        totals.update(counts)
        same += sum(n * (n - 1) for n in counts.values()) / (size - 1)
    count = sum(totals.values())
    if count < 2:
        return nan
    expected = count**2 - sum(n**2 for n in totals.values())
    return 1.0 if expected == 0 else 1 - (count - 1) * (count - same) / expected


def wilson(successes: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927); (0, 1) where nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share = successes / count
    middle = share + z * z / (2 * count)
    spread = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)
