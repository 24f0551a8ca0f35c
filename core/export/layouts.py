"""Layouts of other tools: a table for Embedding Atlas, a folder as clip-retrieval makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.database.posts import rows_of
from core.errors import ExportError, ModelError, VectorError
from core.export.rows import PICTURES, Batch, RowLayout, picture_file
from core.export.subject import Subject
from core.export.tables import table_of
from core.maps.layouts import LayoutInfo, list_layouts, read_layout

if TYPE_CHECKING:
    from core.encoders.protocol import Encoder
    from core.types import Media, Post, Space
    from core.workspace import Workspace

Report = Callable[[str, int, int], None]
NEIGHBOURS = 15
"""As Embedding Atlas computes by default."""
_QUERIES = 256
_SAMPLE = 20_000
_CAPTIONS = 256


def choose_map(workspace: Workspace, wanted: str | None) -> LayoutInfo | None:
    """The map whose places Embedding Atlas gets: the one of that id or name, or else the first of all posts by their
    words, by words and pictures, or by pictures. None where there is none, or where ``wanted`` is empty.

    Raises ExportError for one that is not there or that is of users.
    """
    known = [info for info in list_layouts(workspace) if info.noun == "post"]
    if wanted:
        for info in known:
            if wanted in (info.id, info.name):
                return info
        there = ", ".join(info.id for info in known) or "none"
        raise ExportError(f"There is no map of posts {wanted[:60]!r}; there are: {there}.")
    if wanted == "":
        return None
    whole = [info for info in known if not info.recipe.of]
    order = ("text", "blend", "dual")
    return min(whole, key=lambda info: order.index(info.recipe.space), default=None)


def write_atlas(
    workspace: Workspace, subject: Subject, folder: Path, batches: Iterable[Batch], *, with_pictures: bool,
    layout: LayoutInfo | None, report: Report,
) -> str:  # fmt: skip
    """``posts.parquet`` for ``embedding-atlas posts.parquet --x projection_x --y projection_y --neighbors neighbors
    --text text``: the columns of the Parquet export, a post's place on the map ``layout`` or, without one, on a plane,
    and where its text has a vector, its nearest exported posts, ``{ids, distances}``: positions in the table from 0,
    and 1 minus the cosine.

    Gives a sentence that says what the places are. Raises VectorError where no text is encoded.
    """
    columns = RowLayout(workspace, subject, with_pictures=with_pictures)
    ids: list[str] = []
    plain = folder / "posts.plain.parquet"
    with pq.ParquetWriter(plain, columns.schema, compression="zstd") as writer:
        for batch in batches:
            ids += [post.id for post in batch.posts]
            writer.write_table(table_of(columns, batch))
    rows_by_id = rows_of(workspace.cursor(), ids)
    rows = np.array([rows_by_id[id_] for id_ in ids], np.int64)
    index = workspace.indexes.vector("text")
    if index is None:
        raise VectorError("No text is encoded yet, so there are no places and neighbours for Embedding Atlas.")
    encoded = np.isin(rows, index.rows())
    places = _places_on_map(workspace, rows, layout) if layout else _places_on_plane(index, rows, encoded)
    neighbours = _neighbours(index, rows, encoded)
    schema = pa.schema(
        [*columns.schema, ("projection_x", pa.float32()), ("projection_y", pa.float32()), ("neighbors", _NEIGHBOURS)]
    )
    at = 0
    with pq.ParquetWriter(folder / "posts.parquet", schema, compression="zstd") as writer:
        for group in pq.ParquetFile(plain).iter_batches(batch_size=1000):
            report("finding neighbours", at, len(rows))
            own = places.xy[at : at + group.num_rows]
            xs, ys = (pa.array(own[:, axis], pa.float32(), mask=np.isnan(own[:, axis])) for axis in (0, 1))
            near = pa.array([next(neighbours) for _ in range(group.num_rows)], _NEIGHBOURS)
            writer.write_table(pa.Table.from_arrays([*group.columns, xs, ys, near], schema=schema))
            at += group.num_rows
    plain.unlink()
    return places.said


_NEIGHBOURS = pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float32()))])


@dataclass(frozen=True, slots=True)
class _Places:
    """``xy`` (n, 2) float32, NaN where a post has no place; ``said`` tells what they are."""

    xy: NDArray[np.float32]
    said: str


def _places_on_map(workspace: Workspace, rows: NDArray[np.int64], info: LayoutInfo) -> _Places:
    layout = read_layout(workspace, info.id)
    at = np.searchsorted(layout.rows, rows)
    at[at == len(layout.rows)] = 0
    there = layout.rows[at] == rows
    xy = np.where(there[:, None], layout.xy[at], np.nan).astype(np.float32)
    said = (
        f"projection: the map {info.name!r} ({info.id}), {info.recipe.said()},"
        f" made {info.created_at.isoformat(timespec='seconds')}Z at generation"
        f" {info.generation}; {int(there.sum()):,} of {len(rows):,} posts are on it"
    )
    return _Places(xy, said)


def _places_on_plane(index: Any, rows: NDArray[np.int64], encoded: NDArray[np.bool_]) -> _Places:
    """By the first two principal components of the text vectors, of a sample where there are many."""
    xy = np.full((len(rows), 2), np.nan, np.float32)
    there = rows[encoded]
    if len(there) < 3:
        xy[encoded] = 0
        return _Places(xy, "too few posts for a projection: all places are 0")
    sample = np.sort(np.random.default_rng(0).choice(there, min(len(there), _SAMPLE), replace=False))
    vectors = index.reconstruct(sample)
    mean = vectors.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((vectors - mean).T))
    axes = axes[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # the same signs each time
    parts = [(index.reconstruct(part) - mean) @ axes for part in np.array_split(there, max(1, len(there) // 8192))]
    xy[encoded] = np.concatenate(parts)
    return _Places(xy, "projection: the first two principal components of the text vectors, since there is no map")


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


@dataclass(frozen=True, slots=True)
class ClipFolder:
    """What :func:`write_clip_retrieval` wrote; ``note`` says why the captions' vectors are missing, where they are."""

    vectors: int
    note: str = ""


