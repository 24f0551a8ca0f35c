"""Near-duplicate groups over the whole workspace: posts that say the same, and posts that show the same picture.

By words, two posts belong together where the cosine of their text vectors is at least TEXT_COSINE and they have half of
their word pairs in common, the rule of :mod:`core.search.neighbours`; a text of fewer than LEAST_PAIRS word pairs
belongs to no group, since people say "good morning" without copying it. By picture, where the files are the same or
their PDQ hashes are near, the same rule again. What is linked is one group, so its ends may be further apart.

How the thresholds were chosen: of 24,000 real tweets, Bluesky posts and text messages, a sample of 90 pairs that have
half of their word pairs in common was read. Those of six pairs and more were copies, campaigns and chain letters; of
the shorter ones many were greetings. In the demo network all pairs of the spam wave that agree in words have a cosine
of 0.86 or more; the one pair below 0.85 was two days of a diary. Of 4,500 pictures of real posts and photographs, 43
pairs were within the PDQ distance, every one of them the same picture.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import derived
from core.database.posts import ids_of
from core.search.neighbours import (
    COMPARED_CHARS,
    PDQ_DISTANCE,
    PDQ_QUALITY,
    SHINGLE_OVERLAP,
    overlap,
    word_pairs,
)

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

TEXT_COSINE = 0.85
LEAST_PAIRS = 6
NEAREST = 32
"""Each text is compared with so many of its nearest: a wave of more is linked through those between."""

GROUPS = "groups.json"
_QUERIES = 256
_CHUNK = 1 << 20

Report = Callable[[str, int, int | None], None]
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Post ids in the order in which they were stored. ``words`` is the share of word pairs in common, ``picture`` the
    share of hash bits in common, each of the least alike link that holds the group together, 0 to 1; None where the
    group is not one by that."""

    posts: tuple[str, ...]
    words: float | None
    picture: float | None


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was found, the largest group first. ``texts`` and ``pictures`` count what was compared; ``generation`` is
    the workspace's of then, ``found_at`` naive UTC."""

    groups: tuple[Group, ...]
    texts: int
    pictures: int
    generation: int
    found_at: datetime


def find_groups(workspace: Workspace) -> Duplicates | None:
    """The groups as the job ``duplicates`` last found them, or None where it never ran. Current where their generation
    is the workspace's."""
    folder = workspace.path / "duplicates"
    manifest = derived.read_manifest(folder)
    if manifest is None or derived.verify(folder):
        return None
    document = json.loads((manifest.folder / GROUPS).read_text())
    groups = tuple(Group(tuple(one["posts"]), one["words"], one["picture"]) for one in document["groups"])
    return Duplicates(groups, document["texts"], document["pictures"], manifest.generation, manifest.created_at)


def run(context: JobContext) -> dict[str, Any]:
    """The job ``duplicates``: finds the groups and saves them."""
    workspace = context.workspace
    generation = workspace.generation
    by_words, texts = groups_by_words(workspace, context.report)
    by_picture, pictures = groups_by_picture(workspace, context.report)
    groups = _named(workspace, by_words, by_picture)

    def write(version: Path) -> None:
        document = {"groups": [asdict(group) for group in groups], "texts": texts, "pictures": pictures}
        (version / GROUPS).write_text(json.dumps(document))

    derived.write(workspace.path / "duplicates", generation, write)
    return {"groups": len(groups), "posts": len({id_ for group in groups for id_ in group.posts})}


def _named(
    workspace: Workspace, by_words: dict[frozenset[int], float], by_picture: dict[frozenset[int], float]
) -> list[Group]:
    """Largest first; the same posts by words and by picture are one group."""
    ids = ids_of(workspace.cursor(), set().union(*by_words, *by_picture))
    sets = sorted(by_words.keys() | by_picture.keys(), key=lambda rows: (-len(rows), min(rows)))
    return [
        Group(tuple(ids[row] for row in sorted(rows)), by_words.get(rows), by_picture.get(rows))
        for rows in sets
        if rows <= ids.keys()
    ]


