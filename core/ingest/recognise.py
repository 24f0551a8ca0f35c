"""Tells what a file or folder is, and reads it as posts: the way into every reader."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import zstandard

from core.errors import ImportFailed
from core.ingest.readers import (
    delimited,
    export_files,
    exports,
    feedscope,
    flickr8k,
    image_sets,
    json_array,
    json_lines,
    json_objects,
    parquet,
    pictures,
)
from core.ingest.readers.archives import ZIP_MAGICS, Archive, is_archive
from core.ingest.readers.named_pictures import PictureFolder
from core.ingest.readers.posts_files import TABLE_SUFFIXES, archive_posts, folder_posts, posts_unpacked, unpacked_name
from core.ingest.readers.rows import RowReader
from core.ingest.readers.text_file import GZIP_MAGIC, ZSTD_MAGIC, decode_head, read_head
from core.ingest.records import ActRecord, Failure, PostRecord, Source
from core.settings import Settings, read_settings

FORMATS: Mapping[str, str] = {
    "csv": "a table with a header, cells parted by commas, semicolons or bars; pictures beside it",
    "tsv": "a table with cells parted by tabs",
    "jsonl": "JSON lines: one object a line (also .ndjson)",
    "json": "a JSON array of objects",
    "parquet": "a Parquet file",
    "pictures": "a folder or an archive of pictures, each one a post; captions beside them as .txt or .json",
    "flickr8k": "a folder with captions.csv (image, caption, ...) and images/",
    "feedscope": "a folder with posts.jsonl and, beside it, users.jsonl, interactions.jsonl and pictures",
    **image_sets.ABOUT,
    **export_files.ABOUT,
}
"""Each format's name, as ``format`` takes it beside ``auto``, and what it is."""

_FOLDER_FORMATS = ("flickr8k", "feedscope", *image_sets.ABOUT)
_HEAD = 1 << 20
"""Bytes of an archive's posts file that are unpacked to recognise it."""


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
        if is_archive(path):
            return _recognise_archive(path, format, mapping)
        return _recognise_file(path, path, format, mapping)
    except (OSError, zlib.error, zstandard.ZstdError) as error:
        raise ImportFailed(f"{path} can't be read: {error}") from error


def read(source: Source, *, settings: Settings | None = None) -> Iterator[PostRecord | ActRecord | Failure]:
    """The posts of a source in its order, each row as a record or as a failure that says why not; of known exports also
    the acts that are no posts, such as boosts.

    Memory does not grow with the source (except for ``flickr8k``, whose captions are gathered by picture). Raises
    ImportFailed where the source has gone or has changed its kind.
    """
    settings = read_settings() if settings is None else settings
    try:
        if source.path.is_file() and is_archive(source.path):
            with Archive(source.path) as archive:
                if source.format == "pictures":
                    yield from pictures.read_packed(archive, source.path.name, **_limits(settings))
                    return
                with posts_unpacked(archive) as folder:
                    yield from _read(folder, source, settings, archive)
        else:
            yield from _read(source.path, source, settings, None)
    except OSError as error:
        raise ImportFailed(f"{source.path} can't be read: {error}") from error


def _limits(settings: Settings) -> dict[str, int]:
    return {"max_bytes": settings.max_picture_mb << 20, "max_text_chars": settings.max_text_chars}


def _read(
    path: Path, source: Source, settings: Settings, archive: Archive | None
) -> Iterator[PostRecord | ActRecord | Failure]:
    """``path`` is the source's own, or the folder into which the posts of an archive were unpacked."""
    limits = _limits(settings)
    chars = settings.max_text_chars
    name = source.path.name or str(source.path)
    if source.format == "pictures":
        yield from pictures.read_pictures(path, name, **limits)
        return
    if source.format in image_sets.ABOUT:
        yield from image_sets.read(path, source.format, name, source.mapping, **limits)
        return
    files = _posts_files(path, source.format)
    with PictureFolder(files[0].parent, max_bytes=limits["max_bytes"], archives=[archive] if archive else []) as folder:
        if source.format == "flickr8k":
            yield from flickr8k.read_captions(files[0], name, folder, max_text_chars=chars)
        elif source.format == "feedscope":
            yield from feedscope.read_posts(files[0], name, folder, max_text_chars=chars)
        else:
            export = _export(files[0], source.format)
            reader = RowReader(
                exports.reading_mapping(source.mapping) if export else source.mapping,
                file_name=files[0].name,
                source_name=name if export is None else source.format.removesuffix("-archive").removesuffix("-api"),
                pictures=folder,
                max_text_chars=chars,
                laid_out=export is not None,
            )
            yield from _read_rows(files, source, export, reader)
        for where, reason in folder.problems():
            yield Failure(where, reason)


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
        elif isinstance(item, PostRecord):
            records.append(item)
        if len(records) >= limit or len(failures) >= 10 * limit:
            break
    return source, records, failures


