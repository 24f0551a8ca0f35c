"""Files for people to take along."""

from __future__ import annotations

import secrets

from core.errors import ExportError
from core.export import Subject, export
from dashboard.resources.opened import workspace

MAX_BYTES = 1 << 30
"""A browser's download is held in memory."""


def packed(subject: Subject, format: str, *, pictures: bool) -> bytes:
    """The zip file of an export. Raises ExportError and VectorError; also where it is too large for a browser."""
    opened = workspace()
    out = opened.path / "tmp" / f"export-{secrets.token_hex(6)}.zip"
    try:
        made = export(opened, subject, out, format=format, pictures=pictures)
        if made.path.stat().st_size > MAX_BYTES:
            raise ExportError(
                f"The file has {made.path.stat().st_size >> 20:,} MB, more than a browser should be given:"
                " “python -m core export” in a shell writes it to a folder."
            )
        return out.read_bytes()
    finally:
        out.unlink(missing_ok=True)
