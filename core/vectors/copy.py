"""Moves a workspace's vectors from one store to another: resumed where it was, counted, verified by a sample."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.database import vectors as vector_table
from core.database.connection import first_row
from core.errors import SettingError, VectorStoreError
from core.types import Space

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.vector_stores import VectorStore
    from core.workspace import Workspace

Report = Callable[[str, int, int | None], None]

SAMPLE = 1_000
"""Vectors of each space that are read back from both stores and compared."""
_BATCH = 2_048


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a space's vectors: ``copied`` now, ``already`` there before, ``missing`` in the source although
    noted there; ``checked`` were read back and compared."""

    space: str
    model_id: str
    copied: int
    already: int
    missing: int
    checked: int = 0


def run(context: JobContext) -> dict[str, Any]:
    """The job ``copy_vectors``: every space from the store ``from`` to the store ``to``, both as FEEDSCOPE_VECTORS
    names them; with ``release`` the source is emptied once the copy is verified. Killed, it goes on after its last
    batch.

    Raises VectorStoreError where a store does not answer, and where the copy is not what was sent.
    """
    workspace = context.workspace
    given = str(context.params.get("from") or workspace.settings.vectors)
    wanted = str(context.params["to"])
    found = []
    with ExitStack() as opened:
        source, target = (_store_of(workspace, setting, opened) for setting in (given, wanted))
        if source.key == target.key:
            raise SettingError(f"The vectors are in {target.title} already: name another place to copy them to.")
        spaces = [
            space
            for space in vector_table.list_spaces(workspace.cursor())
            if vector_table.has_store(workspace.cursor(), space, source.key)
        ]
        for space in spaces:
            copied = copy_space(workspace, space, source, target, context.report)
            checked = verify(workspace, space, source, target)
            target.save(context, space)
            found.append({**asdict(copied), "checked": checked})
        if context.params.get("release"):
            for space in spaces:
                source.clear(space)
    return {"from": source.title, "to": target.title, "spaces": found, "released": bool(context.params.get("release"))}


def _store_of(workspace: Workspace, setting: str, opened: ExitStack) -> VectorStore:
    from core.vector_stores import open_store

    store = open_store(workspace, setting)
    if store.key == workspace.indexes.store.key:
        return workspace.indexes.store
    opened.callback(store.close)
    return store


def copy_space(workspace: Workspace, space: Space, source: VectorStore, target: VectorStore, report: Report) -> Copied:
    """Copies the vectors of present contents that ``target`` does not hold yet, batch by batch, each committed."""
    with workspace.transaction() as cursor:
        vector_table.ensure_space(cursor, space, target.key)
    cursor = workspace.cursor()
    tables = [vector_table.table_name(cursor, space, store.key) for store in (source, target)]
    present = (
        f"FROM {tables[0]} s JOIN ({vector_table.items_sql(space)}) i ON i.row = s.row AND i.hash = s.content_hash"
        f" LEFT JOIN {tables[1]} t ON t.row = s.row AND t.content_hash = s.content_hash"
    )
    already, total = first_row(cursor.execute(f"SELECT count(t.row), count(*) - count(t.row) {present}")) or (0, 0)
    done, missing, after = 0, 0, -1
    while found := cursor.execute(
        f"SELECT s.row, s.content_hash {present} WHERE t.row IS NULL AND s.row > ? ORDER BY s.row LIMIT ?",
        [after, _BATCH],
    ).fetchall():
        report(f"copying {space.name} vectors to {target.title}", done, total)
        hashes = dict(found)
        rows, vectors = source.read(space, np.array(list(hashes), np.int64))
        target.write(space, rows, [hashes[row] for row in rows.tolist()], vectors)
        done += len(found)
        missing += len(found) - len(rows)
        after = found[-1][0]
    report(f"copying {space.name} vectors to {target.title}", done, total)
    return Copied(space.name, space.model_id, done - missing, already, missing)


def verify(workspace: Workspace, space: Space, source: VectorStore, target: VectorStore) -> int:
    """Reads up to ``SAMPLE`` of the vectors that both stores hold from both and gives how many were equal.

    Raises VectorStoreError where any differs by more than rounding, or is not there.
    """
    cursor = workspace.cursor()
    tables = [vector_table.table_name(cursor, space, store.key) for store in (source, target)]
    found = cursor.execute(
        f"SELECT s.row FROM {tables[0]} s JOIN {tables[1]} t ON t.row = s.row AND t.content_hash = s.content_hash"
        " ORDER BY hash(s.row) LIMIT ?",
        [SAMPLE],
    ).fetchnumpy()
    rows, expected = source.read(space, np.sort(np.asarray(found["row"], np.int64)))
    there, vectors = target.read(space, rows)
    at = np.searchsorted(rows, there)
    wrong = len(rows) - len(there) + int((np.abs(vectors - expected[at]) > 1e-6).any(axis=1).sum())
    if wrong:
        raise VectorStoreError(
            f"{wrong:,} of {len(rows):,} sampled {space.name} vectors in {target.title} are not what was sent."
            " Nothing was removed; copy again, and look at the disk there if it comes back."
        )
    return len(rows)
