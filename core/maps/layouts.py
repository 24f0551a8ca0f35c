"""Layouts: maps by name, as they lie in the workspace's ``maps/`` folder, a derived part each.

A layout's version folder holds, for ``n`` posts or users in rising row::

    rows.npy       int64 (n,)      post rows; for users 0 to n - 1
    users.json     the users' ids, where the layout is of users
    xy.npy         float32 (n, 2)  where each is
    placed.npy     bool (n,)       True where it was placed on the finished map and did not shape it
    near.npy       int32 (n, k)    positions of its nearest in the vectors, itself first; -1 for none
    far.npy        float16 (n, k)  their distances, 1 - cosine, 0 to 2
    labels.npy     int32 (levels, n)  its cluster at each level, the coarsest first; -1 for none
    clusters.json  what is known of each cluster
"""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core import derived
from core.errors import MapError

if TYPE_CHECKING:
    from core.workspace import Workspace

MapSpace: TypeAlias = Literal["text", "dual", "blend", "users", "ties"]
Noun: TypeAlias = Literal["post", "user"]
Rows: TypeAlias = NDArray[np.int64]
Positions: TypeAlias = NDArray[np.int64]
Points: TypeAlias = NDArray[np.float32]

SPACES: dict[MapSpace, str] = {
    "text": "Words",
    "dual": "Pictures",
    "blend": "Words and pictures",
    "users": "Users by what they post",
    "ties": "Users by whom they react to",
}
NOUNS: dict[MapSpace, Noun] = {"text": "post", "dual": "post", "blend": "post", "users": "user", "ties": "user"}
LEAST = 5
"""Fewer points make no map."""
NEIGHBOURS = 10
NEGATIVES = 7
"""What a map is made from unless asked otherwise; UMAP's own 15 and 5 keep less of who is near whom (see README.md)."""
_NEGATIVES_BEFORE = 5
"""Of layouts that were made when this was not a part of the recipe."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a layout was made with: UMAP's parameters (McInnes, Healy and Melville, 2018) and what it is a map of.

    ``negatives`` is UMAP's negative_sample_rate. ``blend`` is the weight of words against pictures, 0 to 1. ``of`` says
    in words which posts it holds where those are not all. ``model`` names the encoder, ``epochs`` 0 means as many as
    UMAP would take.
    """

    space: MapSpace
    neighbours: int = NEIGHBOURS
    min_dist: float = 0.0
    negatives: int = NEGATIVES
    epochs: int = 0
    seed: int = 42
    blend: float = 0.5
    of: str = ""
    model: str = ""

    def said(self) -> str:
        """UMAP's parameters in words."""
        return (
            f"UMAP with {self.neighbours} neighbours, smallest distance {self.min_dist:g}, {self.negatives} pushed away"
            f" for each pulled, seed {self.seed}"
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """How true a layout is to the vectors, on a fair sample of ``sample`` points: ``overlap`` is the share of the ten
    nearest in the vectors that are among the ten nearest on the map (0 to 1), ``trustworthiness`` Venna and Kaski's
    (2001) among the sample, 0 to 1."""

    trustworthiness: float
    overlap: float
    sample: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of a level. ``number`` is its label there, ``parent`` its label one level up (-1 at the coarsest).

    ``x``, ``y`` is where its name stands; ``terms`` are (term, weight), best first; ``typical`` and ``untypical`` are
    positions of members. ``edited`` tells that its name or its extent was made by hand (see ``core.maps.edits``).
    """

    level: int
    number: int
    parent: int
    name: str
    size: int
    x: float
    y: float
    terms: tuple[tuple[str, float], ...] = ()
    typical: tuple[int, ...] = ()
    untypical: tuple[int, ...] = ()
    edited: str = ""


@dataclass(frozen=True, slots=True)
class LayoutInfo:
    """What is known of a layout without reading its points. ``placed`` of its ``count`` points were placed later."""

    id: str
    name: str
    recipe: Recipe
    noun: Noun
    generation: int
    created_at: datetime
    count: int
    placed: int
    quality: Quality | None
    seconds: float
    notes: tuple[str, ...]
    version: str
    square: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A whole layout; see the module for the arrays. ``users`` is empty where the layout is of posts."""

    info: LayoutInfo
    rows: Rows
    xy: Points
    placed: NDArray[np.bool_]
    near: NDArray[np.int32]
    far: NDArray[np.float16]
    labels: NDArray[np.int32]
    clusters: tuple[Cluster, ...]
    users: tuple[str, ...] = ()

    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, width, height) of the square that the map is drawn in, the same until a new layout is made:
        what was placed later lies inside it."""
        return self.info.square

    def at_level(self, level: int) -> tuple[Cluster, ...]:
        return tuple(cluster for cluster in self.clusters if cluster.level == level)


def square_around(xy: Points) -> tuple[float, float, float, float]:
    """The square around points, with a margin."""
    low, high = xy.min(axis=0).astype(float), xy.max(axis=0).astype(float)
    side = max(float((high - low).max()), 1e-6) * 1.06
    middle = (low + high) / 2
    return float(middle[0] - side / 2), float(middle[1] - side / 2), side, side


def slug(name: str) -> str:
    """A layout's id: its name in letters, digits and hyphens. Raises MapError where none is left."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    found = re.sub(r"[^\w]+", "-", plain).strip("-_")[:60]
    if not found:
        raise MapError(f"A map can't be called {name[:40]!r}: give it a name with letters or digits.")
    return found


