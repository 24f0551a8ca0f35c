"""Takes interactions and profiles in from files of their own, batch by batch; goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.database import runs as run_table
from core.database.connection import first_row
from core.database.users import store_interactions, store_users
from core.ingest.pipeline import REPORTED_FAILURES, merge_users, open_privacy
from core.ingest.readers.acts import FOLLOW, read_acts, read_profiles, recognise_acts
from core.ingest.records import Failure
from core.jobs.runner import utc_now
from core.types import Interaction, User

if TYPE_CHECKING:
    from core.jobs.runner import JobContext

BATCH = 50_000


def run(context: JobContext) -> dict[str, Any]:
    """The job ``ingest_acts``: params ``path``, ``what`` (interactions or users), ``mapping``, ``kind`` (of those that
    name none), ``pseudonymise``, ``dry_run``; gives counts and failures. ``elsewhere`` counts interactions with
    posts that are not here: they are kept, since the posts may come."""
    params, workspace = context.params, context.workspace
    path, what = Path(params["path"]), params.get("what", "interactions")
    items, format_, mapping = _open(path, what, params)
    dry = bool(params.get("dry_run"))
    privacy = open_privacy(workspace, params) if not dry else None
    done = int(context.checkpoint.get("done", 0))
    counts = run_table.RunCounts(**context.checkpoint.get("counts", {}))
    run_id = 0
    if not dry and "run" not in context.checkpoint:
        with workspace.transaction() as cursor:
            id_ = run_table.insert_run(cursor, str(path), format_, mapping, utc_now())
            context.save_checkpoint(cursor, {"run": id_})
    run_id = context.checkpoint.get("run", 0)
    elsewhere = int(context.checkpoint.get("elsewhere", 0))
    dry_failures: list[tuple[str, str]] = []
    remaining = islice(items, done, None)
    while batch := list(islice(remaining, BATCH)):
        context.report(f"reading {what}", done, None)
        done += len(batch)
        failures = [(item.where, item.reason) for item in batch if isinstance(item, Failure)]
        good = [item for item in batch if not isinstance(item, Failure)]
        if privacy:
            good = [privacy.applied(item) for item in good]
        counts.seen += len(batch)
        counts.failed += len(failures)
        users = [item for item in good if isinstance(item, User)]
        acts = [item for item in good if isinstance(item, Interaction)]
        if dry:
            counts.added += len(good)
            dry_failures += failures[: REPORTED_FAILURES - len(dry_failures)]
            elsewhere += _elsewhere(workspace.cursor(), acts)
            continue
        elsewhere += _elsewhere(workspace.cursor(), acts)
        with workspace.new_generation() as (cursor, generation):
            added = store_users(cursor, merge_users(iter(users)), generation=generation)
            added += store_interactions(cursor, acts, generation=generation)
            counts.added += added
            counts.skipped += len(good) - added
            run_table.save_run(cursor, run_id, counts, done, failures)
            saved = {name: getattr(counts, name) for name in run_table.RunCounts.__slots__}
            context.save_checkpoint(cursor, {"run": run_id, "done": done, "counts": saved, "elsewhere": elsewhere})
    if dry:
        found = dry_failures
    else:
        with workspace.transaction() as cursor:
            run_table.save_run(cursor, run_id, counts, done, [], utc_now())
        found = run_table.run_failures(workspace.cursor(), run_id, limit=REPORTED_FAILURES)
    return {
        "run": run_id, "path": str(path), "format": format_, "what": what, "mapping": dict(mapping), "dry_run": dry,
        "seen": counts.seen, "added": counts.added, "updated": 0, "skipped": counts.skipped, "failed": counts.failed,
        "elsewhere": elsewhere, "failures": [{"where": place, "reason": reason} for place, reason in found],
    }  # fmt: skip


def _open(path: Path, what: str, params: dict[str, Any]) -> tuple[Iterator[Any], str, dict[str, str]]:
    if what == "users":
        return read_profiles(path, params.get("mapping")), "profiles", dict(params.get("mapping") or {})
    file = recognise_acts(path, params.get("mapping"))
    return read_acts(file, kind=params.get("kind") or "like"), f"interactions, {file.format}", dict(file.mapping)


def _elsewhere(cursor: Any, acts: list[Interaction]) -> int:
    """How many interactions are with posts that are not here."""
    ids = [act.post_id for act in acts if act.kind != FOLLOW]
    if not ids:
        return 0
    (count,) = first_row(
        cursor.execute(
            "SELECT count(*) FROM (SELECT unnest(?::VARCHAR[]) AS id) g WHERE id NOT IN (SELECT id FROM posts)", [ids]
        )
    ) or (0,)
    return int(count)
