"""From a row of a strange file (column -> cell) to a post with its author and pictures."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from core.ingest.readers.named_pictures import MAX_PICTURES, PictureFolder
from core.ingest.records import Failure, PictureSource, PostRecord
from core.ingest.values import (
    clean,
    parse_count,
    parse_id,
    parse_lang,
    parse_string,
    parse_time,
    sniff_day_first,
    to_scalar,
    unescape,
)
from core.types import Post, Scalar, User

MAX_EXTRA_COLUMNS = 100
MAX_KEY_CHARS = 100
MAX_VALUE_CHARS = 10_000
MAX_URL_CHARS = 2_000
MAX_FLATTENED = 500
NOTE = "import_note"
"""The extra column that says what the import changed or could not use of a row."""

NEITHER = "neither text nor picture"

_POST_FIELDS = (
    "id", "text", "title", "pictures", "alt", "user_id", "created_at", "lang", "url", "reply_to", "repost_of", "likes",
    "reposts", "replies", "source",
)  # fmt: skip
_USER_FIELDS = (
    "user_name", "user_handle", "user_description", "user_location", "user_created_at", "user_followers",
    "user_following",
)  # fmt: skip
_NOBODY = frozenset(("[deleted]", "[removed]"))
_MAX_SHAPES = 500
_MAX_USERS = 5000
_USER_COLUMNS = ("user_", "user.", "author_", "author.", "account_", "account.")


def latest_time() -> datetime:
    """Times after this are taken for damage: one day from now, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)


def read_web_address(cell: object) -> str | None:
    """A http or https address; nothing else: a stranger's ``javascript:`` must not become a link."""
    url = parse_string(cell)
    usable = url is not None and url.lower().startswith(("http://", "https://")) and len(url) <= MAX_URL_CHARS
    return url if usable else None


@lru_cache(maxsize=4096)
def _extra_key(column: str) -> str:
    return (clean(column) or "column")[:MAX_KEY_CHARS]


@lru_cache(maxsize=4096)
def _is_about_user(column: str) -> bool:
    return column.casefold().startswith(_USER_COLUMNS)


@lru_cache(maxsize=4096)
def _lang(cell: str) -> str | None:
    return parse_lang(cell)


class Extra:
    """Collects extra columns within their bounds, and the notes on what was cut or could not be used."""

    def __init__(self) -> None:
        self._values: dict[str, Scalar] = {}
        self._notes: list[str] = []
        self._left_out = 0

    def add(self, column: str, cell: object) -> None:
        value = to_scalar(cell)
        if value is None:
            return
        if len(self._values) >= MAX_EXTRA_COLUMNS:
            self._left_out += 1
            return
        key = _extra_key(column)
        if isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
            value = value[:MAX_VALUE_CHARS]
            self.note(f"{key}: cut to {MAX_VALUE_CHARS:,} characters")
        self._values[key] = value

    def note(self, sentence: str) -> None:
        self._notes.append(sentence)

    def unusable(self, column: str, cell: object, what: str) -> None:
        """Keeps a cell that its field can't hold, with a note that says what it is not."""
        if to_scalar(cell) is not None:
            self.add(column, cell)
            self.note(f"{column}: {what}")

    def values(self) -> dict[str, Scalar]:
        if self._left_out:
            self.note(f"{self._left_out} more columns were left out")
        if self._notes:
            self._values[NOTE] = "; ".join(self._notes)[:MAX_VALUE_CHARS]
        return self._values


class Repeats:
    """How often a row was seen before, in 16 MB whatever the number of rows.

    A count-min sketch (Cormode and Muthukrishnan, 2005) of two counters a row: the answer is never too small, and rises
    with each repeat, so equal rows get different numbers, the same ones in each import of the same file.
    """

    _SLOTS = 1 << 21

    def __init__(self) -> None:
        self._counts = (array("I", bytes(4 * self._SLOTS)), array("I", bytes(4 * self._SLOTS)))

    def count(self, digest: bytes) -> int:
        before = []
        for counts, half in zip(self._counts, (digest[:8], digest[8:16]), strict=True):
            slot = int.from_bytes(half, "little") % self._SLOTS
            before.append(counts[slot])
            counts[slot] += 1
        return min(before)


