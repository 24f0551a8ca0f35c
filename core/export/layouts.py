"""Layouts of other tools: a table for Embedding Atlas, a folder as clip-retrieval makes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.database.posts import rows_of
from core.errors import VectorError
from core.export.rows import PICTURES, Batch, RowLayout, picture_file
from core.export.subject import Subject
from core.export.tables import table_of

if TYPE_CHECKING:
    from core.workspace import Workspace

NEIGHBOURS = 15
"""As Embedding Atlas computes by default."""
_QUERIES = 256
_SAMPLE = 20_000


def write_atlas(
    workspace: Workspace, subject: Subject, folder: Path, batches: Iterable[Batch], *, with_pictures: bool
) -> str:
    """``posts.parquet`` for ``embedding-atlas posts.parquet --x projection_x --y projection_y --neighbors neighbors
    --text text``: the columns of the Parquet export, and where a post's text has a vector, its place on a plane and its
    nearest exported posts, ``{ids, distances}``: positions in the table from 0, and 1 minus the cosine.

    Gives a sentence that says what the places are. Raises VectorError where no text is encoded.
    """
    layout = RowLayout(workspace, subject, with_pictures=with_pictures)
    ids: list[str] = []
    plain = folder / "posts.plain.parquet"
    with pq.ParquetWriter(plain, layout.schema, compression="zstd") as writer:
        for batch in batches:
            ids += [post.id for post in batch.posts]
            writer.write_table(table_of(layout, batch))
    rows_by_id = rows_of(workspace.cursor(), ids)
    rows = np.array([rows_by_id[id_] for id_ in ids], np.int64)
    index = workspace.indexes.vector("text")
    if index is None:
        raise VectorError("No text is encoded yet, so there are no places and neighbours for Embedding Atlas.")
    encoded = np.isin(rows, index.rows())
    places, said = _places(index, rows[encoded])
    neighbours = _neighbours(index, rows, encoded)
    at, of_encoded = 0, np.cumsum(encoded) - 1
    schema = pa.schema(
        [*layout.schema, ("projection_x", pa.float32()), ("projection_y", pa.float32()), ("neighbors", _NEIGHBOURS)]
    )
    with pq.ParquetWriter(folder / "posts.parquet", schema, compression="zstd") as writer:
        for group in pq.ParquetFile(plain).iter_batches(batch_size=1000):
            span = slice(at, at + group.num_rows)
            here = encoded[span]
            own = places[np.maximum(of_encoded[span], 0)] if len(places) else np.zeros((group.num_rows, 2), np.float32)
            xs, ys = (pa.array(own[:, axis], pa.float32(), mask=~here) for axis in (0, 1))
            near = pa.array([next(neighbours) for _ in range(group.num_rows)], _NEIGHBOURS)
            columns = [*group.columns, xs, ys, near]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            at += group.num_rows
    plain.unlink()
    return said


_NEIGHBOURS = pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float32()))])


def _places(index: Any, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], str]:
    """(n, 2) places by the first two principal components of the text vectors, of a sample where there are many."""
    if len(rows) < 3:
        return np.zeros((len(rows), 2), np.float32), "too few posts for a projection: all places are 0"
    sample = np.sort(np.random.default_rng(0).choice(rows, min(len(rows), _SAMPLE), replace=False))
    vectors = index.reconstruct(sample)
    mean = vectors.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((vectors - mean).T))
    axes = axes[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # the same signs each time
    parts = [(index.reconstruct(part) - mean) @ axes for part in np.array_split(rows, max(1, len(rows) // 8192))]
    return np.concatenate(parts).astype(
        np.float32
    ), "projection: the first two principal components of the text vectors"


def _neighbours(index: Any, rows: NDArray[np.int64], encoded: NDArray[np.bool_]) -> Iterator[dict[str, Any] | None]:
    """Each row's nearest among the rows, in order; None where it has no vector."""
    allowed = np.unique(rows[encoded])
    order = np.argsort(rows, kind="stable")
    for start in range(0, len(rows), _QUERIES):
        span = slice(start, start + _QUERIES)
        asking = rows[span][encoded[span]]
        found: Iterator[dict[str, Any]] = iter(())
        if len(asking):
            scores, near = index.search(index.reconstruct(asking), NEIGHBOURS + 1, allowed=allowed)
            found = iter([_near(*one, rows, order) for one in zip(asking, scores, near, strict=True)])
        for has_vector in encoded[span]:
            yield next(found) if has_vector else None


def _near(
    own: np.int64,
    scores: NDArray[np.float32],
    near: NDArray[np.int64],
    rows: NDArray[np.int64],
    order: NDArray[np.int64],
) -> dict[str, Any]:
    kept = np.flatnonzero((near >= 0) & (near != own))[:NEIGHBOURS]
    positions = order[np.searchsorted(rows, near[kept], sorter=order)]
    return {"ids": positions.tolist(), "distances": np.maximum(0, 1 - scores[kept]).tolist()}


def write_clip_retrieval(workspace: Workspace, folder: Path, batches: Iterable[Batch], *, total: int) -> int:
    """``img_emb/`` and ``metadata/`` as clip-retrieval has them: a vector of the ``dual`` space for each picture that
    has one, with ``image_path`` (below ``pictures/``), ``caption``, ``url`` and whose picture it is; gives how many.

    Raises VectorError where no picture is encoded.
    """
    from core.vectors.exchange_writer import VectorWriter

    space = workspace.indexes.space("dual")
    if space is None:
        raise VectorError("No picture is encoded yet, so there is nothing to give clip-retrieval.")
    about = {"feedscope.space": space.name, "feedscope.model": space.model_id}
    beside = folder / "clip"
    writer = VectorWriter(beside, "clip-retrieval", "dual", space.dim, total=total, about=about)
    try:
        for batch in batches:
            media = {item.row: (post, item) for post in batch.posts for item in post.media if item.path}
            rows, vectors = workspace.indexes.stored("dual", np.array(sorted(media), np.int64))
            if not len(rows):
                continue
            chosen = [media[row] for row in rows.tolist()]
            columns: dict[str, list[Any]] = {
                "image_path": [f"{PICTURES}/{picture_file(item.path or '')}" for _, item in chosen],
                "caption": [item.alt or post.text for post, item in chosen],
                "url": [post.url for post, _ in chosen],
                "post_id": [post.id for post, _ in chosen],
                "position": [item.position for _, item in chosen],
                "sha256": [item.sha256 for _, item in chosen],
            }
            writer.write(columns, vectors)
        writer.close()
    except BaseException:
        writer.discard()
        raise
    if not writer.written:
        raise VectorError("None of these posts has an encoded picture: there is nothing to give clip-retrieval.")
    for path in list(beside.iterdir()):
        path.rename(folder / path.name)
    beside.rmdir()
    return writer.written
