"""Makes what was deleted unreadable in the database file itself.

DuckDB marks deleted rows and leaves their bytes where they are: tables with an index are never vacuumed, and freed
blocks keep what was in them until something else is written there. So a table that lost something secret is written
anew, and the freed blocks are filled with noise. (DuckDB 2.0; the tests look for the bytes in the file.)
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable

import duckdb

from core.database.connection import first_row

Cursor = duckdb.DuckDBPyConnection
_TRIES = 40
_ROW_BYTES = 3_200
_BLOCK_BYTES = 262_144
_SMALL_BLOCK_BYTES = 4096


def every_table(cursor: Cursor) -> list[str]:
    """What must be written anew: all, since descriptions of tables share blocks, and hold values too, the least and the
    greatest of each column."""
    found = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY 1")
    return [name for (name,) in found.fetchall()]


def rewrite_tables(cursor: Cursor, names: Iterable[str]) -> None:
    """Writes tables anew, with their constraints, defaults and indexes. Call in a transaction."""
    for name in names:
        row = first_row(cursor.execute("SELECT sql FROM duckdb_tables() WHERE table_name = ?", [name]))
        assert row is not None, name
        indexes = cursor.execute("SELECT sql FROM duckdb_indexes() WHERE table_name = ?", [name]).fetchall()
        head = f"CREATE TABLE {name}("
        assert row[0].startswith(head), row[0]
        cursor.execute(f"CREATE TABLE {name}__new({row[0].removeprefix(head)}")
        cursor.execute(f"INSERT INTO {name}__new SELECT * FROM {name}")
        cursor.execute(f"DROP TABLE {name}")
        cursor.execute(f"ALTER TABLE {name}__new RENAME TO {name}")
        for (sql,) in indexes:
            cursor.execute(sql)


def checkpoint(cursor: Cursor) -> None:
    """Brings the log into the file, waiting a while for transactions that are under way."""
    for attempt in range(_TRIES):
        try:
            cursor.execute("CHECKPOINT")
        except duckdb.TransactionException:
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.25)
        else:
            return


def overwrite_free_blocks(cursor: Cursor) -> int:
    """Fills the blocks that nothing uses with noise and frees them again; gives how many there were."""
    checkpoint(cursor)
    free = before = _free_blocks(cursor)
    noise = " || ".join(["md5(random()::VARCHAR)"] * 100)
    cursor.execute("CREATE OR REPLACE TABLE erasure_noise (noise VARCHAR)")
    for _ in range(_TRIES):
        if not free:
            break
        # Hexadecimal digits are kept in half their size: a row makes for so many bytes.
        rows = 2 * (free + 1) * _BLOCK_BYTES // _ROW_BYTES
        cursor.execute(f"INSERT INTO erasure_noise SELECT {noise} FROM range(?)", [rows])
        checkpoint(cursor)
        free = _free_blocks(cursor)
    # What tells of tables, such as the least and greatest value of a column, lies in small blocks of its own: a comment
    # that is long enough fills those.
    ((small,),) = cursor.execute("SELECT coalesce(sum(free_blocks), 0) FROM pragma_metadata_info()").fetchall()
    comment = secrets.token_hex((int(small) + 8) * _SMALL_BLOCK_BYTES // 2)
    cursor.execute(f"COMMENT ON TABLE erasure_noise IS '{comment}'")
    checkpoint(cursor)
    cursor.execute("DROP TABLE erasure_noise")
    checkpoint(cursor)
    return before


def _free_blocks(cursor: Cursor) -> int:
    ((free,),) = cursor.execute("SELECT free_blocks FROM pragma_database_size()").fetchall()
    return int(free)
