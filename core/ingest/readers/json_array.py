"""A JSON file that holds posts in an array, alone or inside an object, or one after the other. Read item by item."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from core.ingest.readers.json_objects import DECODER, TOO_DEEP, ObjectReader, Row
from core.ingest.readers.rows import RowReader
from core.ingest.readers.text_file import LINE_LIMIT, READ_ERRORS, decode_head, open_text, read_head
from core.ingest.records import Failure, PostRecord

CHUNK = 1 << 16
SAMPLE_ITEMS = 50
_OPENING = re.compile(
    r'\s*(?:\[|\{\s*"(?:data|posts|tweets|statuses|items|results|feed|toots|messages)"\s*:\s*\[)', re.IGNORECASE
)
_ASSIGNED = re.compile(r"\s*window\.[\w.]+\s*=")
_BRACKET = re.compile(r"\s*\[")
HEADER_CHARS = 8192
"""Of the text before an array, which may say what it is an array of."""

_GAP = re.compile(r"[\s,]*")
_AFTER_ITEM = re.compile(r"\}\s*,?\s*(?=\{)")
_BRACE = re.compile(r"(?=\{)")


class _Buffer:
    """A window over a stream: ``text`` from ``index`` on is still to be read."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.text = ""
        self.index = 0
        self.ended = False
        self.broken: str | None = None

    def more(self) -> bool:
        """Reads on, as much again as there is; False at the end."""
        if self.ended:
            return False
        self.text = self.text[self.index :]
        self.index = 0
        try:
            chunk = self._stream.read(max(CHUNK, len(self.text)))
        except READ_ERRORS as error:
            self.broken = str(error) or type(error).__name__
            chunk = ""
        self.ended = not chunk
        self.text += chunk.replace("\x00", "")
        return not self.ended

    def skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.index)
        if match:
            self.index = match.end()
        return match is not None


def iterate_items(stream: TextIO, *, opening: re.Pattern[str] = _OPENING) -> Iterator[Row | str]:
    """Each item, or a sentence on what is wrong with it. After a broken item, the next one that begins after
    ``},`` is tried. ``opening`` is what may stand before the first item; without it items stand one after the other."""
    buffer = _Buffer(stream)
    buffer.more()
    yield from _items(buffer, in_array=buffer.skip(opening))
    if buffer.broken:
        yield f"the file breaks off: {buffer.broken}"


def iterate_arrays(stream: TextIO, names: Sequence[str]) -> Iterator[tuple[Row | str, str]]:
    """(item or what is wrong with it, the text before its array) of a file that is an array, perhaps assigned to a
    variable as in ``window.name = [``, or else of every array with one of the names, wherever it lies."""
    buffer = _Buffer(stream)
    buffer.more()
    buffer.skip(_ASSIGNED)
    if buffer.skip(_BRACKET):
        for item in _items(buffer, in_array=True):
            yield item, ""
    named = re.compile(f'"(?:{"|".join(names)})"\\s*:\\s*\\[') if names else None
    searched = 0
    while named is not None and searched < LINE_LIMIT:
        match = named.search(buffer.text, buffer.index)
        if match:
            before = buffer.text[max(buffer.index, match.start() - HEADER_CHARS) : match.start()]
            buffer.index = match.end()
            for item in _items(buffer, in_array=True):
                yield item, before
            searched = 0
            continue
        searched += len(buffer.text) - buffer.index
        buffer.index = max(buffer.index, len(buffer.text) - HEADER_CHARS)
        if not buffer.more():
            break
    if buffer.broken:
        yield f"the file breaks off: {buffer.broken}", ""


def _items(buffer: _Buffer, *, in_array: bool) -> Iterator[Row | str]:
    while True:
        buffer.skip(_GAP)
        if buffer.index == len(buffer.text):
            if buffer.more():
                continue
            return
        if in_array and buffer.text[buffer.index] == "]":
            buffer.index += 1
            return
        item, whole = _decode(buffer)
        yield item
        if not whole and not _resume(buffer):
            return


def _decode(buffer: _Buffer) -> tuple[Row | str, bool]:
    """The item, and whether the buffer stands after it."""
    while True:
        try:
            value, buffer.index = DECODER.raw_decode(buffer.text, buffer.index)
            return value if isinstance(value, dict) else "not a JSON object", True
        except RecursionError:
            return TOO_DEEP, False
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated") or error.pos >= len(buffer.text) - 16
            if cut and len(buffer.text) - buffer.index < LINE_LIMIT and buffer.more():
                continue
            return f"not JSON: {error.msg}", False
        except ValueError as error:  # a number of more than 4,300 digits
            return f"not JSON: {error}", False


def _resume(buffer: _Buffer) -> bool:
    """Goes to the next item after a broken one; False where there is none."""
    pattern = _AFTER_ITEM if buffer.text.startswith("{", buffer.index) else _BRACE
    while True:
        match = pattern.search(buffer.text, buffer.index)
        if match:
            buffer.index = match.end()
            return True
        buffer.index = max(buffer.index, len(buffer.text) - 1000)
        if not buffer.more():
            return False


def read_samples(path: Path) -> tuple[str, list[Row], float]:
    """(encoding, the first objects, mean bytes of an item)."""
    encoding, _ = decode_head(read_head(path))
    rows: list[Row] = []
    with open_text(path, encoding) as stream:
        for item in iterate_items(stream):
            if not isinstance(item, str):
                rows.append(item)
            if len(rows) == SAMPLE_ITEMS:
                break
    size = sum(len(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "replace")) for row in rows)
    return encoding, rows, max(1.0, size / max(1, len(rows)))


def read_items(path: Path, mapping: Mapping[str, str], reader: RowReader) -> Iterator[PostRecord | Failure]:
    """The file's posts in order."""
    encoding, samples, _ = read_samples(path)
    objects = ObjectReader(mapping, samples, reader)
    with open_text(path, encoding) as stream:
        for position, item in enumerate(iterate_items(stream)):
            yield objects.read(item, f"{path.name} item {position + 1}", position)
