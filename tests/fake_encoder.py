"""A seeded encoder for tests: words and colours in one space, no model, no weights, microseconds a text.

Texts that share words are near each other; a picture is near the names of its colours ("a red square" finds red
pictures) and near pictures of the same colours. Nothing in core can reach this file.
"""

import hashlib
import re
from collections import Counter

import numpy as np

from core.errors import ModelError
from core.pictures import open_picture
from core.types import Space

PALETTE = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (220, 30, 30),
    "green": (30, 160, 30),
    "blue": (30, 60, 220),
    "yellow": (240, 220, 40),
    "orange": (240, 140, 20),
    "purple": (130, 40, 160),
    "pink": (250, 160, 190),
    "brown": (120, 70, 30),
}


class FakeEncoder:
    """Follows core.encoders.protocol.Encoder. ``kind`` is ``dual`` (texts and pictures) or ``text`` (texts alone)."""

    def __init__(self, kind="dual", *, dim=64, seed=0):
        self.space = Space(kind, f"fake-{kind}-{dim}-{seed}", dim)
        self.modalities = frozenset({"text", "picture"} if kind == "dual" else {"text"})
        self._seed = seed

    def encode_queries(self, texts):
        return self.encode_documents(texts)

    def encode_documents(self, texts):
        return self._unit([Counter(re.findall(r"\w+", text.lower())) for text in texts])

    def encode_pictures(self, pictures):
        if "picture" not in self.modalities:
            raise ModelError(f"{self.space.model_id} encodes texts only.")
        return self._unit([self._colours(picture) for picture in pictures])

    def _colours(self, picture):
        """The share of each colour of the palette, by the nearest one to each of 16 x 16 pixels."""
        small = open_picture(picture, shrink_to=16).resize((16, 16))
        pixels = np.asarray(small, dtype=np.float32).reshape(-1, 1, 3)
        nearest = ((pixels - np.array(list(PALETTE.values()), dtype=np.float32)) ** 2).sum(-1).argmin(1)
        return Counter(list(PALETTE)[index] for index in nearest)

    def _unit(self, bags):
        """A bag is the sum of its words' fixed random directions, each times the root of its count."""
        vectors = np.zeros((len(bags), self.space.dim), dtype=np.float32)
        for vector, bag in zip(vectors, bags, strict=True):
            for word, count in (bag or {"": 1}).items():
                vector += self._direction(word) * count**0.5
            vector /= np.linalg.norm(vector)
        return vectors

    def _direction(self, word):
        digest = hashlib.sha256(f"{self._seed} {word}".encode("utf-8", "surrogatepass")).digest()
        return np.random.default_rng(int.from_bytes(digest[:8])).standard_normal(self.space.dim).astype(np.float32)
