"""The files in which others keep vectors: a folder as clip-retrieval writes it, and Parquet with a list column.

clip-retrieval (github.com/rom1504/clip-retrieval) writes ``img_emb/img_emb_0.npy`` or ``text_emb/text_emb_0.npy``, an
array (n, dim) in half or single precision, and beside it ``metadata/metadata_0.parquet`` with a row for each vector;
large sets come in several such parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import ImportFailed

Layout = Literal["clip-retrieval", "parquet"]
LAYOUTS: tuple[Layout, ...] = ("clip-retrieval", "parquet")

BATCH = 8_192
MOST_DIMENSIONS = 32_768
"""Milvus's limit, far above that of any encoder."""

_BATCH_BYTES = 32 << 20
FOLDERS = {"text": "text_emb", "dual": "img_emb"}
_VECTOR_COLUMNS = ("vector", "embedding", "emb", "vectors", "embeddings")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a file: ``vectors`` (n, dim) float32 as they are there, ``columns`` what else the rows say, as
    text, ``reasons`` why a row has no vector (its line of ``vectors`` is 0)."""

    where: str
    start: int
    vectors: NDArray[np.float32]
    columns: Mapping[str, list[str | None]]
    reasons: Mapping[int, str] = field(default_factory=dict)


class VectorFile(Protocol):
    """Vectors in files: read in batches, never whole."""

    layout: Layout
    dim: int
    rows: int

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """In the order of the files, from row ``start`` on, which counts through all of them."""
        ...


def open_vectors(path: Path, kind: str) -> VectorFile:
    """Recognises the layout of ``path``. Raises ImportFailed where it is none, or its parts do not fit together."""
    if path.is_dir() and (path / FOLDERS[kind]).is_dir():
        return ClipRetrievalFolder(path, kind)
    files = [path] if path.is_file() else sorted(path.glob("*.parquet")) if path.is_dir() else []
    if files and all(file.suffix == ".parquet" for file in files):
        return ParquetFiles(files)
    raise ImportFailed(
        f"{path} holds no vectors of the {kind} space: give a Parquet file with a list column, a folder of them, or a"
        f" folder with {FOLDERS[kind]}/ and metadata/ as clip-retrieval writes it."
    )


class ClipRetrievalFolder:
    """The .npy files are mapped into memory: rows are read as they are used."""

    layout: Layout = "clip-retrieval"

    def __init__(self, path: Path, kind: str) -> None:
        name = FOLDERS[kind]
        self._parts: list[tuple[NDArray[Any], Path]] = []
        for file in sorted((path / name).glob("*.npy")):
            array = _map_array(file)
            metadata = path / "metadata" / f"{file.stem.replace(name, 'metadata', 1)}.parquet"
            if not metadata.is_file():
                raise ImportFailed(
                    f"{file.name} has no {metadata.name} in metadata/: which post each vector is of is unknown."
                )
            said = _open_parquet(metadata).metadata.num_rows
            if said != len(array):
                raise ImportFailed(f"{file.name} holds {len(array):,} vectors and {metadata.name} {said:,} rows.")
            self._parts.append((array, metadata))
        if not self._parts:
            raise ImportFailed(f"{path / name} holds no .npy files.")
        dims = {array.shape[1] for array, _ in self._parts}
        if len(dims) > 1:
            raise ImportFailed(f"The files in {path / name} are of different dimensions: {sorted(dims)}.")
        self.dim = _checked_dim(int(dims.pop()), path / name)
        self.rows = sum(len(array) for array, _ in self._parts)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        passed = 0
        for array, metadata in self._parts:
            inside = 0
            for table in _read(metadata, _key_columns(metadata), _batch_rows(self.dim)):
                end = inside + len(table)
                if passed + end > start:
                    vectors = np.asarray(array[inside:end], np.float32)
                    yield _from(Batch(metadata.stem, passed + inside, vectors, _texts(table)), start)
                inside = end
            passed += inside


class ParquetFiles:
    """The vectors are in the first list column of numbers, by preference one called vector or embedding."""

    layout: Layout = "parquet"

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        opened = [_open_parquet(file) for file in files]
        self.rows = sum(file.metadata.num_rows for file in opened)
        self._column = _vector_column(files[0], opened[0].schema_arrow)
        for file, parquet in zip(files[1:], opened[1:], strict=True):
            if self._column not in parquet.schema_arrow.names:
                raise ImportFailed(f"{file.name} has no column {self._column}, where {files[0].name} has its vectors.")
        first = next(_read(files[0], [self._column], BATCH), None)
        lengths, counts = np.unique(_lengths(first.column(0)) if first is not None else [0], return_counts=True)
        counts[lengths == 0] = 0
        # The dimension is what most rows have: one bad row at the top must not refuse all the good ones.
        self.dim = _checked_dim(int(lengths[counts.argmax()]), files[0])

    def batches(self, start: int = 0) -> Iterator[Batch]:
        passed = 0
        for file in self._files:
            for table in _read(file, [*_key_columns(file), self._column], _batch_rows(self.dim)):
                at = passed
                passed += len(table)
                if passed > start:
                    vectors, reasons = _matrix(table.column(self._column), self.dim)
                    batch = Batch(file.stem, at, vectors, _texts(table.drop_columns([self._column])), reasons)
                    yield _from(batch, start)


def _batch_rows(dim: int) -> int:
    return max(1, min(BATCH, _BATCH_BYTES // (4 * dim)))


def _checked_dim(dim: int, path: Path) -> int:
    if not 1 <= dim <= MOST_DIMENSIONS:
        raise ImportFailed(f"{path.name} holds vectors of {dim:,} dimensions; 1 to {MOST_DIMENSIONS:,} can be.")
    return dim


def _from(batch: Batch, start: int) -> Batch:
    """The batch without the rows before ``start``."""
    cut = start - batch.start
    if cut <= 0:
        return batch
    columns = {name: values[cut:] for name, values in batch.columns.items()}
    reasons = {at - cut: reason for at, reason in batch.reasons.items() if at >= cut}
    return Batch(batch.where, start, batch.vectors[cut:], columns, reasons)


# What numpy raises for headers that are none.
_UNREADABLE = (ValueError, TypeError, OSError, EOFError, OverflowError, SyntaxError, RecursionError, TokenError)


def _map_array(file: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except _UNREADABLE as error:
        raise ImportFailed(f"{file.name} is no array of numbers that can be mapped.") from error
    if array.ndim != 2 or array.dtype.kind != "f":
        raise ImportFailed(f"{file.name} holds {array.dtype} of shape {array.shape}, not vectors (n, dim).")
    return array


def _open_parquet(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise ImportFailed(f"{file.name} can't be read as Parquet: {str(error).splitlines()[0]}") from error


def _read(file: Path, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    try:
        yield from _open_parquet(file).iter_batches(rows, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ImportFailed(f"{file.name} is damaged: {str(error).splitlines()[0]}") from error


def _vector_column(file: Path, schema: pa.Schema) -> str:
    lists = [entry.name for entry in schema if _is_list(entry.type) and pa.types.is_floating(entry.type.value_type)]
    preferred = [name for name in _VECTOR_COLUMNS if name in lists]
    if not lists:
        raise ImportFailed(f"{file.name} has no column that holds lists of numbers; it has {', '.join(schema.names)}.")
    return str((preferred or lists)[0])


def _is_list(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType)


def _key_columns(file: Path) -> list[str]:
    """The columns that may say which post or picture a row is of: those of text and of whole numbers."""
    return [
        entry.name
        for entry in _open_parquet(file).schema_arrow
        if pa.types.is_integer(entry.type) or pa.types.is_string(entry.type) or pa.types.is_large_string(entry.type)
    ]


def _texts(table: pa.RecordBatch) -> dict[str, list[str | None]]:
    return {name: table.column(name).cast(pa.string()).to_pylist() for name in table.schema.names}


def _lengths(column: pa.Array) -> NDArray[np.int64]:
    """How long each row's list is, 0 where there is none."""
    if pa.types.is_fixed_size_list(column.type):
        return np.where(column.is_null().to_numpy(zero_copy_only=False), 0, column.type.list_size).astype(np.int64)
    counted = pc.list_value_length(column).fill_null(0)
    return np.asarray(counted.to_numpy(zero_copy_only=False), np.int64)


def _matrix(column: pa.Array, dim: int) -> tuple[NDArray[np.float32], dict[int, str]]:
    lengths = _lengths(column)
    vectors = np.zeros((len(column), dim), np.float32)
    good = np.flatnonzero(lengths == dim)
    values = column.take(pa.array(good)).flatten().cast(pa.float32(), safe=False)
    vectors[good] = values.to_numpy(zero_copy_only=False).reshape(-1, dim)
    reasons = {
        int(at): f"the vector has {lengths[at]} dimensions, not {dim}" if lengths[at] else "there is no vector"
        for at in np.flatnonzero(lengths != dim)
    }
    return vectors, reasons
