"""What JSON lines and JSON arrays share: an object becomes a row, and columns may turn up in any line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

import orjson

from core.errors import ImportFailed
from core.ingest.contents import find_by_content
from core.ingest.mapping import find_columns, no_posts
from core.ingest.readers.rows import RowReader, flatten
from core.ingest.records import Failure, PostRecord

Row = dict[str, object]

DECODER = json.JSONDecoder(strict=False)
"""Lets control characters pass inside strings, as many exports write them."""

# orjson, several times as fast, makes numbers beyond 2^64 floats: an id would lose its last digits. Three patterns that
# begin with a plain character are found much faster than one that does not.
_HUGE = tuple(re.compile(rf"\{mark}\s*-?\d{{20}}") for mark in ":[,")

MAX_COLUMNS = 1000
TOO_DEEP = "the JSON is nested too deep"


def parse_object(text: str) -> Row | str:
    """The object that a text is, or a sentence on what is wrong with it."""
    if not any(huge.search(text) for huge in _HUGE):
        try:
            value = orjson.loads(text)
            return value if isinstance(value, dict) else "not a JSON object"
        except orjson.JSONDecodeError:
            pass  # it knows no NaN, control characters or half surrogates, which exports hold
    try:
        value = DECODER.decode(text)
        return value if isinstance(value, dict) else "not a JSON object"
    except RecursionError:
        return TOO_DEEP
    except ValueError as error:  # JSONDecodeError, and numbers of more than 4,300 digits
        return f"not JSON: {error}"


def column_names(objects: Iterable[Mapping[str, object]]) -> list[str]:
    """All columns of the objects, flattened, in the order in which they turn up; at most 1,000."""
    names: dict[str, None] = {}
    for item in objects:
        names.update(dict.fromkeys(flatten(item)))
        if len(names) > MAX_COLUMNS:
            break
    return list(names)[:MAX_COLUMNS]


def find_mapping(name: str, objects: Iterable[Row], given: Mapping[str, str] | None) -> dict[str, str]:
    """The columns by their names, and where those say nothing by what is in them. Raises ImportFailed where there is
    neither a text nor a picture column."""
    objects = list(objects)
    columns = column_names(objects)
    try:
        mapping = find_columns(columns, given)
    except ImportFailed as error:
        raise ImportFailed(f"{name}: {error}", columns=columns) from error
    mapping |= find_by_content(columns, [flatten(item) for item in objects], mapping, given)
    if "text" not in mapping and "pictures" not in mapping:
        raise no_posts(name, columns)
    return mapping


class ObjectReader:
    """Reads objects by a mapping that grows: a field that has no column yet takes one that a later object brings."""

    def __init__(self, mapping: Mapping[str, str], samples: Sequence[Row], reader: RowReader) -> None:
        self._mapping = dict(mapping)
        self._known = set(column_names(samples))
        self._reader = reader
        reader.learn([flatten(item) for item in samples])

    def read(self, item: Row | str, where: str, position: int) -> PostRecord | Failure:
        """The post of an object; a string is what is wrong with one."""
        if isinstance(item, str):
            return Failure(where, item, position)
        try:
            row = flatten(item)
            if not self._known.issuperset(row) and len(self._known) < MAX_COLUMNS:
                self._grow([column for column in row if column not in self._known])
            return self._reader.read(row, where, position)
        except RecursionError:
            return Failure(where, TOO_DEEP, position)

    def _grow(self, columns: list[str]) -> None:
        self._known.update(columns)
        grown = find_columns(columns) | self._mapping
        if grown != self._mapping:
            self._mapping = grown
            self._reader.remap(grown)
