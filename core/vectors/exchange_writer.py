"""Writes vectors the way others keep them; see :mod:`core.vectors.exchange_files`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import SettingError
from core.vectors.exchange_files import FOLDERS, Layout

ROWS_IN_A_FILE = 1_000_000
"""As clip-retrieval does by default."""


class VectorWriter:
    """Writes batches beside ``out``, which appears when all of them are written and the writer is closed.

    ``total`` is how many vectors there will be at most; ``about`` goes into the Parquet files' own metadata; ``half``
    is for clip-retrieval's arrays. Raises SettingError where ``out`` is there already.
    """

    def __init__(
        self, out: Path, layout: Layout, kind: str, dim: int, *, total: int, half: bool = False,
        about: Mapping[str, str] | None = None, rows_in_a_file: int = ROWS_IN_A_FILE,
    ) -> None:  # fmt: skip
        if out.exists():
            raise SettingError(f"{out} is there already: name a new file or folder.")
        self._out = out
        self._beside = out.with_name(f"{out.name}.partial")
        self._in_parts = layout == "clip-retrieval"
        self._array_folder = FOLDERS[kind]
        self._dim = dim
        self._type = np.dtype("<f2" if half else "<f4")
        self._about = dict(about or {})
        self._rows_in_a_file = rows_in_a_file
        self._digits = len(str(max(0, total - 1) // rows_in_a_file))
        self._number = self._in_file = self.written = 0
        self._arrays: dict[str, IO[bytes]] = {}
        self._table: pq.ParquetWriter | None = None
        self._remove_partial()
        out.parent.mkdir(parents=True, exist_ok=True)

    def write(
        self, columns: Mapping[str, list[Any]], vectors: NDArray[np.float32],
        captions: NDArray[np.float32] | None = None,
    ) -> None:  # fmt: skip
        """A batch: ``columns`` of n values each, ``vectors`` (n, dim); ``captions``, as many, are for ``text_emb``
        beside the vectors of pictures, in all batches or in none."""
        start = 0
        while start < len(vectors):
            end = min(len(vectors), start + self._rows_in_a_file - self._in_file) if self._in_parts else len(vectors)
            part: dict[str, Any] = {name: values[start:end] for name, values in columns.items()}
            if self._in_parts:
                self._write_array(self._array_folder, vectors[start:end])
                if captions is not None:
                    self._write_array(FOLDERS["text"], captions[start:end])
            else:
                flat = pa.array(np.ascontiguousarray(vectors[start:end], np.float32).ravel())
                part["vector"] = pa.FixedSizeListArray.from_arrays(flat, self._dim)
            self._write_table(pa.table(part))
            self._in_file += end - start
            self.written += end - start
            if self._in_parts and self._in_file == self._rows_in_a_file:
                self._close_part()
            start = end

    def _write_array(self, name: str, vectors: NDArray[np.float32]) -> None:
        if name not in self._arrays:
            folder = self._beside / name
            folder.mkdir(parents=True, exist_ok=True)
            self._arrays[name] = (folder / self._part_name(name, "npy")).open("wb")
            self._write_header(self._arrays[name], 0)
        self._arrays[name].write(np.ascontiguousarray(vectors, self._type).tobytes())

    def _write_header(self, file: IO[bytes], count: int) -> None:
        """numpy leaves room in it, so that it is as long for any count and can be written again at the end."""
        shape = {"descr": self._type.str, "fortran_order": False, "shape": (count, self._dim)}
        np.lib.format.write_array_header_1_0(file, shape)

    def _write_table(self, table: pa.Table) -> None:
        if self._table is None:
            path = self._beside
            if self._in_parts:
                path = self._beside / "metadata" / self._part_name("metadata", "parquet")
                path.parent.mkdir(parents=True, exist_ok=True)
            schema = table.schema.with_metadata(self._about)
            self._table = pq.ParquetWriter(path, schema)
        self._table.write_table(table.replace_schema_metadata(self._about))

    def _part_name(self, name: str, ending: str) -> str:
        return f"{name}_{self._number:0{self._digits}d}.{ending}"

    def _close_part(self) -> None:
        for array in self._arrays.values():
            array.seek(0)
            self._write_header(array, self._in_file)
            array.close()
        self._arrays.clear()
        if self._table is not None:
            self._table.close()
        self._table = None
        self._in_file = 0
        self._number += 1

    def close(self) -> None:
        """Puts what was written in its place."""
        if self._in_file:
            self._close_part()
        if self.written:
            os.replace(self._beside, self._out)

    def discard(self) -> None:
        """Leaves nothing behind."""
        for array in self._arrays.values():
            array.close()
        if self._table is not None:
            self._table.close()
        self._remove_partial()

    def _remove_partial(self) -> None:
        if self._beside.is_dir():
            shutil.rmtree(self._beside)
        else:
            self._beside.unlink(missing_ok=True)
