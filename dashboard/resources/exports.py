"""Files for people to take along."""

from __future__ import annotations

import secrets
from pathlib import Path

from core.database.jobs import Job
from core.errors import ExportError
from core.export import Subject, export, job
from dashboard.resources.opened import workspace

MAX_BYTES = 1 << 30
"""A browser's download is held in memory."""


def packed(subject: Subject, format: str, *, pictures: bool, layout: str | None = None) -> bytes:
    """The zip file of a small export, made at once. Raises ExportError and VectorError."""
    opened = workspace()
    out = opened.path / "tmp" / f"export-{secrets.token_hex(6)}.zip"
    try:
        export(opened, subject, out, format=format, pictures=pictures, layout=layout)
        return out.read_bytes()
    finally:
        out.unlink(missing_ok=True)


def begin(subject: Subject, format: str, *, pictures: bool, layout: str | None = None) -> int:
    """Has the file made in the background and gives the job's id. Raises ExportError."""
    return job.submit(workspace(), subject, format=format, pictures=pictures, layout=layout)


def file_of(done: Job) -> Path | None:
    """What an export that has ended made, while it is kept; None for other jobs."""
    result = done.result or {}
    return job.file_of(workspace(), result) if done.state == "done" and "file" in result else None


def contents(path: Path) -> bytes:
    """The bytes for a browser. Raises ExportError where the file has gone since."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExportError("The file is not kept any more: export again.") from error
