"""How well words find their picture and pictures their words: recall at k and median rank, by the usual protocol.

The protocol is that of Hodosh et al. (2013) and Karpathy and Fei-Fei (2015): every caption ranks all pictures of the
split, and counts by the rank of its own; every picture ranks all captions, and counts by the best rank among its own.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoders.protocol import Encoder, Vectors
from core.errors import ImportFailed, ModelError, SettingError

WORDS_COLUMNS = ("caption", "text")
PICTURE_COLUMNS = ("image", "picture", "images")
SPLITS_BY_TEXT = ("all", "train", "test")
TEST_SHARE = 0.2
RECALL_AT = (1, 5, 10)
CHUNK = 256
RANKED_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class CaptionedPictures:
    """``pictures`` are existing files; caption ``i`` describes picture ``picture_of[i]``, in ``langs[i]``: empty where
    nobody said."""

    pictures: tuple[Path, ...]
    captions: tuple[str, ...]
    picture_of: NDArray[np.int64]
    langs: tuple[str, ...] = ()


def evaluate_retrieval(
    encoder: Encoder,
    images: Path,
    captions: Path,
    split: str,
    report: Callable[[int, int, str], None] | None = None,
    *,
    lang: str | None = None,
) -> dict[str, Any]:
    """``{"text_to_image": {"r@1", "r@5", "r@10", "median_rank"}, "image_to_text": {...}, "images", "captions",
    "model"}``.

    Recalls are in percent; ranks count from 1. A tie counts against the encoder. ``captions`` is a CSV with the columns
    image (a file's name in ``images``), caption, and perhaps split; or a posts file with image and text: own text to
    own picture. Without a split, ``test`` is the fifth of :func:`in_test_fifth`, ``train`` the rest, ``all`` both. Rows
    without words or picture are left out. ``lang`` takes only the rows with that in the column lang.
    ``report(done, total, note)`` is called as it goes.

    Raises ImportFailed where a file, a column or a picture is missing, SettingError for a split that is not in it,
    ModelError for an encoder without pictures, PictureError for a picture that can't be read.
    """
    if "picture" not in encoder.modalities:
        raise ModelError(f"{encoder.space.model_id} encodes no pictures, so it can't be measured on finding them.")
    data = read_captioned_pictures(images, captions, split, lang=lang)
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

    ``words`` is (n, dim), ``pictures`` (m, dim), ``picture_of`` (n,); every picture has at least one caption. Scores
    are computed RANKED_AT_ONCE captions at a time.
    """
    starts = range(0, len(words), RANKED_AT_ONCE)
    caption_ranks = np.zeros(len(words), np.int64)
    picture_ranks = np.ones(len(pictures), np.int64)
    best = np.full(len(pictures), -np.inf, dtype=np.float32)
    for start in starts:
        scores, own, owner = _scores(words, pictures, picture_of, start)
        caption_ranks[start : start + len(own)] = (scores >= own[:, None]).sum(1)
        np.maximum.at(best, owner, own)
    for start in starts:
        scores, own, owner = _scores(words, pictures, picture_of, start)
        others = scores >= best[None, :]
        others[np.arange(len(own)), owner] = False  # a picture's own captions do not stand in each other's way
        picture_ranks += others.sum(0)
    return caption_ranks, picture_ranks


def _scores(
    words: Vectors, pictures: Vectors, picture_of: NDArray[np.int64], start: int
) -> tuple[Vectors, Vectors, NDArray[np.int64]]:
    """Of the captions from ``start`` on: (their scores of all pictures, of their own picture, which that is)."""
    some = slice(start, start + RANKED_AT_ONCE)
    scores = words[some] @ pictures.T
    return scores, scores[np.arange(len(scores)), picture_of[some]], picture_of[some]


def read_captioned_pictures(images: Path, captions: Path, split: str, *, lang: str | None = None) -> CaptionedPictures:
    """The captions of one split and their pictures, in one language or in all.

    Raises as :func:`evaluate_retrieval`.
    """
    if not images.is_dir():
        raise ImportFailed(f"The folder of pictures {images} is not there.")
    rows, splits = _read_rows(captions)
    if split not in splits:
        raise SettingError(f"{captions.name} has no split {split!r}. It has: {', '.join(splits) or 'none'}.")
    chosen = [row for row in rows if split in (row.split, "all") and lang in (row.lang, None)]
    if not chosen:
        where = "" if lang is None else f" in {lang!r}"
        raise SettingError(f"{captions.name} has no captions{where} in the split {split!r}.")
    folder = images.resolve()
    paths = {name: _inside(folder, name) for name in sorted({row.picture for row in chosen})}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise ImportFailed(
            f"{len(missing):,} of {len(paths):,} pictures that {captions.name} names are not in {images},"
            f" the first of them {missing[0]!r}."
        )
    index = {name: position for position, name in enumerate(paths)}
    return CaptionedPictures(
        tuple(path for path in paths.values() if path is not None),
        tuple(row.words for row in chosen),
        np.array([index[row.picture] for row in chosen], dtype=np.int64),
        tuple(row.lang for row in chosen),
    )


def in_test_fifth(words: str) -> bool:
    """Whether a text belongs to the fifth of a file without splits that is kept for measuring.

    By the SHA-256 of the text in lower case with its blanks made one, so that copies of a text stay together.
    """
    normalised = " ".join(words.lower().split())
    return int.from_bytes(hashlib.sha256(normalised.encode("utf-8", "replace")).digest()[:4]) < TEST_SHARE * 2**32


@dataclass(frozen=True, slots=True)
class _Row:
    split: str
    picture: str
    words: str
    lang: str


def _inside(folder: Path, name: str) -> Path | None:
    """The file that a cell names, below ``folder`` or, where the cell names the folder too, in it."""
    for path in (folder / name, folder / Path(name).name):
        if path.is_file() and path.resolve().is_relative_to(folder):
            return path
    return None


def _read_rows(captions: Path) -> tuple[list[_Row], list[str]]:
    """(the rows that have words and a picture, the splits there are)."""
    try:
        with captions.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or ()
            words = next((name for name in WORDS_COLUMNS if name in names), None)
            picture = next((name for name in PICTURE_COLUMNS if name in names), None)
            if words is None or picture is None:
                wanted = " and ".join(" or ".join(c) for c in (WORDS_COLUMNS, PICTURE_COLUMNS))
                raise ImportFailed(f"{captions.name} needs the columns {wanted}; it has {', '.join(names) or 'none'}.")
            read = [
                _Row(row.get("split") or "", row[picture] or "", row[words] or "", row.get("lang") or "")
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportFailed(f"The captions {captions} can't be read: {error}.") from error
    rows = [row for row in read if row.picture.strip() and row.words.strip()]
    if "split" in names:
        return rows, sorted({row.split for row in rows})
    return [replace(row, split="test" if in_test_fifth(row.words) else "train") for row in rows], list(SPLITS_BY_TEXT)


def _recalls(ranks: NDArray[np.int64]) -> dict[str, float]:
    found = {f"r@{k}": round(100 * float((ranks <= k).mean()), 2) for k in RECALL_AT}
    return {**found, "median_rank": float(np.median(ranks))}