def estimate_rows(source: Source) -> int:
    """About how many rows there are, for progress: exact for Parquet and folders of pictures, and for text files the
    size of the file over the mean size of the first rows."""
    if source.rows is not None:
        return source.rows
    if source.path.is_file() and is_archive(source.path):
        with Archive(source.path) as archive, posts_unpacked(archive, limit=_HEAD) as folder:
            if source.format == "pictures":
                return len(pictures.packed_pictures(archive))
            size = sum(archive.entries[entry] for entry in archive_posts(archive))
            return max(1, round(size * _rows_a_byte(_posts_files(folder, source.format)[0], source)))
    if source.format in image_sets.ABOUT:
        return image_sets.estimate(source.path)
    if source.format == "pictures":
        return sum(map(pictures.is_picture, pictures.iterate_files(source.path)))
    files = _posts_files(source.path, source.format)
    if source.format == "flickr8k":
        return sum(map(pictures.is_picture, pictures.iterate_files(files[0].parent)))
    return max(1, round(sum(map(_unpacked_size, files)) * _rows_a_byte(files[0], source)))


def _rows_a_byte(path: Path, source: Source) -> float:
    if source.format in export_files.ABOUT:
        found = export_files.recognise_objects(path, name=source.format)
        if found is not None:
            return export_files.posts_a_byte(*found)
        return 1 / _layout(path, "csv", None).row_bytes
    if source.format in ("jsonl", "feedscope"):
        return 1 / json_lines.read_samples(path)[2]
    if source.format == "json":
        return 1 / json_array.read_samples(path)[2]
    return 1 / _layout(path, source.format, source.mapping).row_bytes


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
    kind = image_sets.recognise(folder)
    if format in image_sets.ABOUT or (format == "auto" and kind is not None):
        if format not in ("auto", kind):
            raise ImportFailed(f"{folder} is not {FORMATS[format]}.")
        columns, rows = image_sets.mapping(folder, kind or format)
        return Source(folder, kind or format, rows, columns)
    if format in ("flickr8k", "feedscope"):
        raise ImportFailed(f"{folder} is not {FORMATS[format]}.")
    if format != "pictures" and folder_posts(folder):
        return _recognise_file(folder, _posts_files(folder, format)[0], format, mapping)
    if format in ("auto", "pictures") and pictures.has_pictures(folder):
        return Source(folder, "pictures", None, {})
    wanted = "no pictures" if format == "pictures" else "neither a posts file nor pictures"
    raise ImportFailed(f"{folder} holds {wanted}. Posts files end in {', '.join(TABLE_SUFFIXES)}.")


def _recognise_archive(path: Path, format: str, mapping: Mapping[str, str] | None) -> Source:
    with Archive(path) as archive, posts_unpacked(archive, limit=_HEAD) as folder:
        if "[Content_Types].xml" in archive.entries:
            raise ImportFailed(f"{path.name} is a spreadsheet or a document. Save it as CSV and import that.")
        if format in ("auto", "pictures") and pictures.packed_pictures(archive):
            return Source(path, "pictures", None, {})
        files = folder_posts(folder)
        if not files or format == "pictures":
            wanted = "pictures alone" if format == "pictures" else "a posts file or pictures"
            raise ImportFailed(f"{path.name} is an archive that does not hold {wanted}.")
        return _recognise_file(path, files[0], format, mapping)


def _posts_files(path: Path, format: str) -> list[Path]:
    """The files that hold the posts of a source; the first one tells its kind."""
    if not path.is_dir():
        return [path]
    if format == "feedscope":
        return [path / "posts.jsonl"]
    if format == "flickr8k":
        captions = flickr8k.captions_file(path)
        if captions is None:
            raise ImportFailed(f"{path} has no captions file any more.")
        return [captions]
    files = folder_posts(path)
    if not files or (len(files) > 1 and files[0].suffix != ".js"):
        names = ", ".join(file.name for file in files[:10]) or "none"
        raise ImportFailed(
            f"{path} holds not one file of posts but several: {names}. Import one by its own path.", files=files
        )
    return files


