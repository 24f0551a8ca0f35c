"""Brings a database to the newest schema. The tables are in migrations/, numbered SQL files that are never edited once
released."""

from __future__ import annotations

from pathlib import Path

import duckdb

from core.errors import WorkspaceError

MIGRATIONS: dict[int, Path] = {
    int(path.name.split("_")[0]): path for path in sorted((Path(__file__).parent / "migrations").glob("*.sql"))
}


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Applies every migration that was not applied yet, in order, each in a transaction of its own.

    Raises WorkspaceError where the database was written by a newer Feedscope.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied_at TIMESTAMP)")
    applied = {version for (version,) in connection.execute("SELECT version FROM migrations").fetchall()}
    if applied - MIGRATIONS.keys():
        raise WorkspaceError(
            f"The workspace has schema {max(applied)}, newer than this Feedscope's {max(MIGRATIONS)}: update Feedscope."
        )
    for number, path in MIGRATIONS.items():
        if number not in applied:
            connection.begin()
            connection.execute(path.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO migrations VALUES (?, now()::TIMESTAMP)", [number])
            connection.commit()
