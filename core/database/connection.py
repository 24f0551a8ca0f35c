"""Opens the workspace's DuckDB file: one process at a time, shut off from files and network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb

from core.errors import WorkspaceBusy, WorkspaceError


def open_database(path: Path, *, threads: int, memory: str = "1GB") -> duckdb.DuckDBPyConnection:
    """The process's one connection; take a ``cursor()`` of it for each thread.

    SQL that runs on it can reach neither other files nor the network, and loads no extension, so that even a mistake
    in a query can't be used to read the machine. Raises WorkspaceBusy naming the process that holds the file, and
    WorkspaceError where the file is not a DuckDB database.
    """
    try:
        return duckdb.connect(
            str(path),
            config={
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": memory,
                "threads": threads,
                "temp_directory": str(path.parent / "tmp"),
                "preserve_insertion_order": "false",
            },
        )
    except duckdb.IOException as error:
        message = str(error)
        if "lock" in message.lower():
            holder = re.search(r"PID (\d+)", message)
            who = f"process {holder.group(1)}" if holder else "another process"
            raise WorkspaceBusy(
                f"The workspace {path.parent} is open in {who}. Only one process can hold it: close that one,"
                " or do what you want to do in the app that has it open."
            ) from error
        raise WorkspaceError(f"The database {path} can't be opened: {message.splitlines()[0]}") from error
    except duckdb.Error as error:
        raise WorkspaceError(f"The database {path} can't be opened: {str(error).splitlines()[0]}") from error


def first_row(result: duckdb.DuckDBPyConnection) -> tuple[Any, ...] | None:
    """The first row of an executed statement, or None. DuckDB takes nothing else on a cursor whose result was not read
    to its end, as ``fetchone`` leaves it."""
    rows = result.fetchall()
    return rows[0] if rows else None
