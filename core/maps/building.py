"""The job ``map``: neighbours from the store, the layout, its clusters and their names, saved under a name."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MapError
from core.jobs.child import Child
from core.jobs.runner import utc_now
from core.maps.aligning import aligned
from core.maps.layouts import (
    NOUNS,
    SPACES,
    Cluster,
    Drawn,
    Layout,
    LayoutInfo,
    Quality,
    Recipe,
    read_layout,
    slug,
    write_layout,
)
from core.maps.names import READ_CHARS, name_of
from core.maps.neighbours import Graph, find_neighbours
from core.maps.picture_names import joined, name_by_pictures

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

NAMED_FROM = 60_000
"""Names are read off a fair sample of at most so many texts."""
POSTS_A_USER = 20
COPY = 0.05
"""Posts nearer to each other than this, by 1 - cosine, say the same."""


def build_params(recipe: Recipe, name: str = "", *, posts: Sequence[int] | None = None) -> dict[str, Any]:
    """The parameters of the job ``map``. Raises MapError for a recipe or a name that can't be used."""
    if recipe.space not in SPACES:
        raise MapError(f"There is no map of {recipe.space!r}; there are {', '.join(SPACES)}.")
    if not 2 <= recipe.neighbours <= 200:
        raise MapError(f"A map takes 2 to 200 neighbours, not {recipe.neighbours}.")
    if not 1 <= recipe.negatives <= 50:
        raise MapError(f"For each point pulled 1 to 50 are pushed away, not {recipe.negatives}.")
    if not 0 <= recipe.min_dist <= 1 or not 0 <= recipe.blend <= 1 or not 0 <= recipe.epochs <= 5000:
        raise MapError("The smallest distance and the blend are 0 to 1, the epochs 0 to 5,000.")
    name = name.strip() or SPACES[recipe.space]
    slug(name)
    given = {part: getattr(recipe, part) for part in Recipe.__dataclass_fields__}
    return {"recipe": given, "name": name[:80], **({"posts": [int(row) for row in posts]} if posts is not None else {})}


def run(context: JobContext) -> dict[str, Any]:
    """The job ``map``: builds the layout ``name`` by ``recipe``, of ``posts`` (rows) where they are given."""
    started = time.monotonic()
    workspace = context.workspace
    recipe, name = Recipe(**context.params["recipe"]), str(context.params["name"])
    posts = context.params.get("posts")
    among = None if posts is None else np.unique(np.array(posts, np.int64))
    generation = workspace.generation
    old = _old(workspace, name, recipe)
    graph = find_neighbours(workspace, recipe, context.report, among=among)
    recipe = replace(recipe, model=graph.model)
    with _Desk(context) as desk:
        drawn = desk.draw(graph, recipe, old)
    context.check()
    info = write_layout(
        workspace, name, recipe, drawn, generation=generation, created_at=utc_now(), seconds=time.monotonic() - started
    )
    return outcome(info)


def _old(workspace: Workspace, name: str, recipe: Recipe) -> Layout | None:
    """The layout that is replaced, of the same kind of thing; None where there is none that can be read."""
    try:
        old = read_layout(workspace, name)
    except MapError:
        return None
    return old if old.info.noun == NOUNS[recipe.space] else None


def outcome(info: LayoutInfo) -> dict[str, Any]:
    quality = info.quality
    return {
        "layout": info.id,
        "name": info.name,
        "space": info.recipe.space,
        "points": info.count,
        "placed": info.placed,
        "seconds": info.seconds,
        "trustworthiness": quality.trustworthiness if quality else None,
        "knn_overlap": quality.overlap if quality else None,
        "notes": list(info.notes),
    }


