"""Keeps pictures in the workspace by their content, and measures them: digest, size in pixels, PDQ hash."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from core.errors import PictureError
from core.ingest.records import PictureSource
from core.pictures import open_picture, pdq_hash
from core.settings import Settings
from core.types import Media


def keep_picture(source: PictureSource, post_id: str, position: int, folder: Path, settings: Settings) -> Media:
    """Copies a picture to ``folder`` under its sha256 and gives what the database stores of it.

    A picture that is missing, damaged or over the limits gives a Media with ``error``; nothing is kept of it. Safe to
    repeat and to be killed: the file appears under its name only when it is whole.
    """

    def failed(reason: str) -> Media:
        return Media(0, post_id, position, source.name, alt=source.alt, error=reason)

    if source.error is not None:
        return failed(source.error)
    limit = settings.max_picture_mb * 1_000_000
    try:
        if source.data is not None:
            data = source.data
        elif source.path is not None:
            if source.path.stat().st_size > limit:
                return failed(f"larger than {settings.max_picture_mb} MB (FEEDSCOPE_MAX_PICTURE_MB)")
            data = source.path.read_bytes()
        else:
            return failed("no picture file is named")
        image = open_picture(data, max_pixels=settings.max_pixels, max_bytes=limit)
    except OSError as error:
        return failed(f"can't be read: {error.strerror or error}")
    except PictureError as error:
        return failed(str(error))
    digest = hashlib.sha256(data).hexdigest()
    path = Path(digest[:2]) / f"{digest}.{_extension(data)}"
    _write_once(folder / path, data)
    pdq, quality = pdq_hash(image)
    return Media(
        0,
        post_id,
        position,
        source.name,
        sha256=digest,
        path=path.as_posix(),
        width=image.width,
        height=image.height,
        pdq=pdq,
        pdq_quality=quality,
        alt=source.alt,
    )


def _extension(data: bytes) -> str:
    for magic, name in ((b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"BM", "bmp")):
        if data.startswith(magic):
            return name
    return "tif"


def _write_once(target: Path, data: bytes) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
    partial.write_bytes(data)
    os.replace(partial, target)
