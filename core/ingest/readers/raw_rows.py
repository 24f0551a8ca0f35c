"""Rows of a table as they are (column -> cell), whatever the file: for tables that hold no posts, such as interactions
and profiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import ImportFailed
from core.ingest.readers import delimited, json_array, json_lines, parquet
from core.ingest.readers.text_file import decode_head, open_text, read_head

Row = dict[str, object]
Rows = Iterator[tuple[Row | str, str, int]]
"""(the row or what is wrong with it, its place, its position from 0)."""


def open_rows(path: Path) -> tuple[list[str], Rows]:
    """The columns of a CSV, TSV, JSON lines, JSON or Parquet file, from its first rows, and its rows.

    Raises ImportFailed where it is none of these."""
    if not path.is_file():
        raise ImportFailed(f"There is no file at {path}.")
    if path.stat().st_size == 0:
        raise ImportFailed(f"{path.name} is empty.")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == parquet.MAGIC:
        with parquet.open_parquet(path) as table:
            return list(table.schema_arrow.names), _parquet_rows(path)
    text = decode_head(read_head(path))[1].lstrip()
    if text.startswith("{"):
        encoding, samples, _ = json_lines.read_samples(path)
        return _columns(samples), json_lines.iterate_lines(path, encoding)
    if text.startswith("["):
        encoding, samples, _ = json_array.read_samples(path)
        return _columns(samples), _array_rows(path, encoding)
    layout = delimited.read_layout(path)
    if layout is None:
        raise ImportFailed(f"{path.name} is not a table: no header, and rows of different lengths.")
    return list(layout.columns), delimited.iterate_table(path, layout, text_last=False)


def _columns(samples: list[Row]) -> list[str]:
    if not samples:
        raise ImportFailed("The file holds no JSON objects.")
    return list(dict.fromkeys(name for row in samples for name in row))


def _array_rows(path: Path, encoding: str) -> Rows:
    with open_text(path, encoding) as stream:
        for position, item in enumerate(json_array.iterate_items(stream)):
            yield item, f"{path.name} item {position + 1}", position


def _parquet_rows(path: Path) -> Rows:
    position = 0
    with parquet.open_parquet(path) as file:
        for batch in file.iter_batches(batch_size=parquet.BATCH_ROWS, use_threads=False):
            for row in parquet.rows_of_batch(batch):
                yield row, f"{path.name} row {position + 1}", position
                position += 1
