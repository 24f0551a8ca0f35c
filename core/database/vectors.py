"""SQL of spaces and their vectors: which posts and pictures still lack one, storing and reading them in bulk.

The ``text`` space holds a vector a post (its row is the post's row); the ``dual`` space holds one a picture (its row is
the media row).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.database.connection import first_row
from core.errors import VectorError
from core.types import Space

Noun = Literal["post", "media"]


def noun_of(space: Space) -> Noun:
    return "post" if space.name == "text" else "media"


def table_name(cursor: duckdb.DuckDBPyConnection, space: Space) -> str:
    """The table that holds a space's vectors. Raises VectorError where there is none, or it is of another dimension."""
    found = first_row(
        cursor.execute("SELECT number, dim FROM spaces WHERE name = ? AND model_id = ?", [space.name, space.model_id])
    )
    if found is None:
        raise VectorError(f"The workspace has no vectors of the model {space.model_id} in the space {space.name}.")
    if found[1] != space.dim:
        raise VectorError(
            f"The model {space.model_id} gives {space.dim} dimensions; its stored vectors have {found[1]}."
        )
    return f"vectors_{found[0]}"


def ensure_space(cursor: duckdb.DuckDBPyConnection, space: Space) -> None:
    """Makes the space's table where there is none. Call in a transaction."""
    if space not in list_spaces(cursor):
        (number,) = first_row(
            cursor.execute(
                "INSERT INTO spaces (name, model_id, dim, metric, created_at) VALUES (?, ?, ?, ?, now()::TIMESTAMP)"
                " RETURNING number",
                [space.name, space.model_id, space.dim, space.metric],
            )
        ) or (0,)
        cursor.execute(
            f"CREATE TABLE vectors_{int(number)} (row BIGINT PRIMARY KEY, content_hash VARCHAR NOT NULL,"
            f" generation BIGINT NOT NULL, vector FLOAT[{int(space.dim)}] NOT NULL)"
        )


def list_spaces(cursor: duckdb.DuckDBPyConnection) -> list[Space]:
    return [
        Space(*row)
        for row in cursor.execute("SELECT name, model_id, dim, metric FROM spaces ORDER BY number").fetchall()
    ]


@dataclass(frozen=True, slots=True)
class PendingItem:
    """A post's text, or a picture's path below ``media/``, that has no vector of its present content."""

    row: int
    content: str
    content_hash: str


def pending(cursor: duckdb.DuckDBPyConnection, space: Space, *, after: int, limit: int) -> list[PendingItem]:
    """Up to ``limit`` items with a row above ``after``, in rising row."""
    rows = cursor.execute(
        f"{_pending_sql(cursor, space)} AND i.row > ? ORDER BY i.row LIMIT ?", [after, limit]
    ).fetchall()
    return [PendingItem(*row) for row in rows]


def count_pending(cursor: duckdb.DuckDBPyConnection, space: Space) -> int:
    (count,) = first_row(cursor.execute(f"SELECT count(*) FROM ({_pending_sql(cursor, space)})")) or (0,)
    return int(count)


def _pending_sql(cursor: duckdb.DuckDBPyConnection, space: Space) -> str:
    if noun_of(space) == "post":
        items = "SELECT row, text AS content, text_hash AS hash FROM posts WHERE text <> ''"
    else:
        items = "SELECT row, path AS content, sha256 AS hash FROM media WHERE path IS NOT NULL"
    return (
        f"SELECT i.row, i.content, i.hash FROM ({items}) i LEFT JOIN {table_name(cursor, space)} v ON v.row = i.row"
        " WHERE (v.row IS NULL OR v.content_hash <> i.hash)"
    )


def store_vectors(
    cursor: duckdb.DuckDBPyConnection,
    space: Space,
    items: list[PendingItem],
    vectors: NDArray[np.float32],
    *,
    generation: int,
) -> None:
    """Writes ``vectors``, (n, dim), of ``items``; replaces older ones. Call in a transaction."""
    if vectors.shape != (len(items), space.dim):
        raise VectorError(f"{len(items)} items of {space.dim} dimensions expected, an array {vectors.shape} given.")
    if not items:
        return
    table = table_name(cursor, space)
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel())
    batch = pa.table(
        {
            "row": pa.array([item.row for item in items], pa.int64()),
            "content_hash": pa.array([item.content_hash for item in items], pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, space.dim),
        }
    )
    cursor.register("incoming_vectors", batch)
    cursor.execute(
        f"INSERT OR REPLACE INTO {table} SELECT row, content_hash, ?, vector FROM incoming_vectors", [generation]
    )
    cursor.unregister("incoming_vectors")


def delete_vectors(cursor: duckdb.DuckDBPyConnection, space: Space) -> None:
    cursor.execute(f"DELETE FROM {table_name(cursor, space)}")


def count_vectors(cursor: duckdb.DuckDBPyConnection, space: Space) -> int:
    (count,) = first_row(cursor.execute(f"SELECT count(*) FROM {table_name(cursor, space)}")) or (0,)
    return int(count)


def newest_generation(cursor: duckdb.DuckDBPyConnection, space: Space) -> int:
    """The generation in which a vector of the space was last written or dropped; 0 where there is none."""
    row = first_row(
        cursor.execute(
            f"SELECT greatest((SELECT max(generation) FROM {table_name(cursor, space)}),"
            " (SELECT max(generation) FROM removed WHERE noun = ?))",
            [noun_of(space)],
        )
    )
    return int(row[0] or 0) if row else 0


def read_vectors(
    cursor: duckdb.DuckDBPyConnection, space: Space, *, newer_than: int = -1, batch: int = 8192
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Streams (rows, vectors) written after a generation, leaving out those of content that is gone."""
    items = "posts n ON n.text_hash" if noun_of(space) == "post" else "media n ON n.sha256"
    reader = cursor.sql(
        f"SELECT v.row, v.vector FROM {table_name(cursor, space)} v SEMI JOIN {items} = v.content_hash"
        " AND n.row = v.row WHERE v.generation > ? ORDER BY v.row",
        params=[newer_than],
    ).to_arrow_reader(batch)
    for part in reader:
        yield (
            part.column(0).to_numpy().astype(np.int64, copy=False),
            part.column(1).flatten().to_numpy().reshape(-1, space.dim),
        )


def vectors_of(
    cursor: duckdb.DuckDBPyConnection, space: Space, rows: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The stored vectors of some rows, in rising row; rows without one are left out."""
    found = cursor.execute(
        f"SELECT row, vector FROM {table_name(cursor, space)} WHERE row IN (SELECT unnest(?::BIGINT[])) ORDER BY row",
        [rows],
    ).fetchall()
    return (
        np.array([row for row, _ in found], np.int64),
        np.array([vector for _, vector in found], np.float32).reshape(-1, space.dim),
    )


def removed_since(cursor: duckdb.DuckDBPyConnection, noun: Noun, generation: int) -> NDArray[np.int64]:
    found = cursor.execute("SELECT row FROM removed WHERE noun = ? AND generation > ?", [noun, generation]).fetchnumpy()
    return np.asarray(found["row"], np.int64)
