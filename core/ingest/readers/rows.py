"""From a row of a strange file (column -> cell) to a post with its author and pictures."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

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
        self.remap(mapping)

    def learn(self, samples: Sequence[Mapping[str, object]]) -> None:
        """Looks at a few first rows for what one row can't tell: whether dates name the day or the month first."""
        self._samples = samples
        self.remap(self._column)

    def remap(self, mapping: Mapping[str, str]) -> None:
        """Goes on with another mapping, as when a JSON file names a new column in a later line."""
        self._column = dict(mapping)
        self._used = frozenset(mapping.values())
        self._day_first = {
            field: sniff_day_first([row.get(mapping[field]) for row in self._samples])
            for field in ("created_at", "user_created_at")
            if field in mapping
        }

    def read(self, row: Mapping[str, object], where: str, position: int) -> PostRecord | Failure:
        extra = Extra()
        pictures = self._read_pictures(row, extra)
        text = self._read_text(row, extra)
        if not text and not pictures:
            return Failure(where, NEITHER, position)
        user_id = self._read_user_id(row)
        post = Post(
            id=self._read_id(row, extra),
            text=text,
            user_id=user_id,
            created_at=self._read_time(row, "created_at", extra),
            lang=self._read_lang(row, extra),
            url=self._read_url(row, extra),
            reply_to=self._read_reference(row, "reply_to", extra),
            repost_of=self._read_reference(row, "repost_of", extra),
            likes=self._read_count(row, "likes", extra),
            reposts=self._read_count(row, "reposts", extra),
            replies=self._read_count(row, "replies", extra),
            source=(self._string(row, "source") or self._source_name)[:MAX_KEY_CHARS],
            extra=self._read_extra(row, extra, user_id),
        )
        user = self.read_user(row, user_id) if user_id else None
        return PostRecord(post, where, position, user=user, pictures=tuple(pictures))

    def _cell(self, row: Mapping[str, object], field: str) -> object:
        column = self._column.get(field)
        return None if column is None else row.get(column)

    def _string(self, row: Mapping[str, object], field: str) -> str | None:
        return parse_string(self._cell(row, field))

    def _read_id(self, row: Mapping[str, object], extra: Extra) -> str:
        cell = self._cell(row, "id")
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

    def _read_text(self, row: Mapping[str, object], extra: Extra) -> str:
        cell = self._cell(row, "text")
        if not isinstance(cell, str):
            cell = to_scalar(cell)
        text = "" if cell is None else self._unescape(clean(str(cell)))
        title = self._string(row, "title")
        if title:
            title = self._unescape(title)
            if not text.startswith(title):
                text = f"{title}\n\n{text}" if text else title
        if len(text) > self._max_text_chars:
            extra.note(f"text: cut from {len(text):,} to {self._max_text_chars:,} characters")
            text = text[: self._max_text_chars]
        return text

    def _read_pictures(self, row: Mapping[str, object], extra: Extra) -> list[PictureSource]:
        cell = self._cell(row, "pictures")
        if cell is None or cell == "":
            return []
        pictures = self._pictures.pictures(cell, self._string(row, "alt"))
        if len(pictures) > MAX_PICTURES:
            extra.note(f"{self._column['pictures']}: only the first {MAX_PICTURES} pictures were taken")
        if not pictures:
            extra.add(self._column["pictures"], cell)
        return pictures[:MAX_PICTURES]

    def _read_user_id(self, row: Mapping[str, object]) -> str | None:
        user_id = parse_id(self._cell(row, "user_id"))
        return None if user_id in ("[deleted]", "[removed]") else user_id

    def _unescape(self, text: str) -> str:
        return text if self._laid_out else unescape(text)

    def read_user(self, row: Mapping[str, object], user_id: str) -> User:
        """The account that a row tells of."""
        name, handle = self._string(row, "user_name"), self._string(row, "user_handle")
        description, location = self._string(row, "user_description"), self._string(row, "user_location")
        extra = Extra()
        for column, cell in row.items():
            if _is_about_user(column) and column not in self._used:
                extra.add(column, cell)
        return User(
            id=user_id,
            name=self._unescape(name)[:MAX_KEY_CHARS] if name else None,
            handle=handle.removeprefix("@")[:MAX_KEY_CHARS] if handle else None,
            description=self._unescape(description)[:MAX_VALUE_CHARS] if description else None,
            location=self._unescape(location)[:MAX_KEY_CHARS] if location else None,
            created_at=self._read_time(row, "user_created_at", extra),
            followers=self._read_count(row, "user_followers", extra),
            following=self._read_count(row, "user_following", extra),
            extra=extra.values(),
        )

    def _read_time(self, row: Mapping[str, object], field: str, extra: Extra) -> datetime | None:
        cell = self._cell(row, field)
        if cell is None or cell == "":
            return None
        time = parse_time(cell, latest=self._latest, day_first=self._day_first[field])
        if time is None:
            extra.unusable(self._column[field], cell, "not a usable time")
        return time

    def _read_count(self, row: Mapping[str, object], field: str, extra: Extra) -> int | None:
        cell = self._cell(row, field)
        if cell is None or cell == "":
            return None
        count = parse_count(cell)
        if count is None and parse_string(cell) is not None:
            extra.unusable(self._column[field], cell, "not a usable count")
        return count

    def _read_lang(self, row: Mapping[str, object], extra: Extra) -> str | None:
        cell = self._cell(row, "lang")
        lang = parse_lang(cell)
        if lang is None and cell is not None:
            extra.add(self._column["lang"], cell)
        return lang

    def _read_url(self, row: Mapping[str, object], extra: Extra) -> str | None:
        cell = self._cell(row, "url")
        url = read_web_address(cell)
        if url is None and cell is not None:
            extra.add(self._column["url"], cell)
        return url

    def _read_reference(self, row: Mapping[str, object], field: str, extra: Extra) -> str | None:
        cell = self._cell(row, field)
        post_id = parse_id(cell)
        if post_id is None and cell is not None and parse_string(cell) is not None:
            extra.add(self._column[field], cell)
        return post_id

    def _read_extra(self, row: Mapping[str, object], extra: Extra, user_id: str | None) -> dict[str, Scalar]:
        apart = self._laid_out and user_id is not None
        for column, cell in row.items():
            if column not in self._used and not (apart and _is_about_user(column)):
                extra.add(column, cell)
        return extra.values()


def flatten(value: Mapping[str, object]) -> dict[str, object]:
    """Nested objects as paths: ``{"user": {"name": "x"}}`` becomes ``{"user.name": "x"}``. Lists, and objects that hold
    the bytes of a picture, stay as they are; what lies deeper than four levels, and after 500 columns, stays nested."""
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
