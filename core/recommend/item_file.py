"""Reads what items are from a CSV file: titles, pictures, genres, years."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ImportFailed
from core.recommend.features import Matrix, bumps, fit_block, one_hot
from core.recommend.interactions import MOST_IDS
from core.recommend.protocol import Report
from core.settings import read_settings

TEXTS = ("title", "text", "name", "description")
PICTURES = ("image", "picture", "poster")
_MOST_WORDS = 300
_YEAR = re.compile(r"\((1[89]\d\d|20\d\d)\)\s*$")
_BATCH = 128


def read_content(path: Path, least_items: int, report: Report) -> Matrix:
    """(items, features) float32 of a CSV file with a column ``item`` and any of title, text, image and others.

    Texts and pictures are encoded by the encoders of the settings, a year at a title's end becomes its own block, and
    any other column counts as a list of words, unless it is an id. An item that the file lacks has features of 0.
    Pictures must lie below the file's folder. Raises ImportFailed.
    """
    rows = _read(path)
    numbers = [_number(path, row, line) for line, row in enumerate(rows, start=2)]
    count = max(least_items, max(numbers) + 1)
    at = np.array(numbers, np.int64)
    columns = [name for name in rows[0] if name]
    blocks: list[Matrix] = []

    def add(name: str, values: Matrix, there: NDArray[np.bool_] | None = None) -> None:
        blocks.append(fit_block(name, values, there).features(values, there))

    texts = [name for name in columns if name.lower() in TEXTS]
    if texts:
        said = [". ".join((row[name] or "").strip() for name in texts) for row in rows]
        years = np.array([int(m[1]) if (m := _YEAR.search(text)) else np.nan for text in said])
        add("texts", _encode_texts([_YEAR.sub("", text).strip() for text in said], report))
        if np.isfinite(years).any():
            centres = np.arange(np.nanmin(years), np.nanmax(years) + 4, 4.0)
            add("year", bumps(years, centres, 4.0), np.isfinite(years))
    for name in columns:
        if name.lower() in PICTURES:
            vectors, there = _encode_pictures(path.parent, [row[name] or "" for row in rows], report)
            add(name, vectors, there)
        elif name.lower() not in (*TEXTS, "item") and not name.lower().endswith("id"):
            words = [[word.strip() for word in re.split(r"[,|;]", row[name] or "") if word.strip()] for row in rows]
            known = Counter(word for one in words for word in set(one))
            vocabulary = [word for word, n in known.most_common(_MOST_WORDS) if n > 1]
            if vocabulary:
                add(name, one_hot(words, vocabulary))
    if not blocks:
        raise ImportFailed(f"{path.name} says nothing of the items but their numbers: give a title, text or image.")
    content = np.zeros((count, sum(block.shape[1] for block in blocks)), np.float32)
    content[at] = np.hstack(blocks)
    return content


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportFailed(f"{path} can't be read as a CSV file: {error}.") from None
    if not rows or "item" not in rows[0]:
        raise ImportFailed(f"{path.name} needs a column 'item', the number that the interactions use, and rows.")
    return rows


def _number(path: Path, row: dict[str, str], line: int) -> int:
    value = row["item"] or ""
    if not re.fullmatch(r"\d{1,9}", value) or int(value) > MOST_IDS:
        raise ImportFailed(f"{path.name}, line {line}: the item {value[:40]!r} is no whole number below {MOST_IDS:,}.")
    return int(value)


def _encode_texts(texts: list[str], report: Report) -> Matrix:
    from core.encoders.loading import load_encoder

    encoder = load_encoder("text", read_settings())
    parts = []
    for start in range(0, len(texts), _BATCH):
        report("reading texts", start, len(texts))
        parts.append(encoder.encode_documents([text or " " for text in texts[start : start + _BATCH]]))
    return np.vstack(parts).astype(np.float32)


def _encode_pictures(folder: Path, names: list[str], report: Report) -> tuple[Matrix, NDArray[np.bool_]]:
    """Vectors of the pictures, and which there are: one that is missing, outside the folder or damaged is none."""
    from core.encoders.loading import load_encoder
    from core.errors import PictureError

    encoder = load_encoder("dual", read_settings())
    root = folder.resolve()
    paths = [(root / name).resolve() for name in names]
    there = np.array(
        [bool(name) and path.is_relative_to(root) and path.is_file() for name, path in zip(names, paths, strict=True)]
    )
    vectors = np.zeros((len(names), encoder.space.dim), np.float32)
    able = np.flatnonzero(there)
    for start in range(0, len(able), _BATCH):
        report("looking at pictures", start, len(able))
        some = able[start : start + _BATCH]
        try:
            vectors[some] = encoder.encode_pictures([paths[at] for at in some])
        except PictureError:
            for at in some:
                try:
                    vectors[at] = encoder.encode_pictures([paths[at]])[0]
                except PictureError:
                    there[at] = False
    return vectors, there
