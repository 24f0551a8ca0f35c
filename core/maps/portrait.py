"""What is to be said of some posts: when they were written, by whom, their hashtags, how many are flagged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.database.connection import first_row
from core.moderation.flagged import flagged_rows

if TYPE_CHECKING:
    from core.workspace import Workspace

TOP = 12
_TAG = "'#[\\p{L}\\p{N}_]{2,50}'"


@dataclass(frozen=True, slots=True)
class Portrait:
    """``days`` are (day, posts) in order; ``users``, ``hashtags``, ``langs`` are (value, posts), most first;
    ``flagged`` counts the posts that reach a policy's threshold."""

    posts: int
    dated: int
    days: tuple[tuple[date, int], ...]
    users: tuple[tuple[str, int], ...]
    user_count: int
    hashtags: tuple[tuple[str, int], ...]
    langs: tuple[tuple[str, int], ...]
    pictures: int
    flagged: int


def portrait(workspace: Workspace, rows: NDArray[np.int64]) -> Portrait:
    """Of posts by their rows; rows that are gone are left out."""
    cursor = workspace.cursor()
    cursor.register("portrayed", pa.table({"row": pa.array(np.unique(rows), pa.int64())}))
    chosen = "posts SEMI JOIN portrayed USING (row)"

    def all_of(sql: str) -> tuple[Any, ...]:
        return tuple(cursor.execute(sql).fetchall())

    posts, dated, users, pictures = first_row(
        cursor.execute(
            f"SELECT count(*), count(created_at), count(DISTINCT user_id), count(*) FILTER (pictures > 0) FROM {chosen}"
        )
    ) or (0, 0, 0, 0)

    def top(column: str) -> tuple[tuple[str, int], ...]:
        return all_of(
            f"SELECT {column} AS value, count(*) AS n FROM {chosen} WHERE {column} IS NOT NULL AND {column} <> ''"
            f" GROUP BY 1 ORDER BY n DESC, 1 LIMIT {TOP}"
        )

    found = Portrait(
        posts=posts,
        dated=dated,
        days=all_of(
            f"SELECT created_at::DATE AS day, count(*) FROM {chosen} WHERE created_at IS NOT NULL GROUP BY 1 ORDER BY 1"
        ),
        users=top("user_id"),
        user_count=users,
        hashtags=all_of(
            f"SELECT tag, count(*) AS n FROM (SELECT unnest(list_distinct(regexp_extract_all(lower(text), {_TAG}))) AS"
            f" tag FROM {chosen} WHERE contains(text, '#')) GROUP BY 1 ORDER BY n DESC, 1 LIMIT {TOP}"
        ),
        langs=top("lang"),
        pictures=pictures,
        flagged=int(np.isin(flagged_rows(workspace), rows).sum()),
    )
    cursor.unregister("portrayed")
    return found
