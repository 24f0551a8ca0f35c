"""Deletes a post or a user everywhere, and gives a receipt.

Everywhere is: the database's rows, and their bytes in its file and log; pictures that no other post shows; vectors and
every index; duplicates, map layouts and models that name them; collections, saved searches, the notes of earlier jobs;
uploaded files and pictures searched by. Backups and exported files are not ours to reach. What other people wrote
stays, also where they mention the user; the receipt says how often.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import derived
from core.database import erasure as table
from core.database.compaction import checkpoint, every_table, overwrite_free_blocks, rewrite_tables
from core.database.users import get_users
from core.erasure_search import cant_be_looked_into, sought
from core.errors import ErasureError
from core.indexing import bring_up_to_date
from core.jobs.runner import utc_now
from core.types import Noun

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

MOST_SOUGHT = 200
"""So many ids are looked for in files at once: the user's, and those of their first posts."""
_ROUNDS = 4
_DERIVED = ("vectors", "lexical", "duplicates")
_UNFINISHED = ("models/training", "recommend/unfinished")
"""What a stopped training keeps of posts, texts and vectors without an id: it begins anew without them."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """What would go: for a confirmation."""

    noun: Noun
    posts: int
    pictures: int
    interactions: int
    name: str = ""


def look(workspace: Workspace, noun: Noun, id_: str) -> Doomed:
    """What deleting would take away. Raises ErasureError where there is nothing of that id."""
    cursor = workspace.cursor()
    ids, rows = table.posts_to_erase(cursor, noun, id_)
    user = get_users(cursor, [id_]).get(id_) if noun == "user" else None
    count = "SELECT count(*) FROM media WHERE post_row IN (SELECT unnest(?::BIGINT[])) AND path IS NOT NULL"
    (pictures,) = cursor.execute(count, [rows.tolist()]).fetchall()[0]
    (acts,) = cursor.execute(
        "SELECT count(*) FROM interactions WHERE post_id IN (SELECT unnest(?::VARCHAR[])) OR user_id = ?",
        [ids, id_ if noun == "user" else None],
    ).fetchall()[0]
    if not ids and user is None and not acts:
        raise ErasureError(f"There is no {noun} {id_[:80]!r} in this workspace.")
    return Doomed(noun, len(ids), pictures, acts, (user and (user.name or user.handle)) or id_)


def run(context: JobContext) -> dict[str, Any]:
    """The job ``erase``: params ``noun`` and ``id``; gives the receipt, which names the id by its SHA-256 alone.

    Killed in between it goes on: what is left of the id is only in the job itself until the last step, which takes it
    out of there too. Raises ErasureError where there is nothing of that id.
    """
    workspace = context.workspace
    checked = context.checkpoint
    if "receipt" not in checked:
        checked = _erase_rows(context)
    needles: list[str] = checked.get("needles", [])
    receipt: dict[str, Any] = dict(checked["receipt"])
    context.report("deleting files", 0, None)
    receipt["files_deleted"] = receipt.get("files_deleted", 0) + _delete_files(workspace, needles, checked)
    context.report("making the indexes again", 0, None)
    workspace.indexes.store.forget()
    workspace.indexes.close()
    for name in _DERIVED:
        shutil.rmtree(workspace.path / name, ignore_errors=True)
    (workspace.path / "vectors").mkdir()
    bring_up_to_date(context)
    receipt["indexes"] = "made again without it"
    _scrub(context, needles, checked, receipt)
    context.report("overwriting freed space", 0, None)
    _purge(workspace, needles, receipt)
    receipt |= _searched(workspace, needles)
    receipt["finished_at"] = f"{utc_now().isoformat(timespec='seconds')}Z"
    return receipt


def _erase_rows(context: JobContext) -> dict[str, Any]:
    workspace = context.workspace
    noun, id_ = context.params["noun"], context.params["id"]
    doomed = look(workspace, noun, id_)
    ids, rows = table.posts_to_erase(workspace.cursor(), noun, id_)
    user = get_users(workspace.cursor(), [id_]).get(id_) if noun == "user" else None
    handle = [user.handle] if user is not None and user.handle else []
    needles = list(dict.fromkeys([id_, *handle, *ids]))[:MOST_SOUGHT]
    with workspace.new_generation() as (cursor, generation):
        erased = table.erase_rows(cursor, noun, id_, ids, rows.tolist(), generation)
        receipt = {
            "noun": noun, "id_sha256": hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest(),
            "posts": doomed.posts, "pictures": doomed.pictures, "rows": erased.rows,
        }  # fmt: skip
        checked = {"receipt": receipt, "needles": needles, "files": erased.files, "digests": erased.digests,
                   "touched": sorted(erased.touched)}  # fmt: skip
        context.save_checkpoint(cursor, checked)
    return checked


def _delete_files(workspace: Workspace, needles: Sequence[str], checked: dict[str, Any]) -> int:
    """Pictures that nothing shows, unfinished trainings, uploads that hold the id or can't be looked into, exports,
    which are copies, and derived parts that name it; gives how many files."""
    count = 0
    for path in checked.get("files", []):
        target = workspace.media_folder / path
        count += target.exists()
        target.unlink(missing_ok=True)
    for digest in checked.get("digests", []):
        target = workspace.path / "queries" / digest
        count += target.exists()
        target.unlink(missing_ok=True)
    for name in _UNFINISHED:
        count += sum(path.is_file() for path in (workspace.path / name).rglob("*"))
        shutil.rmtree(workspace.path / name, ignore_errors=True)
    ids = sought(needles)
    for name in ("uploads", "tmp", "exports"):
        folder = workspace.path / name
        for entry in list(folder.iterdir()) if folder.exists() else ():
            files = [path for path in (entry.rglob("*") if entry.is_dir() else [entry]) if path.is_file()]
            if name != "uploads" or any(map(cant_be_looked_into, files)) or any(ids.among(files)):
                count += len(files)
                shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
    for path in list(_other_files(workspace)):
        if path.exists() and ids.held_by(path):
            part = _part(workspace, path)
            count += sum(one.is_file() for one in part.rglob("*")) if part.is_dir() else 1
            shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
    return count


def _other_files(workspace: Workspace) -> list[Path]:
    """Files beside the database, the media and what is made again anyway."""
    skipped = {"media", "uploads", "tmp", "exports", "queries", *_DERIVED}
    return [
        path
        for entry in workspace.path.iterdir()
        if entry.name not in skipped and not entry.name.startswith("feedscope.duckdb")
        for path in (entry.rglob("*") if entry.is_dir() else [entry])
        if path.is_file()
    ]


def _part(workspace: Workspace, path: Path) -> Path:
    """The derived part that a file belongs to: the folder with the manifest, else the file itself."""
    for folder in path.parents:
        if folder == workspace.path:
            break
        if (folder / derived.MANIFEST).exists():
            return folder
    return path


def _scrub(context: JobContext, needles: Sequence[str], checked: dict[str, Any], receipt: dict[str, Any]) -> None:
    """Takes the id out of other rows, this job's own too."""
    context.report("looking through other rows", 0, None)
    with context.workspace.new_generation() as (cursor, generation):
        erased = table.Erased()
        left = table.scrub_mentions(cursor, needles, erased, generation)
        for what, count in erased.rows.items():
            receipt["rows"][what] = receipt["rows"].get(what, 0) + count
        receipt["left_in_what_others_wrote"] = left.pop("posts.text", 0)
        receipt["left"] = left
        touched = {*checked.get("touched", []), *erased.touched, "jobs"}
        context.params.clear()
        cursor.execute("UPDATE jobs SET params = '{}' WHERE id = ?", [context.id])
        checked |= {"receipt": receipt, "touched": sorted(touched), "needles": [], "files": [], "digests": []}
        context.save_checkpoint(cursor, checked)


