"""The workspace's open indexes: words by tantivy, vectors by what the settings name, and how current each is."""

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
from core.encoders.dual_heads import ID_PREFIX
from core.encoders.loading import dual_model_id
from core.errors import VectorStoreError
from core.lexical import LexicalIndex
from core.types import Space
from core.vector_stores import open_store
from core.vectors.protocol import VectorIndex

if TYPE_CHECKING:
    from core.workspace import Workspace

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]
Kind = Literal["text", "dual"]
State = Literal["current", "behind", "missing", "empty", "away"]
KINDS: tuple[Kind, ...] = ("text", "dual")


@dataclass(frozen=True, slots=True)
class PartStatus:
    """How a derived part stands: ``rows`` are in it, ``waiting`` are not yet (0 where it is current).

    ``away``: it lies on a server that does not answer, and ``detail`` says so."""

    name: str
    title: str
    state: State
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
        self.store = open_store(workspace)
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
        if row is None or self._is_outdated(kind, str(row[1])):
            return None
        return Space(*row)

    def _is_outdated(self, kind: str, model_id: str) -> bool:
        """Whether what was encoded last came from another file of our dual encoder than the settings name now, as after
        an update: its vectors are not comparable with a query's."""
        if kind != "dual" or not model_id.startswith(ID_PREFIX):
            return False
        present = dual_model_id(self._workspace.models())
        return present is not None and present != model_id

    def folder(self, space: Space) -> Path:
        return self.store.folder(space)

    def vector(self, kind: str) -> VectorIndex | None:
        """The index of a space with all that is stored of it, or None where nothing is encoded.

        Raises VectorStoreError where it lies on a server that does not answer.
        """
        space = self.space(kind)
        if space is None or not vector_table.has_store(self._workspace.cursor(), space, self.store.key):
            return None
        return self.store.index(space)

    def stored(self, kind: str, rows: Rows) -> tuple[Rows, Vectors]:
        """The stored vectors of some posts or pictures, in rising row; rows without one are left out.

        Raises VectorStoreError where they lie on a server that does not answer.
        """
        space = self.space(kind)
        if (
            space is None
            or not len(rows)
            or not vector_table.has_store(self._workspace.cursor(), space, self.store.key)
        ):
            return np.empty(0, np.int64), np.empty((0, space.dim if space else 0), np.float32)
        return self.store.read(space, rows)

    def reopen(self, kind: str) -> None:
        """Forgets an open index, so that the next use opens it anew."""
        space = self.space(kind)
        if space is not None:
            self.store.forget(space)

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
                (folder / derived.MANIFEST).unlink()
                if kind in spaces:
                    self.store.forget(spaces[kind])
                else:
                    with self._lock:
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
        folder, store = self.folder(space), self.store
        manifest = derived.read_manifest(folder)
        held = vector_table.has_store(cursor, space, store.key)
        waiting = vector_table.count_pending(cursor, space, store.key) if held else total
        family = str(manifest.about.get("family", "")) if manifest else "not saved yet"
        detail = f"{space.model_id}, {space.dim} dimensions, {family} on {store.title}"
        state = _state(manifest, total, waiting)
        try:
            lost = store.lost(space) if held else 0
        except VectorStoreError as error:
            state, detail = "away", str(error)
        else:
            if lost:
                waiting += lost
                state, detail = "behind", f"{detail}; {lost:,} vectors are lost there and are encoded again"
        built_at = manifest.created_at if manifest else None
        return PartStatus(kind, title, state, total - waiting, waiting, _bytes(folder), built_at, detail)

    def close(self) -> None:
        with self._lock:
            self._lexical = None
        self.store.close()


def _state(manifest: derived.Manifest | None, total: int, waiting: int) -> State:
    if total == 0:
        return "empty"
    if manifest is None:
        return "missing"
    return "behind" if waiting else "current"


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
