"""The workspace's open indexes: words by tantivy, vectors by Faiss, and how current each is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from core import derived
from core.database import vectors as vector_table
from core.database.connection import first_row
from core.errors import VectorError
from core.lexical import LexicalIndex
from core.types import Space
from core.vectors.faiss_index import FaissIndex

if TYPE_CHECKING:
    from core.workspace import Workspace

Rows = NDArray[np.int64]
Kind = Literal["text", "dual"]
KINDS: tuple[Kind, ...] = ("text", "dual")


@dataclass(frozen=True, slots=True)
class PartStatus:
    """How a derived part stands: ``rows`` are in it, ``waiting`` are not yet (0 where it is current)."""

    name: str
    title: str
    state: Literal["current", "behind", "missing", "empty"]
    rows: int
    waiting: int
    bytes: int
    built_at: datetime | None
    detail: str


class PictureRows:
    """Which post each picture belongs to, as two arrays in rising media row."""

    def __init__(self, media: Rows, posts: Rows) -> None:
        self._media = media
        self._posts = posts

    def posts_of(self, media: Rows) -> tuple[Rows, Rows]:
        """(post rows, positions in ``media``) of those pictures that are known."""
        at = np.searchsorted(self._media, media)
        at[at == len(self._media)] = 0
        known = np.flatnonzero(self._media[at] == media) if len(self._media) else np.empty(0, np.int64)
        return self._posts[at[known]], known

    def of_posts(self, posts: Rows) -> Rows:
        """Rows of all pictures of some posts."""
        return self._media[np.isin(self._posts, posts)]


class Indexes:
    """Opens what lies in the workspace's folder and keeps it for all threads."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.RLock()
        self._lexical: LexicalIndex | None = None
        self._vectors: dict[str, FaissIndex] = {}
        self._pictures: tuple[int, PictureRows] | None = None

    @property
    def lexical(self) -> LexicalIndex:
        with self._lock:
            if self._lexical is None:
                self._lexical = LexicalIndex.open(self._workspace.path / "lexical")
            return self._lexical

    def space(self, kind: str) -> Space | None:
        """The space that the settings' model writes to, or None where nothing was encoded with it yet."""
        setting = self._workspace.model_setting(kind)
        row = first_row(
            self._workspace.cursor().execute(
                "SELECT s.name, s.model_id, s.dim, s.metric FROM spaces s JOIN meta m ON m.value = s.model_id"
                " WHERE s.name = ? AND m.key = ?",
                [kind, f"model:{kind}:{setting}"],
            )
        )
        return None if row is None else Space(*row)

    def folder(self, space: Space) -> Path:
        safe = "".join(c if c.isalnum() or c in "-._" else "-" for c in space.model_id)[:80]
        return self._workspace.path / "vectors" / f"{space.name}-{safe}"

    def vector(self, kind: str) -> FaissIndex | None:
        """The index of a space with all that the database holds of it, or None where nothing is encoded."""
        with self._lock:
            if kind not in self._vectors:
                space = self.space(kind)
                if space is None:
                    return None
                self._vectors[kind] = self._open(space)
            return self._vectors[kind]

    def _open(self, space: Space) -> FaissIndex:
        """The saved index caught up with the database; one filled from the database where it is missing or off."""
        folder = self.folder(space)
        manifest = derived.read_manifest(folder)
        try:
            index = FaissIndex.load(folder, space)
            generation = manifest.generation if manifest else -1
        except VectorError:  # missing, damaged or of an older form: the job "index" makes it again
            index, generation = FaissIndex(space), -1
        cursor = self._workspace.cursor()
        removed = vector_table.removed_since(cursor, vector_table.noun_of(space), generation)
        if len(removed) and len(index):
            index.remove(removed)
        for rows, vectors in vector_table.read_vectors(cursor, space, newer_than=generation):
            index.add(rows, vectors)
        return index

    def add_vectors(self, kind: str, rows: Rows, vectors: NDArray[np.float32]) -> None:
        """Makes vectors that were just stored searchable."""
        with self._lock:
            if kind in self._vectors:
                self._vectors[kind].add(rows, vectors)

    def reopen(self, kind: str) -> None:
        """Forgets an open index, so that the next use reads the folder anew."""
        with self._lock:
            self._vectors.pop(kind, None)

    def pictures(self) -> PictureRows:
        """Which post each picture belongs to, as of the present generation."""
        generation = self._workspace.generation
        with self._lock:
            if self._pictures is None or self._pictures[0] != generation:
                found = self._workspace.cursor().execute("SELECT row, post_row FROM media ORDER BY row").fetchnumpy()
                rows = PictureRows(np.asarray(found["row"], np.int64), np.asarray(found["post_row"], np.int64))
                self._pictures = (generation, rows)
            return self._pictures[1]

    def drop_damaged(self) -> list[str]:
        """Reads every derived file, compares checksums, and drops the parts that are not what was written: searches
        go on from the database, and the job ``index`` makes them again. Gives what was wrong. Takes seconds: for the
        background."""
        problems = []
        spaces = {kind: space for kind in KINDS if (space := self.space(kind)) is not None}
        folders: dict[str, Path] = {kind: self.folder(space) for kind, space in spaces.items()}
        folders["lexical"] = self._workspace.path / "lexical"
        for kind, folder in folders.items():
            found = derived.verify(folder, checksums=True) if (folder / derived.MANIFEST).exists() else []
            if found:
                problems += found
                with self._lock:
                    (folder / derived.MANIFEST).unlink()
                    self._vectors.pop(kind, None)
                    if kind == "lexical":
                        self._lexical = None
        return problems

    def status(self) -> tuple[PartStatus, ...]:
        """How each derived part stands against the database."""
        return (self._lexical_status(), *(self._vector_status(kind) for kind in KINDS))

    def _lexical_status(self) -> PartStatus:
        folder = self._workspace.path / "lexical"
        manifest = derived.read_manifest(folder)
        generation = manifest.generation if manifest else -1
        total, waiting = first_row(
            self._workspace.cursor().execute(
                "SELECT count(*), count(*) FILTER (text_generation > ?) FROM posts", [generation]
            )
        ) or (0, 0)
        return PartStatus(
            "lexical", "Words (BM25)", _state(manifest, total, waiting), total - waiting, waiting, _bytes(folder),
            manifest.created_at if manifest else None, "tantivy",
        )  # fmt: skip

    def _vector_status(self, kind: Kind) -> PartStatus:
        cursor = self._workspace.cursor()
        title = "Texts (vectors)" if kind == "text" else "Pictures (vectors)"
        items = "posts WHERE text <> ''" if kind == "text" else "media WHERE path IS NOT NULL"
        (total,) = first_row(cursor.execute(f"SELECT count(*) FROM {items}")) or (0,)
        space = self.space(kind)
        if space is None:
            return PartStatus(kind, title, "missing" if total else "empty", 0, total, 0, None, "not encoded yet")
        folder = self.folder(space)
        manifest = derived.read_manifest(folder)
        waiting = vector_table.count_pending(cursor, space)
        family = str(manifest.about.get("family", "")) if manifest else "not saved yet"
        return PartStatus(
            kind, title, _state(manifest, total, waiting), total - waiting, waiting, _bytes(folder),
            manifest.created_at if manifest else None, f"{space.model_id}, {space.dim} dimensions, {family}",
        )  # fmt: skip

    def close(self) -> None:
        with self._lock:
            self._lexical = None
            self._vectors.clear()


def _state(
    manifest: derived.Manifest | None, total: int, waiting: int
) -> Literal["current", "behind", "missing", "empty"]:
    if total == 0:
        return "empty"
    if manifest is None:
        return "missing"
    return "behind" if waiting else "current"


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
