"""Where the Data page may import from: folders that the settings name, and files that were uploaded."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from core.errors import ImportFailed

UPLOAD = "upload:"
"""How an uploaded source is named instead of by a path: ``upload:`` and its token."""

MAX_DEPTH = 8
KEPT_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{16}")


def source_below_roots(named: str, roots: Sequence[Path]) -> Path:
    """The file or folder that somebody named on the page, links resolved.

    Raises ImportFailed where it is not there, or not below one of ``roots`` (which must be resolved).
    """
    if not roots:
        raise ImportFailed(
            "Importing from folders of the server is switched off. FEEDSCOPE_IMPORT_ROOTS names the folders to"
            " allow; until then, upload files."
        )
    allowed = ", ".join(map(str, roots))
    if "\x00" in named:
        raise ImportFailed("A path has no NUL in it.")
    path = Path(named).expanduser() if named.startswith(("/", "~")) else roots[0] / named
    try:
        path = path.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links, a name that is too long
        raise ImportFailed(f"{named[:200]} can't be followed: {error}") from error
    # Whether something is there is said only of places that may be read.
    if not any(path == root or root in path.parents for root in roots):
        raise ImportFailed(f"{named[:200]} does not lie below {allowed} (FEEDSCOPE_IMPORT_ROOTS).")
    try:
        there = path.exists()
    except OSError as error:
        raise ImportFailed(f"{named[:200]} can't be read: {error}") from error
    if not there:
        raise ImportFailed(f"There is nothing at {path}.")
    return path


def offered_sources(roots: Sequence[Path], *, limit: int = 200) -> list[Path]:
    """What lies directly in the roots, to choose from: folders first, then files, hidden ones left out."""
    found: list[Path] = []
    for root in roots:
        try:
            found += [path for path in root.iterdir() if not path.name.startswith(".")]
        except OSError:  # a root that is not there offers nothing
            continue
    return sorted(found, key=lambda path: (path.is_file(), str(path).casefold()))[:limit]


def keep_upload(folder: Path, files: Iterable[tuple[str, bytes]], *, in_use: Collection[str] = ()) -> str:
    """Stores uploaded files, names with their sub-folders, and gives ``upload:TOKEN``.

    Uploads of more than a day ago that are not ``in_use`` make room. Raises ImportFailed for no files, and for names
    that lead out of the folder.
    """
    token = secrets.token_hex(8)
    target = folder / token
    try:
        for name, data in files:
            path = target / _safe(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except (ImportFailed, OSError):
        shutil.rmtree(target, ignore_errors=True)
        raise
    if not target.exists():
        raise ImportFailed("No file was uploaded.")
    _make_room(folder, keep={token, *in_use})
    return UPLOAD + token


def uploaded_source(folder: Path, named: str) -> Path:
    """The one uploaded file, or the folder of several. Raises ImportFailed where the upload is gone."""
    token = named.removeprefix(UPLOAD)
    target = folder / token
    if not _TOKEN.fullmatch(token) or not target.is_dir():
        raise ImportFailed("The uploaded files are no longer kept: upload them again.")
    inside = list(target.iterdir())
    return inside[0] if len(inside) == 1 else target


def forget_upload(folder: Path, source: Path) -> bool:
    """Deletes the upload that a file or folder is part of, and tells whether it was one."""
    if folder not in source.parents:
        return False
    token = source.relative_to(folder).parts[0]
    shutil.rmtree(folder / token, ignore_errors=True)
    return True


def _safe(name: str) -> Path:
    parts = name.replace("\\", "/").split("/")
    if any(part in ("", ".", "..") or "\x00" in part or len(part.encode()) > 255 for part in parts):
        raise ImportFailed(f"{name[:200]!r} is not a name for an uploaded file.")
    if len(parts) > MAX_DEPTH:
        raise ImportFailed(f"{name[:200]!r} lies more than {MAX_DEPTH} folders deep.")
    return Path(*parts)


def _make_room(folder: Path, *, keep: Collection[str]) -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        if path.name not in keep and path.is_dir() and path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)
