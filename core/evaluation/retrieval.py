"""How well words find their picture and pictures their words: recall at k and median rank, by the usual protocol.

The protocol is that of Hodosh et al. (2013) and Karpathy and Fei-Fei (2015): every caption ranks all pictures of the
split, and counts by the rank of its own; every picture ranks all captions, and counts by the best rank among its own.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoders.protocol import Encoder, Vectors
from core.errors import ImportFailed, ModelError, SettingError

COLUMNS = ("split", "image", "caption")
RECALL_AT = (1, 5, 10)
CHUNK = 256


@dataclass(frozen=True, slots=True)
class CaptionedPictures:
    """``pictures`` are existing files; caption ``i`` describes picture ``picture_of[i]``."""

    pictures: tuple[Path, ...]
    captions: tuple[str, ...]
    picture_of: NDArray[np.int64]


def evaluate_retrieval(
    encoder: Encoder,
    images: Path,
    captions: Path,
    split: str,
    report: Callable[[int, int, str], None] | None = None,
) -> dict[str, Any]:
    """``{"text_to_image": {"r@1", "r@5", "r@10", "median_rank"}, "image_to_text": {...}, "images", "captions",
    "model"}``.

    Recalls are in percent; ranks count from 1. A tie counts against the encoder. ``captions`` is a CSV with the columns
    split, image (a file's name in ``images``) and caption. ``report(done, total, note)`` is called as it goes.

    Raises ImportFailed where a file, a column or a picture is missing, SettingError for a split that is not in it,
    ModelError for an encoder without pictures, PictureError for a picture that can't be read.
    """
    if "picture" not in encoder.modalities:
        raise ModelError(f"{encoder.space.model_id} encodes no pictures, so it can't be measured on finding them.")
    data = read_captioned_pictures(images, captions, split)
    total = len(data.captions) + len(data.pictures)
    progress = report or (lambda done, total, note: None)

    def encode(encode_some: Callable[[Any], Vectors], inputs: Sequence[Any], before: int, note: str) -> Vectors:
        parts = []
        for start in range(0, len(inputs), CHUNK):
            parts.append(encode_some(inputs[start : start + CHUNK]))
            progress(before + min(start + CHUNK, len(inputs)), total, note)
        return np.concatenate(parts)

    words = encode(encoder.encode_queries, data.captions, 0, "Encoding the captions")
    pictures = encode(encoder.encode_pictures, data.pictures, len(data.captions), "Encoding the pictures")
    caption_ranks, picture_ranks = retrieval_ranks(words, pictures, data.picture_of)
    return {
        "text_to_image": _recalls(caption_ranks),
        "image_to_text": _recalls(picture_ranks),
        "images": len(data.pictures),
        "captions": len(data.captions),
        "model": encoder.space.model_id,
    }


def retrieval_ranks(
    words: Vectors, pictures: Vectors, picture_of: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rank of each caption's own picture (n,), best rank of each picture's own captions (m,)), from 1.

    ``words`` is (n, dim), ``pictures`` (m, dim), ``picture_of`` (n,); every picture has at least one caption.
    """
    scores = words @ pictures.T
    own = scores[np.arange(len(words)), picture_of]
    caption_ranks = (scores >= own[:, None]).sum(1)
    best = np.full(len(pictures), -np.inf, dtype=np.float32)
    np.maximum.at(best, picture_of, own)
    others = scores >= best[None, :]
    others[np.arange(len(words)), picture_of] = False  # a picture's own captions do not stand in each other's way
    return caption_ranks, others.sum(0) + 1


def read_captioned_pictures(images: Path, captions: Path, split: str) -> CaptionedPictures:
    """The captions of one split and their pictures. Raises as :func:`evaluate_retrieval`."""
    if not images.is_dir():
        raise ImportFailed(f"The folder of pictures {images} is not there.")
    rows = _read_rows(captions)
    splits = sorted({row["split"] for row in rows})
    if split not in splits:
        raise SettingError(f"{captions.name} has no split {split!r}. It has: {', '.join(splits) or 'none'}.")
    chosen = [row for row in rows if row["split"] == split]
    names = sorted({row["image"] for row in chosen})
    folder = images.resolve()
    paths = [folder / name for name in names]
    missing = [
        name
        for name, path in zip(names, paths, strict=True)
        if not path.is_file() or not path.resolve().is_relative_to(folder)
    ]
    if missing:
        raise ImportFailed(
            f"{len(missing):,} of {len(names):,} pictures that {captions.name} names are not in {images},"
            f" the first of them {missing[0]!r}."
        )
    index = {name: position for position, name in enumerate(names)}
    picture_of = np.array([index[row["image"]] for row in chosen], dtype=np.int64)
    return CaptionedPictures(tuple(paths), tuple(row["caption"] for row in chosen), picture_of)


def _read_rows(captions: Path) -> list[dict[str, str]]:
    try:
        with captions.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise ImportFailed(
                    f"{captions.name} has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}."
                )
            return [{column: row[column] or "" for column in COLUMNS} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportFailed(f"The captions {captions} can't be read: {error}.") from error


def _recalls(ranks: NDArray[np.int64]) -> dict[str, float]:
    found = {f"r@{k}": round(100 * float((ranks <= k).mean()), 2) for k in RECALL_AT}
    return {**found, "median_rank": float(np.median(ranks))}
