"""Where a workspace's vectors are kept and searched: in its own database with Faiss beside it, or in Milvus."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import duckdb
import numpy as np

from core import derived
from core.database import vectors as vector_table
from core.database.vectors import HERE
from core.errors import VectorError
from core.types import Space
from core.vectors.choice import chosen_family
from core.vectors.faiss_index import FaissIndex
from core.vectors.families import choose_family
from core.vectors.protocol import Matrix, Rows, VectorIndex

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

Also = Callable[[duckdb.DuckDBPyConnection], None]
"""Other changes that belong into the transaction that stores vectors."""


class VectorStore(Protocol):
    """Keeps vectors for one workspace, each with the hash of the content it was made from.

    A store on a server raises VectorStoreError, from whichever method, where it does not answer.
    """

    @property
    def key(self) -> str:
        """What the database's tables call it; HERE where the vectors lie in the database."""
        ...

    @property
    def title(self) -> str:
        """Where it is, for the user."""
        ...

    def outages(self) -> tuple[int, int]:
        """How often the store was found away, and a number that changes every few seconds while it is: what was
        computed under another pair may lack vectors."""
        ...

    def folder(self, space: Space) -> Path:
        """The folder below the workspace of the space's index, or of the note where it is."""
        ...

    def index(self, space: Space) -> VectorIndex:
        """The open index of a space with all that the store holds of it; the same one at each call."""
        ...

    def read(self, space: Space, rows: Rows) -> tuple[Rows, Matrix]:
        """The stored vectors of some rows, in rising row; rows without one are left out."""
        ...

    def write(self, space: Space, rows: Rows, hashes: Sequence[str], vectors: Matrix, also: Also | None = None) -> None:
        """Stores vectors, or replaces those that are there, as one generation, and makes them searchable."""
        ...

    def lost(self, space: Space) -> int:
        """How many vectors the database says are here that are not."""
        ...

    def repair(self, context: JobContext, space: Space) -> int:
        """Compares the database with what is here and forgets what is lost, so that it is encoded again; gives how
        many. Removes what the database removed."""
        ...

    def save(self, context: JobContext, space: Space) -> None:
        """Brings the space's index to disk where that is not current."""
        ...

    def clear(self, space: Space) -> None:
        """Drops every vector of a space, and its index."""
        ...

    def forget(self, space: Space | None = None) -> None:
        """Closes the open index of a space, or of all: the next use opens it anew."""
        ...

    def close(self) -> None: ...


def open_store(workspace: Workspace, setting: str | None = None) -> VectorStore:
    """The store that ``setting``, by default FEEDSCOPE_VECTORS, names. Connects when first used."""
    setting = setting or workspace.settings.vectors
    if setting == "faiss":
        return DatabaseStore(workspace)
    from core.vectors.milvus_store import MilvusStore

    return MilvusStore(workspace, setting)


def folder_name(space: Space) -> str:
    safe = "".join(c if c.isalnum() or c in "-._" else "-" for c in space.model_id)[:80]
    return f"{space.name}-{safe}"


