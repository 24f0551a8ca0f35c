"""Parquet, read batch by batch: one row group may hold the whole file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ImportFailed
from core.ingest.contents import find_by_content
from core.ingest.mapping import find_columns, no_posts, unique_names
from core.ingest.readers.rows import RowReader, flatten
from core.ingest.records import Failure, PostRecord

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAGIC = b"PAR1"
BATCH_ROWS = 2048
SAMPLE_ROWS = 200
BATCH_BYTES = 32 * 1024 * 1024


def open_parquet(path: Path) -> pq.ParquetFile:
    """Raises ImportFailed where the file's footer can't be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last for a column's name
        raise ImportFailed(f"{path.name} is not a whole Parquet file: {error}") from error


def find_mapping(path: Path, given: Mapping[str, str] | None) -> tuple[dict[str, str], int]:
    """(mapping, number of rows), from the footer, and where names say nothing from the first rows. Raises ImportFailed
    where there is neither a text nor a picture column."""
    with open_parquet(path) as file:
        columns = list(_column_paths(file.schema_arrow))
        rows: int = file.metadata.num_rows
        mapping = find_columns(columns, given)
        if not {"text", "created_at"} <= mapping.keys():
            samples = _first_rows(file, [name for name in columns if name not in mapping.values()])
            mapping |= find_by_content(list(samples[0]) if samples else [], samples, mapping, given)
    if "text" not in mapping and "pictures" not in mapping:
        raise no_posts(path.name, columns)
    return mapping, rows


def column_names(path: Path) -> tuple[str, ...]:
    """All columns, from the footer. Raises ImportFailed."""
    with open_parquet(path) as file:
        return tuple(_column_paths(file.schema_arrow))


def _first_rows(file: pq.ParquetFile, columns: Sequence[str]) -> list[dict[str, object]]:
    """What the columns of strings hold in the first rows; nothing where they can't be read, which reading will tell."""
    import pyarrow as pa

    strings = [
        field.name for field in file.schema_arrow
        if field.name in columns and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))
    ]  # fmt: skip
    try:
        batch = next(file.iter_batches(SAMPLE_ROWS, columns=strings), None) if strings else None
        return [] if batch is None else batch.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return []


def _column_paths(schema: pa.Schema) -> Iterator[str]:
    """The columns as :func:`flatten` names them; the struct that holds a picture's bytes stays one column."""
    import pyarrow as pa

    def paths(name: str, kind: pa.DataType, depth: int) -> Iterator[str]:
        if not pa.types.is_struct(kind) or depth >= 4 or kind.get_field_index("bytes") >= 0:
            yield name
            return
        for number in range(kind.num_fields):
            child = kind.field(number)
            yield from paths(f"{name}.{child.name}", child.type, depth + 1)

    for name, kind in zip(unique_names(schema.names), schema.types, strict=True):
        yield from paths(name, kind, 0)


def read_batches(path: Path, reader: RowReader) -> Iterator[PostRecord | Failure]:
    """The file's posts in order. A damaged row group is one failure; the next group is read."""
    import pyarrow as pa

    with open_parquet(path) as file:
        metadata = file.metadata
        position = 0
        for group in range(metadata.num_row_groups):
            size = metadata.row_group(group)
            end = position + size.num_rows
            mean = max(1, size.total_byte_size // max(1, size.num_rows))
            batch_rows = max(1, min(BATCH_ROWS, BATCH_BYTES // mean))
            try:
                for batch in file.iter_batches(batch_size=batch_rows, row_groups=[group], use_threads=False):
                    rows = list(rows_of_batch(batch))
                    if position == 0:
                        reader.learn(rows[:SAMPLE_ROWS])
                    for row in rows:
                        yield reader.read(row, f"{path.name} row {position + 1}", position)
                        position += 1
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                where = f"{path.name} rows {position + 1} to {end}"
                yield Failure(where, f"these rows can't be read: {error}", position)
            position = end


def rows_of_batch(batch: pa.RecordBatch) -> Iterator[dict[str, object]]:
    """The rows of a batch, column -> cell; nested objects as paths."""
    import pyarrow as pa

    names = unique_names(batch.schema.names)
    nested = any(pa.types.is_struct(kind) for kind in batch.schema.types)
    for cells in zip(*(_cells(column) for column in batch.columns), strict=True):
        row = dict(zip(names, cells, strict=True))
        yield flatten(row) if nested else row


def _cells(column: pa.Array) -> list[Any]:
    """The column as Python objects; times as naive UTC. A cell that Python can't hold does not lose its column."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        # Microseconds without a zone: Python has no nanoseconds, and the zone's name may be unknown here.
        column = column.cast(pa.timestamp("us"), safe=False)
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return [_cell(scalar) for scalar in column]


def _cell(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        buffer = scalar.as_buffer() if hasattr(scalar, "as_buffer") else None
        return None if buffer is None else buffer.to_pybytes().decode("utf-8", "replace")
    except (ValueError, OverflowError):
        # A time beyond the year 9999: kept as text, so that it is not taken for an epoch in another unit.
        return f"{getattr(scalar, 'value', '?')} as {scalar.type}"
