"""Tells what a file or folder is, and reads it as posts: the way into every reader."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.errors import ImportFailed
from core.ingest.readers import delimited, feedscope, flickr8k, json_array, json_lines, json_objects, parquet, pictures
from core.ingest.readers.named_pictures import PictureFolder
from core.ingest.readers.rows import RowReader
from core.ingest.readers.text_file import GZIP_MAGIC, decode_head, read_head
from core.ingest.records import Failure, PostRecord, Source
from core.settings import Settings, read_settings

FORMATS: Mapping[str, str] = {
    "csv": "a table with a header, cells parted by commas, semicolons or bars; pictures beside it",
    "tsv": "a table with cells parted by tabs",
    "jsonl": "JSON lines: one object a line (also .ndjson)",
    "json": "a JSON array of objects",
    "parquet": "a Parquet file",
    "pictures": "a folder of pictures, each one a post",
    "flickr8k": "a folder with captions.csv (image, caption, ...) and images/",
    "feedscope": "a folder with posts.jsonl and, beside it, users.jsonl, interactions.jsonl and pictures",
}
"""Each format's name, as ``format`` takes it beside ``auto``, and what it is."""

TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet")
"""File names that a posts file in a folder may have, alone or with .gz after it."""

_FOLDER_FORMATS = ("pictures", "flickr8k", "feedscope")
_ZIP_MAGIC = b"PK\x03\x04"


def recognise(path: Path, *, format: str = "auto", mapping: Mapping[str, str] | None = None) -> Source:
    """What a file or folder is, from its first 64 KiB (of Parquet, its footer).

    ``mapping`` pairs fields with columns (see ``core.ingest.mapping.FIELDS``) where a column is not found by its name;
    an empty column leaves a field out. Raises ImportFailed, with a sentence that says what was found and what to do.
    """
    if format != "auto" and format not in FORMATS:
        raise ImportFailed(f"There is no format {format!r}. Formats: auto, {', '.join(FORMATS)}.")
    path = path.absolute()
    _check_name(path)
    try:
        if path.is_dir():
            return _recognise_folder(path, format, mapping)
        if not path.exists():
            raise ImportFailed(f"There is nothing at {path}.")
        if not path.is_file():
            raise ImportFailed(f"{path} is neither a file nor a folder.")
        if format in _FOLDER_FORMATS:
            raise ImportFailed(f"{path.name} is a file; the format {format} is a folder: {FORMATS[format]}.")
        return _recognise_file(path, path, format, mapping)
    except (OSError, zlib.error) as error:
        raise ImportFailed(f"{path} can't be read: {error}") from error


def read(source: Source, *, settings: Settings | None = None) -> Iterator[PostRecord | Failure]:
    """The posts of a source in its order, each row as a record or as a failure that says why not.

    Memory does not grow with the source (except for ``flickr8k``, whose captions are gathered by picture). Raises
    ImportFailed where the source has gone or has changed its kind.
    """
    settings = read_settings() if settings is None else settings
    max_bytes = settings.max_picture_mb << 20
    chars = settings.max_text_chars
    name = source.path.name or str(source.path)
    try:
        if source.format == "pictures":
            yield from pictures.read_pictures(source.path, name, max_bytes=max_bytes)
            return
        path = _posts_file(source.path, source.format)
        folder = PictureFolder(path.parent, max_bytes=max_bytes)
        if source.format == "flickr8k":
            yield from flickr8k.read_captions(path, name, folder, max_text_chars=chars)
        elif source.format == "feedscope":
            yield from feedscope.read_posts(path, name, folder, max_text_chars=chars)
        else:
            reader = RowReader(
                source.mapping, file_name=path.name, source_name=name, pictures=folder, max_text_chars=chars
            )
            yield from _read_rows(path, source, reader)
    except OSError as error:
        raise ImportFailed(f"{source.path} can't be read: {error}") from error


def preview(
    path: Path, *, format: str = "auto", mapping: Mapping[str, str] | None = None, limit: int = 10
) -> tuple[Source, list[PostRecord], list[Failure]]:
    """The source with its first ``limit`` records and the failures among them (at most ten times as many). Raises
    ImportFailed as :func:`recognise` does."""
    source = recognise(path, format=format, mapping=mapping)
    records: list[PostRecord] = []
    failures: list[Failure] = []
    for item in read(source):
        if isinstance(item, Failure):
            failures.append(item)
        else:
            records.append(item)
        if len(records) >= limit or len(failures) >= 10 * limit:
            break
    return source, records, failures


def estimate_rows(source: Source) -> int:
    """About how many rows there are, for progress: exact for Parquet and folders of pictures, and for text files the
    size of the file over the mean size of the first rows."""
    if source.rows is not None:
        return source.rows
    if source.format == "pictures":
        return sum(map(pictures.is_picture, pictures.iterate_files(source.path)))
    path = _posts_file(source.path, source.format)
    if source.format == "flickr8k":
        return sum(map(pictures.is_picture, pictures.iterate_files(path.parent)))
    if source.format in ("jsonl", "feedscope"):
        row_bytes = json_lines.read_samples(path)[2]
    elif source.format == "json":
        row_bytes = json_array.read_samples(path)[2]
    else:
        row_bytes = _layout(path, source.format, source.mapping).row_bytes
    return max(1, round(_unpacked_size(path) / row_bytes))


