"""Backbone features on disk, so that a picture or a caption goes through its frozen backbone once.

A cache file's name holds a hash of what it is made from and of the backbone; it is written beside and swapped in. Long
runs are saved every few chunks and go on where they stopped.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.encoders.efficientnet_lite import (
    BACKBONE_ID,
    FEATURE_DIM,
    TRUNK_SHAPE,
    Features,
    load_efficientnet_lite2,
    to_pixels,
)
from core.encoders.minilm import DIM, MINILM_ID, load_minilm
from core.encoders.protocol import Vectors
from core.errors import PictureError

Report: TypeAlias = Callable[[int, int, str], None]
"""Progress: (done, total, what is being done). May raise JobStopped, which is let through."""

Views: TypeAlias = tuple[NDArray[np.float16], ...]
"""Of each view, what the trunk gives of every picture: (n, *TRUNK_SHAPE)."""

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


def trunk_views(
    keys: Sequence[str], draw: Callable[[int, int], Image.Image], views: int, cache: Path, report: Report, note: str
) -> Views:
    """What the backbone's trunk gives of ``views`` views of each picture, mapped from the cache: an array
    (n, *TRUNK_SHAPE) a view, with NaN where ``draw(i, view)`` raises PictureError. ``keys`` as in
    :func:`picture_features`.

    Thirty-four kilobytes a view. Killed, it goes on after the last chunk that was written; asked for more views, it
    computes those alone.
    """
    made = []
    for at in range(views):
        said = note if views == 1 else f"{note}, view {at + 1} of {views}"
        made.append(_trunk_view(keys, partial(_swapped, draw, at), at, cache, report, said))
    return tuple(made)


def _swapped(draw: Callable[[int, int], Image.Image], at: int, row: int) -> Image.Image:
    return draw(row, at)


def _trunk_view(
    keys: Sequence[str], draw: Callable[[int], Image.Image], at: int, cache: Path, report: Report, note: str
) -> NDArray[np.float16]:
    name = f"trunk-{at}-{_digest([BACKBONE_ID, *keys])}"
    path, part, place = cache / f"{name}.npy", cache / f"{name}.part.npy", cache / f"{name}.done"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        done = int(place.read_text()) if place.is_file() and part.is_file() else 0
        array = np.lib.format.open_memmap(
            part, "r+" if done else "w+", None if done else np.float16, (len(keys), *TRUNK_SHAPE)
        )
        backbone = load_efficientnet_lite2()
        with ThreadPoolExecutor(2) as pool:
            for start in range(done, len(keys), CHUNK):
                rows = range(start, min(start + CHUNK, len(keys)))
                pixels = list(pool.map(lambda row: _pixels(draw, row), rows))
                readable = [row for row, found in zip(rows, pixels, strict=True) if found is not None]
                array[rows.start : rows.stop] = np.nan
                if readable:
                    array[readable] = backbone.trunk(np.stack([found for found in pixels if found is not None]))
                array.flush()
                place.write_text(str(rows.stop))
                report(rows.stop, len(keys), note)
        del array
        os.replace(part, path)
        place.unlink(missing_ok=True)
    found: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def view(picture: Image.Image, at: int, row: int) -> Image.Image:
    """View 0 is the picture; each other one is a part of it, half of them mirrored, the same each time: between 45 %
    and all of its area, as in Szegedy et al. (2015), but never a sliver."""
    if at == 0:
        return picture
    rng = Random(f"{at}{row}")
    width, height = picture.size
    area, shape = rng.uniform(0.45, 1.0), math.exp(rng.uniform(-0.25, 0.25))
    part_width = min(width, max(8, int(width * math.sqrt(area) * math.sqrt(shape))))
    part_height = min(height, max(8, int(height * math.sqrt(area) / math.sqrt(shape))))
    left, top = rng.randint(0, width - part_width), rng.randint(0, height - part_height)
    part = picture.crop((left, top, left + part_width, top + part_height))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


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


def kept_vectors(
    keys: Sequence[str],
    encode: Callable[[range], Vectors],
    dim: int,
    count: int,
    cache: Path,
    report: Report,
    note: str,
) -> Vectors:
    """What ``encode`` gives of ``count`` inputs, (count, dim), a chunk at a time; saved every few chunks, gone on with
    where it was stopped. ``keys`` name the inputs and the encoder."""
    path = cache / f"vectors-{_digest(keys)}.npy"
    vectors: Vectors = np.load(path, allow_pickle=False) if path.is_file() else np.empty((0, dim), np.float32)
    unsaved = 0
    for start in range(len(vectors), count, CHUNK):
        vectors = np.concatenate([vectors, encode(range(start, min(start + CHUNK, count)))])
        unsaved += 1
        if unsaved == CHUNKS_A_SAVE or len(vectors) == count:
            _save(path, vectors)
            unsaved = 0
        report(len(vectors), count, note)
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
