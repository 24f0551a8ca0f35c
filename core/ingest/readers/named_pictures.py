"""Pictures that a posts file names: found inside the imported folder or an archive in it, or written out as a data URL;
never outside the folder, never on the network."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

from core.errors import ImportFailed
from core.ingest.readers.archives import Archive
from core.ingest.readers.packed_pictures import PackedPictures
from core.ingest.records import PictureSource
from core.ingest.values import clean, parse_bool, parse_list

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif")
)
"""File names that are taken for pictures; whether they can be decoded is found out later."""

SUBFOLDERS = ("images", "Images", "media", "pictures", "photos", "img")
MAX_NAME_CHARS = 1000
MAX_PICTURES = 50
"""Of one post; further ones are left out, with a note."""

_NAME_KEYS = ("file", "path", "media_url_https", "fullsize", "url", "media_url", "filename", "file_name", "name", "src")
_ALT_KEYS = ("alt", "alt_text", "altText", "ext_alt_text", "description")
_REMOTE = re.compile(r"(?:https?|ftps?|data|blob|file|s3|gs|ipfs):|//", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATORS = re.compile(r"[,;|\n]")
_BETWEEN_URLS = re.compile(r"[,;|\s]+(?=https?://)", re.IGNORECASE)
_OUTSIDE = "not read: the path leaves the imported folder"


_DATA_URL = re.compile(r"data:(?:image/[\w.+-]+)?((?:;[\w.=+-]+)*),", re.IGNORECASE)
REMOTE = "not fetched: remote picture"
"""Why a picture that is named by a web address is not here: no failure, since nobody has asked for it yet."""
MISSING = "the file is missing"
_NOT_HERE = (MISSING, REMOTE, _OUTSIDE)
"""Why a picture is not in the folder though it may be in an archive or under another of its names."""


class PictureFolder:
    """The folder a posts file lies in; its pictures are looked for beside it, in ``images/`` or the like, and in
    archives that lie there or are given."""

    def __init__(self, folder: Path, *, max_bytes: int, archives: Sequence[Archive] = ()) -> None:
        self.max_bytes = max_bytes
        self._root = folder.resolve()
        self._places = [self._root, *(self._root / name for name in SUBFOLDERS if (self._root / name).is_dir())]
        self._packed = PackedPictures(self._root, archives, places=SUBFOLDERS)

    def __enter__(self) -> PictureFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._packed.close()

    def problems(self) -> list[tuple[str, str]]:
        """(place, reason) of archives, and entries of them, that may not be read."""
        return self._packed.problems()

    def pictures(self, cell: object, alt: str | None = None) -> list[PictureSource]:
        """Every picture that a cell names, in order, each once.

        A cell holds a path, paths joined by commas, a list or list literal of them, dicts with a path or url and an
        alternative text, the bytes of a picture, or ``{bytes, path}``.
        """
        found: dict[str, PictureSource] = {}
        for item in [cell] if isinstance(cell, dict) else parse_list(cell):
            for picture in self._from_item(item, alt):
                found.setdefault(picture.name or str(len(found)), picture)
                if len(found) > MAX_PICTURES:
                    return list(found.values())
        return list(found.values())

    def picture(self, name: str, alt: str | None = None) -> PictureSource:
        """The picture of one name."""
        if name[:5].lower() == "data:":
            return self._from_data_url(name, alt)
        path, error = self.find(name)
        if path is None and error in _NOT_HERE and (packed := self._packed.find(name)) is not None:
            return self._from_entry(name, *packed, alt)
        return PictureSource(clean(name)[:MAX_NAME_CHARS], path=path, alt=alt or None, error=error)

    def find(self, name: str) -> tuple[Path | None, str | None]:
        """The file, or why there is none. Names come from strangers: what they resolve to must lie inside."""
        name = name.strip()
        if _REMOTE.match(name):
            return None, REMOTE
        if not name or len(name) > MAX_NAME_CHARS or any(char < " " for char in name):
            return None, "not read: this is not the name of a file"
        relative = name.replace("\\", "/")
        if relative.startswith("/") or _DRIVE.match(relative):
            return None, _OUTSIDE
        suffix = os.path.splitext(relative)[1].lower()
        if suffix and suffix not in SUFFIXES:
            return None, "not read: not a picture file"
        for place in self._places:
            try:
                path = (place / relative).resolve()
                if not path.is_relative_to(self._root):
                    return None, _OUTSIDE
                if path.is_file():
                    return path, None
            except (OSError, RuntimeError, ValueError):  # too long a name, a loop of symlinks, a lone surrogate
                return None, "not read: this is not the name of a file"
        return None, MISSING

    def _from_item(self, item: object, alt: str | None) -> list[PictureSource]:
        if isinstance(item, dict):
            alt = next((clean(item[key]) for key in _ALT_KEYS if isinstance(item.get(key), str)), alt)
            names = [item[key] for key in _NAME_KEYS if item.get(key) and isinstance(item[key], str)]
            data = item.get("bytes")
            if isinstance(data, bytes) and data:
                return [self._from_bytes(names[0] if names else "", data, alt)]
            return self._from_names(names, alt)
        if isinstance(item, bytes):
            return [self._from_bytes("", item, alt)] if item else []
        if not isinstance(item, str) or parse_bool(item) is not None:
            return []
        if item[:5].lower() == "data:":
            return [self._from_data_url(item, alt)]
        whole = self.picture(item, alt)
        if whole.path is not None or not _SEPARATORS.search(item):
            return [whole]
        separators = _BETWEEN_URLS if _REMOTE.match(item) else _SEPARATORS
        parts = separators.split(item, MAX_PICTURES + 1)
        return [self.picture(part, alt) for part in parts if part.strip()]

    def _from_bytes(self, name: str, data: bytes, alt: str | None) -> PictureSource:
        shown = clean(name)[:MAX_NAME_CHARS]
        if len(data) > self.max_bytes:
            return PictureSource(shown, alt=alt or None, error=f"larger than the {self.max_bytes >> 20} MB allowed")
        return PictureSource(shown, data=data, alt=alt or None)

    def _from_names(self, names: Sequence[str], alt: str | None) -> list[PictureSource]:
        """The picture under the first of its names that is here; else under the first."""
        tried: list[PictureSource] = []
        for name in names:
            picture = self.picture(name, alt)
            if picture.error not in _NOT_HERE:
                return [picture]
            tried.append(picture)
        remote = [picture for picture in tried if picture.error == REMOTE]
        return (remote or tried)[:1]

    def _from_entry(self, name: str, archive: Archive, entry: str, alt: str | None) -> PictureSource:
        shown = clean(name)[:MAX_NAME_CHARS]
        if archive.entries[entry] > self.max_bytes:
            return PictureSource(shown, alt=alt or None, error=f"larger than the {self.max_bytes >> 20} MB allowed")
        try:
            return PictureSource(shown, data=archive.read(entry, limit=self.max_bytes + 1), alt=alt or None)
        except ImportFailed as error:
            return PictureSource(shown, alt=alt or None, error=f"not read: {error}")

    def _from_data_url(self, url: str, alt: str | None) -> PictureSource:
        """The bytes written out in an address (RFC 2397)."""
        shown = f"data URL {hashlib.blake2b(url.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"
        match = _DATA_URL.match(url)
        if match is None:
            return PictureSource(shown, alt=alt or None, error="not read: this is not the data of a picture")
        if len(url) > self.max_bytes * 4 // 3 + 200:
            return PictureSource(shown, alt=alt or None, error=f"larger than the {self.max_bytes >> 20} MB allowed")
        try:
            data = unquote_to_bytes(url[match.end() :])
            if ";base64" in match[1].lower():
                data = base64.b64decode(b"".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            return PictureSource(shown, alt=alt or None, error="not read: the data of the picture is damaged")
        return self._from_bytes(shown, data, alt)
