"""Takes vectors in that others made, and gives ours out, in the ecosystem's layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.database import vectors as vector_table
from core.database.connection import first_row
from core.errors import SettingError, VectorError
from core.indexes import KINDS
from core.types import Space
from core.vectors.exchange_files import LAYOUTS, Batch, open_vectors
from core.vectors.exchange_writer import ROWS_IN_A_FILE, VectorWriter

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

SHOWN_FAILURES = 100
_EXPORT_BATCH = 4_096

# Which of a file's columns say whose vector it is, and how. Each way is tried on what the ones before did not find.
_POST_WAYS = (
    (("id", "post_id"), "posts n WHERE n.id = k.key AND n.text <> ''"),
    (("url",), "posts n WHERE n.url = k.key AND n.text <> ''"),
    (("text", "caption"), "posts n WHERE n.text = k.key AND n.text <> ''"),
)
_PICTURE_WAYS = (
    (("sha256",), "media n WHERE n.sha256 = lower(k.key) AND n.path IS NOT NULL"),
    (
        ("post_id", "id"),
        "media n, posts p WHERE p.id = k.key AND n.post_row = p.row AND n.path IS NOT NULL"
        " AND (n.position = k.position OR (k.position IS NULL AND p.pictures = 1))",
    ),
    (("image_path", "path", "name", "url"), "media n WHERE n.name = k.key AND n.path IS NOT NULL"),
    (
        ("image_path", "path", "name"),
        "media n WHERE parse_filename(n.name) = parse_filename(k.key) AND n.path IS NOT NULL",
    ),
)


@dataclass(slots=True)
class ImportCounts:
    """What became of the rows of a file. ``stored`` found their posts or pictures; ``unmatched`` fit none of this
    workspace, or several; ``refused`` have no usable vector; ``repeated`` came before for the same one."""

    rows: int = 0
    stored: int = 0
    unmatched: int = 0
    refused: int = 0
    repeated: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)

    def fail(self, where: str, reason: str) -> None:
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append({"where": where, "reason": reason})


def run_import(context: JobContext) -> dict[str, Any]:
    """The job ``import_vectors``: the vectors in ``path`` for the space ``text`` or ``dual``, of ``model_id``; by
    default of the model that the settings name, which then has nothing left to encode. Goes on where it was stopped.

    Raises ImportFailed where the files can't be used at all, VectorError where their dimension is not the model's.
    """
    workspace = context.workspace
    kind = _kind(context.params["space"])
    file = open_vectors(Path(context.params["path"]), kind)
    space = _space_for(workspace, kind, context.params.get("model_id"), file.dim)
    store = workspace.indexes.store
    with workspace.transaction() as cursor:
        vector_table.ensure_space(cursor, space, store.key)
        if not context.params.get("model_id"):
            key = f"model:{kind}:{workspace.model_setting(kind)}"
            cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, space.model_id])
    start = int(context.checkpoint.get("at", 0))
    counts = ImportCounts(**context.checkpoint.get("counts", {}))
    for batch in file.batches(start):
        context.report("taking vectors in", batch.start, file.rows)
        rows, hashes, vectors = _match(workspace.cursor(), kind, batch, counts)
        at = batch.start + len(batch.vectors)

        def note(cursor: duckdb.DuckDBPyConnection, at: int = at) -> None:
            context.save_checkpoint(cursor, {"at": at, "counts": asdict(counts)})

        store.write(space, rows, hashes, vectors, also=note)
    current = workspace.indexes.space(kind)
    if current == space:
        store.save(context, space)
    said = {"path": context.params["path"], "layout": file.layout, **asdict(space), **asdict(counts)}
    return {**said, "used": current == space}


def _kind(name: object) -> str:
    if name not in KINDS:
        raise SettingError(f"There is no space {name!r}; there are {' and '.join(KINDS)}.")
    return str(name)


def _space_for(workspace: Workspace, kind: str, model_id: str | None, dim: int) -> Space:
    space = Space(kind, model_id, dim) if model_id else workspace.indexes.space(kind) or workspace.encoder(kind).space
    known = {other.model_id: other for other in vector_table.list_spaces(workspace.cursor()) if other.name == kind}
    wanted = known.get(space.model_id, space).dim
    if wanted != dim:
        raise VectorError(f"The file's vectors have {dim} dimensions, those of {space.model_id} have {wanted}.")
    return space


def _match(
    cursor: duckdb.DuckDBPyConnection, kind: str, batch: Batch, counts: ImportCounts
) -> tuple[NDArray[np.int64], list[str], NDArray[np.float32]]:
    """The batch's good vectors as unit vectors, with the rows and content hashes that they are of; counts the rest."""
    counts.rows += len(batch.vectors)
    # In float64, where the squares of large float32 numbers still have a sum.
    lengths = np.linalg.norm(batch.vectors.astype(np.float64), axis=1)
    good = np.isfinite(lengths) & (lengths > 0)
    for at in np.flatnonzero(~good).tolist():
        reason = batch.reasons.get(at)
        if reason is None:
            reason = "the vector is zero" if lengths[at] == 0 else "the vector holds values that are not finite"
        counts.refused += 1
        counts.fail(f"{batch.where} row {batch.start + at + 1}", reason)
    found = _find(cursor, kind, batch.columns, np.flatnonzero(good))
    matched = set(found[0])
    for at in np.flatnonzero(good).tolist():
        if at not in matched:
            counts.unmatched += 1
            what = "post" if kind == "text" else "picture"
            counts.fail(f"{batch.where} row {batch.start + at + 1}", f"no {what} of this workspace, or several, fit it")
    rows, hashes, chosen = [], [], []
    taken: set[int] = set()
    used: set[int] = set()
    for at, row, content_hash in zip(*found, strict=True):
        if row not in taken:
            taken.add(row)
            used.add(at)
            rows.append(row)
            hashes.append(content_hash)
            chosen.append(at)
    counts.stored += len(used)
    counts.repeated += len(matched - used)
    vectors = (batch.vectors[chosen] / lengths[chosen, None]).astype(np.float32)
    return np.array(rows, np.int64), hashes, vectors


