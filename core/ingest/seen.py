"""Which ids a source has shown so far, in little memory: files may hold tens of millions of them."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

FOLD_AT = 1 << 19


class SeenIds:
    """Ids by their 64-bit hashes: some 60 bytes each for the latest FOLD_AT, 8 for all before. Among thirty million ids
    there are two of one hash with a chance of 1 in 40,000."""

    def __init__(self, *, fold_at: int = FOLD_AT) -> None:
        self._fold_at = fold_at
        self._latest: set[int] = set()
        self._folded: NDArray[np.int64] = np.empty(0, np.int64)
        self._view = memoryview(self._folded.data)

    def __contains__(self, id_: str) -> bool:
        return self._has(hash(id_))

    def __len__(self) -> int:
        return len(self._latest) + len(self._folded)

    def add(self, id_: str) -> bool:
        """Whether it is new."""
        key = hash(id_)
        if self._has(key):
            return False
        self._latest.add(key)
        if len(self._latest) >= self._fold_at:
            self._fold()
        return True

    def _has(self, key: int) -> bool:
        if key in self._latest:
            return True
        at = bisect_left(self._view, key)
        return at < len(self._view) and self._view[at] == key

    def _fold(self) -> None:
        latest = np.fromiter(self._latest, np.int64, len(self._latest))
        self._latest.clear()
        latest.sort()
        self._folded = np.concatenate([self._folded, latest])
        self._folded.sort(kind="stable")  # two rising runs: they are merged
        self._view = memoryview(self._folded.data)
