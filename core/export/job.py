"""Exports in the background: what goes out is written down, a job makes the zip file, and it is kept for some days.

``exports/`` in the workspace holds, for each, ``TOKEN.json`` (what to give out: a job that was killed makes the file
anew) and the file.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ExportError
from core.export.package import FORMATS, export
from core.export.subject import Subject
from core.types import Hit, LegHit

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

KIND = "export"
KEPT_DAYS = 7
KEPT_FILES = 20
KEPT_BYTES = 20 << 30


def submit(
    workspace: Workspace, subject: Subject, *, format: str = "csv", pictures: bool = False, layout: str | None = None
) -> int:
    """Queues an export and gives the job's id; parameters are those of :func:`core.export.export`.

    Raises ExportError where there is nothing to write, and for an unknown format.
    """
    if format not in FORMATS:
        raise ExportError(f"There is no format {format!r}; there are {', '.join(FORMATS)}.")
    if not subject.post_ids:
        raise ExportError(f"{subject.name}: there are no posts to export.")
    folder = _folder(workspace)
    folder.mkdir(exist_ok=True)
    _forget_old(folder)
    token = secrets.token_hex(8)
    document = {**asdict(subject), "post_ids": list(subject.post_ids)}
    (folder / f"{token}.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    params = {"token": token, "format": format, "pictures": pictures, "layout": layout}
    return workspace.jobs.submit(KIND, params, title=f"Export {subject.name[:80]}")


def run(context: JobContext) -> dict[str, Any]:
    """The job ``export``: makes the file anew from the beginning wherever it was stopped. Gives its name and counts.

    Raises ExportError and VectorError as :func:`core.export.export` does.
    """
    workspace, params = context.workspace, context.params
    folder = _folder(workspace)
    wanted = folder / f"{params['token']}.json"
    try:
        subject = _subject(json.loads(wanted.read_text(encoding="utf-8")))
    except OSError as error:
        raise ExportError("What was to be exported is not there any more: ask for it again.") from error
    out = folder / f"{params['token']}-{_file_name(subject.name)}-{params['format']}.zip"
    out.unlink(missing_ok=True)
    made = export(
        workspace, subject, out, format=params["format"], pictures=params["pictures"], layout=params["layout"],
        report=context.report,
    )  # fmt: skip
    counts = made.provenance["counts"]
    return {
        "exported": made.posts,
        "pictures": made.pictures,
        "left_out": counts["left_out"],
        "file": out.name,
        "bytes": out.stat().st_size,
    }


def file_of(workspace: Workspace, result: dict[str, Any]) -> Path | None:
    """The file that a finished job made, while it is kept."""
    path = _folder(workspace) / Path(str(result.get("file", "."))).name
    return path if path.is_file() else None


def _folder(workspace: Workspace) -> Path:
    return workspace.path / "exports"


def _forget_old(folder: Path) -> None:
    """Deletes files that are older than KEPT_DAYS, and the oldest beyond KEPT_FILES of a kind, or where newer ones have
    KEPT_BYTES already."""
    oldest = time.time() - KEPT_DAYS * 86400
    found: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # deleted at this moment, with somebody
            if path.is_file():
                about = path.stat()
                found.append((about.st_mtime, about.st_size, path))
    seen: Counter[str] = Counter()
    newer = 0
    for written, size, path in sorted(found, reverse=True):
        seen[path.suffix] += 1
        if seen[path.suffix] > KEPT_FILES or newer >= KEPT_BYTES or written < oldest:
            path.unlink(missing_ok=True)
        newer += size


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "posts"


def _subject(document: dict[str, Any]) -> Subject:
    hits = {}
    for id_, hit in document["hits"].items():
        hits[id_] = Hit(**{**hit, "legs": tuple(LegHit(**leg) for leg in hit["legs"])})
    return Subject(**{**document, "hits": hits})
