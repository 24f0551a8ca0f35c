"""Vectors in Milvus, which owns them; the workspace's database keeps which rows are there, of which content."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from core import derived
from core.database import vectors as vector_table
from core.database.connection import first_row
from core.types import Space
from core.vector_stores import Also, DatabaseStore, folder_name
from core.vectors.copy import copy_space
from core.vectors.milvus import MilvusIndex
from core.vectors.milvus_collection import collection_name
from core.vectors.milvus_connection import REST, MilvusConnection, read_address
from core.vectors.protocol import Matrix, Rows, VectorIndex

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace


class MilvusStore:
    """A :class:`~core.vector_stores.VectorStore` on one Milvus server.

    A vector is written there first and noted in the database after: killed in between, the server holds one that is
    not noted, which a repair takes over or the next encoding overwrites. Connects when first used.
    """

    def __init__(self, workspace: Workspace, setting: str) -> None:
        settings = workspace.settings
        address = read_address(setting)
        self.key = f"milvus:{address.host}/{settings.milvus_database}/{settings.milvus_prefix}"
        self.title = f"Milvus at {address.host}"
        self.connection = MilvusConnection(
            address,
            token=settings.milvus_token,
            database=settings.milvus_database,
            timeout=settings.milvus_timeout,
        )
        self._workspace = workspace
        self._lock = threading.RLock()
        self._open: dict[Space, MilvusIndex] = {}

    def outages(self) -> tuple[int, int]:
        return self.connection.failures, int(time.monotonic() // REST) if self.connection.away else -1

    def folder(self, space: Space) -> Path:
        return self._workspace.path / "vectors" / f"{folder_name(space)}-milvus"

    def index(self, space: Space) -> VectorIndex:
        return self._index(space)

    def _index(self, space: Space) -> MilvusIndex:
        with self._lock:
            if space not in self._open:
                settings = self._workspace.settings
                name = collection_name(settings.milvus_prefix, self._workspace_id(), space)
                self._open[space] = MilvusIndex(self.connection, name, space, index_type=settings.milvus_index)
            return self._open[space]

    def _workspace_id(self) -> str:
        """Eight hex digits that tell this workspace's collections from those of others on the same server."""
        with self._workspace.transaction() as cursor:
            cursor.execute("INSERT OR IGNORE INTO meta VALUES ('workspace_id', ?)", [secrets.token_hex(4)])
            (found,) = first_row(cursor.execute("SELECT value FROM meta WHERE key = 'workspace_id'")) or ("",)
            return str(found)

    def read(self, space: Space, rows: Rows) -> tuple[Rows, Matrix]:
        return self._index(space).find(rows)

    def write(self, space: Space, rows: Rows, hashes: Sequence[str], vectors: Matrix, also: Also | None = None) -> None:
        self._index(space).add(rows, vectors, hashes=hashes)
        with self._workspace.new_generation() as (cursor, generation):
            vector_table.store_vectors(cursor, space, rows, hashes, vectors, generation=generation, store=self.key)
            if also is not None:
                also(cursor)

    def lost(self, space: Space) -> int:
        """By the counts, which the server gives quickly; a repair looks at each row."""
        held = vector_table.count_vectors(self._workspace.cursor(), space, self.key)
        return max(0, held - len(self._index(space)))

    def repair(self, context: JobContext, space: Space) -> int:
        """Also takes vectors over that lie in the database, so that a workspace whose setting was changed to Milvus
        moves by itself."""
        with self._workspace.transaction() as cursor:
            vector_table.ensure_space(cursor, space, self.key)
        context.report(f"asking {self.title}", 0, None)
        index = self._index(space)
        self._remove_removed(space, index)
        held = vector_table.count_vectors(self._workspace.cursor(), space, self.key)
        lost = 0
        if len(index) != held or derived.read_manifest(self.folder(space)) is None:
            lost = self._compare(context, space, index)
        copy_space(self._workspace, space, DatabaseStore(self._workspace), self, context.report)
        return lost

    def _remove_removed(self, space: Space, index: MilvusIndex) -> None:
        """Removes what was removed from the database since last time, unless it was written anew since."""
        generation, cursor = self._workspace.generation, self._workspace.cursor()
        table = vector_table.table_name(cursor, space, self.key)
        number = int(table.removeprefix("held_"))
        found = cursor.execute(
            f"SELECT r.row FROM removed r LEFT JOIN {table} h ON h.row = r.row WHERE r.noun = ?"
            " AND r.generation > (SELECT synced FROM stores WHERE number = ?)"
            " AND (h.row IS NULL OR h.generation < r.generation)",
            [vector_table.noun_of(space), number],
        ).fetchnumpy()
        rows = np.unique(np.asarray(found["row"], np.int64))
        index.remove(rows)
        with self._workspace.transaction() as writing:
            writing.execute(f"DELETE FROM {table} WHERE row IN (SELECT unnest(?::BIGINT[]))", [rows.tolist()])
            writing.execute("UPDATE stores SET synced = ? WHERE number = ?", [generation, number])

    def _compare(self, context: JobContext, space: Space, index: MilvusIndex) -> int:
        """Lists what is there and sets the database right: notes what is there with the hash of the present content,
        forgets what is not, and removes there what belongs to nothing. Gives how many noted ones were not there."""
        workspace, total = self._workspace, len(index)
        table = vector_table.table_name(workspace.cursor(), space, self.key)
        with workspace.transaction() as cursor:
            cursor.execute("CREATE OR REPLACE TABLE listed (row BIGINT, hash VARCHAR)")
        for rows, hashes in index.entries(lambda done: context.report(f"comparing with {self.title}", done, total)):
            with workspace.transaction() as cursor:
                cursor.register("incoming_listed", pa.table({"row": rows, "hash": pa.array(hashes, pa.string())}))
                cursor.execute("INSERT INTO listed SELECT row, hash FROM incoming_listed")
                cursor.unregister("incoming_listed")
        items = vector_table.items_sql(space)
        absent = "NOT EXISTS (SELECT 1 FROM listed l WHERE l.row = h.row AND l.hash = h.content_hash)"
        with workspace.new_generation() as (cursor, generation):
            cursor.execute(
                f"INSERT OR REPLACE INTO {table} SELECT i.row, i.hash, ? FROM ({items}) i"
                f" JOIN listed l ON l.row = i.row AND l.hash = i.hash LEFT JOIN {table} h"
                " ON h.row = i.row AND h.content_hash = i.hash WHERE h.row IS NULL",
                [generation],
            )
            (lost,) = first_row(cursor.execute(f"SELECT count(*) FROM {table} h WHERE {absent}")) or (0,)
            cursor.execute(f"DELETE FROM {table} AS h WHERE {absent}")
            strays = cursor.execute(
                f"SELECT l.row FROM listed l WHERE NOT EXISTS (SELECT 1 FROM ({items}) i WHERE i.row = l.row)"
            ).fetchnumpy()
            cursor.execute("DROP TABLE listed")
        index.remove(np.asarray(strays["row"], np.int64))
        return int(lost)

    def save(self, context: JobContext, space: Space) -> None:
        manifest, folder = derived.read_manifest(self.folder(space)), self.folder(space)
        newest = vector_table.newest_generation(self._workspace.cursor(), space, self.key)
        if manifest is None or newest > manifest.generation:
            context.report(f"sealing what {self.title} was sent", 0, None)
            self._index(space).save(folder, generation=self._workspace.generation)

    def clear(self, space: Space) -> None:
        if not vector_table.has_store(self._workspace.cursor(), space, self.key):
            return
        self._index(space).drop()
        self.forget(space)
        with self._workspace.new_generation() as (cursor, _):
            vector_table.delete_vectors(cursor, space, self.key)
        shutil.rmtree(self.folder(space), ignore_errors=True)

    def forget(self, space: Space | None = None) -> None:
        with self._lock:
            if space is None:
                self._open.clear()
            else:
                self._open.pop(space, None)

    def close(self) -> None:
        self.forget()
        self.connection.close()
