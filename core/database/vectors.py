"""SQL of spaces and their vectors: which posts and pictures still lack one, storing and reading them in bulk.

The ``text`` and ``recommend`` spaces hold a vector a post (its row is the post's row); the ``dual`` space holds one a
picture (its row is the media row). A space's vectors lie here, in a table of their own; or in another store, such as a
Milvus server, and then a table here tells which rows it holds, of which content. ``store`` names that store; HERE is
this database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
Cursor = duckdb.DuckDBPyConnection

HERE = ""
RECOMMEND = "recommend"
"""The space of the recommender's post tower; see core.recommend.trained."""
WINDOW = 8192
"""Rows that are looked through at once for what lacks a vector: to sort what is left of 200,000 texts for every chunk
takes fifty times as long as to look at the next ones."""


def noun_of(space: Space) -> Noun:
    return "post" if space.name in ("text", RECOMMEND) else "media"


def table_name(cursor: Cursor, space: Space, store: str = HERE) -> str:
    """The table that holds a space's vectors, or tells which of them ``store`` holds.

    Raises VectorError where there is none, or it is of another dimension.
    """
    found = first_row(
        cursor.execute("SELECT number, dim FROM spaces WHERE name = ? AND model_id = ?", [space.name, space.model_id])
    )
    if found is None:
        raise VectorError(f"The workspace has no vectors of the model {space.model_id} in the space {space.name}.")
    number, dim = found
    if dim != space.dim:
        raise VectorError(f"The model {space.model_id} gives {space.dim} dimensions; its stored vectors have {dim}.")
    if store == HERE:
        return f"vectors_{number}"
    held = first_row(cursor.execute("SELECT number FROM stores WHERE store = ? AND space = ?", [store, number]))
    if held is None:
        raise VectorError(f"{store} holds no vectors of the model {space.model_id} for this workspace.")
    return f"held_{held[0]}"


def ensure_space(cursor: Cursor, space: Space, store: str = HERE) -> None:
    """Makes the space's tables where there are none. Call in a transaction."""
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
    if not has_store(cursor, space, store):
        (number,) = first_row(
            cursor.execute(
                "INSERT INTO stores (store, space) SELECT ?, number FROM spaces WHERE name = ? AND model_id = ?"
                " RETURNING number",
                [store, space.name, space.model_id],
            )
        ) or (0,)
        cursor.execute(
            f"CREATE TABLE held_{int(number)} (row BIGINT PRIMARY KEY, content_hash VARCHAR NOT NULL,"
            " generation BIGINT NOT NULL)"
        )


def has_store(cursor: Cursor, space: Space, store: str) -> bool:
    """Whether ``store`` was ever given vectors of a space, so that there is a table of what it holds."""
    if store == HERE:
        return space in list_spaces(cursor)
    found = cursor.execute(
        "SELECT 1 FROM stores t JOIN spaces s ON s.number = t.space"
        " WHERE t.store = ? AND s.name = ? AND s.model_id = ?",
        [store, space.name, space.model_id],
    )
    return first_row(found) is not None


def list_spaces(cursor: Cursor) -> list[Space]:
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


def pending(cursor: Cursor, space: Space, *, after: int, limit: int, store: str = HERE) -> list[PendingItem]:
    """Up to ``limit`` items with a row above ``after``, in rising row."""
    sql = f"{_pending_sql(cursor, space, store)} WHERE i.row > ? AND i.row <= ? ORDER BY i.row LIMIT ?"
    found: list[PendingItem] = []
    while len(found) < limit and (first := _first_row_above(cursor, space, after)) is not None:
        window = [first - 1, first - 1 + WINDOW, limit - len(found)]
        found += [PendingItem(*row) for row in cursor.execute(sql, window).fetchall()]
        after = window[1]
    return found


def _first_row_above(cursor: Cursor, space: Space, after: int) -> int | None:
    table = "posts" if noun_of(space) == "post" else "media"
    (row,) = first_row(cursor.execute(f"SELECT min(row) FROM {table} WHERE row > ?", [after])) or (None,)
    return None if row is None else int(row)