def _check_name(path: Path) -> None:
    """Names go into messages and into the database, which hold no bytes that are not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ImportFailed(f"The name {str(path).encode('utf-8', 'replace')!r} is not UTF-8. Rename it.") from error


def _recognise_folder(folder: Path, format: str, mapping: Mapping[str, str] | None) -> Source:
    if format in ("auto", "feedscope") and feedscope.posts_file(folder):
        return Source(folder, "feedscope", None, {})
    if format in ("auto", "flickr8k") and flickr8k.captions_file(folder):
        return Source(folder, "flickr8k", None, {"pictures": "image", "text": "caption"})
    if format in ("flickr8k", "feedscope"):
        raise ImportFailed(f"{folder} is not {FORMATS[format]}.")
    if format != "pictures" and _tables(folder):
        return _recognise_file(folder, _posts_file(folder, format), format, mapping)
    if format in ("auto", "pictures") and pictures.has_pictures(folder):
        return Source(folder, "pictures", None, {})
    wanted = "no pictures" if format == "pictures" else "neither a posts file nor pictures"
    raise ImportFailed(f"{folder} holds {wanted}. Posts files end in {', '.join(TABLE_SUFFIXES)}.")


def _tables(folder: Path) -> list[Path]:
    """The files that may hold posts, by name; one called posts goes before all others."""
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.name.lower().removesuffix(".gz").endswith(TABLE_SUFFIXES)
        and not path.name.startswith(".")
        and path.is_file()
    ]
    posts = [path for path in found if path.name.lower().partition(".")[0] == "posts"]
    return posts[:1] or found


def _posts_file(path: Path, format: str) -> Path:
    """The file that holds the posts of a source."""
    if not path.is_dir():
        return path
    if format == "feedscope":
        return path / "posts.jsonl"
    if format == "flickr8k":
        captions = flickr8k.captions_file(path)
        if captions is None:
            raise ImportFailed(f"{path} has no captions file any more.")
        return captions
    tables = _tables(path)
    if len(tables) != 1:
        names = ", ".join(table.name for table in tables[:10]) or "none"
        raise ImportFailed(f"{path} holds not one file of posts but several: {names}. Import one by its own path.")
    return tables[0]


def _recognise_file(path: Path, file: Path, format: str, mapping: Mapping[str, str] | None) -> Source:
    """``path`` is what the user named: the posts file itself or the folder it lies in."""
    _check_name(file)
    name = file.name
    if file.stat().st_size == 0:
        raise ImportFailed(f"{name} is empty.")
    if format == "auto":
        format = _detect(file)
    if format == "parquet":
        columns, rows = parquet.find_mapping(file, mapping)
        return Source(path, "parquet", rows, columns)
    if format in ("jsonl", "json"):
        _, objects, _ = (json_lines if format == "jsonl" else json_array).read_samples(file)
        if not objects:
            raise ImportFailed(f"{name} holds no JSON objects where posts were looked for ({FORMATS[format]}).")
        return Source(path, format, None, json_objects.find_mapping(name, objects, mapping))
    try:
        layout = _layout(file, format, mapping)
        columns = delimited.find_mapping(name, layout, mapping)
    except ImportFailed as error:
        if _is_binary(file):
            raise ImportFailed(f"{name} is not a text or Parquet file. Formats: {', '.join(FORMATS)}.") from error
        raise
    return Source(path, "tsv" if layout.delimiter == "\t" else "csv", None, columns)


def _detect(file: Path) -> str:
    with file.open("rb") as stream:
        magic = stream.read(4)
    if magic == parquet.MAGIC:
        return "parquet"
    if magic == _ZIP_MAGIC:
        raise ImportFailed(f"{file.name} is an archive or a spreadsheet. Unpack it or save it as CSV; import that.")
    if pictures.is_picture(file):
        raise ImportFailed(f"{file.name} is a picture. Import the folder it lies in.")
    _, text = decode_head(read_head(file))
    text = text.lstrip()
    suffix = Path(file.name.lower().removesuffix(".gz")).suffix
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    if suffix == ".json" or (text.startswith(("{", "[")) and suffix not in (".csv", ".tsv", ".tab")):
        first = text.partition("\n")[0].strip()
        return "json" if isinstance(json_objects.parse_object(first), str) or suffix == ".json" else "jsonl"
    return "csv"


def _is_binary(file: Path) -> bool:
    text = decode_head(read_head(file))[1]
    return sum((char < " " and char not in "\t\n\r\f") or char == "\ufffd" for char in text) > len(text) / 20


def _layout(path: Path, format: str, mapping: Mapping[str, str] | None) -> delimited.Layout:
    layout = delimited.read_layout(path, delimiter="\t" if format == "tsv" else None, given=mapping)
    if layout is None:
        raise ImportFailed(f"{path.name} is not a table: no header, and rows of different lengths.")
    return layout


def _read_rows(path: Path, source: Source, reader: RowReader) -> Iterator[PostRecord | Failure]:
    if source.format == "parquet":
        yield from parquet.read_batches(path, reader)
    elif source.format == "jsonl":
        yield from json_lines.read_lines(path, source.mapping, reader)
    elif source.format == "json":
        yield from json_array.read_items(path, source.mapping, reader)
    else:
        yield from delimited.read_table(path, _layout(path, source.format, source.mapping), source.mapping, reader)


def _unpacked_size(path: Path) -> int:
    """The file's size; of a gzip file the size it says it unpacks to (modulo 4 GiB, RFC 1952)."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        if stream.read(2) != GZIP_MAGIC or size < 18:
            return size
        stream.seek(-4, os.SEEK_END)
        return max(size, int.from_bytes(stream.read(4), "little"))
