"""Names for clusters of pictures by what they show: the words of a vocabulary that lie nearest to a cluster's pictures,
in the space of words and pictures, compared with all pictures of the map."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.maps.names import TERMS

if TYPE_CHECKING:
    from core.encoders.protocol import Encoder

SHOWN = 3
PROMPT = "a picture of {}"


def vocabulary() -> list[str]:
    """A few hundred things that pictures show."""
    text = (Path(__file__).parent / "vocabulary.txt").read_text(encoding="utf-8")
    return [word for part in re.split(r"[,\n]", text) if (word := part.strip())]


def name_by_pictures(
    vectors: NDArray[np.float32], labels: NDArray[np.int32], encoder: Encoder
) -> list[list[list[tuple[str, float]]]]:
    """The words of each cluster of each level, best first. ``vectors`` (n, dim) and ``labels`` (levels, n) are a map's.

    What counts is how much nearer a word is to the cluster than to the mean of all pictures, since some words are near
    to every picture.
    """
    words = vocabulary()
    said = encoder.encode_queries([PROMPT.format(word) for word in words])
    said = said - said.mean(axis=0)
    said /= np.maximum(np.linalg.norm(said, axis=1, keepdims=True), 1e-9)
    middle = vectors.mean(axis=0)
    named = []
    for of in labels:
        count = int(of.max()) + 1
        means = np.zeros((count, vectors.shape[1]), np.float32)
        np.add.at(means, of, vectors)
        means = means / np.maximum(np.bincount(of, minlength=count), 1)[:, None] - middle
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        score = means @ said.T
        best = np.argsort(-score, axis=1, kind="stable")[:, :TERMS]
        named.append([[(words[at], round(float(score[row, at]), 4)) for at in best[row]] for row in range(count)])
    return named


def joined(
    by_pictures: list[tuple[str, float]], by_words: list[tuple[str, float]], share: int = SHOWN
) -> list[tuple[str, float]]:
    """What a cluster of pictures is called by: what they show, then what is said with them."""
    first = [(word, score) for word, score in by_pictures if score > 0][:share]
    known = {word.casefold() for word, _ in first}
    return [*first, *((word, score) for word, score in by_words if word.casefold() not in known)][:TERMS]