def groups_by_words(workspace: Workspace, report: Report) -> tuple[dict[frozenset[int], float], int]:
    """(similarity by the post rows of each group, how many texts were compared)."""
    cursor = workspace.cursor()
    found = cursor.execute("SELECT min(row), list(row ORDER BY row) FROM posts WHERE text <> '' GROUP BY text_hash")
    same = dict(found.fetchall())
    texts = np.array(sorted(same), np.int64)
    sets = _Sets(texts)
    for first, second, shared in _agreeing(workspace, texts, report):
        sets.join(first, second, shared)
    several = [row for row, rows in same.items() if len(rows) > 1]
    repeated = {row for row, pairs in _pairs_of(workspace, several).items() if len(pairs) >= LEAST_PAIRS}
    groups = {}
    for members, least in sets.groups():
        if len(members) > 1 or members[0] in repeated:
            groups[frozenset(row for member in members for row in same[member])] = least
    return groups, sum(map(len, same.values()))


def _agreeing(
    workspace: Workspace, texts: Positions, report: Report
) -> Iterator[tuple[Positions, Positions, NDArray[np.float64]]]:
    """Pairs of rows, each of another text, near as vectors and alike in words; with the share in common."""
    index = workspace.indexes.vector("text")
    if index is None:
        return
    rows = np.intersect1d(index.rows(), texts)
    allowed = None if len(rows) == len(index) else rows
    for start in range(0, len(rows), _QUERIES):
        report("comparing texts", start, len(rows))
        own = rows[start : start + _QUERIES]
        scores, near = index.search(index.reconstruct(own), NEAREST + 1, allowed=allowed)
        at, column = np.nonzero((scores >= TEXT_COSINE) & (near >= 0) & (near != own[:, None]))
        first, second = own[at], near[at, column]
        pairs = _pairs_of(workspace, np.union1d(first, second).tolist())
        shared = np.array(
            [
                overlap(pairs[a], pairs[b]) if min(len(pairs[a]), len(pairs[b])) >= LEAST_PAIRS else 0.0
                for a, b in zip(first.tolist(), second.tolist(), strict=True)
            ]
        )
        agree = np.flatnonzero(shared >= SHINGLE_OVERLAP)
        yield first[agree], second[agree], shared[agree]


def _pairs_of(workspace: Workspace, rows: list[int]) -> dict[int, frozenset[tuple[str, str]]]:
    found = workspace.cursor().execute(
        "SELECT row, left(text, ?) FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [COMPARED_CHARS, rows]
    )
    return {row: word_pairs(text) for row, text in found.fetchall()}


def groups_by_picture(workspace: Workspace, report: Report) -> tuple[dict[frozenset[int], float], int]:
    """(similarity by the post rows of each group, how many pictures were compared)."""
    found = workspace.cursor().execute(
        "SELECT list(DISTINCT post_row ORDER BY post_row), any_value(pdq ORDER BY row), max(pdq_quality), count(*)"
        " FROM media WHERE path IS NOT NULL GROUP BY sha256 ORDER BY min(row)"
    )
    files = found.fetchall()
    sets = _Sets(np.arange(len(files)))
    hashed = [at for at, (_, pdq, quality, _) in enumerate(files) if pdq and (quality or 0) >= PDQ_QUALITY]
    at = np.array(hashed, np.int64)
    hashes = np.frombuffer(bytes.fromhex("".join(files[i][1] for i in hashed)), np.uint8).reshape(-1, 32)
    for done, (first, second, distances) in enumerate(near_hashes(hashes)):
        report("comparing pictures", done, None)
        sets.join(at[first], at[second], 1 - distances / 256)
    groups = {}
    for members, least in sets.groups():
        rows = frozenset(row for member in members for row in files[member][0])
        if len(rows) > 1:
            groups[rows] = least
    return groups, sum(count for *_, count in files)


