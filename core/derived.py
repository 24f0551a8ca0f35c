"""The folder convention of derived parts: indexes and layouts that can be rebuilt from the database.

A derived part is a folder::

    <name>/
      manifest.json             which version counts, its generation, its files with sizes and checksums
      v<generation>-<random>/   the files of one version

A new version is written into a sub-folder of its own, brought to disk, and then named by replacing ``manifest.json``
with ``os.replace``. So at any instant, also after a crash, a reader finds the whole old version or the whole new one.
The version before stays until the next write, for readers that have just read the manifest. Not safe for two writers of
one part at a time: the workspace's owner is the only one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

FORMAT = 1
MANIFEST = "manifest.json"

_MAX_MANIFEST_BYTES = 4_000_000
_VERSION_FOLDER = re.compile(r"v\d{1,19}-[0-9a-f]{8}\Z")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Size in bytes and SHA-256 (hex) of one file as it was written."""

    bytes: int
    sha256: str


Files: TypeAlias = Mapping[str, StoredFile]
"""Keyed by the path below the version's folder, with forward slashes."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a derived part holds, in the version's own ``folder``.

    ``generation`` is the database's generation that the part was built from, ``created_at`` is naive UTC, ``about`` is
    whatever the writer noted (model id, space, family, ...; JSON values).
    """

    folder: Path
    generation: int
    created_at: datetime
    files: Files
    about: Mapping[str, Any] = field(default_factory=dict)

    def paths(self) -> dict[Path, StoredFile]:
        return {self.folder / name: stored for name, stored in self.files.items()}


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a derived part, or None where there is none that can be used; :func:`verify` then says why."""
    found = _read(folder)
    return None if isinstance(found, str) else found


def verify(folder: Path, *, checksums: bool = False) -> list[str]:
    """What is wrong with a derived part, a sentence each; empty where all is well.

    Compares sizes, which is quick. With ``checksums`` it also reads every file for its SHA-256, at about 1 GB/s, which
    is work for a background thread.
    """
    manifest = _read(folder)
    if isinstance(manifest, str):
        return [manifest]
    problems = []
    for name, stored in manifest.files.items():
        path = manifest.folder / name
        try:
            size = path.stat().st_size
            if size != stored.bytes:
                problems.append(f"{folder.name}: {name} has {size} bytes and should have {stored.bytes}.")
            elif checksums and _sha256(path) != stored.sha256:
                problems.append(f"{folder.name}: {name} is not what was written (its checksum differs).")
        except OSError as error:
            problems.append(f"{folder.name}: {name} can't be read ({error.strerror}).")
    if problems and _read(folder) != manifest:  # A new version came in between, and the old files went.
        return verify(folder, checksums=checksums)
    return problems


def write(folder: Path, generation: int, writer: Callable[[Path], None], **about: Any) -> Manifest:
    """Makes a new version: calls ``writer`` with an empty folder to fill, then swaps the version in.

    ``about`` holds JSON values. Where ``writer`` raises, the version before still counts and the error goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    current = read_manifest(folder)
    _remove_versions(folder, keep=current.folder.name if current else None)

    version = folder / f"v{generation}-{secrets.token_hex(4)}"
    version.mkdir()
    try:
        writer(version)
        files = describe(version, _bring_to_disk(version), known=current.paths() if current else None)
    except BaseException:
        shutil.rmtree(version, ignore_errors=True)
        raise
    manifest = Manifest(version, generation, datetime.now(UTC).replace(tzinfo=None), files, about)
    write_manifest(folder, manifest)
    return manifest


def describe(folder: Path, paths: Iterable[Path], *, known: Mapping[Path, StoredFile] | None = None) -> Files:
    """Size and checksum of files below ``folder``.

    A file that is one of ``known`` (the same one, or a hard link to it) keeps its entry: it is not read again, and
    damage that it has taken since stays visible.
    """
    entries = {}
    for path, stored in (known or {}).items():
        try:
            entries[_identity(path)] = stored
        except OSError:
            continue  # gone since
    return {
        path.relative_to(folder).as_posix(): entries.get(_identity(path))
        or StoredFile(path.stat().st_size, _sha256(path))
        for path in sorted(paths)
    }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replaces the manifest of ``folder`` in one step. ``manifest.folder`` must be ``folder`` or a version below it."""
    document = {
        "format": FORMAT,
        "generation": manifest.generation,
        "created_at": manifest.created_at.isoformat(),
        "folder": "." if manifest.folder == folder else manifest.folder.name,
        "about": dict(manifest.about),
        "files": {name: {"bytes": stored.bytes, "sha256": stored.sha256} for name, stored in manifest.files.items()},
    }
    temporary = folder / f"{MANIFEST}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, folder / MANIFEST)
    _sync_folder(folder)


def _read(folder: Path) -> Manifest | str:
    """The manifest, or the sentence that says why there is none."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_MANIFEST_BYTES + 1)
        if len(raw) > _MAX_MANIFEST_BYTES:
            return f"{folder.name}: {MANIFEST} is too large to be one."
        document = json.loads(raw)
    except FileNotFoundError:
        return f"{folder.name}: not built yet."
    except OSError as error:
        return f"{folder.name}: {MANIFEST} can't be read ({error.strerror})."
    except (ValueError, RecursionError):
        return f"{folder.name}: {MANIFEST} is damaged."
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return f"{folder.name}: written by another version of Feedscope."
    try:
        return _parse(folder, document)
    except (KeyError, TypeError, ValueError, AttributeError):
        return f"{folder.name}: {MANIFEST} is damaged."


def _parse(folder: Path, document: Mapping[str, Any]) -> Manifest:
    version = document["folder"]
    if version != "." and not _VERSION_FOLDER.match(version):
        raise ValueError(version)
    files = {}
    for name, stored in document["files"].items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(name)
        files[name] = StoredFile(int(stored["bytes"]), str(stored["sha256"]))
    return Manifest(
        folder=folder if version == "." else folder / version,
        generation=int(document["generation"]),
        created_at=datetime.fromisoformat(document["created_at"]),
        files=files,
        about=dict(document["about"]),
    )


def _remove_versions(folder: Path, *, keep: str | None) -> None:
    for path in folder.iterdir():
        if _VERSION_FOLDER.match(path.name) and path.name != keep:
            shutil.rmtree(path, ignore_errors=True)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _bring_to_disk(folder: Path) -> list[Path]:
    """The files below ``folder``, once they and the folders are on disk."""
    files = []
    for path in folder.rglob("*"):
        if path.is_dir():
            _sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            files.append(path)
    _sync_folder(folder)
    return files


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