def count_pending(cursor: Cursor, space: Space, store: str = HERE) -> int:
    (count,) = first_row(cursor.execute(f"SELECT count(*) FROM ({_pending_sql(cursor, space, store)})")) or (0,)
    return int(count)


def items_sql(space: Space) -> str:
    """Every text or picture that should have a vector in a space: row, content, hash."""
    if space.name == RECOMMEND:
        return "SELECT row, text AS content, text_hash AS hash FROM posts"
    if noun_of(space) == "post":
        return "SELECT row, text AS content, text_hash AS hash FROM posts WHERE text <> ''"
    return "SELECT row, path AS content, sha256 AS hash FROM media WHERE path IS NOT NULL"


def _pending_sql(cursor: Cursor, space: Space, store: str) -> str:
    # No LEFT JOIN with a condition on what is missing: DuckDB 2.0.0 forgets the LIMIT where the right side is empty.
    return (
        f"SELECT i.row, i.content, i.hash FROM ({items_sql(space)}) i"
        f" ANTI JOIN {table_name(cursor, space, store)} v ON v.row = i.row AND v.content_hash = i.hash"
    )


def store_vectors(
    cursor: Cursor,
    space: Space,
    rows: NDArray[np.int64],
    hashes: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    generation: int,
    store: str = HERE,
) -> None:
    """Writes ``vectors``, (n, dim), of ``rows``; replaces older ones. In another store they are already, and only the
    rows and hashes are noted. Call in a transaction."""
    if vectors.shape != (len(rows), space.dim):
        raise VectorError(f"{len(rows)} items of {space.dim} dimensions expected, an array {vectors.shape} given.")
    if not len(rows):
        return
    columns = {"row": pa.array(rows, pa.int64()), "content_hash": pa.array(hashes, pa.string())}
    values = "row, content_hash, ?"
    if store == HERE:
        flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, space.dim)
        values += ", vector"
    cursor.register("incoming_vectors", pa.table(columns))
    cursor.execute(
        f"INSERT OR REPLACE INTO {table_name(cursor, space, store)} SELECT {values} FROM incoming_vectors", [generation]
    )
    cursor.unregister("incoming_vectors")


def delete_vectors(cursor: Cursor, space: Space, store: str = HERE) -> None:
    if has_store(cursor, space, store):
        cursor.execute(f"DELETE FROM {table_name(cursor, space, store)}")


def count_vectors(cursor: Cursor, space: Space, store: str = HERE) -> int:
    (count,) = first_row(cursor.execute(f"SELECT count(*) FROM {table_name(cursor, space, store)}")) or (0,)
    return int(count)


def newest_generation(cursor: Cursor, space: Space, store: str = HERE) -> int:
    """The generation in which a vector of the space was last written or dropped; 0 where there is none."""
    row = first_row(
        cursor.execute(
            f"SELECT greatest((SELECT max(generation) FROM {table_name(cursor, space, store)}),"
            " (SELECT max(generation) FROM removed WHERE noun = ?))",
            [noun_of(space)],
        )
    )
    return int(row[0] or 0) if row else 0


def read_vectors(
    cursor: Cursor, space: Space, *, newer_than: int = -1, batch: int = 8192
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Streams (rows, vectors) written here after a generation, leaving out those of content that is gone."""
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
    cursor: Cursor, space: Space, rows: Sequence[int] | NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The vectors stored here of some rows, in rising row; rows without one are left out."""
    found = (
        cursor.sql(
            f"SELECT row, vector FROM {table_name(cursor, space)} WHERE row IN (SELECT unnest(?::BIGINT[]))"
            " ORDER BY row",
            params=[[int(row) for row in rows]],
        )
        .to_arrow_table()
        .combine_chunks()
    )
    vectors = found.column(1).combine_chunks().flatten().to_numpy().reshape(-1, space.dim)
    return found.column(0).to_numpy().astype(np.int64, copy=False), vectors.astype(np.float32, copy=False)


def removed_since(cursor: Cursor, noun: Noun, generation: int) -> NDArray[np.int64]:
    found = cursor.execute("SELECT row FROM removed WHERE noun = ? AND generation > ?", [noun, generation]).fetchnumpy()
    return np.asarray(found["row"], np.int64)