def write_clip_retrieval(
    workspace: Workspace, folder: Path, batches: Iterable[Batch], *, total: int, report: Report
) -> ClipFolder:
    """``img_emb/``, ``text_emb/`` and ``metadata/`` as clip-retrieval has them: for each picture that has a vector of
    the ``dual`` space that one, the vector of its caption in the same space, and ``image_path`` (below ``pictures/``),
    ``caption``, ``url`` and whose picture it is.

    Raises VectorError where no picture is encoded.
    """
    from core.vectors.exchange_writer import VectorWriter

    space = workspace.indexes.space("dual")
    if space is None:
        raise VectorError("No picture is encoded yet, so there is nothing to give clip-retrieval.")
    encoder, note = _caption_encoder(workspace, space)
    about = {"feedscope.space": space.name, "feedscope.model": space.model_id}
    beside = folder / "clip"
    writer = VectorWriter(beside, "clip-retrieval", "dual", space.dim, total=total, about=about)
    try:
        for batch in batches:
            media = {item.row: (post, item) for post in batch.posts for item in post.media if item.path}
            rows, vectors = workspace.indexes.stored("dual", np.array(sorted(media), np.int64))
            for start in range(0, len(rows), _CAPTIONS):
                if start:
                    report("encoding captions", writer.written, total)
                some = slice(start, start + _CAPTIONS)
                columns = _clip_columns([media[row] for row in rows[some].tolist()])
                captions = encoder.encode_documents(columns["caption"]) if encoder else None
                writer.write(columns, vectors[some], captions)
        writer.close()
    except BaseException:
        writer.discard()
        raise
    if not writer.written:
        raise VectorError("None of these posts has an encoded picture: there is nothing to give clip-retrieval.")
    for path in list(beside.iterdir()):
        path.rename(folder / path.name)
    beside.rmdir()
    return ClipFolder(writer.written, note)


def _caption_encoder(workspace: Workspace, space: Space) -> tuple[Encoder | None, str]:
    """The encoder that puts words into the pictures' space, or None and why there is none."""
    try:
        encoder = workspace.encoder("dual")
    except ModelError as error:
        return None, f"no text_emb: {error}"
    if encoder.space.model_id != space.model_id:
        return None, f"no text_emb: the pictures were encoded by {space.model_id}, which is not the present model"
    if "text" not in encoder.modalities:
        return None, f"no text_emb: {space.model_id} takes no words"
    return encoder, ""


def _clip_columns(chosen: list[tuple[Post, Media]]) -> dict[str, list[Any]]:
    return {
        "image_path": [f"{PICTURES}/{picture_file(item.path or '')}" for _, item in chosen],
        "caption": [item.alt or post.text for post, item in chosen],
        "url": [post.url for post, _ in chosen],
        "post_id": [post.id for post, _ in chosen],
        "position": [item.position for _, item in chosen],
        "sha256": [item.sha256 for _, item in chosen],
    }
