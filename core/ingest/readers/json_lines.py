"""JSON lines: one object a line."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.ingest.readers.json_objects import ObjectReader, Row, parse_object
from core.ingest.readers.rows import RowReader
from core.ingest.readers.text_file import HEAD_BYTES, TOO_LONG, Lines, decode_head, open_text, read_head
from core.ingest.records import Failure, PostRecord


def read_samples(path: Path) -> tuple[str, list[Row], float]:
    """(encoding, the objects in the first 64 KiB, mean bytes of a line). Where the first line alone is longer, it is
    read whole."""
    head = read_head(path)
    encoding, text = decode_head(head)
    if len(head) >= HEAD_BYTES:
        if "\n" in text:
            text = text[: text.rindex("\n") + 1]
        else:
            with open_text(path, encoding) as stream:
                text = next(Lines(stream), "")
    lines = [line for line in map(_strip, io.StringIO(text)) if line]
    rows = [row for row in map(parse_object, lines) if not isinstance(row, str)]
    return encoding, rows, max(1.0, len(text.encode(encoding, "replace")) / max(1, len(lines)))


def _strip(line: str) -> str:
    """A line without what an array with one object a line has around it."""
    line = line.strip()
    if line[-1:] == ",":
        line = line[:-1].rstrip()
    return "" if line in ("[", "]") else line


def iterate_lines(path: Path, encoding: str) -> Iterator[tuple[Row | str, str, int]]:
    """(object or what is wrong with it, place, position) of each line that is not blank."""
    position = 0
    with open_text(path, encoding) as stream:
        lines = Lines(stream)
        for line in lines:
            lines.mark()
            number = lines.number
            for long in lines.drain_too_long():
                yield TOO_LONG, f"{path.name} line {long}", position
                position += 1
            stripped = _strip(line)
            if stripped:
                yield parse_object(stripped), f"{path.name} line {number}", position
                position += 1
        for long in lines.drain_too_long():
            yield TOO_LONG, f"{path.name} line {long}", position
            position += 1
        if lines.broken:
            yield f"the file breaks off: {lines.broken}", f"{path.name} line {lines.number + 1}", position


def read_lines(path: Path, mapping: Mapping[str, str], reader: RowReader) -> Iterator[PostRecord | Failure]:
    """The file's posts in order."""
    encoding, samples, _ = read_samples(path)
    objects = ObjectReader(mapping, samples, reader)
    for item, where, position in iterate_lines(path, encoding):
        yield objects.read(item, where, position)
