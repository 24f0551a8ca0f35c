"""A map as one Parquet file in the layout of Embedding Atlas: ``embedding-atlas FILE --text text --x projection_x
--y projection_y --neighbors neighbors`` opens it, and so does whatever reads Parquet."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import MapError
from core.maps.layouts import Layout
from core.moderation.effects import removed_rows

if TYPE_CHECKING:
    from core.workspace import Workspace

_CHUNK = 8192
_NEIGHBOURS = pa.struct([("distances", pa.list_(pa.float32())), ("ids", pa.list_(pa.int64()))])
_POST: tuple[tuple[str, Any], ...] = (
    ("id", pa.string()), ("text", pa.string()), ("user_id", pa.string()), ("created_at", pa.timestamp("us")),
    ("lang", pa.string()), ("source", pa.string()), ("url", pa.string()), ("likes", pa.int64()),
    ("reposts", pa.int64()), ("replies", pa.int64()),
)  # fmt: skip
_USER: tuple[tuple[str, Any], ...] = (
    ("id", pa.string()), ("name", pa.string()), ("handle", pa.string()), ("followers", pa.int64()),
    ("following", pa.int64()),
)  # fmt: skip


def export_map(workspace: Workspace, layout: Layout, path: Path, report: Callable[[str, int, int | None], None]) -> int:
    """Writes ``path`` and gives the number of rows. Posts that reviewers removed are left out. ``neighbors`` holds
    positions in the file, from 0, and distances (1 - cosine), the post itself left out; ``cluster_0`` and so on are the
    names of its cluster at each level, the coarsest first. Raises MapError where the file can't be written."""
    if path.suffix.lower() != ".parquet":
        raise MapError(f"{path} has to end in .parquet.")
    kept = (
        np.arange(len(layout.rows)) if layout.users else np.flatnonzero(~np.isin(layout.rows, removed_rows(workspace)))
    )
    place = np.full(len(layout.rows) + 1, -1, np.int64)
    place[kept] = np.arange(len(kept))
    columns = _USER if layout.users else _POST
    names = [{c.number: c.name for c in layout.at_level(level)} for level in range(len(layout.labels))]
    schema = pa.schema(
        [*columns, *((f"cluster_{level}", pa.string()) for level in range(len(names))), ("placed", pa.bool_()),
         ("projection_x", pa.float32()), ("projection_y", pa.float32()), ("neighbors", _NEIGHBOURS)]
    )  # fmt: skip
    partial = path.with_name(f"{path.name}.part")
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for start in range(0, max(1, len(kept)), _CHUNK):
                report("writing the map", start, len(kept))
                writer.write_table(_table(workspace, layout, kept[start : start + _CHUNK], place, names, schema))
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise MapError(f"{path} can't be written: {error.strerror or error}.") from error
    return len(kept)


def _table(
    workspace: Workspace, layout: Layout, some: NDArray[np.int64], place: NDArray[np.int64],
    names: list[dict[int, str]], schema: Any,
) -> Any:  # fmt: skip
    cursor = workspace.cursor()
    if layout.users:
        ids = [layout.users[at] for at in some]
        fields = ", ".join(name for name, _ in _USER)
        found = cursor.execute(
            f"SELECT {fields} FROM users WHERE id IN (SELECT unnest(?::VARCHAR[]))", [ids]
        ).fetchall()
        known: dict[Any, tuple[Any, ...]] = {row[0]: row for row in found}
        rows = [known.get(id_, (id_, *[None] * (len(_USER) - 1))) for id_ in ids]
        columns = _USER
    else:
        own = layout.rows[some].tolist()
        fields = ", ".join(name for name, _ in _POST)
        found = cursor.execute(
            f"SELECT row, {fields} FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [own]
        ).fetchall()
        known = {row[0]: row[1:] for row in found}
        # A post that was deleted since keeps its place, so that the positions of neighbours hold.
        rows = [known.get(row, (None,) * len(_POST)) for row in own]
        columns = _POST
    data: dict[str, Any] = {name: pa.array([row[at] for row in rows], kind) for at, (name, kind) in enumerate(columns)}
    for level, named in enumerate(names):
        data[f"cluster_{level}"] = pa.array(
            [named.get(int(label)) for label in layout.labels[level][some]], pa.string()
        )
    data["placed"] = pa.array(layout.placed[some])
    data["projection_x"], data["projection_y"] = (pa.array(layout.xy[some, d]) for d in (0, 1))
    near = place[layout.near[some, 1:]]
    data["neighbors"] = pa.array(
        [
            {"distances": far[there].tolist(), "ids": ids[there].tolist()}
            for ids, far, there in zip(near, layout.far[some, 1:].astype(np.float32), near >= 0, strict=True)
        ],
        _NEIGHBOURS,
    )
    return pa.table(data, schema=schema)
