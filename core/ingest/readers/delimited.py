"""CSV and TSV: the delimiter, the header and the encoding are found from the first 64 KiB."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.ingest.contents import find_by_content
from core.ingest.mapping import count_known, find_columns, no_posts, unique_names
from core.ingest.readers.rows import RowReader
from core.ingest.readers.text_file import (
    HEAD_BYTES,
    LINE_LIMIT,
    TOO_LONG,
    Lines,
    RecordTooLong,
    decode_head,
    open_text,
    read_head,
)
from core.ingest.records import Failure, PostRecord
from core.ingest.values import clean

DELIMITERS = (",", "\t", ";", "|")
SAMPLE_ROWS = 200

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a delimited file is written.

    ``columns`` are unique names, made up as ``column 1`` where the file has no header; ``samples`` are the first rows
    and ``row_bytes`` their mean size.
    """

    delimiter: str
    encoding: str
    columns: tuple[str, ...]
    has_header: bool
    samples: tuple[Row, ...]
    row_bytes: float


def read_layout(path: Path, *, delimiter: str | None = None, given: Mapping[str, str] | None = None) -> Layout | None:
    """The layout of a delimited file, or None where the file is none. ``given`` is a mapping whose columns help to tell
    the header."""
    head = read_head(path)
    encoding, text = decode_head(head)
    if len(head) >= HEAD_BYTES and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    candidates = _candidates(path, delimiter)
    sampled = [(name, rows) for name in candidates if (rows := _sample(text, name))]
    if not sampled:
        return None
    name, rows = max(sampled, key=lambda item: _score(item[1], given))  # of equals the first
    columns, has_header = _columns(rows, given)
    if not has_header and (len(columns) < 2 or sum(len(row) == len(columns) for row in rows) < 0.9 * len(rows)):
        return None
    body = rows[1:] if has_header else rows
    samples: tuple[Row, ...] = tuple(dict(zip(columns, row, strict=False)) for row in body)
    count = sum(1 for _ in iterate_rows(Lines(io.StringIO(text)), name))
    return Layout(name, encoding, columns, has_header, samples, len(text.encode(encoding, "replace")) / count)


def _candidates(path: Path, delimiter: str | None) -> Sequence[str]:
    if delimiter is not None:
        return (delimiter,)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return ("\t", *(d for d in DELIMITERS if d != "\t")) if ".tsv" in suffixes or ".tab" in suffixes else DELIMITERS


