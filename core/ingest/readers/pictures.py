"""Pictures as posts: a bare folder of them, or an archive. A text may lie beside each one, under the same name: a
caption as .txt, or fields as .json, the way img2dataset and many trainers of models lay them out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath

from core.errors import ImportFailed
from core.ingest.mapping import find_columns
from core.ingest.readers.archives import Archive
from core.ingest.readers.json_objects import parse_object
from core.ingest.readers.named_pictures import SUFFIXES, PictureFolder
from core.ingest.readers.picture_metadata import PictureMetadata, read_metadata
from core.ingest.readers.rows import MAX_VALUE_CHARS, Extra, RowReader, flatten, latest_time
from core.ingest.readers.text_file import decode_head
from core.ingest.records import Failure, PictureSource, PostRecord
from core.ingest.values import clean
from core.types import Post

MAX_DEPTH = 32
MAX_LOOKED_AT = 10_000
"""Entries looked at to tell whether a folder holds pictures at all."""

_NO_TEXT = " "
_POSTS_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".parquet", ".js", ".gz", ".zst")

MAX_SIDECAR = 1 << 20
"""Bytes of a text beside a picture; a longer one is cut, or, as .json, left unread."""


def has_pictures(folder: Path) -> bool:
    for number, path in enumerate(iterate_files(folder)):
        if is_picture(path):
            return True
        if number >= MAX_LOOKED_AT:
            break
    return False


def is_picture(path: PurePath) -> bool:
    return path.suffix.lower() in SUFFIXES


def iterate_files(folder: Path) -> Iterator[Path]:
    """All files below a folder in a fixed order. Hidden ones are left out and symlinks to folders are not followed."""
    stack = [(folder, 0)]
    while stack:
        current, depth = stack.pop()
        try:
            with os.scandir(current) as entries:
                found = sorted(
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not entry.name.startswith((".", "__MACOSX"))
                )
        except OSError:
            continue  # a folder that may not be read holds nothing for us
        yield from (current / name for name, is_folder in found if not is_folder)
        if depth < MAX_DEPTH:
            stack += [(current / name, depth + 1) for name, is_folder in reversed(found) if is_folder]


class PictureReader:
    """Makes posts of pictures: the path is the id, its folder an extra column; the text is the caption beside it, or
    what the file says of itself, as is the time."""

    def __init__(self, source_name: str, folder: Path, *, max_bytes: int, max_text_chars: int) -> None:
        self._name = source_name
        self._max_bytes = max_bytes
        self._max_chars = max_text_chars
        self._folder = PictureFolder(folder, max_bytes=max_bytes)
        self._latest = latest_time()

    def read(
        self, name: str, position: int, picture: PictureSource, beside: Callable[[str], bytes | None]
    ) -> PostRecord:
        """``beside`` gives the first bytes of the file with the picture's name and another ending, if there is one."""
        content = picture.path or picture.data
        known = PictureMetadata()
        if content:
            known = read_metadata(content, latest=self._latest, max_bytes=self._max_bytes)
        extra = Extra()
        if "/" in name:
            extra.add("folder", name.rpartition("/")[0])
        extra.add("headline", known.headline)
        extra.add("keywords", known.keywords)
        text = known.description or ""
        told = self._told(name, position, beside(".json"), extra)
        post = told.post if told else Post(id=name, source=self._name)
        caption = beside(".txt")
        text = clean(decode_head(caption)[1]) if caption else post.text or text
        post = replace(
            post,
            id=clean(name),
            text=text[: self._max_chars],
            created_at=post.created_at or known.taken_at,
            extra={**extra.values(), **post.extra},
        )
        return PostRecord(post, name, position, user=told.user if told else None, pictures=(picture,))

    def _told(self, name: str, position: int, sidecar: bytes | None, extra: Extra) -> PostRecord | None:
        """The post of the fields beside a picture, found by the names of their columns."""
        if sidecar is None:
            return None
        fields = parse_object(decode_head(sidecar)[1].strip()) if len(sidecar) <= MAX_SIDECAR else "too long"
        if isinstance(fields, str):
            extra.add("sidecar", f"not read: {fields}"[:MAX_VALUE_CHARS])
            return None
        row = flatten(fields)
        found = find_columns(list(row))
        mapping = {field: found[field] for field in found if field not in ("pictures", "id")}
        if "text" not in mapping:
            mapping["text"] = _NO_TEXT
            row[_NO_TEXT] = "-"
        reader = RowReader(
            mapping,
            file_name=name,
            source_name=self._name,
            pictures=self._folder,
            max_text_chars=self._max_chars,
        )
        record = reader.read(row, name, position)
        if isinstance(record, Failure):  # its text is empty
            return None
        return replace(record, post=replace(record.post, text="")) if mapping["text"] == _NO_TEXT else record


