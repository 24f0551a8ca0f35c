"""Pictures to search by, kept in the workspace's ``queries/`` folder under their sha256, so that a URL can name one."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from core.pictures import open_picture
from core.settings import Settings

MAX_PICTURES = 500
MAX_TOTAL_BYTES = 512 * 1024 * 1024


def keep_query_picture(
    folder: Path,
    data: bytes,
    settings: Settings,
    *,
    max_pictures: int = MAX_PICTURES,
    max_total_bytes: int = MAX_TOTAL_BYTES,
) -> str:
    """Stores the file and gives its sha256 as hex. Those used longest ago make room for it.

    Raises PictureError where it can't be decoded or is larger than the settings allow; nothing is stored then.
    """
    max_bytes = settings.max_picture_mb * 1024 * 1024
    open_picture(data, max_pixels=settings.max_pixels, max_bytes=max_bytes).close()
    sha256 = hashlib.sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / sha256
    if target.exists():
        os.utime(target)
        return sha256
    _make_room(folder, max_pictures - 1, max_total_bytes - len(data))
    beside = folder / f"{sha256}.{os.getpid()}.part"
    beside.write_bytes(data)
    os.replace(beside, target)
    return sha256


def read_query_picture(folder: Path, sha256: str) -> bytes | None:
    """The file's bytes, or None where it was never kept or has made room for newer ones."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return None
    try:
        data = (folder / sha256).read_bytes()
        os.utime(folder / sha256)
    except FileNotFoundError:
        return None
    return data


def _make_room(folder: Path, pictures: int, total_bytes: int) -> None:
    kept = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.stat().st_mtime)
    size = sum(path.stat().st_size for path in kept)
    while kept and (len(kept) > pictures or size > total_bytes):
        oldest = kept.pop(0)
        size -= oldest.stat().st_size
        oldest.unlink(missing_ok=True)