def folder_of(workspace: Workspace, id_: str) -> Path:
    return workspace.path / "maps" / slug(id_)


def list_layouts(workspace: Workspace) -> list[LayoutInfo]:
    """Every layout that can be opened, the first made first."""
    base = workspace.path / "maps"
    folders = sorted(base.iterdir()) if base.is_dir() else []
    found = [info for folder in folders if (info := _info(folder)) is not None]
    return sorted(found, key=lambda info: (list(SPACES).index(info.recipe.space), info.recipe.of != "", info.id))


def find_layout(workspace: Workspace, id_: str) -> LayoutInfo:
    """Raises MapError where there is none."""
    info = _info(folder_of(workspace, id_))
    if info is None:
        raise MapError(f"There is no map “{id_[:60]}” here, or its files are damaged: build it.")
    return info


def _info(folder: Path) -> LayoutInfo | None:
    manifest = derived.read_manifest(folder)
    if manifest is None or derived.verify(folder):
        return None
    about: Mapping[str, Any] = manifest.about
    try:
        return LayoutInfo(
            id=folder.name,
            name=str(about["name"]),
            recipe=Recipe(**({"negatives": _NEGATIVES_BEFORE} | about["recipe"])),
            noun=NOUNS[about["recipe"]["space"]],
            generation=manifest.generation,
            created_at=datetime.fromisoformat(about["created_at"]),
            count=int(about["count"]),
            placed=int(about["placed"]),
            quality=Quality(**about["quality"]) if about["quality"] else None,
            seconds=float(about["seconds"]),
            notes=tuple(about["notes"]),
            version=manifest.folder.name,
            square=_square_of(about["square"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _square_of(given: Sequence[float]) -> tuple[float, float, float, float]:
    left, bottom, width, height = (float(value) for value in given)
    if not (width > 0 and height > 0):
        raise ValueError(given)
    return left, bottom, width, height


def read_layout(workspace: Workspace, id_: str) -> Layout:
    """The whole layout as it was computed, without edits by hand. Raises MapError where there is none."""
    info = find_layout(workspace, id_)
    folder = folder_of(workspace, id_) / info.version

    def array(name: str) -> NDArray[Any]:
        return np.load(folder / f"{name}.npy", allow_pickle=False)  # type: ignore[no-any-return]

    try:
        clusters = tuple(_cluster(given) for given in json.loads((folder / "clusters.json").read_text()))
        users = tuple(json.loads((folder / "users.json").read_text())) if info.noun == "user" else ()
        return Layout(
            info, array("rows"), array("xy"), array("placed"), array("near"), array("far"), array("labels"), clusters,
            users,
        )  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MapError(f"The map “{info.name}” can't be read ({error}): build it again.") from error


def _cluster(given: dict[str, Any]) -> Cluster:
    terms = tuple((str(term), float(weight)) for term, weight in given["terms"])
    tuples = {name: tuple(given[name]) for name in ("typical", "untypical")}
    return Cluster(**{**given, "terms": terms, **tuples})


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What a build or a placing has made, to be written."""

    rows: Rows
    xy: Points
    placed: NDArray[np.bool_]
    near: NDArray[np.int32]
    far: NDArray[np.float16]
    labels: NDArray[np.int32]
    clusters: tuple[Cluster, ...]
    users: tuple[str, ...] = ()
    quality: Quality | None = None
    notes: tuple[str, ...] = field(default=())


def write_layout(
    workspace: Workspace, name: str, recipe: Recipe, drawn: Drawn, *, generation: int, created_at: datetime,
    seconds: float, square: tuple[float, float, float, float] | None = None,
) -> LayoutInfo:  # fmt: skip
    """Writes a new version of the layout ``name`` and swaps it in. ``square`` is kept where posts were placed on an old
    map; otherwise it is drawn around the points."""

    def write(version: Path) -> None:
        for part in ("rows", "xy", "placed", "near", "far", "labels"):
            np.save(version / f"{part}.npy", getattr(drawn, part), allow_pickle=False)
        clusters = [asdict(cluster) for cluster in drawn.clusters]
        (version / "clusters.json").write_text(json.dumps(clusters, ensure_ascii=False))
        if drawn.users:
            (version / "users.json").write_text(json.dumps(drawn.users, ensure_ascii=False))

    folder = folder_of(workspace, name)
    derived.write(
        folder,
        generation,
        write,
        name=name,
        recipe=asdict(recipe),
        created_at=created_at.isoformat(),
        count=len(drawn.rows),
        placed=int(drawn.placed.sum()),
        quality=asdict(drawn.quality) if drawn.quality else None,
        seconds=round(seconds, 1),
        notes=list(drawn.notes),
        square=square or square_around(drawn.xy),
    )
    return find_layout(workspace, name)


def remove_layout(workspace: Workspace, id_: str) -> None:
    find_layout(workspace, id_)
    shutil.rmtree(folder_of(workspace, id_))
