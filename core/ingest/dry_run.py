"""What an import would do, without doing it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.database.runs import RunCounts
from core.ingest.pipeline import REPORTED_FAILURES, batches, sort_out
from core.ingest.privacy import Privacy, key_file, read_key
from core.ingest.readers.named_pictures import REMOTE
from core.ingest.recognise import estimate_rows, recognise
from core.ingest.seen import SeenIds
from core.jobs.runner import utc_now

if TYPE_CHECKING:
    from core.jobs.runner import JobContext


def run(context: JobContext) -> dict[str, Any]:
    """The job ``dry_run``: params as the job ``ingest``; reads the whole source, compares it with what is here, and
    gives the same counts. Nothing is stored but the job itself: no key is made, no picture is opened."""
    params, workspace = context.params, context.workspace
    source = recognise(Path(params["path"]), format=params.get("format", "auto"), mapping=params.get("mapping"))
    limit = params.get("limit")
    total = source.rows or estimate_rows(source)
    counts = RunCounts()
    failures: list[tuple[str, str]] = []
    pictures = remote = 0
    users = SeenIds()
    privacy = _privacy(context)
    for batch, _ in batches(source, workspace.settings, 0, limit, counts, privacy):
        context.report("reading posts", counts.seen, max(total, counts.seen))
        _, _, _, fresh = sort_out(workspace, batch, counts)
        counts.failed += len(batch.failures)
        failures += batch.failures[: REPORTED_FAILURES - len(failures)]
        for record in fresh.values():
            if record.user:
                users.add(record.user.id)
            pictures += sum(picture.error is None for picture in record.pictures)
            remote += sum(picture.error == REMOTE for picture in record.pictures)
            counts.pictures_failed += sum(picture.error not in (None, REMOTE) for picture in record.pictures)
    return {
        "run": 0, "dry_run": True, "path": str(source.path), "format": source.format, "mapping": dict(source.mapping),
        **asdict(counts), "authors": len(users), "pictures": pictures, "pictures_elsewhere": remote,
        "pseudonymised": privacy.pseudonymises, "dropped": dict(privacy.dropped), "not_there_to_drop": privacy.unused(),
        "failures": [{"where": place, "reason": reason} for place, reason in failures],
        "looked_at": str(utc_now()),
    }  # fmt: skip


def _privacy(context: JobContext) -> Privacy:
    workspace, params = context.workspace, context.params
    keeps = workspace.cursor().execute("SELECT value FROM meta WHERE key = 'pseudonyms'").fetchall()
    drop = params.get("drop") or ()
    if not keeps and not params.get("pseudonymise"):
        return Privacy(None, drop)
    there = key_file(workspace.path).exists() or keeps
    return Privacy(read_key(workspace.path, create=False) if there else bytes(32), drop)
