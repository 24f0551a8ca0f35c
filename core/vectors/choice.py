"""Which family a workspace's index is to be of: chosen by its user, or left to :func:`choose_family`."""

from __future__ import annotations

import duckdb

from core.database.connection import first_row
from core.types import Space
from core.vectors.families import AUTO, FAMILIES, check_family, choose_family


def chosen_family(cursor: duckdb.DuckDBPyConnection, kind: str) -> str:
    """What was chosen for the space ``text`` or ``dual``; AUTO where nothing was, or what there no longer is."""
    row = first_row(cursor.execute("SELECT value FROM meta WHERE key = ?", [_key(kind)]))
    return AUTO if row is None or row[0] not in FAMILIES else str(row[0])


def choose(cursor: duckdb.DuckDBPyConnection, kind: str, family: str) -> None:
    """Stores the choice of a family, or of AUTO. Call in a transaction. Raises VectorError for any other name."""
    if family != AUTO:
        check_family(family)
    cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_key(kind), family])


def wanted_family(cursor: duckdb.DuckDBPyConnection, space: Space, count: int) -> tuple[str, str]:
    """The family for ``count`` vectors of a space, and the reason in a sentence for the user."""
    return choose_family(count, space.dim, wanted=chosen_family(cursor, space.name))


def _key(kind: str) -> str:
    return f"index_family:{kind}"