class _Desk:
    """The child process of a build and the folder that arrays go through."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._folder = Path(tempfile.mkdtemp(prefix="map-", dir=context.workspace.path / "tmp"))
        self._child: Child = context.child("core.maps.child:serve")

    def draw(self, graph: Graph, recipe: Recipe, old: Layout | None) -> Drawn:
        context, folder = self._context, self._folder
        np.save(folder / "near.npy", graph.near)
        np.save(folder / "far.npy", graph.far)
        np.save(folder / "vectors.npy", graph.vectors)
        context.report("starting umap", 0, None)
        laid_out = self._call(
            "layout", "laying out", seed=recipe.seed, min_dist=recipe.min_dist, epochs=recipe.epochs,
            neighbours=recipe.neighbours, negatives=recipe.negatives, threads=context.workspace.settings.thread_count(),
        )  # fmt: skip
        notes = list(laid_out["notes"])
        turned = aligned(np.load(folder / "xy.npy"), graph.rows, old, graph.users) if old is not None else None
        if old is not None and turned is not None:
            np.save(folder / "xy.npy", turned[0])
            notes.append(
                f"It was turned to lie as the one of {old.info.created_at:%d %b %Y, %H:%M} did: what is on both moved"
                f" by {100 * turned[1]:.1f} % of the width in the median."
            )
        notes += [graph.note] if graph.note else []
        notes += _left_out(context.workspace, recipe)
        found = self._call("clusters", "finding clusters")["clusters"]
        labels = np.load(folder / "labels.npy")
        write_texts(context.workspace, graph, folder / "texts.jsonl", recipe.seed)
        terms = self._call("names", "naming clusters")["terms"]
        if recipe.space == "dual":
            context.report("naming what pictures show", 0, None)
            shown = name_by_pictures(graph.vectors, labels, context.workspace.encoder("dual"))
            terms = [[joined(*pair) for pair in zip(*level, strict=True)] for level in zip(shown, terms, strict=True)]
        xy = np.load(folder / "xy.npy")
        quality = Quality(**laid_out["quality"]) if laid_out["quality"] else None
        return Drawn(
            rows=graph.rows,
            xy=xy,
            placed=np.zeros(len(xy), bool),
            near=graph.near,
            far=graph.far.astype(np.float16),
            labels=labels,
            clusters=named(found, terms),
            users=graph.users,
            quality=quality,
            notes=tuple(notes),
        )

    def _call(self, do: str, phase: str, **params: Any) -> dict[str, Any]:
        return self._child.call(
            {"do": do, "folder": str(self._folder), **params},
            lambda done, total: self._context.report(phase, done, total),
        )

    def __enter__(self) -> _Desk:
        return self

    def __exit__(self, *error: Any) -> None:
        self._child.__exit__(*error)
        shutil.rmtree(self._folder, ignore_errors=True)


def _left_out(workspace: Workspace, recipe: Recipe) -> list[str]:
    """A sentence where the map's space is half encoded, so that nobody takes what is drawn for all there is."""
    what = {"text": "texts", "dual": "pictures"}
    return [
        f"{part.waiting:,} of {part.rows + part.waiting:,} {what[part.name]} were not encoded yet when it was made, and"
        " are not on it."
        for part in workspace.indexes.status()
        if part.name in what and part.waiting and recipe.space in (part.name, "blend")
    ]


def named(found: list[dict[str, Any]], terms: list[list[list[tuple[str, float]]]]) -> tuple[Cluster, ...]:
    """Clusters with their terms. One without a word goes by its number."""
    clusters = []
    for given in found:
        own = terms[given["level"]][given["number"]]
        clusters.append(
            Cluster(
                level=given["level"],
                number=given["number"],
                parent=given["parent"],
                name=name_of(own) or f"Group {given['number'] + 1}",
                size=given["size"],
                x=given["x"],
                y=given["y"],
                terms=tuple((str(term), float(weight)) for term, weight in own),
                typical=tuple(given["typical"]),
                untypical=tuple(given["untypical"]),
            )
        )
    return tuple(clusters)


def _copies(graph: Graph) -> NDArray[np.bool_]:
    """Which posts are nearly the same as one before: a wave of copies is said once, and does not name all around it."""
    near, far = graph.near[:, 1:], graph.far[:, 1:]
    before = (near >= 0) & (near < np.arange(len(near))[:, None])
    copies: NDArray[np.bool_] = np.any(before & (far < COPY), axis=1)
    return copies


def write_texts(workspace: Workspace, graph: Graph, path: Path, seed: int) -> None:
    """A fair sample of what the points say, without copies: lines of [position, language, text]."""
    said = np.arange(len(graph.rows)) if graph.users else np.flatnonzero(~_copies(graph))
    chance = np.random.default_rng(seed)
    sample = said if len(said) <= NAMED_FROM else np.sort(chance.choice(said, NAMED_FROM, replace=False))
    cursor = workspace.cursor()
    with path.open("w", encoding="utf-8") as lines:
        for start in range(0, len(sample), 4096):
            part = sample[start : start + 4096]
            if graph.users:
                found = cursor.execute(
                    f"""
                    SELECT user_id, any_value(lang), string_agg(left(text, 200), ' | ') FROM (
                        SELECT user_id, lang, text FROM posts WHERE user_id IN (SELECT unnest(?::VARCHAR[]))
                        QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY row DESC) <= {POSTS_A_USER})
                    GROUP BY user_id
                    """,
                    [[graph.users[at] for at in part]],
                ).fetchall()
                place = {graph.users[at]: int(at) for at in part}
            else:
                found = cursor.execute(
                    "SELECT row, lang, left(text, ?) FROM posts WHERE row IN (SELECT unnest(?::BIGINT[])) ORDER BY row",
                    [READ_CHARS, graph.rows[part].tolist()],
                ).fetchall()
                place = {int(graph.rows[at]): int(at) for at in part}
            for key, lang, text in found:
                lines.write(json.dumps([place[key], lang, text or ""]) + "\n")
