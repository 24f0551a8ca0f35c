"""What the readers of known exports share: an object of the export becomes rows with the names of our own fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from core.errors import ImportFailed
from core.ingest.mapping import FIELDS, list_columns
from core.ingest.readers.json_objects import TOO_DEEP, Row
from core.ingest.readers.rows import RowReader, latest_time
from core.ingest.records import ActRecord, Failure, PostRecord
from core.ingest.values import parse_id, parse_time
from core.types import Interaction

QUOTE_OF = "quote_of"
"""The extra column that names the post that a post quotes."""

BESIDE = "_beside"
"""The key under which a reader puts what it knows of an object from elsewhere: the chat, the account, the platform."""


@dataclass(frozen=True, slots=True)
class Act:
    """What an object says a user did to a post. ``row`` holds user_id, post_id, created_at and what is known of the
    user, under the names of our fields; without a post_id it only tells who the user is."""

    kind: str
    row: Row


_EMBEDDED = "_embedded"

Made = Iterable[Row | Act] | None
"""What one object gives: rows and acts, nothing (a deletion, a service message), or None where it is no such object."""


@dataclass(frozen=True, slots=True)
class Export:
    """A known export.

    ``is_one`` tells its objects from all others; ``rows`` lays one out under the names of our fields (further columns
    become extra columns). ``arrays`` are the names of the JSON arrays that hold the objects in a file that is one JSON
    object.
    """

    name: str
    about: str
    is_one: Callable[[Row], bool]
    rows: Callable[[Row], Made]
    arrays: tuple[str, ...] = ()


def embedded(made: Made) -> list[Row | Act]:
    """What an object inside another one gives: a post that is quoted, boosted or answered."""
    return [{**one, _EMBEDDED: True} if isinstance(one, dict) else one for one in made or ()]


def at(value: object, *path: str) -> object:
    """What lies at a path of keys; None where there is no such path."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def dicts(value: object) -> list[Row]:
    """The objects in a list; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def words(value: object, key: str) -> str | None:
    """The strings under one key of a list of objects, joined by commas."""
    return ",".join(found for item in dicts(value) if isinstance(found := item.get(key), str)) or None


def first(*values: object) -> object:
    """The first value that is there."""
    for value in values:
        if value is not None and value != "":
            return value
    return None


def rest(item: Mapping[str, object], used: frozenset[str]) -> Row:
    """The columns that the reader has no field for."""
    return {key: value for key, value in item.items() if key not in used and value is not None and key not in FIELDS}


def recognises(export: Export, objects: Sequence[Row]) -> bool:
    """Whether more than half of a file's first objects are of this export."""
    return sum(map(export.is_one, objects)) * 2 > len(objects)


def find_mapping(name: str, export: Export, objects: Sequence[Row], given: Mapping[str, str] | None) -> dict[str, str]:
    """The fields that the first objects fill, each by its own name, and what is given beside; a field that is given as
    empty stays so. Raises ImportFailed where no object is of this export, or a given column is in none."""
    rows = [made for item in objects for made in export.rows(item) or () if isinstance(made, dict)]
    if not rows and not any(export.is_one(item) for item in objects):
        raise ImportFailed(f"{name} does not look like {export.about}.")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for field, column in (given or {}).items():
        if field not in FIELDS:
            raise ImportFailed(f"There is no field {field!r} to map a column to. Fields: {', '.join(FIELDS)}.")
        if column and column not in columns:
            raise ImportFailed(
                f"{name}: the column {column!r}, given for {field}, is not there. {list_columns(columns)}"
            )
    filled = {column for row in rows for column, value in row.items() if value is not None and value != ""}
    return {field: field for field in FIELDS if field in filled} | dict(given or {})


def reading_mapping(mapping: Mapping[str, str]) -> dict[str, str]:
    """The mapping to read with: fields that the first objects did not fill may be filled by later ones."""
    return {field: field for field in FIELDS} | dict(mapping)


class ExportReader:
    """Reads the objects of an export: posts, and acts where an object is no post but a boost or a like."""

    def __init__(self, export: Export, reader: RowReader) -> None:
        self._export = export
        self._reader = reader
        self._latest = latest_time()

    def read(
        self, item: Row | str, where: str, position: int, beside: Row | None = None
    ) -> Iterator[PostRecord | ActRecord | Failure]:
        """What one object gives; a string is what is wrong with one."""
        if isinstance(item, str):
            yield Failure(where, item, position)
            return
        if beside is not None:
            item = {**item, BESIDE: beside}
        try:
            made = self._export.rows(item)
            if made is None:
                yield Failure(where, f"not {self._export.about}", position)
                return
            yield from [self._record(one, where, position) for one in made]
        except RecursionError:
            yield Failure(where, TOO_DEEP, position)

    def _record(self, made: Row | Act, where: str, position: int) -> PostRecord | ActRecord | Failure:
        if isinstance(made, Act):
            return self.act(made, where, position)
        shown = bool(made.pop(_EMBEDDED, False))
        record = self._reader.read(made, where, position)
        if isinstance(record, Failure):
            return record
        post, edges = record.post, []
        if post.user_id:
            quoted = made.get(QUOTE_OF)
            targets = (("reply", post.reply_to), ("quote", parse_id(quoted) if quoted else None))
            edges = [Interaction(post.user_id, to, kind, post.created_at) for kind, to in targets if to]
        return replace(record, interactions=tuple(edges), embedded=shown) if edges or shown else record

    def act(self, act: Act, where: str, position: int) -> ActRecord | Failure:
        """The record of an act."""
        user_id, post_id = parse_id(act.row.get("user_id")), parse_id(act.row.get("post_id"))
        if user_id is None:
            return Failure(where, f"a {act.kind} by nobody", position)
        user = self._reader.read_user(act.row, user_id)
        if post_id is None:
            return ActRecord(where, position, user)
        time = parse_time(act.row.get("created_at"), latest=self._latest)
        return ActRecord(where, position, user, (Interaction(user_id, post_id, act.kind, time),))
