"""Zip and tar files from strangers: listed first, then read entry by entry within bounds, never unpacked as a whole.

What is refused, with its reason: names that climb out or are absolute, links and devices, encrypted entries, and
entries that unpack to far more than they should (zip bombs, https://www.bamsoftware.com/hacks/zipbomb/).
"""

from __future__ import annotations

import gzip
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from core.errors import ImportFailed
from core.ingest.readers.text_file import GZIP_MAGIC

ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
MAX_ENTRIES = 1_000_000
MAX_DIRECTORY_BYTES = 256 << 20
"""Of a zip file's list of entries, which is held in memory."""

MAX_UNPACKED = 64 << 30
"""Bytes that one entry, or a tar.gz as a whole, may unpack to."""

MAX_RATIO = 250
"""How many times its packed size an entry may unpack to, beyond the first 10 MB; JSON packs to a tenth."""

FREE_BYTES = 10 << 20
_CHUNK = 1 << 20
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGED = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, NotImplementedError,
    RuntimeError, ValueError, OverflowError,
)  # fmt: skip
"""What damaged or hostile archives make the standard library raise (RuntimeError for an encrypted entry)."""


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar file, by its first bytes; a gzip file by its name too: it may hold a text."""
    with path.open("rb") as stream:
        head = stream.read(512)
    if head[:4] in ZIP_MAGICS or head[257:262] == b"ustar":
        return True
    return head[:2] == GZIP_MAGIC and path.name.lower().endswith((".tar.gz", ".tgz"))


class Archive:
    """A zip or tar file. ``entries`` are the sizes, in bytes, of the files that may be read, by name; ``refused`` says
    why others may not. A tar.gz is unpacked once into a temporary file, since its entries can't be reached otherwise.

    Raises ImportFailed where the file is damaged, or larger than what is allowed. Close it after use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, int] = {}
        self.refused: list[tuple[str, str]] = []
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None
        self._spool: IO[bytes] | None = None
        self._members: dict[str, zipfile.ZipInfo | tarfile.TarInfo] = {}
        try:
            self._open()
        except _DAMAGED as error:
            self.close()
            raise ImportFailed(f"{path.name} is a damaged archive: {error}") from error
        except ImportFailed:
            self.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for one in (self._zip, self._tar, self._spool):
            if one is not None:
                one.close()

    def read(self, name: str, *, limit: int) -> bytes:
        """The first ``limit`` bytes of an entry. Raises ImportFailed where it is damaged."""
        try:
            with self._entry(name) as stream:
                return stream.read(limit)
        except _DAMAGED as error:
            raise ImportFailed(f"{name} in {self.path.name} is damaged: {error}") from error

    def unpack(self, name: str, target: Path, *, limit: int | None = None) -> None:
        """Writes an entry, or its first ``limit`` bytes, to a file. What comes before a damaged place is kept."""
        left = self.entries[name] if limit is None else min(limit, self.entries[name])
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            try:
                with self._entry(name) as stream:
                    while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
                        file.write(chunk)
                        left -= len(chunk)
            except _DAMAGED:
                return  # the reader of the file says where it breaks off

    def _entry(self, name: str) -> IO[bytes]:
        member = self._members[name]
        if isinstance(member, zipfile.ZipInfo):
            assert self._zip is not None
            return self._zip.open(member)
        assert self._tar is not None
        stream = self._tar.extractfile(member)
        assert stream is not None
        return stream

    def _open(self) -> None:
        with self.path.open("rb") as stream:
            magic = stream.read(4)
        if magic in ZIP_MAGICS:
            _check_directory(self.path)
            self._zip = zipfile.ZipFile(self.path)
            for info in self._zip.infolist():
                if not info.is_dir():
                    self._take(info.filename, info, info.file_size, _zip_problem(info))
        else:
            if magic[:2] == GZIP_MAGIC:
                self._spool = _gunzip(self.path)
                self._tar = tarfile.open(fileobj=self._spool, mode="r:")
            else:
                self._tar = tarfile.open(self.path, mode="r:")
            for member in self._tar:
                if not member.isdir():
                    self._take(member.name, member, member.size, None if member.isreg() else "a link or a device")

    def _take(self, name: str, member: zipfile.ZipInfo | tarfile.TarInfo, size: int, problem: str | None) -> None:
        if len(self._members) >= MAX_ENTRIES:
            raise ImportFailed(f"{self.path.name} holds more than {MAX_ENTRIES:,} files. Split it.")
        problem = problem or _name_problem(name)
        if problem is None and size > MAX_UNPACKED:
            problem = f"it unpacks to more than {MAX_UNPACKED >> 30} GB"
        if problem is not None:
            if len(self.refused) < 1000:
                self.refused.append((name.encode("utf-8", "replace").decode()[:200], problem))
            return
        name = name.replace("\\", "/").removeprefix("./")
        self.entries[name] = size
        self._members[name] = member


def _check_directory(path: Path) -> None:
    """Refuses a list of entries that would fill the memory, as its size stands at the end of a zip file."""
    with path.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - 65_557))
        tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    if end >= 0 and int.from_bytes(tail[end + 12 : end + 16], "little") > MAX_DIRECTORY_BYTES:
        raise ImportFailed(f"{path.name} has a list of files larger than {MAX_DIRECTORY_BYTES >> 20} MB. Split it.")


def _zip_problem(info: zipfile.ZipInfo) -> str | None:
    if info.flag_bits & 1:
        return "it is encrypted"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link or a device"
    if info.file_size > FREE_BYTES + MAX_RATIO * info.compress_size:
        return f"it unpacks to more than {MAX_RATIO} times its size"
    return None


def _name_problem(name: str) -> str | None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or _DRIVE.match(name) or ".." in parts:
        return "its name leads out of the archive"
    if not name or any(char < " " or "\ud800" <= char <= "\udfff" for char in name) or len(name) > 1000:
        return "its name can't be used"
    return None


def _gunzip(path: Path) -> IO[bytes]:
    """A temporary file with what a gzip file unpacks to; the system deletes it when it is closed."""
    allowed = min(MAX_UNPACKED, FREE_BYTES * 10 + MAX_RATIO * path.stat().st_size)
    spool = cast(IO[bytes], tempfile.TemporaryFile())
    with gzip.open(path) as stream:
        while chunk := stream.read(_CHUNK):
            allowed -= len(chunk)
            if allowed < 0:
                spool.close()
                raise ImportFailed(f"{path.name} unpacks to more than {MAX_RATIO} times its size, or is too large.")
            spool.write(chunk)
    spool.seek(0)
    return spool


def archives_beside(folder: Path) -> Iterator[Path]:
    """The archives that lie directly in a folder, by name."""
    for path in sorted(folder.iterdir()):
        if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".") and path.is_file():
            yield path
