"""Sets of pictures with captions, as img2dataset downloads them and clip-retrieval describes them.

Shapes: the READMEs of rom1504/img2dataset (00000.tar or 00000/ with KEY.jpg, KEY.txt and KEY.json, beside 00000.parquet
and 00000_stats.json; or 00000.parquet alone with the pictures' bytes) and rom1504/clip-retrieval (img_emb/, text_emb/
and metadata/metadata_0.parquet with image_path and caption).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.errors import ImportFailed
from core.ingest.readers import parquet, pictures
from core.ingest.readers.archives import Archive
from core.ingest.readers.named_pictures import PictureFolder
from core.ingest.readers.rows import RowReader
from core.ingest.records import Failure, PostRecord

ABOUT: Mapping[str, str] = {
    "img2dataset": "a folder that img2dataset made: .tar files, folders of pictures, or Parquet",
    "clip-retrieval": "a folder that clip-retrieval made, with metadata/metadata_0.parquet",
}

_STATS = re.compile(r"\d{3,}_stats\.json")
_SHARD = re.compile(r"\d{3,}\.(tar|parquet)")
_BYTES_COLUMNS = ("jpg", "jpeg", "png", "webp", "image")


def recognise(folder: Path) -> str | None:
    """img2dataset, clip-retrieval, or None."""
    if any((folder / "metadata").glob("metadata_*.parquet")) and (
        (folder / "img_emb").is_dir() or (folder / "text_emb").is_dir()
    ):
        return "clip-retrieval"
    names = [path.name for path in folder.iterdir()]
    return "img2dataset" if any(map(_STATS.fullmatch, names)) and any(map(_SHARD.fullmatch, names)) else None


def mapping(folder: Path, format: str) -> tuple[dict[str, str], int | None]:
    """(canonical field -> where it comes from, number of rows where the files say it). Raises ImportFailed where the
    folder is none of these, or a file is damaged."""
    files = _tables(folder, format)
    if format == "img2dataset" and not _holds_bytes(files):
        return {"pictures": "KEY.jpg", "text": "KEY.txt"}, None
    if not files:
        raise ImportFailed(f"{folder} is not {ABOUT[format]}.")
    found = [parquet.find_mapping(file, _given(file, format)) for file in files]
    return found[0][0], sum(rows for _, rows in found)


def read(
    folder: Path, format: str, source_name: str, columns: Mapping[str, str], *, max_bytes: int, max_text_chars: int
) -> Iterator[PostRecord | Failure]:
    """The posts of a set, file by file in the order of their names."""
    tables = _tables(folder, format)
    if format == "img2dataset" and not _holds_bytes(tables):
        tars = sorted(path for path in folder.iterdir() if path.suffix == ".tar" and _SHARD.fullmatch(path.name))
        if not tars:
            yield from pictures.read_pictures(folder, source_name, max_bytes=max_bytes, max_text_chars=max_text_chars)
        for path in tars:
            try:
                with Archive(path) as archive:
                    yield from pictures.read_packed(
                        archive, source_name, max_bytes=max_bytes, max_text_chars=max_text_chars
                    )
            except ImportFailed as error:
                yield Failure(path.name, str(error))
        return
    with PictureFolder(folder, max_bytes=max_bytes) as beside:
        for file in tables:
            reader = RowReader(
                columns, file_name=file.name, source_name=source_name, pictures=beside, max_text_chars=max_text_chars
            )
            try:
                yield from parquet.read_batches(file, reader)
            except ImportFailed as error:
                yield Failure(file.name, str(error))


def estimate(folder: Path) -> int:
    """About how many pictures there are, from the size of the first archive's entries."""
    tars = sorted(path for path in folder.iterdir() if path.suffix == ".tar" and _SHARD.fullmatch(path.name))
    if not tars:
        return sum(map(pictures.is_picture, pictures.iterate_files(folder)))
    with Archive(tars[0]) as archive:
        found = len(pictures.packed_pictures(archive))
    return max(1, round(found * sum(path.stat().st_size for path in tars) / max(1, tars[0].stat().st_size)))


def _tables(folder: Path, format: str) -> list[Path]:
    place = folder / "metadata" if format == "clip-retrieval" else folder
    names = re.compile(r"metadata_\d+\.parquet") if format == "clip-retrieval" else re.compile(r"\d{3,}\.parquet")
    return sorted(
        (path for path in place.iterdir() if names.fullmatch(path.name)) if place.is_dir() else (),
        key=lambda path: (len(path.name), path.name),
    )


def _holds_bytes(files: list[Path]) -> bool:
    if not files:
        return False
    with parquet.open_parquet(files[0]) as file:
        return any(name in _BYTES_COLUMNS for name in file.schema_arrow.names)


def _given(file: Path, format: str) -> dict[str, str]:
    with parquet.open_parquet(file) as opened:
        names = set(opened.schema_arrow.names)
    wanted = {"text": ["caption"], "id": ["key", "image_path"], "pictures": ["image_path"], "url": ["url"]}
    if format == "img2dataset":
        wanted["pictures"] = list(_BYTES_COLUMNS)
    found = {field: next((name for name in columns if name in names), None) for field, columns in wanted.items()}
    return {field: column for field, column in found.items() if column is not None}