class RowReader:
    """Makes records of rows by a mapping (canonical field -> column).

    ``file_name`` goes into the ids of rows that have none; ``source_name`` is the source of posts that name none;
    ``laid_out`` says that a reader of a known export has made the rows: their texts hold no HTML entities any more, and
    columns about the author go to the author alone.
    """

    def __init__(
        self,
        mapping: Mapping[str, str],
        *,
        file_name: str,
        source_name: str,
        pictures: PictureFolder,
        max_text_chars: int,
        laid_out: bool = False,
    ) -> None:
        self._laid_out = laid_out
        self._file_name = file_name
        self._source_name = source_name
        self._pictures = pictures
        self._max_text_chars = max_text_chars
        self._latest = latest_time()
        self._repeats: Repeats | None = None
        self._samples: Sequence[Mapping[str, object]] = ()
        self._shapes: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._users: dict[tuple[str, ...], User] = {}
        self.remap(mapping)

    def learn(self, samples: Sequence[Mapping[str, object]]) -> None:
        """Looks at a few first rows for what one row can't tell: whether dates name the day or the month first."""
        self._samples = samples
        self.remap(self._column)

    def remap(self, mapping: Mapping[str, str]) -> None:
        """Goes on with another mapping, as when a JSON file names a new column in a later line."""
        self._column = dict(mapping)
        self._used = frozenset(mapping.values())
        self._post_columns = tuple(map(self._column.get, _POST_FIELDS))
        self._user_columns = tuple(map(self._column.get, _USER_FIELDS))
        self._shapes.clear()
        self._users.clear()
        self._day_first = {
            field: sniff_day_first([row.get(mapping[field]) for row in self._samples])
            for field in ("created_at", "user_created_at")
            if field in mapping
        }

    def read(self, row: Mapping[str, object], where: str, position: int) -> PostRecord | Failure:
        """The post of a row. What is in most rows goes the short way: this is where an import spends its time."""
        cells: list[Any] = list(map(row.get, self._post_columns))  # type: ignore[arg-type] # a row has no column None
        (
            id_,
            text_,
            title_,
            pictures_,
            alt_,
            user_,
            time_,
            lang_,
            url_,
            reply_,
            repost_,
            likes_,
            reposts_,
            replies_,
            src,
        ) = cells
        extra = Extra()
        pictures = self._read_pictures(pictures_, alt_, extra) if pictures_ is not None and pictures_ != "" else []
        text = self._read_text(text_, title_, extra)
        if not text and not pictures:
            return Failure(where, NEITHER, position)
        user_id = parse_id(user_)
        if user_id is not None and user_id in _NOBODY:
            user_id = None
        columns, about_user = self._shape(row)
        post = Post(
            id=self._read_id(id_, row, extra),
            text=text,
            user_id=user_id,
            created_at=self._read_time(time_, "created_at", extra),
            lang=None if lang_ is None else self._read_lang(lang_, extra),
            url=None if url_ is None else self._read_url(url_, extra),
            reply_to=None if reply_ is None else self._read_reference(reply_, "reply_to", extra),
            repost_of=None if repost_ is None else self._read_reference(repost_, "repost_of", extra),
            likes=self._read_count(likes_, "likes", extra),
            reposts=self._read_count(reposts_, "reposts", extra),
            replies=self._read_count(replies_, "replies", extra),
            source=self._source_name if src is None else (parse_string(src) or self._source_name)[:MAX_KEY_CHARS],
            extra=self._read_extra(row, extra, columns, () if user_id and self._laid_out else about_user),
        )
        user = self._known_user(row, user_id, about_user) if user_id else None
        return PostRecord(post, where, position, user, tuple(pictures))

    def read_user(self, row: Mapping[str, object], user_id: str) -> User:
        """The account that a row tells of."""
        return self._known_user(row, user_id, self._shape(row)[1])

    def _shape(self, row: Mapping[str, object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns of a row that no field takes: those about the post, and those about its author."""
        names = tuple(row)
        shape = self._shapes.get(names)
        if shape is None:
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            free = [column for column in names if column not in self._used]
            about_user = tuple(column for column in free if _is_about_user(column))
            shape = (tuple(column for column in free if not _is_about_user(column)), about_user)
            self._shapes[names] = shape
        return shape

    def _read_id(self, cell: object, row: Mapping[str, object], extra: Extra) -> str:
        post_id = parse_id(cell)
        if post_id is not None:
            return post_id
        if cell is not None:
            extra.unusable(self._column["id"], cell, "not usable as an id")
        content = hashlib.blake2b(self._file_name.encode("utf-8", "replace"), digest_size=16)
        for column in sorted(row):
            content.update(repr((column, row[column])).encode("utf-8", "replace"))
        if self._repeats is None:
            self._repeats = Repeats()
        seen = self._repeats.count(content.digest())
        return content.hexdigest() + (f"-{seen + 1}" if seen else "")

    def _read_text(self, cell: object, titled: object, extra: Extra) -> str:
        if not isinstance(cell, str):
            cell = to_scalar(cell)
        text = "" if cell is None else self._unescape(clean(str(cell)))
        title = None if titled is None else parse_string(titled)
        if title:
            title = self._unescape(title)
            if not text.startswith(title):
                text = f"{title}\n\n{text}" if text else title
        if len(text) > self._max_text_chars:
            extra.note(f"text: cut from {len(text):,} to {self._max_text_chars:,} characters")
            text = text[: self._max_text_chars]
        return text

    def _read_pictures(self, cell: object, alt: object, extra: Extra) -> list[PictureSource]:
        pictures = self._pictures.pictures(cell, parse_string(alt))
        if len(pictures) > MAX_PICTURES:
            extra.note(f"{self._column['pictures']}: only the first {MAX_PICTURES} pictures were taken")
        if not pictures:
            extra.add(self._column["pictures"], cell)
        return pictures[:MAX_PICTURES]

    def _unescape(self, text: str) -> str:
        return text if self._laid_out else unescape(text)

    def _known_user(self, row: Mapping[str, object], user_id: str, about_user: tuple[str, ...]) -> User:
        """The author, made once for all rows that say the same of them."""
        cells: list[Any] = list(map(row.get, self._user_columns))  # type: ignore[arg-type]
        key = (user_id, *map(repr, cells), *(repr(row[column]) for column in about_user))
        user = self._users.get(key)
        if user is None:
            if len(self._users) >= _MAX_USERS:
                self._users.clear()
            user = self._users[key] = self._read_user(row, user_id, cells, about_user)
        return user

    def _read_user(
        self, row: Mapping[str, object], user_id: str, cells: list[Any], about_user: tuple[str, ...]
    ) -> User:
        name, handle, description, location = map(parse_string, cells[:4])
        extra = Extra()
        for column in about_user:
            extra.add(column, row[column])
        return User(
            id=user_id,
            name=self._unescape(name)[:MAX_KEY_CHARS] if name else None,
            handle=handle.removeprefix("@")[:MAX_KEY_CHARS] if handle else None,
            description=self._unescape(description)[:MAX_VALUE_CHARS] if description else None,
            location=self._unescape(location)[:MAX_KEY_CHARS] if location else None,
            created_at=self._read_time(cells[4], "user_created_at", extra),
            followers=self._read_count(cells[5], "user_followers", extra),
            following=self._read_count(cells[6], "user_following", extra),
            extra=extra.values(),
        )

    def _read_time(self, cell: object, field: str, extra: Extra) -> datetime | None:
        if cell is None or cell == "":
            return None
        time = parse_time(cell, latest=self._latest, day_first=self._day_first[field])
        if time is None:
            extra.unusable(self._column[field], cell, "not a usable time")
        return time

    def _read_count(self, cell: object, field: str, extra: Extra) -> int | None:
        if cell is None or cell == "":
            return None
        count = parse_count(cell)
        if count is None and parse_string(cell) is not None:
            extra.unusable(self._column[field], cell, "not a usable count")
        return count

    def _read_lang(self, cell: object, extra: Extra) -> str | None:
        lang = _lang(cell) if isinstance(cell, str) else parse_lang(cell)
        if lang is None:
            extra.add(self._column["lang"], cell)
        return lang

    def _read_url(self, cell: object, extra: Extra) -> str | None:
        url = read_web_address(cell)
        if url is None:
            extra.add(self._column["url"], cell)
        return url

    def _read_reference(self, cell: object, field: str, extra: Extra) -> str | None:
        post_id = parse_id(cell)
        if post_id is None and parse_string(cell) is not None:
            extra.add(self._column[field], cell)
        return post_id

    def _read_extra(
        self, row: Mapping[str, object], extra: Extra, columns: tuple[str, ...], about_user: tuple[str, ...]
    ) -> dict[str, Scalar]:
        for some in (columns, about_user):
            for column in some:
                cell = row[column]
                if cell is not None and cell != "":
                    extra.add(column, cell)
        return extra.values()


def flatten(value: Mapping[str, object]) -> dict[str, object]:
    """Nested objects as paths: ``{"user": {"name": "x"}}`` becomes ``{"user.name": "x"}``. Lists, and objects that hold
    the bytes of a picture, stay as they are; what lies deeper than four levels, and after 500 columns, stays nested."""
    if not any(isinstance(item, dict) for item in value.values()):
        return dict(value)
    flat: dict[str, object] = {}
    _flatten_into(flat, "", value, 0)
    return flat


def _flatten_into(flat: dict[str, object], prefix: str, value: Mapping[str, object], depth: int) -> None:
    for key, item in value.items():
        path = f"{prefix}{key}"[:MAX_VALUE_CHARS]
        if isinstance(item, dict) and depth < 4 and "bytes" not in item and len(flat) < MAX_FLATTENED:
            _flatten_into(flat, f"{path}.", item, depth + 1)
        else:
            flat[path] = item
