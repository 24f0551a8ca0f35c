"""Which files of a folder or an archive hold the posts."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from core.errors import ImportFailed
from core.ingest.readers.archives import Archive
from core.ingest.readers.pictures import is_picture, packed_pictures

TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet")
"""File names that a posts file may have, alone or with .gz or .zst after it."""

PACKED_SUFFIXES = (".gz", ".zst")
_TWEETS = re.compile(r"tweets?(?:-part\d+)?\.js")
_BESIDE = ("account.js", "like.js", "actor.json", "likes.json", "bookmarks.json")
_MAX_DEPTH = 3


def unpacked_name(name: str) -> str:
    """The name in lower case without .gz or .zst."""
    name = name.lower()
    return next((name.removesuffix(suffix) for suffix in PACKED_SUFFIXES if name.endswith(suffix)), name)


def is_table(name: str) -> bool:
    return unpacked_name(name).endswith(TABLE_SUFFIXES) and not name.startswith(".")


def choose(names: Iterable[str]) -> list[str]:
    """Of the names of files in one folder, those that hold the posts of one import, in the order in which to read them.

    An account archive's or a Telegram export's own file goes before all others, then one called posts; else every
    table is named, and more than one can't be told apart. A .json file that is called like a picture is what is told of
    that, and no table.
    """
    there = sorted(names)
    tweets = [name for name in there if _TWEETS.fullmatch(name)]
    if tweets:
        # tweets.js goes before tweets-part1.js; what the owner liked comes last, as its texts may be in the tweets
        return [*sorted(tweets, key=lambda name: (len(name), name)), *(["like.js"] if "like.js" in there else [])]
    for own in ("outbox.json", "result.json"):
        if own in there:
            return [own]
    beside = {PurePosixPath(name).stem for name in there if is_picture(PurePosixPath(name))}
    tables = [name for name in there if is_table(name) and not (name.endswith(".json") and name[:-5] in beside)]
    posts = [name for name in tables if name.lower().partition(".")[0] == "posts"]
    return posts[:1] or tables


def folder_posts(folder: Path) -> list[Path]:
    """The files of a folder that hold its posts; an X archive keeps them in ``data/``."""
    data = folder / "data"
    for place in (data, folder) if data.is_dir() else (folder,):
        chosen = choose(path.name for path in place.iterdir() if path.is_file())
        if chosen and (place == folder or chosen[0].endswith(".js")):
            return [place / name for name in chosen]
    return []


def archive_posts(archive: Archive) -> list[str]:
    """The entries that hold the posts: those of the topmost of its folders that has any; none of an archive of
    pictures."""
    if packed_pictures(archive):
        return []
    folders: dict[PurePosixPath, list[str]] = {}
    for name in archive.entries:
        path = PurePosixPath(name)
        if len(path.parts) <= _MAX_DEPTH and "__MACOSX" not in path.parts:
            folders.setdefault(path.parent, []).append(path.name)
    for folder in sorted(folders, key=lambda path: (len(path.parts), str(path))):
        chosen = choose(folders[folder])
        if chosen and (len(chosen) == 1 or chosen[0].endswith(".js")):
            return [str(folder / name) for name in chosen]
    tables = [name for name in archive.entries if is_table(PurePosixPath(name).name)]
    if tables:
        raise ImportFailed(
            f"{archive.path.name} holds not one file of posts but several: {', '.join(sorted(tables)[:10])}. "
            "Unpack it and import one by its own path."
        )
    return []


@contextmanager
def posts_unpacked(archive: Archive, *, limit: int | None = None) -> Iterator[Path]:
    """A temporary folder with the archive's posts files, or their first ``limit`` bytes, and the small files beside
    them that say whose they are. Pictures stay in the archive."""
    posts = archive_posts(archive)
    with tempfile.TemporaryDirectory(prefix="feedscope-") as made:
        folder = Path(made)
        for name in posts:
            archive.unpack(name, folder / PurePosixPath(name).name, limit=limit)
        if posts:
            place = PurePosixPath(posts[0]).parent
            for beside in _BESIDE:
                entry = str(place / beside)
                if entry in archive.entries and entry not in posts:
                    archive.unpack(entry, folder / beside, limit=limit)
        yield folder
