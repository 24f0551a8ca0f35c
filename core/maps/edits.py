"""What people change on a map by hand: names, and clusters that they merged, split or drew. Kept in the database by the
posts that they are about, so that it holds on the next build and on the next map of the same name.

An edit is of one level. ``name`` gives the cluster that holds most of its members another name. ``own`` is a cluster of
its own: its members leave the clusters that were found, and what then remains of a cluster that lost most of its
members goes with them. A merge is an ``own`` of several clusters, a split is one ``own`` for each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from core.database import maps as table
from core.errors import MapError
from core.jobs.runner import utc_now
from core.maps.layouts import Cluster, Layout, Positions, read_layout

if TYPE_CHECKING:
    from core.workspace import Workspace

MAX_NAME = 120
NAMED_SHARE = 0.3
"""A name goes to the cluster that overlaps its members most (Jaccard), if by this much at least."""
SWALLOWED = 0.5
KEPT_MEMBERS = 2000
"""Of what a name is about; enough to find it again."""

Kind = Literal["name", "own"]


@dataclass(frozen=True, slots=True)
class Edit:
    """``members`` are post rows, or user ids where the map is of users, as text."""

    number: int
    level: int
    kind: Kind
    name: str
    members: tuple[str, ...]
    terms: tuple[tuple[str, float], ...] = ()


def open_layout(workspace: Workspace, id_: str) -> Layout:
    """A layout with its edits by hand. Raises MapError where there is none."""
    layout = read_layout(workspace, id_)
    return apply(layout, read_edits(workspace, layout.info.id))


def read_edits(workspace: Workspace, layout: str) -> list[Edit]:
    """In the order in which they were made."""
    return [Edit(*row) for row in table.select_edits(workspace.cursor(), layout)]


def stamp(workspace: Workspace, layout: str) -> int:
    """Changes with every edit of a layout."""
    return table.edits_stamp(workspace.cursor(), layout)


def rename(workspace: Workspace, layout: Layout, cluster: Cluster, name: str) -> None:
    """Gives a cluster another name. Raises MapError for an empty or a very long one."""
    name = _checked(name)
    members = np.flatnonzero(layout.labels[cluster.level] == cluster.number)
    if len(members) > KEPT_MEMBERS:
        members = np.sort(np.random.default_rng(0).choice(members, KEPT_MEMBERS, replace=False))
    _insert(workspace, layout, [("name", cluster.level, name, members, ())])


def merge(workspace: Workspace, layout: Layout, clusters: Sequence[Cluster], name: str = "") -> None:
    """Makes one cluster of several of a level. Raises MapError for fewer than two."""
    if len(clusters) < 2 or len({cluster.level for cluster in clusters}) > 1:
        raise MapError("It takes two groups or more of one level to merge them.")
    largest = max(clusters, key=lambda cluster: cluster.size)
    numbers = [cluster.number for cluster in clusters]
    members = np.flatnonzero(np.isin(layout.labels[largest.level], numbers))
    terms = _joined_terms(clusters)
    _insert(workspace, layout, [("own", largest.level, _checked(name or largest.name), members, terms)])


def split(workspace: Workspace, layout: Layout, cluster: Cluster, parts: int = 2) -> None:
    """Makes two or more clusters of one, by where its points lie (k-means). Raises MapError where it is too small."""
    members = np.flatnonzero(layout.labels[cluster.level] == cluster.number)
    if not 2 <= parts <= 8 or len(members) < 2 * parts:
        raise MapError(f"A group of {len(members)} can't be split into {parts}.")
    of = _kmeans(layout.xy[members], parts)
    finer = layout.at_level(cluster.level + 1)
    edits: list[tuple[Kind, int, str, Positions, tuple[tuple[str, float], ...]]] = []
    for part in range(parts):
        own = members[of == part]
        if len(own):
            name, terms = _name_from(layout, finer, own, f"{cluster.name} ({part + 1})")
            edits.append(("own", cluster.level, name, own, terms))
    _insert(workspace, layout, edits)


def draw(workspace: Workspace, layout: Layout, level: int, members: Positions, name: str) -> None:
    """Makes a cluster of what was chosen by hand. Raises MapError."""
    if not len(members) or not 0 <= level < len(layout.labels):
        raise MapError("A group needs posts, and a level of this map.")
    _insert(workspace, layout, [("own", level, _checked(name), members, ())])


def undo(workspace: Workspace, layout: str) -> bool:
    """Takes the last edit back (all parts of a split); whether there was one."""
    with workspace.transaction() as cursor:
        return table.delete_last_edit(cursor, layout)


def apply(layout: Layout, edits: Sequence[Edit]) -> Layout:
    """The layout with the edits on it, each after the one before."""
    if not edits:
        return layout
    labels = layout.labels.copy()
    levels = {level: list(layout.at_level(level)) for level in range(len(labels))}
    position = (
        {id_: at for at, id_ in enumerate(layout.users)} if layout.users
        else {str(row): at for at, row in enumerate(layout.rows.tolist())}
    )  # fmt: skip
    for edit in edits:
        if edit.level not in levels:
            continue
        members = np.array(sorted(position[m] for m in edit.members if m in position), np.int64)
        if not len(members):
            continue
        if edit.kind == "name":
            _apply_name(levels[edit.level], labels[edit.level], members, edit.name)
        else:
            _apply_own(layout, levels[edit.level], labels[edit.level], members, edit)
    clusters = tuple(
        replace(cluster, size=int((labels[level] == cluster.number).sum()))
        for level, known in levels.items()
        for cluster in known
    )
    return replace(layout, labels=labels, clusters=tuple(cluster for cluster in clusters if cluster.size))


def _apply_name(known: list[Cluster], labels: NDArray[np.int32], members: Positions, name: str) -> None:
    own = labels[members]
    counted = np.bincount(own[own >= 0]) if (own >= 0).any() else np.zeros(1)
    best, overlap = None, 0.0
    for at, cluster in enumerate(known):
        inside = float(counted[cluster.number]) if cluster.number < len(counted) else 0.0
        size = float((labels == cluster.number).sum()) if inside else 0.0
        # Of a large cluster only a sample of the members was kept.
        union = (
            len(members) + min(size, len(members)) - inside
            if len(members) >= KEPT_MEMBERS
            else len(members) + size - inside
        )
        if inside and inside / union > overlap:
            best, overlap = at, inside / union
    if best is not None and overlap >= NAMED_SHARE:
        known[best] = replace(known[best], name=name, edited="name")


def _apply_own(layout: Layout, known: list[Cluster], labels: NDArray[np.int32], members: Positions, edit: Edit) -> None:
    number = max((cluster.number for cluster in known), default=-1) + 1
    before = labels.copy()
    labels[members] = number
    for other in np.unique(before[members]).tolist():
        if other < 0:
            continue
        whole, rest = before == other, labels == other
        if 0 < rest.sum() < (1 - SWALLOWED) * whole.sum() and not any(c.number == other and c.edited for c in known):
            labels[rest] = number
    inside = layout.xy[labels == number]
    x, y = np.median(inside, axis=0)
    nearest = inside[((inside - [x, y]) ** 2).sum(axis=1).argmin()]
    parent = _parent_of(layout, edit.level, members)
    typical = tuple(at for c in known for at in c.typical if labels[at] == number)[:12]
    known.append(
        Cluster(edit.level, number, parent, edit.name, len(inside), float(nearest[0]), float(nearest[1]), edit.terms,
                typical, (), "own")
    )  # fmt: skip


def _parent_of(layout: Layout, level: int, members: Positions) -> int:
    if level == 0:
        return -1
    above = layout.labels[level - 1][members]
    return int(np.bincount(above[above >= 0]).argmax()) if (above >= 0).any() else -1


def _insert(
    workspace: Workspace,
    layout: Layout,
    edits: Sequence[tuple[Kind, int, str, Positions, tuple[tuple[str, float], ...]]],
) -> None:
    rows = [
        (level, kind, name, [layout.users[at] for at in members] if layout.users
         else [str(row) for row in layout.rows[members].tolist()], terms)
        for kind, level, name, members, terms in edits
    ]  # fmt: skip
    with workspace.transaction() as cursor:
        table.insert_edits(cursor, layout.info.id, rows, utc_now())


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise MapError(f"A group's name has 1 to {MAX_NAME} characters.")
    return name


def _joined_terms(clusters: Sequence[Cluster]) -> tuple[tuple[str, float], ...]:
    """The terms of several clusters, each weighed by its cluster's size."""
    total = sum(cluster.size for cluster in clusters) or 1
    weight: dict[str, float] = {}
    for cluster in clusters:
        for term, score in cluster.terms:
            weight[term] = weight.get(term, 0.0) + score * cluster.size / total
    return tuple(sorted(weight.items(), key=lambda pair: -pair[1])[:12])