def _purge(workspace: Workspace, needles: Sequence[str], receipt: dict[str, Any]) -> None:
    """Writes all tables anew and noise over what was freed, until the id's bytes are gone from the file."""
    with workspace.transaction() as cursor:
        rewrite_tables(cursor, every_table(cursor))
    others_wrote = receipt.get("left_in_what_others_wrote") or receipt.get("left")
    ids = sought(needles)
    for attempt in range(_ROUNDS):  # twice at least: the first round frees what the second one fills
        overwrite_free_blocks(workspace.cursor())
        if attempt and (others_wrote or not ids.held_by(workspace.path / "feedscope.duckdb")):
            break
    checkpoint(workspace.cursor())


def _searched(workspace: Workspace, needles: Sequence[str]) -> dict[str, Any]:
    """Looks for the ids in every file of the workspace and in every column that keeps ids."""
    files = [path for path in workspace.path.rglob("*") if path.is_file()]
    found = [path.relative_to(workspace.path).as_posix() for path in sought(needles).among(files)]
    size = sum(path.stat().st_size for path in files if path.exists())
    columns, cells = table.find_ids(workspace.cursor(), needles)
    return {
        "searched_files": len(files), "searched_bytes": size, "searched_columns": columns,
        "sought_as_whole_values": sum(len(needle) < table.LEAST_CHARS for needle in needles),
        "found_in": [*found, *cells],
    }  # fmt: skip
