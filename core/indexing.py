"""Brings the derived parts up to the database: words indexed, posts and pictures encoded, vector indexes saved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import derived
from core.database import vectors as vector_table
from core.database.connection import first_row
from core.database.vectors import PendingItem
from core.indexes import KINDS, Kind
from core.jobs.child import Child
from core.jobs.runner import JobContext
from core.types import Space
from core.vectors.families import choose_family

ENCODE_CHUNK = {"text": 1024, "dual": 256}
PHASES = {"text": "encoding texts", "dual": "encoding pictures"}


def run(context: JobContext) -> dict[str, Any]:
    """The job ``index``: encodes and indexes whatever is not yet."""
    bring_up_to_date(context)
    return {}


def run_rebuild(context: JobContext) -> dict[str, Any]:
    """The job ``rebuild``: makes every index again from the database; with the param ``encode`` the vectors too."""
    workspace = context.workspace
    workspace.indexes.close()
    for name in ("lexical", "vectors"):
        shutil.rmtree(workspace.path / name, ignore_errors=True)
        (workspace.path / name).mkdir()
    if context.params.get("encode") and not context.checkpoint.get("emptied"):
        with workspace.new_generation() as (cursor, _):
            for space in vector_table.list_spaces(cursor):
                vector_table.delete_vectors(cursor, space)
            context.save_checkpoint(cursor, {"emptied": True})
    bring_up_to_date(context)
    return {}


def bring_up_to_date(context: JobContext) -> None:
    """Words first, since they are searchable within seconds, then vectors. Goes on where an earlier call stopped."""
    update_lexical(context)
    for kind in KINDS:
        encode_pending(context, kind)
        save_vector_index(context, kind)


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


def encode_pending(context: JobContext, kind: Kind) -> None:
    """Encodes every text or picture that lacks a vector of its present content, chunk by chunk, each in a transaction.

    The next chunk is encoded while the last one is stored, so that the model never waits.
    """
    workspace = context.workspace
    items = "posts WHERE text <> ''" if kind == "text" else "media WHERE path IS NOT NULL"
    if first_row(workspace.cursor().execute(f"SELECT 1 FROM {items} LIMIT 1")) is None:
        return
    phase = PHASES[kind]
    context.report(f"loading the model for {phase}", 0, None)
    with open_batch_encoder(context, kind) as encoder:
        space = encoder.space
        with workspace.transaction() as cursor:
            vector_table.ensure_space(cursor, space)
            cursor.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [f"model:{kind}:{workspace.model_setting(kind)}", space.model_id],
            )
        total = vector_table.count_pending(workspace.cursor(), space)
        done = 0
        chunk = vector_table.pending(workspace.cursor(), space, after=-1, limit=ENCODE_CHUNK[kind])
        if chunk:
            encoder.send([item.content for item in chunk])
        while chunk:
            vectors, kept, failures = encoder.receive(partial(_report_chunk, context, phase, done, total))
            following = vector_table.pending(workspace.cursor(), space, after=chunk[-1].row, limit=ENCODE_CHUNK[kind])
            if following:
                encoder.send([item.content for item in following])
            _store(context, kind, space, [chunk[i] for i in kept], vectors, [(chunk[i], why) for i, why in failures])
            done += len(chunk)
            context.report(phase, done, total)
            chunk = following


def _report_chunk(context: JobContext, phase: str, before: int, total: int, done: int, _: int) -> None:
    context.report(phase, before + done, total)


def _store(
    context: JobContext,
    kind: Kind,
    space: Space,
    items: list[PendingItem],
    vectors: NDArray[np.float32],
    failures: list[tuple[PendingItem, str]],
) -> None:
    workspace = context.workspace
    with workspace.new_generation() as (cursor, generation):
        vector_table.store_vectors(cursor, space, items, vectors, generation=generation)
        for item, reason in failures:
            cursor.execute("UPDATE media SET path = NULL, error = ? WHERE row = ?", [reason, item.row])
    workspace.indexes.add_vectors(kind, np.array([item.row for item in items], np.int64), vectors)


class BatchEncoder:
    """An encoder in a child process that takes whole chunks; contents are texts, or picture paths below ``media/``."""

    def __init__(self, context: JobContext, kind: Kind) -> None:
        workspace = context.workspace
        self._folder = workspace.path / "tmp"
        self._media = workspace.media_folder
        self._kind = kind
        self._child: Child = context.child("core.encoders.child:encode")
        self._number = 0
        self._settings = {
            "text_model": workspace.settings.text_model,
            "dual_model": workspace.settings.dual_model,
            "threads": workspace.settings.threads,
            "max_pixels": workspace.settings.max_pixels,
            "max_picture_mb": workspace.settings.max_picture_mb,
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


def open_batch_encoder(context: JobContext, kind: Kind) -> BatchEncoder:
    """The encoder of a job. Apart, so that tests can put another in its place."""
    return BatchEncoder(context, kind)


def save_vector_index(context: JobContext, kind: Kind) -> None:
    """Saves the space's index where the saved one is not current, built anew where much has changed."""
    workspace = context.workspace
    space = workspace.indexes.space(kind)
    if space is None:
        return
    folder = workspace.indexes.folder(space)
    manifest = derived.read_manifest(folder)
    cursor = workspace.cursor()
    if manifest is not None and vector_table.newest_generation(cursor, space) <= manifest.generation:
        return
    generation = workspace.generation
    count = vector_table.count_vectors(cursor, space)
    family, _ = choose_family(count, space.dim)
    context.report("building the vector index", 0, count)
    if manifest is not None or family == "flat":
        index = workspace.indexes.vector(kind)
        assert index is not None
        if index.rebuild_reason() is None:
            index.save(folder, generation=generation)
            return
    _build_in_child(context, space, family, folder, generation)
    workspace.indexes.reopen(kind)


def _build_in_child(context: JobContext, space: Space, family: str, folder: Path, generation: int) -> None:
    workspace = context.workspace
    count = vector_table.count_vectors(workspace.cursor(), space)
    rows_path, vectors_path = workspace.path / "tmp" / "build-rows.npy", workspace.path / "tmp" / "build-vectors.npy"
    rows = np.lib.format.open_memmap(rows_path, "w+", np.int64, (count,))
    vectors = np.lib.format.open_memmap(vectors_path, "w+", np.float32, (count, space.dim))
    at = 0
    for some_rows, some_vectors in vector_table.read_vectors(workspace.cursor(), space):
        rows[at : at + len(some_rows)] = some_rows
        vectors[at : at + len(some_rows)] = some_vectors
        at += len(some_rows)
    del rows, vectors
    try:
        with context.child("core.vectors.child:build") as child:
            child.call(
                {
                    "rows": str(rows_path),
                    "vectors": str(vectors_path),
                    "count": at,
                    "space": [space.name, space.model_id, space.dim],
                    "family": family,
                    "folder": str(folder),
                    "generation": generation,
                    "threads": workspace.settings.thread_count(),
                },
                lambda done, total: context.report("building the vector index", done, total),
            )
    finally:
        rows_path.unlink()
        vectors_path.unlink()