def read_pictures(
    folder: Path, source_name: str, *, max_bytes: int, max_text_chars: int
) -> Iterator[PostRecord | Failure]:
    """A post for each picture of a folder; its path below the folder is the id."""
    root = folder.resolve()
    reader = PictureReader(source_name, folder, max_bytes=max_bytes, max_text_chars=max_text_chars)
    for position, path in enumerate(filter(is_picture, iterate_files(folder))):
        # A name may be bytes that are no UTF-8, which Python holds as lone surrogates.
        name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
        inside = _is_inside(path, root)
        error = None if inside else "not read: the link leaves the imported folder, or leads nowhere"
        picture = PictureSource(clean(name), path=path if inside else None, error=error)

        def beside(ending: str, path: Path = path) -> bytes | None:
            return _head(path.with_suffix(ending), root)

        yield reader.read(name, position, picture, beside)


def _is_inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root) and path.is_file()
    except (OSError, RuntimeError):
        return False


def _head(path: Path, root: Path) -> bytes | None:
    if not _is_inside(path, root):
        return None
    with path.open("rb") as stream:
        return stream.read(MAX_SIDECAR + 1)


def packed_pictures(archive: Archive) -> list[str]:
    """The pictures of an archive that holds nothing but pictures and what lies beside each; empty for others."""
    pictures = [name for name in archive.entries if is_picture(Path(name)) and not _is_hidden(name)]
    stems = {str(PurePosixPath(name).with_suffix("")) for name in pictures}
    others = (name for name in archive.entries if name.lower().endswith(_POSTS_SUFFIXES))
    alone = all(str(PurePosixPath(name).with_suffix("")) in stems for name in others if not _is_hidden(name))
    return pictures if alone else []


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def read_packed(
    archive: Archive, source_name: str, *, max_bytes: int, max_text_chars: int, first: int = 0
) -> Iterator[PostRecord | Failure]:
    """A post for each picture of an archive, in its order; what may not be read is listed after them."""
    reader = PictureReader(source_name, archive.path.parent, max_bytes=max_bytes, max_text_chars=max_text_chars)
    for position, name in enumerate(packed_pictures(archive), start=first):
        data, error = None, None
        if archive.entries[name] > max_bytes:
            error = f"larger than the {max_bytes >> 20} MB allowed"
        else:
            try:
                data = archive.read(name, limit=max_bytes)
            except ImportFailed as damage:
                error = f"not read: {damage}"

        def beside(ending: str, name: str = name) -> bytes | None:
            entry = str(PurePosixPath(name).with_suffix(ending))
            return archive.read(entry, limit=MAX_SIDECAR + 1) if entry in archive.entries else None

        try:
            yield reader.read(name, position, PictureSource(clean(name), data=data, error=error), beside)
        except ImportFailed as damage:
            yield Failure(f"{archive.path.name}: {name}", str(damage), position)
    for name, reason in archive.refused:
        yield Failure(f"{archive.path.name}: {name!r}", f"not read: {reason}")
