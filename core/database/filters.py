"""Filters as SQL: which posts pass, and what there is to choose from."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from core.database.connection import first_row
from core.types import Filters

VISIBLE = "row NOT IN (SELECT row FROM hidden_posts)"
"""What every post that is shown to everybody must be: not removed and not locked, see core.moderation.effects."""


def where_clause(filters: Filters) -> tuple[str, list[Any]]:
    """A condition on ``posts`` with its bound parameters. Posts that moderation hides never pass."""
    parts: list[str] = [VISIBLE]
    values: list[Any] = []

    def add(condition: str, *bound: Any) -> None:
        parts.append(condition)
        values.extend(bound)

    if filters.user_ids:
        add("user_id IN (SELECT unnest(?::VARCHAR[]))", list(filters.user_ids))
    if filters.langs:
        add("lang IN (SELECT unnest(?::VARCHAR[]))", list(filters.langs))
    if filters.sources:
        add("source IN (SELECT unnest(?::VARCHAR[]))", list(filters.sources))
    if filters.since:
        add("created_at >= ?", filters.since)
    if filters.until:
        add("created_at < ?", filters.until)
    if filters.has_picture is not None:
        add("pictures > 0" if filters.has_picture else "pictures = 0")
    if filters.min_likes is not None:
        add("likes >= ?", filters.min_likes)
    for key, value in filters.extra:
        add("json_extract_string(extra, ?) = ?", json_path(key), value)
    return " AND ".join(parts), values


def json_path(key: str) -> str:
    # DuckDB quotes a key with double quotes and has no escape inside them.
    return (
        "$." + json.dumps(key, ensure_ascii=False)
        if '"' not in key and "\\" not in key
        else "/" + key.replace("~", "~0").replace("/", "~1")
    )


def allowed_rows(
    cursor: duckdb.DuckDBPyConnection, filters: Filters, *, always: bool = False
) -> NDArray[np.int64] | None:
    """Rows of the posts that pass, rising; None where there is no filter at all (hidden posts are
    then the caller's to leave out), unless they are wanted ``always``."""
    if not filters and not always:
        return None
    condition, values = where_clause(filters)
    found = cursor.execute(f"SELECT row FROM posts WHERE {condition} ORDER BY row", values).fetchnumpy()
    return np.asarray(found["row"], np.int64)


def newest_rows(cursor: duckdb.DuckDBPyConnection, filters: Filters, limit: int) -> list[tuple[int, str]]:
    """(row, id) of the newest posts that pass; those without a time come last."""
    condition, values = where_clause(filters)
    return cursor.execute(
        f"SELECT row, id FROM posts WHERE {condition} ORDER BY created_at DESC NULLS LAST, row LIMIT ?",
        [*values, limit],
    ).fetchall()


def count_posts(cursor: duckdb.DuckDBPyConnection, filters: Filters) -> int:
    condition, values = where_clause(filters)
    (count,) = first_row(cursor.execute(f"SELECT count(*) FROM posts WHERE {condition}", values)) or (0,)
    return int(count)


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """Values to choose from, most frequent first, each with its number of posts.

    ``extra`` holds, by imported column, its values; columns that are nearly unique (ids, urls) are left out.
    """

    langs: tuple[tuple[str, int], ...]
    sources: tuple[tuple[str, int], ...]
    users: tuple[tuple[str, int], ...]
    extra: dict[str, tuple[tuple[str, int], ...]]


def filter_choices(cursor: duckdb.DuckDBPyConnection, *, limit: int = 200, sample: int = 20_000) -> FilterChoices:
    """What the filter bar offers. Extra columns are read from a sample of the posts (at most ``sample``), the same
    each time, so their counts are the sample's."""

    def top(column: str) -> tuple[tuple[str, int], ...]:
        rows = cursor.execute(
            f"SELECT {column}, count(*) n FROM posts WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT ?",
            [limit],
        ).fetchall()
        return tuple(rows)

    counters: dict[str, Counter[str]] = {}
    rows = cursor.execute("SELECT extra FROM posts WHERE extra <> '{}' ORDER BY hash(row) LIMIT ?", [sample]).fetchall()
    for (raw,) in rows:
        for key, value in json.loads(raw).items():
            if value is not None and len(str(value)) <= 80:
                counters.setdefault(key, Counter())[as_filter_text(value)] += 1
    extra = {
        key: tuple(counter.most_common(limit))
        for key, counter in sorted(counters.items())
        if len(counter) <= max(20, counter.total() // 3)
    }
    return FilterChoices(top("lang"), top("source"), top("user_id"), extra)


def as_filter_text(value: object) -> str:
    """A JSON scalar as SQL's json_extract_string writes it, so that a choice finds its posts."""
    return value if isinstance(value, str) else json.dumps(value)
