"""Takes posts in: read, keep the pictures, store batch by batch, then encode and index what is new.

Each batch is one transaction that also stores how far the source has been read, so that a run that is killed goes on
after its last whole batch, with no post lost or doubled.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.database import runs as run_table
from core.database.posts import PostToStore, StoredIdentity, store_posts, stored_identities
from core.database.runs import RunCounts
from core.database.users import store_interactions, store_users
from core.indexing import bring_up_to_date
from core.ingest.language import guess_language
from core.ingest.media_store import keep_picture
from core.ingest.places import forget_upload
from core.ingest.privacy import Privacy, read_key
from core.ingest.readers.feedscope import read_interactions, read_users
from core.ingest.readers.named_pictures import REMOTE
from core.ingest.recognise import estimate_rows, read, recognise
from core.ingest.records import ActRecord, Failure, PostRecord, Source
from core.ingest.seen import SeenIds
from core.jobs.runner import JobContext, utc_now
from core.moderation.scoring import score_pending
from core.settings import Settings
from core.types import Interaction, Post, User

if TYPE_CHECKING:
    from core.workspace import Workspace

BATCH_POSTS = 2000
BATCH_PICTURES = 256
BATCH_PICTURE_BYTES = 128 << 20
"""Of pictures that a batch holds in memory, as those from archives and columns of bytes are."""

REPORTED_FAILURES = 1000
SHOWN_SOURCES = 5


def run(context: JobContext) -> dict[str, Any]:
    """The job ``ingest``: params ``path``, ``format`` (auto), ``mapping``, ``limit``, ``pseudonymise``, ``drop``
    (columns); gives counts, of posts and of new interactions, and failures."""
    params = context.params
    source = recognise(Path(params["path"]), format=params.get("format", "auto"), mapping=params.get("mapping"))
    workspace = context.workspace
    if "run" not in context.checkpoint:
        with workspace.transaction() as cursor:
            id_ = run_table.insert_run(cursor, str(source.path), source.format, source.mapping, utc_now())
            context.save_checkpoint(cursor, {"run": id_, "interactions": _count_interactions(workspace)})
    run_id: int = context.checkpoint["run"]
    privacy = open_privacy(workspace, params)
    _store_sidecars(context, source, privacy)
    told = _Told()
    _store_all(context, source, run_id, params.get("limit"), privacy, told)
    if privacy.pseudonymises:
        forget_upload(workspace.path / "uploads", source.path)  # it holds the names
    bring_up_to_date(context)
    score_pending(context)
    counts, _ = run_table.get_run(workspace.cursor(), run_id)
    failures = run_table.run_failures(workspace.cursor(), run_id, limit=REPORTED_FAILURES)
    return {
        "run": run_id,
        "path": str(source.path),
        "format": source.format,
        "mapping": dict(source.mapping),
        **asdict(counts),
        "pictures_elsewhere": told.elsewhere,
        "sources": [name for name, _ in told.sources.most_common(SHOWN_SOURCES)],
        "interactions": _count_interactions(workspace) - context.checkpoint.get("interactions", 0),
        "pseudonymised": privacy.pseudonymises,
        "dropped": dict(privacy.dropped),
        "not_there_to_drop": privacy.unused(),
        "failures": [{"where": place, "reason": reason} for place, reason in failures],
    }


def open_privacy(workspace: Workspace, params: Mapping[str, Any]) -> Privacy:
    """What an import leaves out. A workspace that keeps users under pseudonyms goes on to do so."""
    found = workspace.cursor().execute("SELECT value FROM meta WHERE key = 'pseudonyms'").fetchall()
    if not found and not params.get("pseudonymise"):
        return Privacy(None, params.get("drop") or ())
    key = read_key(workspace.path, create=not found)
    if not found:
        with workspace.transaction() as cursor:
            cursor.execute("INSERT INTO meta VALUES ('pseudonyms', 'yes')")
    return Privacy(key, params.get("drop") or ())


def _count_interactions(workspace: Workspace) -> int:
    row = workspace.cursor().execute("SELECT count(*) FROM interactions").fetchone()
    return int(row[0]) if row else 0


@dataclass
class _Batch:
    records: list[PostRecord] = field(default_factory=list)
    acts: list[ActRecord] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    pictures: int = 0
    picture_bytes: int = 0

    def add(self, record: PostRecord) -> None:
        self.records.append(record)
        self.pictures += len(record.pictures)
        self.picture_bytes += sum(len(picture.data or b"") for picture in record.pictures)

    def full(self) -> bool:
        return (
            len(self.records) + len(self.acts) + len(self.failures) >= BATCH_POSTS
            or self.pictures >= BATCH_PICTURES
            or self.picture_bytes >= BATCH_PICTURE_BYTES
        )


@dataclass
class _Told:
    """What is said of a whole import beside its counts: ``sources`` of the posts read, and how many pictures of the
    stored ones lie ``elsewhere``, named by web addresses. Of an import that was interrupted, of its last part."""

    sources: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0


def _store_all(
    context: JobContext, source: Source, run_id: int, limit: int | None, privacy: Privacy, told: _Told
) -> None:
    workspace = context.workspace
    counts, position = run_table.get_run(workspace.cursor(), run_id)
    total = source.rows or estimate_rows(source)
    total = min(total, limit) if limit is not None else total
    with ThreadPoolExecutor(workspace.settings.thread_count()) as pool:
        for batch, after in batches(source, workspace.settings, position, limit, counts, privacy):
            context.report("reading posts", counts.seen, max(total, counts.seen))
            told.sources.update(record.post.source for record in batch.records if record.post.source)
            told.elsewhere += _store_batch(context, batch, run_id, counts, after, pool)
    with workspace.transaction() as cursor:
        _, position = run_table.get_run(cursor, run_id)
        run_table.save_run(cursor, run_id, counts, position, [], utc_now())


def batches(
    source: Source, settings: Settings, position: int, limit: int | None, counts: RunCounts, privacy: Privacy
) -> Iterator[tuple[_Batch, int]]:
    """Batches with the number of rows read up to their end. Rows before ``position`` were stored by an earlier process:
    they are read again only to know their ids."""
    batch = _Batch()
    seen = SeenIds()
    shown = SeenIds()  # posts that were only embedded in others so far
    number = 0
    items = read(source, settings=settings)
    for number, item in enumerate(map(privacy.applied, items) if privacy else items, start=1):
        repeated = False
        if isinstance(item, PostRecord):
            # Of a repeated id the first counts, so that importing the same file again changes nothing.
            id_ = item.post.id
            repeated = (id_ in seen or not shown.add(id_)) if item.embedded else not seen.add(id_)
        if number > position:
            counts.seen += not isinstance(item, ActRecord)
            if isinstance(item, Failure):
                batch.failures.append((item.where, item.reason))
            elif isinstance(item, ActRecord):
                batch.acts.append(item)
            elif repeated:
                counts.skipped += 1
            else:
                batch.add(item)
            if batch.full():
                yield batch, number
                batch = _Batch()
        if limit is not None and number >= limit:
            break
    if number > position:
        yield batch, number


def _store_batch(
    context: JobContext, batch: _Batch, run_id: int, counts: RunCounts, position: int, pool: ThreadPoolExecutor
) -> int:
    """Gives how many pictures of the stored posts lie elsewhere."""
    workspace = context.workspace
    named, hashes, renamed, fresh = sort_out(workspace, batch, counts)
    posts, picture_failures = _prepare(workspace, fresh, {renamed.get(i, i): h for i, h in hashes.items()}, pool)
    failures = batch.failures + picture_failures
    counts.failed += len(batch.failures)
    counts.pictures_failed += sum(item.error not in (None, REMOTE) for one in posts for item in one.post.media)
    users = merge_users(chain((record.user for record in named.values()), (act.user for act in batch.acts)))
    interactions = [interaction for record in fresh.values() for interaction in (*record.interactions, *_edges(record))]
    interactions += [interaction for act in batch.acts for interaction in act.interactions]
    context.check()
    with workspace.new_generation() as (cursor, generation):
        store_users(cursor, users, generation=generation)
        store_posts(cursor, posts, run=run_id, generation=generation, now=utc_now())
        store_interactions(cursor, interactions, generation=generation)
        run_table.save_run(cursor, run_id, counts, position, failures)
    return sum(picture.error == REMOTE for record in fresh.values() for picture in record.pictures)


def sort_out(
    workspace: Workspace, batch: _Batch, counts: RunCounts
) -> tuple[dict[str, PostRecord], dict[str, str], dict[str, str], dict[str, PostRecord]]:
    """What of a batch is new or has changed, counted: (records by the id that they have, their digests, other ids for
    those whose id means another post here, the new and changed records by the id that they are stored under)."""
    named = {record.post.id: record for record in batch.records}  # a post itself comes after where it is embedded
    counts.skipped += len(batch.records) - len(named)
    hashes = {id_: _content_hash(record) for id_, record in named.items()}
    stored = stored_identities(workspace.cursor(), list(named))
    renamed = {
        id_: f"{record.post.source}:{id_}"
        for id_, record in named.items()
        if id_ in stored and _another_post(record.post, stored[id_])
    }
    if renamed:
        stored |= stored_identities(workspace.cursor(), list(renamed.values()))
    fresh: dict[str, PostRecord] = {}
    for id_, record in named.items():
        own = renamed.get(id_, id_)
        if own in stored and (stored[own].content_hash == hashes[id_] or record.embedded):
            counts.skipped += 1
        else:
            fresh[own] = record
            counts.updated += own in stored
            counts.added += own not in stored
    return named, hashes, renamed, fresh


def _edges(record: PostRecord) -> Iterator[Interaction]:
    """Replies and reposts are acts of their author on the other post, where the reader has not said so itself."""
    post = record.post
    said = {interaction.kind for interaction in record.interactions}
    for kind, other in (("reply", post.reply_to), ("repost", post.repost_of)):
        if post.user_id and other and kind not in said:
            yield Interaction(post.user_id, other, kind, post.created_at)


def _another_post(post: Post, stored: StoredIdentity) -> bool:
    """Whether a known id means another post here: files number rows 1, 2, 3, and one must not overwrite the other."""
    return (
        stored.source != post.source
        and stored.text_hash != _digest(post.text)
        and (post.user_id is None or stored.user_id != post.user_id)
        and (post.created_at is None or stored.created_at != post.created_at)
    )


def _prepare(
    workspace: Workspace, fresh: Mapping[str, PostRecord], hashes: Mapping[str, str], pool: ThreadPoolExecutor
) -> tuple[list[PostToStore], list[tuple[str, str]]]:
    tasks = {
        id_: [
            pool.submit(keep_picture, picture, id_, position, workspace.media_folder, workspace.settings)
            for position, picture in enumerate(record.pictures)
        ]
        for id_, record in fresh.items()
    }
    posts: list[PostToStore] = []
    failures: list[tuple[str, str]] = []
    for id_, record in fresh.items():
        media = tuple(task.result() for task in tasks[id_])
        failures += [
            (record.where, f"picture {item.name!r}: {item.error}")
            for item in media
            if item.error and item.error != REMOTE
        ]
        if not record.post.text and not any(item.path or item.error == REMOTE for item in media):
            reasons = "; ".join(item.error or "" for item in media)
            failures.append((record.where, f"kept, but it has no text and no readable picture ({reasons})"))
        lang = record.post.lang or guess_language(record.post.text)
        post = replace(record.post, id=id_, media=media, lang=lang)
        posts.append(PostToStore(post, hashes[id_], _digest(post.text), lang_guessed=lang != record.post.lang))
    return posts, failures


def _content_hash(record: PostRecord) -> str:
    """A digest of all that was read of a post. Pictures count by name and size: reading their bytes again only to find
    nothing new would make a second import as slow as the first."""
    post = record.post
    known: list[object] = [
        post.text, post.user_id, post.created_at and post.created_at.isoformat(), post.lang, post.url, post.reply_to,
        post.repost_of, post.likes, post.reposts, post.replies, post.source, sorted(post.extra.items(), key=str),
    ]  # fmt: skip
    for picture in record.pictures:
        size = picture.path.stat().st_size if picture.path else len(picture.data or b"")
        known.append([picture.name, picture.alt, picture.error, size])
    return _digest(json.dumps(known, ensure_ascii=False))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def merge_users(users: Iterator[User | None]) -> list[User]:
    """One User an id; what the last row says wins where it says anything."""
    merged: dict[str, User] = {}
    for user in users:
        if user is not None:
            old = merged.get(user.id, user)
            known = {
                name: getattr(user, name) if getattr(user, name) not in (None, {}) else getattr(old, name)
                for name in User.__slots__
            }
            merged[user.id] = User(**known)
    return list(merged.values())


def _store_sidecars(context: JobContext, source: Source, privacy: Privacy) -> None:
    """Users and interactions that lie beside the posts in files of their own. Storing them again changes nothing."""
    users: list[User] = []
    interactions: list[Interaction] = []
    failures: list[tuple[str, str]] = []

    def flush() -> None:
        with context.workspace.new_generation() as (cursor, generation):
            store_users(cursor, merge_users(iter(users)), generation=generation)
            store_interactions(cursor, interactions, generation=generation)
        users.clear()
        interactions.clear()

    items = _sidecar_items(source)
    for number, item in enumerate(map(privacy.applied, items) if privacy else items):
        if isinstance(item, User):
            users.append(item)
        elif isinstance(item, Interaction):
            interactions.append(item)
        else:
            failures.append((item.where, item.reason))
        if len(users) + len(interactions) >= 20_000:
            context.report("reading users and interactions", number, None)
            flush()
    if users or interactions:
        flush()
    if failures:
        run_id: int = context.checkpoint["run"]
        with context.workspace.transaction() as cursor:
            counts, position = run_table.get_run(cursor, run_id)
            if position == 0:  # otherwise an earlier process has reported them
                counts.failed += len(failures)
                run_table.save_run(cursor, run_id, counts, position, failures)


def _sidecar_items(source: Source) -> Iterator[User | Interaction | Failure]:
    yield from read_users(source)
    yield from read_interactions(source)