def _sample(text: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for _, row in iterate_rows(Lines(io.StringIO(text)), delimiter):
        rows.append(row)
        if len(rows) == SAMPLE_ROWS:
            break
    return rows


def _score(rows: list[list[str]], given: Mapping[str, str] | None) -> tuple[int, int, float]:
    """How well a delimiter fits: header cells that are known names, then rows as wide as the first."""
    width = len(rows[0])
    known = count_known(rows[0]) + sum(cell in rows[0] for cell in (given or {}).values() if cell)
    same = sum(len(row) == width for row in rows) / len(rows)
    return known, min(width, 2), same


def _columns(rows: list[list[str]], given: Mapping[str, str] | None) -> tuple[tuple[str, ...], bool]:
    first = [clean(cell) for cell in rows[0]]
    named = count_known(first) or any(column in first for column in (given or {}).values() if column)
    if named or (not _headerless(rows) and all(len(cell) <= 60 for cell in first)):
        return tuple(unique_names(first)), True
    width = Counter(len(row) for row in rows).most_common(1)[0][0]
    return tuple(f"column {number}" for number in range(1, width + 1)), False


def _headerless(rows: list[list[str]]) -> bool:
    """Whether the first row is data: some cell is a sentence, a number, or empty."""
    return any(cell.count(" ") >= 4 or _is_number(cell) or not cell.strip() for cell in rows[0])


def _is_number(cell: str) -> bool:
    return cell.strip().lstrip("+-").replace(".", "", 1).isdecimal()


def find_mapping(name: str, layout: Layout, given: Mapping[str, str] | None) -> dict[str, str]:
    """The columns by their names, and where those say nothing by what is in them. Raises ImportFailed where there is
    neither a text nor a picture column."""
    mapping = find_columns(layout.columns, given)
    mapping |= find_by_content(layout.columns, layout.samples, mapping, given, has_header=layout.has_header)
    if "text" not in mapping and "pictures" not in mapping:
        raise no_posts(name, layout.columns)
    return mapping


def iterate_rows(lines: Lines, delimiter: str, width: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each row that is not blank.

    A quote that is never closed, or is closed in the middle of a later cell, would swallow the rows up to there: such
    lines are read one by one instead. A last line that ends within quotes, before its last column, is no row:
    ``lines.broken`` says so.
    """
    csv.field_size_limit(LINE_LIMIT)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.mark()
        try:
            row: list[str] | None = next(reader)
            closed = True
        except StopIteration:
            return
        except csv.Error as error:
            row = None
            closed = "expected after" in str(error)
        except RecordTooLong:
            row = None
            closed = False
        taken = lines.taken
        start = lines.number - len(taken) + 1
        if row is not None and (len(taken) == 1 or _plausible(row, taken, delimiter, width)):
            if any(row):
                yield start, row
            continue
        if closed and len(taken) > 1:
            lines.push_back(taken[-1:])  # it may open a quote of its own
            taken = taken[:-1]
        for offset, line in enumerate(taken):
            if not closed and _breaks_off(line, delimiter, width):
                lines.number -= 1
                lines.broken = "it ends within quotes"
                return
            row = _read_alone(line, delimiter, width)
            if any(row):
                yield start + offset, row


def _plausible(row: list[str], taken: list[str], delimiter: str, width: int | None) -> bool:
    """Whether a row over several lines is one. Nobody quotes tabs, so in a TSV lines that are whole rows are rows."""
    if width is not None and len(row) != width:
        return False
    return delimiter != "\t" or all(line.count("\t") < len(row) - 1 for line in taken[1:-1]) or len(row) == 1


def _breaks_off(line: str, delimiter: str, width: int | None) -> bool:
    """Whether the file ends in this line, within quotes and with columns to come."""
    if width is None or line.endswith(("\n", "\r")) or line.count(delimiter) + 1 >= width:
        return False
    try:
        next(csv.reader([line], delimiter=delimiter, strict=True), None)
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _read_alone(line: str, delimiter: str, width: int | None) -> list[str]:
    plain = line.rstrip("\n").split(delimiter)
    if width is not None and len(plain) == width:
        return plain
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return plain


def iterate_table(path: Path, layout: Layout, *, text_last: bool) -> Iterator[tuple[Row | str, str, int]]:
    """(row or what is wrong with it, place, position) of each row below the header. ``text_last`` says that the last
    column is text, which may hold delimiters that nobody quoted."""
    width = len(layout.columns)
    header = list(layout.columns) if layout.has_header else None
    opening = header[0] if header else None
    position = 0
    with open_text(path, layout.encoding) as stream:
        lines = Lines(stream)
        skip = layout.has_header
        for number, cells in iterate_rows(lines, layout.delimiter, width):
            for long in lines.drain_too_long():
                yield TOO_LONG, f"{path.name} line {long}", position
                position += 1
            # files that were joined repeat their header
            if skip or (cells[0].strip() == opening and [cell.strip() for cell in cells] == header):
                skip = False
                continue
            row = _fit(cells, layout, text_last)
            problem = f"{len(cells)} cells, where the header has {width} columns"
            yield problem if row is None else row, f"{path.name} line {number}", position
            position += 1
        for long in lines.drain_too_long():
            yield TOO_LONG, f"{path.name} line {long}", position
            position += 1
        if lines.broken:
            yield f"the file breaks off: {lines.broken}", f"{path.name} line {lines.number + 1}", position


def _fit(cells: list[str], layout: Layout, text_last: bool) -> Row | None:
    """The cells by column. Missing cells at the end are empty; further cells must be empty, or belong to an unquoted
    text in the last column, else the row is out of step."""
    width = len(layout.columns)
    if len(cells) > width:
        if any(cells[width:]):
            if not text_last:
                return None
            cells = [*cells[: width - 1], layout.delimiter.join(cells[width - 1 :])]
        cells = cells[:width]
    return dict(zip(layout.columns, cells, strict=False))


def read_table(
    path: Path, layout: Layout, mapping: Mapping[str, str], reader: RowReader
) -> Iterator[PostRecord | Failure]:
    """The file's posts in order. Rows that do not fit the header are failures, unless nothing is in doubt."""
    width = len(layout.columns)
    text_last = mapping.get("text") == layout.columns[-1]
    reader.learn(layout.samples)
    for row, where, position in iterate_table(path, layout, text_last=text_last):
        if isinstance(row, str):
            yield Failure(where, row, position)
            continue
        item = reader.read(row, where, position)
        if isinstance(item, Failure) and len(row) < width:
            item = Failure(where, f"{item.reason}: {len(row)} of {width} cells", position)
        yield item
