"""A bare folder of pictures: each one is a post without words."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from core.ingest.readers.named_pictures import SUFFIXES
from core.ingest.readers.rows import Extra, latest_time
from core.ingest.records import Failure, PictureSource, PostRecord
from core.ingest.values import clean, parse_time
from core.pictures import FORMATS
from core.types import Post

MAX_DEPTH = 32
MAX_LOOKED_AT = 10_000
"""Entries looked at to tell whether a folder holds pictures at all."""

# Pillow warns of damaged EXIF data; the time is unknown then, and that is all.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")

_EXIF = 0x8769
_DATE_TIME_ORIGINAL = 0x9003
_OFFSET_TIME_ORIGINAL = 0x9011


def has_pictures(folder: Path) -> bool:
    for number, path in enumerate(iterate_files(folder)):
        if is_picture(path):
            return True
        if number >= MAX_LOOKED_AT:
            break
    return False


def is_picture(path: Path) -> bool:
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


def read_pictures(folder: Path, source_name: str, *, max_bytes: int) -> Iterator[PostRecord | Failure]:
    """A post for each picture: its path below the folder is the id, its folder an extra column, and the time at which
    it was taken (EXIF) the post's time."""
    root = folder.resolve()
    latest = latest_time()
    for position, path in enumerate(filter(is_picture, iterate_files(folder))):
        # A name may be bytes that are no UTF-8, which Python holds as lone surrogates.
        name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
        try:
            inside = path.resolve().is_relative_to(root) and path.is_file()
        except (OSError, RuntimeError):
            inside = False
        extra = Extra()
        if "/" in name:
            extra.add("folder", name.rpartition("/")[0])
        error = None if inside else "not read: the link leaves the imported folder, or leads nowhere"
        post = Post(
            id=clean(name),
            created_at=taken_at(path, latest=latest, max_bytes=max_bytes) if inside else None,
            source=source_name,
            extra=extra.values(),
        )
        picture = PictureSource(clean(name), path=path if inside else None, error=error)
        yield PostRecord(post, name, position, pictures=(picture,))


def taken_at(path: Path, *, latest: datetime, max_bytes: int) -> datetime | None:
    """When a picture was taken: EXIF's DateTimeOriginal, in UTC where it says its zone. None where the picture does not
    say, is larger than ``max_bytes``, or is damaged."""
    from PIL import Image

    try:
        if path.stat().st_size > max_bytes:
            return None
        with Image.open(path, formats=FORMATS) as image:
            exif = image.getexif().get_ifd(_EXIF)
    except Exception:  # noqa: BLE001 - Pillow raises whatever damaged bytes make it run into; only the time is lost by that
        return None
    date, _, clock = str(exif.get(_DATE_TIME_ORIGINAL, "")).strip("\x00 ").partition(" ")
    zone = str(exif.get(_OFFSET_TIME_ORIGINAL, "")).strip("\x00 ")
    time = f"{date.replace(':', '-')} {clock}"
    return parse_time(time + zone, latest=latest) or parse_time(time, latest=latest)
