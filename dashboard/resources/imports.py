"""What can be imported, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.database.jobs import Job
from core.database.remote_pictures import RemoteCounts, count_remote
from core.database.runs import run_failures
from core.erasure import Doomed, look
from core.ingest.places import UPLOAD, keep_upload, offered_sources, source_below_roots, uploaded_source
from core.types import Noun
from dashboard.resources.opened import workspace


def failures_of(job: Job) -> list[dict[str, str]]:
    """What an import could not read so far, as ``where`` and ``reason``."""
    if job.result is not None:
        return list(job.result.get("failures", []))
    run = job.checkpoint.get("run")
    found = run_failures(workspace().cursor(), run) if run is not None else []
    return [{"where": place, "reason": reason} for place, reason in found]


def all_failures_of(job: Job) -> list[dict[str, str]]:
    """The same, however many they are."""
    run = (job.result or {}).get("run")
    if not run:
        return failures_of(job)
    found = run_failures(workspace().cursor(), int(run), limit=10_000_000)
    return [{"where": place, "reason": reason} for place, reason in found]


def remote_pictures() -> RemoteCounts:
    """How many pictures are named by web addresses and not here."""
    return count_remote(workspace().cursor())


def doomed(noun: Noun, id_: str) -> Doomed:
    """What deleting a post or a user would take away. Raises ErasureError."""
    return look(workspace(), noun, id_)


def import_source(named: str) -> Path:
    """The file or folder that the Data page's address names. Raises ImportFailed where it may not be read."""
    opened = workspace()
    if named.startswith(UPLOAD):
        return uploaded_source(opened.path / "uploads", named)
    return source_below_roots(named, opened.settings.import_roots)


def offered_imports() -> list[Path]:
    return offered_sources(workspace().settings.import_roots)


def keep_files(files: Iterable[tuple[str, bytes]]) -> str:
    """Keeps uploaded files and gives the name by which :func:`import_source` finds them. Raises ImportFailed."""
    opened = workspace()
    unfinished = [job for job in opened.jobs.list(limit=200) if job.state != "done"]
    folder = opened.path / "uploads"
    in_use = [part for job in unfinished for part in Path(str(job.params.get("path", ""))).parts]
    return keep_upload(folder, files, in_use=in_use)
