"""Gives posts out as a folder or a zip file: a table, pictures where they are wanted, and where it all comes from."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.database.posts import rows_of
from core.errors import ExportError
from core.export import layouts
from core.export.provenance import NAME, file_entry, provenance
from core.export.rows import PICTURES, Batch, batches, picture_file
from core.export.subject import Subject
from core.export.tables import TABLES
from core.moderation.effects import removed_rows

if TYPE_CHECKING:
    from core.maps.layouts import LayoutInfo
    from core.workspace import Workspace

FORMATS: Mapping[str, str] = {
    "csv": "CSV for a spreadsheet",
    "parquet": "Parquet for pandas, DuckDB and R",
    "jsonl": "JSON lines, to be imported again",
    "atlas": "Embedding Atlas: Parquet with places and neighbours",
    "clip-retrieval": "clip-retrieval: vectors of the pictures",
}
"""Each format's name, as ``format`` takes it, and what it is for."""

Report = Callable[[str, int, int], None]
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Exported:
    """``path`` is the folder or zip file; ``provenance`` what its provenance.json says."""

    path: Path
    posts: int
    pictures: int
    provenance: Mapping[str, Any]


@dataclass(slots=True)
class _Counted:
    """Passes batches on, and keeps what went by."""

    posts: int = 0
    media: dict[str, str] = field(default_factory=dict)

    def through(self, found: Iterator[Batch], total: int, report: Report) -> Iterator[Batch]:
        for batch in found:
            report("writing posts", self.posts, total)
            self.posts += len(batch.posts)
            for post in batch.posts:
                self.media |= {picture_file(item.path): item.path for item in post.media if item.path}
            yield batch


def export(
    workspace: Workspace,
    subject: Subject,
    out: Path,
    *,
    format: str = "csv",
    pictures: bool = False,
    layout: str | None = None,
    report: Report = lambda phase, done, total: None,
) -> Exported:
    """Writes ``posts.FORMAT``, ``provenance.json`` and, with ``pictures``, ``pictures/`` into the new folder ``out``,
    or into a zip file where ``out`` ends in ``.zip``. It appears when it is whole. Posts that moderation removed, and
    those that have gone, are left out and counted. ``layout`` names the map whose places Embedding Atlas gets (by
    default the map of words, an empty one means none). ``report`` is told (phase, done, total) and may raise to stop.

    Raises ExportError where there is nothing to write, for an unknown format or map, and where ``out`` is there
    already.
    """
    if format not in FORMATS:
        raise ExportError(f"There is no format {format!r}; there are {', '.join(FORMATS)}.")
    if out.exists():
        raise ExportError(f"{out} is there already: name a new folder, or a new file that ends in .zip.")
    map_ = layouts.choose_map(workspace, layout) if format == "atlas" else None
    asked = len(subject.post_ids)
    subject = _shown(workspace, subject)
    if not subject.post_ids:
        raise ExportError(f"{subject.name}: there are no posts to export.")
    beside = out.with_name(f".{out.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        exported = _write(workspace, subject, beside, format, pictures, map_, asked, report)
        if out.suffix == ".zip":
            _zip(workspace, beside, out, exported, report)
        else:
            for name, path in exported.media.items():
                (beside / PICTURES).mkdir(exist_ok=True)
                shutil.copyfile(workspace.media_folder / path, beside / PICTURES / name)
            os.replace(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Exported(out, exported.posts, len(exported.media), exported.provenance)


def _shown(workspace: Workspace, subject: Subject) -> Subject:
    """The subject without the posts that moderation removed and without those that are gone."""
    rows = rows_of(workspace.cursor(), list(subject.post_ids))
    removed = set(removed_rows(workspace).tolist())
    kept = [id_ for id_ in dict.fromkeys(subject.post_ids) if id_ in rows and rows[id_] not in removed]
    return replace(subject, post_ids=kept)


@dataclass(frozen=True, slots=True)
class _Written:
    posts: int
    media: Mapping[str, str]
    provenance: Mapping[str, Any]


def _write(
    workspace: Workspace, subject: Subject, folder: Path, format: str, pictures: bool, map_: LayoutInfo | None,
    asked: int, report: Report,
) -> _Written:  # fmt: skip
    counted = _Counted()
    found = counted.through(batches(workspace, subject), len(subject.post_ids), report)
    notes: list[str] = []
    counts: dict[str, int] = {}
    if format == "atlas":
        notes.append(
            layouts.write_atlas(workspace, subject, folder, found, with_pictures=pictures, layout=map_, report=report)
        )
    elif format == "clip-retrieval":
        total = len(subject.post_ids)
        clip = layouts.write_clip_retrieval(workspace, folder, found, total=total, report=report)
        counts["vectors"] = clip.vectors
        notes += [clip.note] if clip.note else []
    else:
        TABLES[format](workspace, subject, folder, found, with_pictures=pictures)
    media = {name: path for name, path in counted.media.items() if (workspace.media_folder / path).is_file()}
    media = media if pictures else {}
    counts |= {"asked_for": asked, "posts": counted.posts, "left_out": asked - counted.posts, "pictures": len(media)}
    document = provenance(workspace, subject, format=format, counts=counts, notes=notes)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    document["files"] = {path.relative_to(folder).as_posix(): file_entry(path) for path in files}
    document["pictures"] = "named by the SHA-256 of their bytes" if media else "not taken along"
    (folder / NAME).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return _Written(counted.posts, media, document)


def _zip(workspace: Workspace, folder: Path, out: Path, written: _Written, report: Report) -> None:
    """Pictures go in as they are: they do not get smaller."""
    partial = out.with_name(f".{out.name}.new")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as file:
            files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            total, done = sum(path.stat().st_size for path in files) >> 20, 0
            for path in files:
                entry = zipfile.ZipInfo.from_file(path, path.relative_to(folder).as_posix())
                entry.compress_type = zipfile.ZIP_DEFLATED  # not that of the archive
                with path.open("rb") as source, file.open(entry, "w") as target:
                    while chunk := source.read(_CHUNK):
                        report("packing megabytes", done >> 20, total)
                        done += target.write(chunk)
            for done, (name, path_) in enumerate(written.media.items()):
                report("packing pictures", done, len(written.media))
                file.write(workspace.media_folder / path_, f"{PICTURES}/{name}", zipfile.ZIP_STORED)
        os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
