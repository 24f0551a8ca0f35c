"""The dual encoder: pictures and words in one space, by two heads on EfficientNet-Lite2 and MiniLM.

MiniLM stays as it is; the last blocks of EfficientNet-Lite2 may be tuned.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np

from core.encoders.dual_heads import E5 as E5_SIDE
from core.encoders.dual_heads import Side, apply_head, dual_id, heads_beside, load_heads
from core.encoders.e5 import E5, E5_ID, load_e5
from core.encoders.efficientnet_lite import (
    FEATURE_DIM,
    SIDE,
    EfficientNetLite2,
    Features,
    Pixels,
    TailWeights,
    load_efficientnet_lite2,
    tail_shapes,
    to_pixels,
)
from core.encoders.minilm import MINILM_ID, MiniLM, load_minilm
from core.encoders.protocol import PictureInput, Vectors
from core.pictures import open_picture
from core.settings import Settings
from core.types import Space

CHUNK = 64
"""Pictures that are decoded before the backbone runs: 13 MB of pixels."""


class DualEncoder:
    """Follows :class:`core.encoders.protocol.Encoder`; threads may share it."""

    modalities: frozenset[Literal["text", "picture"]] = frozenset({"text", "picture"})

    def __init__(
        self, heads: Path, minilm: MiniLM, backbone: EfficientNetLite2, settings: Settings, e5: E5 | None = None
    ) -> None:
        self._weights, info = load_heads(heads)
        self._e5 = e5 if info.languages else None
        self._beside, self._beside_share = heads_beside(self._weights), info.beside_share
        own = {name: self._weights[name] for name in tail_shapes()} if info.tuned else backbone.tail
        tails: list[TailWeights] = [own, backbone.tail] if info.beside else [own]
        self._tails = [backbone.placed(tail) for tail in tails]
        self._minilm = minilm
        self._backbone = backbone
        self._settings = settings
        self._space = Space("dual", dual_id(heads, info), info.vector_dim)

    @property
    def space(self) -> Space:
        return self._space

    def describe(self) -> str:
        """A line for people: the model, and the number formats that were chosen for this processor."""
        words = f"in {self._minilm.compute}" if self._e5 is None else f"of many languages by {E5_ID}"
        return f"{self._space.model_id}, words {words}, pictures in {self._backbone.compute}"

    @property
    def sentence_model_id(self) -> str:
        """The packaged text encoder whose vectors :meth:`encode_sentence_vectors` takes."""
        return MINILM_ID if self._e5 is None else E5_ID

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        if self._e5 is not None:
            return self.encode_sentence_vectors(self._e5.encode(texts, query=True))
        return self.encode_sentence_vectors(self._minilm.encode(texts))

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        if self._e5 is not None:
            return self.encode_sentence_vectors(self._e5.encode(texts, query=False))
        return self.encode_sentence_vectors(self._minilm.encode(texts))

    def encode_sentence_vectors(self, vectors: Vectors) -> Vectors:
        """(n, dim) from the vectors (n, 384) that the text encoder :attr:`sentence_model_id` gave for the same texts,
        so that the same words need not be read twice."""
        return self._apply("text" if self._e5 is None else E5_SIDE, vectors)

    def encode_pictures(self, pictures: Sequence[PictureInput]) -> Vectors:
        return self.encode_features(self.picture_features(pictures))

    def encode_features(self, features: Features) -> Vectors:
        """(n, dim) from what :meth:`picture_features` gives."""
        return self._apply("picture", features)

    def picture_features(self, pictures: Sequence[PictureInput]) -> Features:
        """The backbone's pooled features, (n, 1280) or by two tails (n, 2560).

        Raises PictureError for one that can't be decoded.
        """
        return picture_features(self._backbone, pictures, self._settings, self._tails)

    def _apply(self, side: Side, inputs: Vectors | Features) -> Vectors:
        import torch

        with torch.inference_mode():
            given = torch.from_numpy(inputs)
            if not self._beside:
                vectors: Vectors = apply_head(self._weights, side, given).numpy()
                return vectors
            first, second = given.chunk(2, 1) if side == "picture" else (given, given)
            own, beside = apply_head(self._weights, side, first), apply_head(self._beside, side, second)
            share = self._beside_share
            vectors = torch.cat([own * (1 - share) ** 0.5, beside * share**0.5], 1).numpy()
        return vectors


def picture_features(
    backbone: EfficientNetLite2,
    pictures: Sequence[PictureInput],
    settings: Settings,
    tails: Sequence[TailWeights] = (),
) -> Features:
    """Pooled features, (n, 1280 a tail); pictures are decoded in threads, since Pillow decodes outside Python's lock.

    Raises PictureError for one that can't be decoded, before the backbone runs on its chunk.
    """

    def decode(picture: PictureInput) -> Pixels:
        max_bytes = settings.max_picture_mb * 2**20
        # Twice the side leaves the resizing filter something to average.
        return to_pixels(open_picture(picture, max_pixels=settings.max_pixels, max_bytes=max_bytes, shrink_to=2 * SIDE))

    parts = []
    with ThreadPoolExecutor(settings.thread_count()) as pool:
        for start in range(0, len(pictures), CHUNK):
            parts.append(backbone.features(np.stack(list(pool.map(decode, pictures[start : start + CHUNK]))), tails))
    return np.concatenate(parts) if parts else np.empty((0, FEATURE_DIM * max(1, len(tails))), np.float32)


def load_dual_encoder(heads: Path, settings: Settings) -> DualEncoder:
    """With FEEDSCOPE_TEXT=e5 words of many languages find the same pictures, where the file has a head for that.

    Raises ModelError where the heads or a backbone are missing, damaged or do not fit each other.
    """
    e5 = load_e5() if settings.text_model == "e5" else None
    return DualEncoder(heads, load_minilm(), load_efficientnet_lite2(), settings, e5)