def near_hashes(
    hashes: NDArray[np.uint8], most: int = PDQ_DISTANCE
) -> Iterator[tuple[Positions, Positions, Positions]]:
    """All pairs of 256-bit hashes, (n, 32), that differ in at most ``most`` bits (31 at most): chunks of (position,
    position, distance), some pairs more than once.

    Multi-index hashing (Norouzi, Punjani and Fleet, 2012): of 16 parts of 16 bits, one differs in a bit at most, or the
    whole would differ in 32. So only hashes with such a part are compared: one pair in 240 where bits are even. On one
    core that took 8 s for 100,000 hashes, where Faiss's IndexBinaryFlat and IndexBinaryMultiHash both took 27 s.
    """
    assert most < 32
    parts, words = np.ascontiguousarray(hashes).view(np.uint16), np.ascontiguousarray(hashes).view(np.uint64)
    for values in parts.T.astype(np.int64):
        order = np.argsort(values, kind="stable")
        starts = np.searchsorted(values[order], np.arange((1 << 16) + 1))
        for flipped in (0, *(1 << bit for bit in range(16))):
            if flipped:  # a pair is met from the side whose bit is not set
                asking = np.flatnonzero(values & flipped == 0)
                begin, end = starts[values[asking] | flipped], starts[(values[asking] | flipped) + 1]
            else:  # and of equal parts from the one that comes first
                asking = order
                begin, end = np.arange(1, len(order) + 1), starts[values[order] + 1]
            some = np.flatnonzero(end > begin)
            yield from _compared(words, order, asking[some], begin[some], (end - begin)[some], most)


def _compared(
    words: NDArray[np.uint64], order: Positions, asking: Positions, begin: Positions, lengths: Positions, most: int
) -> Iterator[tuple[Positions, Positions, Positions]]:
    """Compares each of ``asking`` with ``order[begin : begin + lengths]``, about _CHUNK pairs at a time."""
    chunks = np.cumsum(lengths) // _CHUNK
    for chunk in np.split(np.arange(len(asking)), np.flatnonzero(np.diff(chunks)) + 1) if len(asking) else ():
        count = lengths[chunk]
        first = np.repeat(asking[chunk], count)
        second = order[np.arange(len(first)) + np.repeat(begin[chunk] - (np.cumsum(count) - count), count)]
        distances = np.bitwise_count(words[first] ^ words[second]).sum(axis=1, dtype=np.int64)
        near = np.flatnonzero(distances <= most)
        yield first[near], second[near], distances[near]


class _Sets:
    """Disjoint sets of ``names``, (n,) rising, each with the similarity of the least alike link that joined it."""

    def __init__(self, names: Positions) -> None:
        self._names = names
        self._parent = np.arange(len(names))
        self._least = np.ones(len(names))

    def join(self, first: Positions, second: Positions, similarity: NDArray[np.float64]) -> None:
        """Joins pairs of names, the most alike first."""
        roots = self._roots()
        first, second = roots[np.searchsorted(self._names, first)], roots[np.searchsorted(self._names, second)]
        for at in np.argsort(-similarity, kind="stable")[first != second]:
            a, b = self._root(first[at]), self._root(second[at])
            if a != b:
                a, b = min(a, b), max(a, b)
                self._parent[b] = a
                self._least[a] = min(self._least[a], self._least[b], similarity[at])

    def _root(self, at: int) -> int:
        while self._parent[at] != at:
            at = self._parent[at]
        return at

    def _roots(self) -> Positions:
        while not np.array_equal(self._parent, self._parent[self._parent]):
            self._parent = self._parent[self._parent]
        return self._parent.copy()

    def groups(self) -> Iterator[tuple[list[int], float]]:
        """(names, similarity) of every set, those of one name too."""
        roots = self._roots()
        order = np.argsort(roots, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(roots[order])) + 1) if len(order) else ():
            yield self._names[members].tolist(), float(self._least[members[0]])
