"""Backbone features on disk, so that a picture or a caption goes through its frozen backbone once.

A cache file's name holds a hash of what it is made from and of the backbone; it is written beside and swapped in. Long
runs are saved every few chunks and go on where they stopped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from core.encoders.efficientnet_lite import BACKBONE_ID, FEATURE_DIM, Features, load_efficientnet_lite2, to_pixels
from core.encoders.minilm import DIM, MINILM_ID, load_minilm
from core.encoders.protocol import Vectors
from core.errors import PictureError

Report: TypeAlias = Callable[[int, int, str], None]
"""Progress: (done, total, what is being done). May raise JobStopped, which is let through."""

CHUNK = 64
TEXT_CHUNK = 2048
CHUNKS_A_SAVE = 10


def picture_features(
    keys: Sequence[str], draw: Callable[[int], Image.Image], cache: Path, report: Report, note: str
) -> Features:
    """Features (n, 1280) of picture ``i`` as ``draw(i)`` gives it; rows of NaN where it raises PictureError.

    ``keys`` say what the pictures are made from: a picture's bytes by their hash, or the way that it is drawn.
    """
    path = cache / f"pictures-{_digest([BACKBONE_ID, *keys])}.npy"
    features = np.load(path, allow_pickle=False) if path.is_file() else np.empty((0, FEATURE_DIM), np.float32)
    backbone = load_efficientnet_lite2()
    unsaved = 0
    with ThreadPoolExecutor(2) as pool:
        for start in range(len(features), len(keys), CHUNK):
            pixels = list(pool.map(lambda index: _pixels(draw, index), range(start, min(start + CHUNK, len(keys)))))
            chunk = np.full((len(pixels), FEATURE_DIM), np.nan, np.float32)
            readable = [row for row, found in enumerate(pixels) if found is not None]
            if readable:
                chunk[readable] = backbone.features(np.stack([found for found in pixels if found is not None]))
            features = np.concatenate([features, chunk])
            unsaved += 1
            if unsaved == CHUNKS_A_SAVE or len(features) == len(keys):
                _save(path, features)
                unsaved = 0
            report(len(features), len(keys), note)
    return features


def sentence_vectors(texts: Sequence[str], cache: Path, report: Report, note: str) -> Vectors:
    """MiniLM's unit vectors (n, 384)."""
    path = cache / f"texts-{_digest([MINILM_ID, *texts])}.npy"
    if path.is_file():
        vectors: Vectors = np.load(path, allow_pickle=False)
        return vectors
    model = load_minilm()
    parts = [np.empty((0, DIM), np.float32)]
    for start in range(0, len(texts), TEXT_CHUNK):
        parts.append(model.encode(texts[start : start + TEXT_CHUNK]))
        report(min(start + TEXT_CHUNK, len(texts)), len(texts), note)
    vectors = np.concatenate(parts)
    _save(path, vectors)
    return vectors


def _pixels(draw: Callable[[int], Image.Image], index: int) -> np.ndarray | None:
    try:
        return to_pixels(draw(index))
    except PictureError:
        return None


def _digest(keys: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for key in keys:
        digest.update(key.encode("utf-8", "replace") + b"\0")
    return digest.hexdigest()[:16]


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.part")
    with beside.open("wb") as file:
        np.save(file, array)
    os.replace(beside, path)
