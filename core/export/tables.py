"""Writes posts as CSV, Parquet or JSON lines into a folder, batch by batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.export.cells import BYTE_ORDER_MARK, write_csv_rows
from core.export.rows import Batch, RowLayout, picture_names
from core.export.subject import Subject
from core.types import Post, User

if TYPE_CHECKING:
    from core.workspace import Workspace

Batches = Iterable[Batch]


def write_csv(workspace: Workspace, subject: Subject, folder: Path, batches: Batches, *, with_pictures: bool) -> None:
    """``posts.csv``: UTF-8 with a byte order mark, times as ISO 8601 in UTC."""
    layout = RowLayout(workspace, subject, with_pictures=with_pictures)
    with (folder / "posts.csv").open("w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(BYTE_ORDER_MARK)
        write_csv_rows(file, [layout.schema.names])
        for batch in batches:
            write_csv_rows(file, map(_iso, _cells(layout, batch)))


def write_parquet(
    workspace: Workspace, subject: Subject, folder: Path, batches: Batches, *, with_pictures: bool
) -> None:
    """``posts.parquet``: numbers and times typed, times naive UTC."""
    layout = RowLayout(workspace, subject, with_pictures=with_pictures)
    with pq.ParquetWriter(folder / "posts.parquet", layout.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(table_of(layout, batch))


def table_of(layout: RowLayout, batch: Batch) -> pa.Table:
    rows = list(_cells(layout, batch))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(layout.schema)
    arrays = [
        pa.array([_whole(value) for value in column], field.type)
        for column, field in zip(columns, layout.schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=layout.schema)


def write_jsonl(workspace: Workspace, subject: Subject, folder: Path, batches: Batches, *, with_pictures: bool) -> None:
    """Feedscope's own format, which goes in again as it came out: ``posts.jsonl``, ``users.jsonl`` (the authors) and
    ``interactions.jsonl`` (acts on these posts); and ``hits.jsonl`` with ranks and scores where a search found them."""
    _write_lines(folder / "hits.jsonl", ({"post_id": id_, **asdict(hit)} for id_, hit in subject.hits.items()))
    told: set[str] = set()

    def users(batch: Batch) -> Iterator[dict[str, Any]]:
        for user in batch.users.values():
            if user.id not in told:
                told.add(user.id)
                yield _filled(asdict(user))

    with (
        (folder / "posts.jsonl").open("w", encoding="utf-8") as posts_file,
        (folder / "users.jsonl").open("w", encoding="utf-8") as users_file,
        (folder / "interactions.jsonl").open("w", encoding="utf-8") as acts_file,
    ):
        for batch in batches:
            posts_file.writelines(_line(post_document(post, with_pictures)) for post in batch.posts)
            users_file.writelines(map(_line, users(batch)))
            acts_file.writelines(map(_line, _interactions(workspace, batch)))
    for name in ("users.jsonl", "interactions.jsonl", "hits.jsonl"):
        path = folder / name
        if path.exists() and not path.stat().st_size:
            path.unlink()


def post_document(post: Post, with_pictures: bool) -> dict[str, Any]:
    """A post as Feedscope's own format has it; what is unknown is left out."""
    document = {key: value for key, value in asdict(post).items() if key not in ("media", "extra")}
    there = [item for item in post.media if item.path or not with_pictures]
    names = picture_names(post, with_pictures)
    media = [_filled({"file": name, "alt": item.alt}) for name, item in zip(names, there, strict=True)]
    return _filled({**document, "media": media, "extra": dict(post.extra)})


def _interactions(workspace: Workspace, batch: Batch) -> Iterator[dict[str, Any]]:
    found = workspace.cursor().execute(
        "SELECT user_id, post_id, kind, created_at, weight FROM interactions"
        " WHERE post_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY post_id, user_id, kind, created_at",
        [[post.id for post in batch.posts]],
    )
    for row in found.fetchall():
        yield _filled(dict(zip(("user_id", "post_id", "kind", "created_at", "weight"), row, strict=True)))


def _cells(layout: RowLayout, batch: Batch) -> Iterator[list[Any]]:
    return (layout.cells(post, _author(post, batch)) for post in batch.posts)


def _author(post: Post, batch: Batch) -> User | None:
    return batch.users.get(post.user_id or "")


def _iso(cells: list[Any]) -> list[Any]:
    return [value.isoformat() if isinstance(value, datetime) else value for value in cells]


def _whole(value: Any) -> Any:
    """Arrow takes no text with a lone surrogate."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and not value.isascii() else value


def _filled(document: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in document.items()
        if value is not None and value not in ([], {}, ())
    }


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n"


def _write_lines(path: Path, documents: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(map(_line, documents))


Writer = Callable[..., None]
TABLES: dict[str, Writer] = {"csv": write_csv, "parquet": write_parquet, "jsonl": write_jsonl}
