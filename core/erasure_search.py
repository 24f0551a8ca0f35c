"""Looks for ids in the files of a workspace, in each form in which files keep texts."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.database.erasure import LEAST_CHARS
from core.ingest.readers.text_file import CODE_PAGES, HEAD_BYTES

_PACKED = (".parquet", ".gz", ".zst", ".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z")
_CHUNK = 1 << 22
_OVERLAP = 4096
_TEXTS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".txt", ".js")


@dataclass(frozen=True, slots=True)
class Sought:
    """Ids to look for. Those of LEAST_CHARS signs or more are found wherever their bytes are: in UTF-8, as JSON escapes
    them, as numpy writes texts (UTF-32), and in text files also in the code pages that imports know. Shorter ones are
    part of any number or word: they are found as whole values, in quotes in JSON, as cells and words of tables and
    lists, as entries of arrays of texts."""

    long: re.Pattern[bytes] | None
    paged: re.Pattern[bytes] | None
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
            if self.paged is not None and path.suffix.lower() in _TEXTS and _file_holds(path, self.paged):
                return True
            return bool(self.short) and self._whole_value(path)
        except (OSError, zipfile.BadZipFile, RuntimeError):  # gone meanwhile, damaged, or locked by a password
            return False

    def _whole_value(self, path: Path) -> bool:
        suffix = path.suffix.lower()
        if suffix in (".npy", ".npz"):
            return any(self.short.intersection(array.ravel().tolist()) for array in _texts_of(path))
        if suffix not in _TEXTS:
            return False
        pattern = self.quoted if suffix.startswith((".js", ".ndjson")) else self.alone
        assert pattern is not None
        return _file_holds(path, pattern)


def sought(ids: Iterable[str]) -> Sought:
    given = list(dict.fromkeys(ids))
    long = [id_ for id_ in given if len(id_) >= LEAST_CHARS]
    short = [id_ for id_ in given if 0 < len(id_) < LEAST_CHARS]
    escaped = [json.dumps(id_)[1:-1] for id_ in long]
    forms = {form.encode("utf-8", "replace") for form in (*long, *escaped)}
    forms |= {id_.encode("utf-32-le", "replace") for id_ in long}
    paged = {form for id_ in long if not id_.isascii() for form in _in_code_pages(id_)}
    quoted = {form for id_ in short for form in (json.dumps(id_), json.dumps(id_, ensure_ascii=False))}
    plain = [id_.encode("utf-8", "replace") for id_ in short]
    between = rb"(?:^|(?<=[\s,;|\"']))(?:%b)(?=$|[\s,;|\"'])"
    return Sought(
        _any_of(forms),
        _any_of(paged),
        frozenset(short),
        _any_of(form.encode("utf-8", "replace") for form in quoted),
        re.compile(between % b"|".join(map(re.escape, plain)), re.MULTILINE) if plain else None,
    )


def cant_be_looked_into(path: Path) -> bool:
    """Whether a text in the file is not found by its bytes: it is packed, or a table in UTF-16."""
    if path.name.lower().endswith(_PACKED):
        return True
    if path.suffix.lower() not in _TEXTS:
        return False
    with path.open("rb") as file:
        return b"\0" in file.read(HEAD_BYTES)


def _in_code_pages(id_: str) -> Iterator[bytes]:
    for page in CODE_PAGES:
        with suppress(UnicodeEncodeError):
            yield id_.encode(page)


def _any_of(forms: Iterable[bytes]) -> re.Pattern[bytes] | None:
    found = sorted(set(forms), key=len, reverse=True)
    return re.compile(b"|".join(map(re.escape, found))) if found else None


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
