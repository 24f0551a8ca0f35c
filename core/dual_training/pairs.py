"""What the dual encoder learns from: features of pictures, and the captions that belong to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.dual_training.features import Views
from core.encoders.efficientnet_lite import Features
from core.encoders.protocol import Vectors


@dataclass(frozen=True, slots=True)
class PairSet:
    """One source of pairs. Pair ``i`` is caption ``caption_of[i]`` with picture ``picture_of[i]``.

    ``features`` is (m, 1280), or where the backbone's tail is tuned an array (m, *TRUNK_SHAPE) a view; ``texts`` are
    the c captions and ``vectors`` (c, 384) their sentence vectors. An epoch goes through ``share`` of the pictures,
    drawn anew each time.
    """

    name: str
    features: Features | Views
    texts: tuple[str, ...]
    vectors: Vectors
    picture_of: NDArray[np.int64]
    caption_of: NDArray[np.int64]
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.picture_of)

    @property
    def pictures(self) -> int:
        """How many pictures the features are of."""
        return len(self.features[0]) if isinstance(self.features, tuple) else len(self.features)

    def split(self, held_out: NDArray[np.bool_]) -> tuple[PairSet, PairSet]:
        """(the other pairs, the pairs of the pictures for which ``held_out`` (m,) is True)."""
        chosen = held_out[self.picture_of]
        return self._only(~chosen), self._only(chosen)

    def _only(self, pairs: NDArray[np.bool_]) -> PairSet:
        return replace(self, picture_of=self.picture_of[pairs], caption_of=self.caption_of[pairs])


@dataclass(frozen=True, slots=True)
class PairTable:
    """Several sets as one. Pictures and captions are numbered on from set to set."""

    sets: tuple[PairSet, ...]
    vectors: Vectors
    words: NDArray[np.int64]
    """Of each caption, which words it has: the same number, the same words."""
    captions_of: dict[int, NDArray[np.int64]]
    """The captions of each picture that has some."""
    starts: NDArray[np.int64]
    """The number of each set's first picture."""

    def batches(self, rng: np.random.Generator, size: int, *, apart: bool = False) -> list[NDArray[np.int64]]:
        """An epoch's pictures, ``size`` at a time, shuffled; ``apart``: no batch has pictures of two sets, so that
        photographs are told from photographs and drawings from drawings."""
        parts = self._of_an_epoch(rng)
        if not apart:
            parts = [rng.permutation(np.concatenate(parts))]
        cut = [part[start : start + size] for part in parts for start in range(0, len(part), size)]
        return [cut[at] for at in rng.permutation(len(cut))] if apart else cut

    def _of_an_epoch(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """The pictures of each set that an epoch goes through, shuffled."""
        numbers = np.array(sorted(self.captions_of), np.int64)
        owner = np.searchsorted(self.starts, numbers, side="right") - 1
        chosen = [rng.permutation(numbers[owner == at]) for at in range(len(self.sets))]
        return [some[: max(1, round(one.share * len(some)))] for some, one in zip(chosen, self.sets, strict=True)]


def join_sets(sets: Sequence[PairSet]) -> PairTable:
    """One table of several sets."""
    numbers: dict[str, int] = {}
    starts, pictures, captions, words = [], [], [], []
    first_picture = first_caption = 0
    for one in sets:
        starts.append(first_picture)
        pictures.append(one.picture_of + first_picture)
        captions.append(one.caption_of + first_caption)
        words += [numbers.setdefault(text, len(numbers)) for text in one.texts]
        first_picture, first_caption = first_picture + one.pictures, first_caption + len(one.vectors)
    picture_of = np.concatenate(pictures)
    order = np.argsort(picture_of, kind="stable")
    found, at = np.unique(picture_of[order], return_index=True)
    parts = np.split(np.concatenate(captions)[order], at[1:])
    return PairTable(
        tuple(sets),
        np.concatenate([one.vectors for one in sets]),
        np.array(words, np.int64),
        {int(picture): part for picture, part in zip(found, parts, strict=True)},
        np.array(starts, np.int64),
    )