class DatabaseStore:
    """Vectors in the workspace's DuckDB file, which owns them; Faiss indexes beside it, made from them."""

    key = HERE
    title = "this machine"

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.RLock()
        self._open: dict[Space, FaissIndex] = {}

    def outages(self) -> tuple[int, int]:
        return (0, 0)

    def folder(self, space: Space) -> Path:
        return self._workspace.path / "vectors" / folder_name(space)

    def index(self, space: Space) -> VectorIndex:
        return self._index(space)

    def _index(self, space: Space) -> FaissIndex:
        with self._lock:
            if space not in self._open:
                self._open[space] = self._load(space)
            return self._open[space]

    def _load(self, space: Space) -> FaissIndex:
        """The saved index caught up with the database; one filled from the database where it is missing or off."""
        folder = self.folder(space)
        manifest = derived.read_manifest(folder)
        try:
            index = FaissIndex.load(folder, space)
            generation = manifest.generation if manifest else -1
        except VectorError:  # missing, damaged or of an older form: the job "index" makes it again
            index, generation = FaissIndex(space), -1
        cursor = self._workspace.cursor()
        removed = vector_table.removed_since(cursor, vector_table.noun_of(space), generation)
        if len(removed) and len(index):
            index.remove(removed)
        for rows, vectors in vector_table.read_vectors(cursor, space, newer_than=generation):
            index.add(rows, vectors)
        return index

    def read(self, space: Space, rows: Rows) -> tuple[Rows, Matrix]:
        return vector_table.vectors_of(self._workspace.cursor(), space, rows)

    def write(self, space: Space, rows: Rows, hashes: Sequence[str], vectors: Matrix, also: Also | None = None) -> None:
        with self._workspace.new_generation() as (cursor, generation):
            vector_table.store_vectors(cursor, space, rows, hashes, vectors, generation=generation)
            if also is not None:
                also(cursor)
        with self._lock:
            if space in self._open:
                self._open[space].add(rows, vectors)

    def lost(self, space: Space) -> int:
        return 0

    def repair(self, context: JobContext, space: Space) -> int:
        return 0

    def save(self, context: JobContext, space: Space) -> None:
        """Saves the index where the saved one is not current, built anew where much has changed."""
        folder = self.folder(space)
        manifest = derived.read_manifest(folder)
        cursor = self._workspace.cursor()
        generation = self._workspace.generation
        count = vector_table.count_vectors(cursor, space)
        chosen = chosen_family(cursor, space.name)
        family, _ = choose_family(count, space.dim, wanted=chosen)
        current = manifest is not None and vector_table.newest_generation(cursor, space) <= manifest.generation
        if current and manifest is not None and (manifest.about["family"] == family or not count):
            return
        context.report("building the vector index", 0, count)
        if manifest is not None or family == "flat" or not count:
            index = self._index(space)
            if index.rebuild_reason(chosen) is None:
                index.save(folder, generation=generation)
                return
        self._build_in_child(context, space, family, generation)
        self.forget(space)

    def _build_in_child(self, context: JobContext, space: Space, family: str, generation: int) -> None:
        workspace = self._workspace
        count = vector_table.count_vectors(workspace.cursor(), space)
        rows_path, vectors_path = (workspace.path / "tmp" / f"build-{part}.npy" for part in ("rows", "vectors"))
        rows = np.lib.format.open_memmap(rows_path, "w+", np.int64, (count,))
        vectors = np.lib.format.open_memmap(vectors_path, "w+", np.float32, (count, space.dim))
        at = 0
        for some_rows, some_vectors in vector_table.read_vectors(workspace.cursor(), space):
            rows[at : at + len(some_rows)] = some_rows
            vectors[at : at + len(some_rows)] = some_vectors
            at += len(some_rows)
        del rows, vectors
        try:
            with context.child("core.vectors.child:build") as child:
                child.call(
                    {
                        "rows": str(rows_path),
                        "vectors": str(vectors_path),
                        "count": at,
                        "space": [space.name, space.model_id, space.dim],
                        "family": family,
                        "folder": str(self.folder(space)),
                        "generation": generation,
                        "threads": workspace.settings.thread_count(),
                    },
                    lambda done, total: context.report("building the vector index", done, total),
                )
        finally:
            rows_path.unlink()
            vectors_path.unlink()

    def clear(self, space: Space) -> None:
        with self._workspace.new_generation() as (cursor, _):
            vector_table.delete_vectors(cursor, space)
        shutil.rmtree(self.folder(space), ignore_errors=True)
        self.forget(space)

    def forget(self, space: Space | None = None) -> None:
        with self._lock:
            if space is None:
                self._open.clear()
            else:
                self._open.pop(space, None)

    def close(self) -> None:
        self.forget()
