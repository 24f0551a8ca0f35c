"""Looks for ids in the files of a workspace, in each form in which files keep texts."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.database.erasure import LEAST_CHARS

PACKED = (".parquet", ".gz", ".zst", ".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z")
"""Endings of files in which a text can't be found by its bytes."""
_CHUNK = 1 << 22
_OVERLAP = 4096
_TEXTS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".txt", ".js")


@dataclass(frozen=True, slots=True)
class Sought:
    """Ids to look for. Those of LEAST_CHARS signs or more are found wherever their bytes are, in UTF-8 or, as numpy
    writes texts, UTF-32. Shorter ones are part of any number or word: they are found as whole values, in quotes in
    JSON, as cells and words of tables and lists, as entries of arrays of texts."""

    long: re.Pattern[bytes] | None
    short: frozenset[str]
    quoted: re.Pattern[bytes] | None
    alone: re.Pattern[bytes] | None

    def __bool__(self) -> bool:
        return self.long is not None or bool(self.short)

    def among(self, paths: Iterable[Path]) -> Iterator[Path]:
        return (path for path in paths if self.held_by(path))

    def held_by(self, path: Path) -> bool:
        """Whether a file holds one of the ids, also within a zip file, such as numpy's."""
        try:
            if self.long is not None and _file_holds(path, self.long):
                return True
            return bool(self.short) and self._whole_value(path)
        except (OSError, zipfile.BadZipFile, RuntimeError):  # gone meanwhile, damaged, or locked by a password
            return False

    def _whole_value(self, path: Path) -> bool:
        if path.suffix in (".npy", ".npz"):
            return any(self.short.intersection(array.ravel().tolist()) for array in _texts_of(path))
        if path.suffix not in _TEXTS:
            return False
        pattern = self.quoted if path.suffix.startswith(".js") else self.alone
        assert pattern is not None
        return _file_holds(path, pattern)


def sought(ids: Iterable[str]) -> Sought:
    given = list(dict.fromkeys(ids))
    long = [id_ for id_ in given if len(id_) >= LEAST_CHARS]
    short = [id_ for id_ in given if 0 < len(id_) < LEAST_CHARS]
    forms = [form for id_ in long for form in (id_.encode("utf-8", "replace"), id_.encode("utf-32-le", "replace"))]
    quoted = {form for id_ in short for form in (json.dumps(id_), json.dumps(id_, ensure_ascii=False))}
    plain = [id_.encode("utf-8", "replace") for id_ in short]
    between = rb"(?:^|(?<=[\s,;|\"']))(?:%b)(?=$|[\s,;|\"'])"
    return Sought(
        _any_of(forms),
        frozenset(short),
        _any_of([form.encode("utf-8", "replace") for form in quoted]),
        re.compile(between % b"|".join(map(re.escape, plain)), re.MULTILINE) if plain else None,
    )


def _any_of(forms: list[bytes]) -> re.Pattern[bytes] | None:
    return re.compile(b"|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None


def _texts_of(path: Path) -> Iterator[Any]:
    """The arrays of texts in a file of numpy's; nothing is unpickled."""
    try:
        loaded = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix == ".npy" else None)
        arrays = [loaded] if isinstance(loaded, np.ndarray) else [loaded[name] for name in loaded.files]
    except ValueError:  # no file of numpy's after all
        return
    yield from (array for array in arrays if array.dtype.kind == "U")


def _file_holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    if _stream_holds(file, pattern):
                        return True
    with path.open("rb") as plain:
        return _stream_holds(plain, pattern)


def _stream_holds(file: Any, pattern: re.Pattern[bytes]) -> bool:
    tail = b""
    while chunk := file.read(_CHUNK):
        if pattern.search(tail + chunk):
            return True
        tail = chunk[-_OVERLAP:]
    return False