def _find(
    cursor: duckdb.DuckDBPyConnection, kind: str, columns: Mapping[str, list[str | None]], wanted: NDArray[np.int64]
) -> tuple[list[int], list[int], list[str]]:
    """(positions, rows, hashes): a position comes several times where several rows have that very content, and not at
    all where rows of different content fit."""
    found: tuple[list[int], list[int], list[str]] = ([], [], [])
    left = wanted.tolist()
    positions = columns.get("position")
    content = "n.text_hash" if kind == "text" else "n.sha256"
    for names, condition in _POST_WAYS if kind == "text" else _PICTURE_WAYS:
        name = next((name for name in names if name in columns), None)
        if name is None or not left:
            continue
        table = pa.table(
            {
                "place": pa.array(left, pa.int64()),
                "key": pa.array([columns[name][at] for at in left], pa.string()),
                "position": pa.array([_whole(positions[at]) if positions else None for at in left], pa.int64()),
            }
        )
        cursor.register("keys", table)
        fits = cursor.execute(
            f"WITH fits AS (SELECT k.place, n.row, {content} AS hash FROM keys k, {condition})"
            " SELECT place, row, hash FROM fits WHERE place IN"
            " (SELECT place FROM fits GROUP BY place HAVING count(DISTINCT hash) = 1) ORDER BY place, row"
        ).fetchall()
        cursor.unregister("keys")
        for at, row, content_hash in fits:
            found[0].append(at)
            found[1].append(row)
            found[2].append(content_hash)
        done = set(found[0])
        left = [at for at in left if at not in done]
    return found


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else None


def run_export(context: JobContext) -> dict[str, Any]:
    """The job ``export_vectors``: a space's vectors to ``out`` as ``format``, one of LAYOUTS, in rising row.

    With ``half`` the arrays of clip-retrieval are in half precision. Raises SettingError where ``out`` is there, and
    VectorError where nothing is encoded.
    """
    workspace = context.workspace
    kind, layout = _kind(context.params["space"]), context.params["format"]
    if layout not in LAYOUTS:
        raise SettingError(f"There is no format {layout!r}; there are {' and '.join(LAYOUTS)}.")
    store, cursor = workspace.indexes.store, workspace.cursor()
    space = workspace.indexes.space(kind)
    if space is None or not vector_table.has_store(cursor, space, store.key):
        raise VectorError(f"Nothing is encoded in the space {kind} yet: there are no vectors to give out.")
    table = vector_table.table_name(cursor, space, store.key)
    source = _export_sql(kind, table)
    (total,) = first_row(cursor.execute(f"SELECT count(*) FROM ({source})")) or (0,)
    writer = VectorWriter(
        Path(context.params["out"]).absolute(), layout, kind, space.dim, total=total,
        half=bool(context.params.get("half")), rows_in_a_file=context.params.get("rows_in_a_file", ROWS_IN_A_FILE),
        about={"feedscope.space": kind, "feedscope.model": space.model_id},
    )  # fmt: skip
    done, after = 0, -1
    try:
        while said := cursor.execute(
            f"SELECT * FROM ({source}) WHERE row > ? ORDER BY row LIMIT ?", [after, _EXPORT_BATCH]
        ).fetchall():
            context.report("giving vectors out", done, total)
            names = [column[0] for column in cursor.description or []]
            rows, vectors = store.read(space, np.array([line[0] for line in said], np.int64))
            there = set(rows.tolist())
            kept = [line for line in said if line[0] in there]
            columns: dict[str, list[Any]] = dict(zip(names, map(list, zip(*kept, strict=True)), strict=True))
            columns.pop("row", None)
            if "image_path" in columns:
                columns["image_path"] = [str(workspace.media_folder / path) for path in columns["image_path"]]
            writer.write(columns, vectors)
            done += len(said)
            after = said[-1][0]
        writer.close()
    except BaseException:
        writer.discard()
        raise
    if not writer.written:
        raise VectorError(f"None of the {kind} vectors could be read: there is nothing to give out.")
    return {"path": context.params["out"], "format": layout, **asdict(space), "written": writer.written,
            "missing": total - writer.written}  # fmt: skip


def _export_sql(kind: str, table: str) -> str:
    """What goes out beside each vector that is of a present content."""
    if kind == "text":
        return (
            f"SELECT v.row, p.id, p.url, p.text AS caption FROM {table} v"
            " JOIN posts p ON p.row = v.row AND p.text_hash = v.content_hash"
        )
    return (
        f"SELECT v.row, m.path AS image_path, coalesce(m.alt, p.text) AS caption, p.id AS post_id, m.position, m.name,"
        f" m.sha256, p.url AS post_url FROM {table} v JOIN media m ON m.row = v.row AND m.sha256 = v.content_hash"
        " JOIN posts p ON p.row = m.post_row"
    )