def _name_from(
    layout: Layout, finer: Sequence[Cluster], members: Positions, otherwise: str
) -> tuple[str, tuple[tuple[str, float], ...]]:
    """The name and terms of the finer cluster that most members are in."""
    if not finer:
        return otherwise, ()
    own = layout.labels[finer[0].level][members]
    most = int(np.bincount(own[own >= 0]).argmax()) if (own >= 0).any() else -1
    found = next((cluster for cluster in finer if cluster.number == most), None)
    return (found.name, found.terms) if found is not None else (otherwise, ())


def _kmeans(xy: NDArray[np.float32], parts: int) -> NDArray[np.int64]:
    """Lloyd's k-means, begun at the points farthest from each other."""
    centres = [xy[((xy - xy.mean(axis=0)) ** 2).sum(axis=1).argmax()]]
    for _ in range(parts - 1):
        away = np.min([((xy - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        centres.append(xy[away.argmax()])
    at = np.array(centres, np.float64)
    of = np.zeros(len(xy), np.int64)
    for _ in range(100):
        of = ((xy[:, None] - at) ** 2).sum(axis=2).argmin(axis=1)
        moved = np.array([xy[of == part].mean(axis=0) if (of == part).any() else at[part] for part in range(parts)])
        if np.allclose(moved, at):
            break
        at = moved
    return of
