"""Texts made fit for a tokenizer, and batches of texts of about one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def clean_text(text: str, characters: int) -> str:
    """At most ``characters`` of a text, without the halves of surrogate pairs that broken exports hold."""
    return text[:characters].encode("utf-8", "replace").decode("utf-8")


def length_batches(lengths: Sequence[int], tokens: int) -> Iterator[NDArray[np.int64]]:
    """Positions of texts by falling length, as many at a time as fit ``tokens`` when padded to the longest.

    Every position comes once. A text longer than the budget is a batch of its own.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        count = max(1, tokens // max(1, lengths[order[start]]))
        yield order[start : start + count]
        start += count
