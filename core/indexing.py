"""Brings the derived parts up to the database: words indexed, posts and pictures encoded, vector indexes saved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from core.database import vectors as vector_table
from core.database.connection import first_row
from core.database.vectors import PendingItem
from core.indexes import KINDS, Kind
from core.jobs.child import Child
from core.jobs.runner import JobContext
from core.settings import Settings
from core.types import Space

if TYPE_CHECKING:
    from core.workspace import Workspace

ENCODE_CHUNK = {"text": 1024, "dual": 256}
PHASES = {"text": "encoding texts", "dual": "encoding pictures"}


def run(context: JobContext) -> dict[str, Any]:
    """The job ``index``: encodes and indexes whatever is not yet. Gives how many vectors were lost in their store."""
    return {"lost": bring_up_to_date(context)}


def run_rebuild(context: JobContext) -> dict[str, Any]:
    """The job ``rebuild``: makes every index again from the database; with the param ``encode`` the vectors too."""
    workspace = context.workspace
    workspace.indexes.close()
    for name in ("lexical", "vectors"):
        shutil.rmtree(workspace.path / name, ignore_errors=True)
        (workspace.path / name).mkdir()
    if context.params.get("encode") and not context.checkpoint.get("emptied"):
        for space in vector_table.list_spaces(workspace.cursor()):
            workspace.indexes.store.clear(space)
            with workspace.new_generation() as (cursor, _):
                vector_table.delete_vectors(cursor, space)  # a store elsewhere would take these over
        with workspace.transaction() as cursor:
            context.save_checkpoint(cursor, {"emptied": True})
    return {"lost": bring_up_to_date(context)}


def bring_up_to_date(context: JobContext) -> int:
    """Words first, since they are searchable within seconds, then vectors. Goes on where an earlier call stopped.

    Gives how many vectors were found lost in their store and were encoded again. Raises VectorStoreError, with the
    words indexed, where the store does not answer.
    """
    update_lexical(context)
    indexes, lost = context.workspace.indexes, 0
    for kind in KINDS:
        space = indexes.space(kind)
        if space is not None:
            lost += indexes.store.repair(context, space)
        encode_pending(context, kind)
        space = indexes.space(kind)
        if space is not None:
            indexes.store.save(context, space)
    return lost


def update_lexical(context: JobContext) -> None:
    workspace = context.workspace
    lexical = workspace.indexes.lexical
    cursor = workspace.cursor()
    generation = workspace.generation
    (count,) = first_row(
        cursor.execute("SELECT count(*) FROM posts WHERE text_generation > ?", [lexical.generation])
    ) or (0,)
    if not count:
        return
    reader = cursor.execute(
        """
        SELECT p.row, p.text || coalesce(chr(10) || a.alts, ''), p.user_id FROM posts p
        LEFT JOIN (SELECT post_row, string_agg(alt, chr(10) ORDER BY position) AS alts FROM media
                   WHERE alt IS NOT NULL GROUP BY post_row) a ON a.post_row = p.row
        WHERE p.text_generation > ? ORDER BY p.row
        """,
        [lexical.generation],
    )

    def documents() -> Iterator[tuple[int, str, str]]:
        done = 0
        while rows := reader.fetchmany(2000):
            for row, text, user in rows:
                yield row, text, user or ""
            done += len(rows)
            context.report("indexing words", done, count)

    lexical.update(documents(), generation=generation)


def encode_pending(context: JobContext, kind: Kind, *, own_dual: str | None = None) -> Space | None:
    """Encodes every text or picture that lacks a vector of its present content, chunk by chunk, each in a transaction.

    The next chunk is encoded while the last one is stored, so that the model never waits. ``own_dual`` names a dual
    encoder of ``models/`` that does not serve yet: its space is filled beside the one that does. Gives the space, None
    where there is nothing to encode.
    """
    workspace = context.workspace
    store = workspace.indexes.store.key
    items = "posts WHERE text <> ''" if kind == "text" else "media WHERE path IS NOT NULL"
    if first_row(workspace.cursor().execute(f"SELECT 1 FROM {items} LIMIT 1")) is None:
        return None
    phase = PHASES[kind]
    context.report(f"loading the model for {phase}", 0, None)
    with open_batch_encoder(context, kind, workspace.models(own_dual)) as encoder:
        space = encoder.space
        with workspace.transaction() as cursor:
            vector_table.ensure_space(cursor, space, store)
            if own_dual is None:
                cursor.execute(
                    "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                    [f"model:{kind}:{workspace.model_setting(kind)}", space.model_id],
                )
        total = vector_table.count_pending(workspace.cursor(), space, store)
        done = 0

        def next_chunk(after: int) -> list[PendingItem]:
            return vector_table.pending(workspace.cursor(), space, after=after, limit=ENCODE_CHUNK[kind], store=store)

        chunk = next_chunk(-1)
        if chunk:
            encoder.send([item.content for item in chunk])
        while chunk:
            vectors, kept, failures = encoder.receive(partial(_report_chunk, context, phase, done, total))
            following = next_chunk(chunk[-1].row)
            if following:
                encoder.send([item.content for item in following])
            _store(workspace, space, [chunk[i] for i in kept], vectors, [(chunk[i], why) for i, why in failures])
            done += len(chunk)
            context.report(phase, done, total)
            chunk = following
    return space


def _report_chunk(context: JobContext, phase: str, before: int, total: int, done: int, _: int) -> None:
    context.report(phase, before + done, total)


def _store(
    workspace: Workspace,
    space: Space,
    items: list[PendingItem],
    vectors: NDArray[np.float32],
    failures: list[tuple[PendingItem, str]],
) -> None:
    def note_failures(cursor: duckdb.DuckDBPyConnection) -> None:
        for item, reason in failures:
            cursor.execute("UPDATE media SET path = NULL, error = ? WHERE row = ?", [reason, item.row])

    rows = np.array([item.row for item in items], np.int64)
    workspace.indexes.store.write(space, rows, [item.content_hash for item in items], vectors, also=note_failures)


class BatchEncoder:
    """An encoder in a child process that takes whole chunks; contents are texts, or picture paths below ``media/``."""

    def __init__(self, context: JobContext, kind: Kind, settings: Settings) -> None:
        workspace = context.workspace
        self._folder = workspace.path / "tmp"
        self._media = workspace.media_folder
        self._kind = kind
        self._child: Child = context.child("core.encoders.child:encode")
        self._number = 0
        self._settings = {
            "text_model": settings.text_model,
            "dual_model": settings.dual_model,
            "threads": settings.threads,
            "max_pixels": settings.max_pixels,
            "max_picture_mb": settings.max_picture_mb,
        }
        about = self._child.call({"kind": kind, "settings": self._settings})
        self.space = Space(kind, about["model_id"], about["dim"])

    def send(self, contents: list[str]) -> None:
        """Starts a chunk; ``receive`` gives its result."""
        if self._kind == "dual":
            contents = [str(self._media / path) for path in contents]
        self._number += 1
        source = self._path("json")
        source.write_text(json.dumps(contents))
        self._child.send(
            {"kind": self._kind, "settings": self._settings, "input": str(source), "output": str(self._path("npy"))}
        )

    def receive(
        self, report: Callable[[int, int], None]
    ) -> tuple[NDArray[np.float32], list[int], list[tuple[int, str]]]:
        """(vectors (n, dim), positions of the encoded contents, (position, reason) of those that could not be)."""
        result = self._child.receive(report)
        vectors: NDArray[np.float32] = np.load(self._path("npy"), allow_pickle=False)
        self._path("json").unlink()
        self._path("npy").unlink()
        return vectors, result["kept"], [(position, reason) for position, reason in result["failures"]]

    def _path(self, ending: str) -> Path:
        return self._folder / f"encode-{self._kind}-{self._number}.{ending}"

    def __enter__(self) -> BatchEncoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()


def open_batch_encoder(context: JobContext, kind: Kind, settings: Settings) -> BatchEncoder:
    """The encoder of a job. Apart, so that tests can put another in its place."""
    return BatchEncoder(context, kind, settings)