def _recognise_file(path: Path, file: Path, format: str, mapping: Mapping[str, str] | None) -> Source:
    """``path`` is what the user named: the posts file itself or the folder it lies in."""
    _check_name(file)
    name = file.name
    if file.stat().st_size == 0:
        raise ImportFailed(f"{name} is empty.")
    if format == "auto" or format in export_files.ABOUT:
        found = _recognise_export(path, file, format, mapping)
        if found is not None:
            return found
        if format != "auto":
            raise ImportFailed(f"{name} does not look like {FORMATS[format]}.")
        format = _detect(file)
    if format == "parquet":
        columns, rows = parquet.find_mapping(file, mapping)
        return Source(path, "parquet", rows, columns, parquet.column_names(file))
    if format in ("jsonl", "json"):
        _, objects, _ = (json_lines if format == "jsonl" else json_array).read_samples(file)
        if not objects:
            raise ImportFailed(f"{name} holds no JSON objects where posts were looked for ({FORMATS[format]}).")
        columns = json_objects.find_mapping(name, objects, mapping)
        return Source(path, format, None, columns, tuple(json_objects.column_names(objects)))
    try:
        layout = _layout(file, format, mapping)
        columns = delimited.find_mapping(name, layout, mapping)
    except ImportFailed as error:
        if _is_binary(file):
            raise ImportFailed(f"{name} is not a text or Parquet file. Formats: {', '.join(FORMATS)}.") from error
        raise
    return Source(path, "tsv" if layout.delimiter == "\t" else "csv", None, columns, layout.columns)


def _recognise_export(path: Path, file: Path, format: str, mapping: Mapping[str, str] | None) -> Source | None:
    name = None if format == "auto" else format
    found = export_files.recognise_objects(file, name=name)
    if found is not None:
        return Source(path, found[0].name, None, export_files.object_mapping(file, *found, mapping))
    if _magic(file) == parquet.MAGIC or _is_binary(file):
        return None
    layout = delimited.read_layout(file)
    export = None if layout is None else export_files.recognise_table(layout, name=name)
    if layout is None or export is None:
        return None
    return Source(path, export.name, None, exports.find_mapping(file.name, export, layout.samples, mapping))


def _export(file: Path, format: str) -> exports.Export | None:
    """The export that a recognised file is of; None for the formats that are read by the names of their columns."""
    if format not in export_files.ABOUT:
        return None
    found = export_files.recognise_objects(file, name=format)
    if found is not None:
        return found[0]
    layout = delimited.read_layout(file)
    export = None if layout is None else export_files.recognise_table(layout, name=format)
    if export is None:
        raise ImportFailed(f"{file.name} does not look like {FORMATS[format]} any more.")
    return export


def _magic(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(4)


def _detect(file: Path) -> str:
    magic = _magic(file)
    if magic == parquet.MAGIC:
        return "parquet"
    if magic in ZIP_MAGICS:  # in an archive
        raise ImportFailed(f"{file.name} is an archive or a spreadsheet. Unpack it or save it as CSV; import that.")
    if pictures.is_picture(file):
        raise ImportFailed(f"{file.name} is a picture. Import the folder it lies in.")
    _, text = decode_head(read_head(file))
    text = text.lstrip()
    suffix = Path(unpacked_name(file.name)).suffix
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


def _read_rows(
    files: list[Path], source: Source, export: exports.Export | None, reader: RowReader
) -> Iterator[PostRecord | ActRecord | Failure]:
    path = files[0]
    if export is not None and export in export_files.TABLES:
        layout = _layout(path, "csv", None)
        yield from export_files.read_table(path, layout, exports.ExportReader(export, reader))
    elif export is not None:
        yield from export_files.read_objects(files, export, exports.ExportReader(export, reader))
    elif source.format == "parquet":
        yield from parquet.read_batches(path, reader)
    elif source.format == "jsonl":
        yield from json_lines.read_lines(path, source.mapping, reader)
    elif source.format == "json":
        yield from json_array.read_items(path, source.mapping, reader)
    else:
        yield from delimited.read_table(path, _layout(path, source.format, source.mapping), source.mapping, reader)


def _unpacked_size(path: Path) -> int:
    """The file's size; of a gzip file the size it says it unpacks to (modulo 4 GiB, RFC 1952), of a zstandard file the
    same, or, where it does not say, eight times its own."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(18)
        if head[:4] == ZSTD_MAGIC:
            said = zstandard.frame_content_size(head) if len(head) == 18 else -1
            return said if said > 0 else 8 * size
        stream.seek(0)
        if stream.read(2) != GZIP_MAGIC or size < 18:
            return size
        stream.seek(-4, os.SEEK_END)
        return max(size, int.from_bytes(stream.read(4), "little"))
