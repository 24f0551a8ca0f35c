"""What the dual encoder learns from: features of pictures, and the captions that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.encoders.efficientnet_lite import Features
from core.encoders.protocol import Vectors


@dataclass(frozen=True, slots=True)
class PairSet:
    """One source of pairs. Pair ``i`` is caption ``caption_of[i]`` with picture ``picture_of[i]``.

    ``features`` is (m, 1280), or where the backbone's tail is tuned (m, views, *TRUNK_SHAPE) in half precision;
    ``vectors`` (c, 384) the captions' sentence vectors. ``repeat`` is how often an epoch
    goes through the set.
    """

    name: str
    features: Features
    vectors: Vectors
    picture_of: NDArray[np.int64]
    caption_of: NDArray[np.int64]
    repeat: int = 1

    def __len__(self) -> int:
        return len(self.picture_of)

    def split(self, held_out: NDArray[np.bool_]) -> tuple[PairSet, PairSet]:
        """(the other pairs, the pairs of the pictures for which ``held_out`` (m,) is True)."""
        chosen = held_out[self.picture_of]
        return self._only(~chosen), self._only(chosen)

    def _only(self, pairs: NDArray[np.bool_]) -> PairSet:
        return PairSet(
            self.name, self.features, self.vectors, self.picture_of[pairs], self.caption_of[pairs], self.repeat
        )


@dataclass(frozen=True, slots=True)
class PairTable:
    """Several sets as one: what a batch is drawn from."""

    features: Features
    vectors: Vectors
    picture_of: NDArray[np.int64]
    caption_of: NDArray[np.int64]
    order: NDArray[np.int64]
    """Positions of pairs, each as often as its set is repeated."""


def join_sets(sets: Sequence[PairSet]) -> PairTable:
    """Pictures and captions are numbered on from set to set, so that no two sets share a positive."""
    picture_of, caption_of, order = [], [], []
    pictures = captions = pairs = 0
    for one in sets:
        picture_of.append(one.picture_of + pictures)
        caption_of.append(one.caption_of + captions)
        order.append(np.tile(np.arange(pairs, pairs + len(one)), one.repeat))
        pictures, captions, pairs = pictures + len(one.features), captions + len(one.vectors), pairs + len(one)
    return PairTable(
        np.concatenate([one.features for one in sets]),
        np.concatenate([one.vectors for one in sets]),
        np.concatenate(picture_of),
        np.concatenate(caption_of),
        np.concatenate(order),
    )
