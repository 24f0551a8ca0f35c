"""The trained models of a workspace: opened once, and the two towers' post vectors kept up in the vector store."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core import derived
from core.database import vectors as vector_table
from core.database.vectors import RECOMMEND
from core.errors import ModelError
from core.recommend.models import MODELS, TITLES, load_saved
from core.recommend.models.content import unit_rows
from core.recommend.models.two_tower import TwoTower
from core.recommend.post_features import Recipe
from core.recommend.profile_features import ProfileRecipe
from core.recommend.protocol import Recommender
from core.types import Space

if TYPE_CHECKING:
    from core.workspace import Workspace

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]
Report = Callable[[str, int, int | None], None]

ROWS, USERS = "rows.npy", "users.json"
_CHUNK = 4096
_BARE = 1e-9


@dataclass
class Trained:
    """A model as it was trained: ``rows`` are the post rows of its items, rising, ``users`` the ids of its users.

    ``recipe``, ``profiles`` and ``space`` are the two towers' alone: how posts and users become features (``profiles``
    is None where nothing was known of users), where the vectors are.
    """

    name: str
    number: int
    generation: int
    model: Recommender
    rows: Rows
    users: tuple[str, ...]
    recipe: Recipe | None = None
    profiles: ProfileRecipe | None = None
    space: Space | None = None
    published: tuple[int, int] = (-1, -1)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def title(self) -> str:
        return TITLES[self.name]

    def positions(self, rows: Rows) -> tuple[Rows, NDArray[np.bool_]]:
        """(item numbers, which of ``rows`` are items at all); the number of one that is none is 0."""
        if not len(self.rows):
            return np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        known = self.rows[at] == rows
        return np.where(known, at, 0), known

    @property
    def towers(self) -> TwoTower:
        assert isinstance(self.model, TwoTower)
        return self.model


_open: WeakKeyDictionary[Workspace, dict[str, tuple[int, Trained]]] = WeakKeyDictionary()
_lock = threading.RLock()


def folder_of(workspace: Workspace, name: str) -> Path:
    return workspace.path / "recommend" / name


def trained_names(workspace: Workspace) -> tuple[str, ...]:
    """The recommenders that are trained here, the two towers first."""
    order = ("two-tower", *(name for name in MODELS if name != "two-tower"))
    return tuple(name for name in order if _stamp(folder_of(workspace, name)))


def _stamp(folder: Path) -> int:
    """Changes with every training; 0 where there is none."""
    try:
        return (folder / derived.MANIFEST).stat().st_mtime_ns
    except OSError:
        return 0


def open_trained(workspace: Workspace, name: str) -> Trained:
    """The model as it was last trained, opened once. Raises ModelError where there is none or it is damaged."""
    folder = folder_of(workspace, name)
    stamp = _stamp(folder)
    with _lock:
        kept = _open.setdefault(workspace, {}).get(name)
        if kept is not None and stamp and kept[0] == stamp:
            return kept[1]
        manifest = derived.read_manifest(folder)
        if name not in MODELS or manifest is None:
            raise ModelError(f"{TITLES.get(name, name)} is not trained in this workspace: 'recommend train' trains it.")
        problems = derived.verify(folder)
        if problems:
            raise ModelError(f"{problems[0]} Train it again with 'recommend train'.")
        try:
            rows = np.load(manifest.folder / ROWS, allow_pickle=False)
            users = tuple(json.loads((manifest.folder / USERS).read_text()))
        except (OSError, ValueError) as error:
            raise ModelError(f"The model in {folder} is damaged ({error}): train it again.") from None
        trained = Trained(
            name, int(manifest.about["training"]), manifest.generation, load_saved(manifest.folder), rows, users
        )
        if name == "two-tower":
            trained.recipe = Recipe.load(manifest.folder / "features")
            if (manifest.folder / "profiles").exists():
                trained.profiles = ProfileRecipe.load(manifest.folder / "profiles")
            trained.space = Space(RECOMMEND, f"two-tower-{trained.number}", trained.towers.item_out.shape[1])
        _open[workspace][name] = (stamp, trained)
        return trained


def told_by_profiles(workspace: Workspace, trained: Trained, user_ids: Sequence[str]) -> Matrix | None:
    """(n, factors): what the profiles of users, as they are now, add to their vectors; None where they are not used."""
    if trained.profiles is None:
        return None
    return trained.towers.told(trained.profiles.features(workspace, user_ids))


def input_vectors(workspace: Workspace, trained: Trained, rows: Rows) -> Matrix:
    """(n, factors): what each post of a history adds to its user; one that came after training by its content."""
    at, known = trained.positions(rows)
    found = trained.towers.item_in[at].copy() if len(trained.rows) else np.zeros((len(rows), 0), np.float32)
    new = np.flatnonzero(~known)
    if len(new):
        found[new] = _encode(workspace, trained, rows[new])[0]
    return found


def _encode(workspace: Workspace, trained: Trained, rows: Rows) -> tuple[Matrix, Matrix]:
    assert trained.recipe is not None
    return trained.towers.encode_items(trained.recipe.features(workspace, rows))


def publish(workspace: Workspace, report: Report | None = None) -> int:
    """Brings the vectors of all posts into the store's space of the two towers: those that lack one of their present
    words. Those of an earlier training go. Gives how many were written; 0 where the towers are not trained.

    Raises VectorStoreError where the store does not answer, ModelError where the encoders are others now.
    """
    if not _stamp(folder_of(workspace, "two-tower")):
        return 0
    trained = open_trained(workspace, "two-tower")
    space = trained.space
    assert space is not None
    with trained.lock:
        if trained.published == (workspace.generation, trained.number):
            return 0
        store = workspace.indexes.store
        cursor = workspace.cursor()
        if not vector_table.has_store(cursor, space, store.key):
            for old in vector_table.list_spaces(cursor):
                if old.name == RECOMMEND and old != space:
                    store.clear(old)
            with workspace.transaction() as writing:
                vector_table.ensure_space(writing, space, store.key)
        pending = cursor.execute(
            "SELECT p.row, p.text_hash FROM posts p ANTI JOIN"
            f" {vector_table.table_name(cursor, space, store.key)} v ON v.row = p.row AND v.content_hash = p.text_hash"
            " ORDER BY p.row"
        ).fetchall()
        for start in range(0, len(pending), _CHUNK):
            if report is not None:
                report("storing post vectors", start, len(pending))
            part = pending[start : start + _CHUNK]
            rows = np.array([row for row, _ in part], np.int64)
            vectors = _post_vectors(workspace, trained, rows)
            store.write(space, rows, [text_hash for _, text_hash in part], vectors)
        trained.published = (workspace.generation, trained.number)
        return len(pending)


def _post_vectors(workspace: Workspace, trained: Trained, rows: Rows) -> Matrix:
    """(n, factors) unit vectors: of the training where it knew the post, else by content."""
    at, known = trained.positions(rows)
    vectors = trained.towers.item_out[at].copy()
    new = np.flatnonzero(~known)
    if len(new):
        vectors[new] = _encode(workspace, trained, rows[new])[1]
    lengths = np.linalg.norm(vectors, axis=1)
    # A post of which nothing is known lies in a direction that nobody asks for.
    bare = lengths < _BARE
    if bare.any():
        away = -trained.towers.item_out.mean(axis=0)
        vectors[bare] = away if np.linalg.norm(away) > _BARE else np.eye(1, vectors.shape[1], dtype=np.float32)[0]
    return unit_rows(vectors)
