"""The job that fetches remote pictures: address after address, each result stored at once, so that it goes on where it
was stopped; then it encodes and indexes what has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.database import remote_pictures as table
from core.errors import FetchError
from core.indexing import bring_up_to_date
from core.ingest.media_store import keep_picture
from core.ingest.records import PictureSource
from core.ingest.remote_pictures import Fetcher, Limits
from core.jobs.runner import utc_now

if TYPE_CHECKING:
    from core.jobs.runner import JobContext

MOST = 1000
SHOWN_FAILURES = 1000
_BATCH = 200


def open_fetcher(limits: Limits) -> Fetcher:
    """The fetcher of a job. Apart, so that tests can let it reach their own server."""
    return Fetcher(limits)


def run(context: JobContext) -> dict[str, Any]:
    """The job ``fetch_pictures``: params ``most`` (addresses at most, MOST), ``again`` (those that failed too),
    ``max_mb`` and ``seconds`` of one picture, ``pause`` (seconds between two requests to a host). Gives counts and the
    failures; a picture that can't be had leaves its posts whole."""
    workspace, params = context.workspace, context.params
    max_mb = min(int(params.get("max_mb") or 20), workspace.settings.max_picture_mb)
    limits = Limits(max_mb * 1_000_000, float(params.get("seconds") or 20), float(params.get("pause", 0.5)))
    most, again = int(params.get("most") or MOST), bool(params.get("again"))
    done: dict[str, Any] = {"after": "", "tried": 0, "fetched": 0, "failed": 0, **context.checkpoint}
    fetcher = open_fetcher(limits)
    counts = table.count_remote(workspace.cursor())
    total = min(most, counts.waiting + (counts.failed if again else 0) + done["tried"])
    while done["tried"] < most:
        limit = min(_BATCH, most - done["tried"])
        urls = table.next_remote(workspace.cursor(), after=done["after"], limit=limit, again=again)
        if not urls:
            break
        for url in urls:
            context.report("fetching pictures", done["tried"], max(total, done["tried"]))
            _fetch_one(context, fetcher, url, done)
    bring_up_to_date(context)
    failures = table.failed_fetches(workspace.cursor(), limit=SHOWN_FAILURES)
    return {
        "tried": done["tried"], "fetched": done["fetched"], "failed_fetches": done["failed"],
        "failures": [{"where": url, "reason": reason} for url, reason in failures],
    }  # fmt: skip


def _fetch_one(context: JobContext, fetcher: Fetcher, url: str, done: dict[str, Any]) -> None:
    workspace = context.workspace
    try:
        data = fetcher.fetch(url)
    except FetchError as error:
        media, reason = None, str(error)
    else:
        media = keep_picture(PictureSource(url, data=data), "", 0, workspace.media_folder, workspace.settings)
        reason = media.error or ""
    done["tried"] += 1
    done["after"] = url
    if media is not None and media.path is not None:
        with workspace.new_generation() as (cursor, generation):
            table.note_fetched(cursor, url, media, utc_now(), generation)
            done["fetched"] += 1
            context.save_checkpoint(cursor, dict(done))
    else:
        with workspace.transaction() as cursor:
            table.note_failed(cursor, url, reason, utc_now())
            done["failed"] += 1
            context.save_checkpoint(cursor, dict(done))
