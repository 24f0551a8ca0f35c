"""The vector index on Faiss: one large part of a chosen family, and a small exact part for what came later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from core import derived
from core.errors import JobStopped, VectorError
from core.types import Space
from core.vectors.exact import VECTORS, read_matrix, write_matrix
from core.vectors.families import AUTO, FAMILIES, check_family, choose_family
from core.vectors.flat import Flat
from core.vectors.protocol import Capabilities, InRange, Matrix, Plan, Rows, Scores
from core.vectors.ranges import all_above, in_order
from core.vectors.segment import SPARE, Segment
from core.vectors.validation import (
    check_k,
    check_least,
    check_queries,
    check_rows,
    check_vectors,
)

ROWS, GONE = "rows.i64", "gone.bool"
RECENT_ROWS, RECENT_VECTORS = "recent_rows.i64", "recent_vectors.f32"

_REBUILD_SHARE, _REBUILD_LEAST, _REBUILD_MOST = 0.2, 5_000, 100_000
"""An index is built anew when so large a share of it is new or gone; later in a small one, where that costs searches
little, and sooner in a large one, where each search compares with all the new ones."""

_CHECKED_AT_A_TIME = 2_000


@dataclass(frozen=True)
class _State:
    """What a search reads. Replaced whole by every change, so that a search sees one state from start to end."""

    base: Segment
    recent: Segment

    @cached_property
    def only(self) -> Segment | None:
        """The part that holds everything, where one does."""
        if not len(self.recent):
            return self.base
        return None if len(self.base) else self.recent


class FaissIndex:
    """A :class:`~core.vectors.protocol.VectorIndex` for one machine.

    The base is of one of :data:`~core.vectors.families.FAMILIES`, mapped from disk where it was loaded; vectors added
    later lie in a recent part, searched exactly beside it, and hide those that they replace. Reads need no lock and may
    come from any thread; changes wait for each other.
    """

    def __init__(self, space: Space) -> None:
        """An empty flat index; see :func:`build_index` for one that holds something."""
        self._space = space
        self._recall = 1.0
        self._changing = threading.Lock()
        self._state = _State(_nothing_stored(space.dim), _nothing_stored(space.dim))

    @property
    def space(self) -> Space:
        return self._space

    @property
    def family(self) -> str:
        return self._state.base.family.name

    @property
    def recall(self) -> float:
        """Recall@10 against exact search as measured on a sample when the index was built; 1.0 where it is exact."""
        return self._recall

    @property
    def settings(self) -> dict[str, int]:
        """What was chosen for these vectors when the index was built: efSearch, nprobe, depth, ..."""
        return self._state.base.family.settings

    @property
    def capabilities(self) -> Capabilities:
        family = self._state.base.family
        return Capabilities(exact=family.exact, compressed=family.compressed, local=True, most_k=None)

    @property
    def memory_bytes(self) -> int:
        state = self._state
        return sum(part.family.memory_bytes + part.rows.nbytes for part in (state.base, state.recent))

    def __len__(self) -> int:
        state = self._state
        return len(state.base) + len(state.recent)

    def search(self, queries: Matrix, k: int, *, allowed: Rows | None = None) -> tuple[Scores, Rows]:
        queries = check_queries(queries, self._space.dim, k)
        state = self._state
        if state.only is not None:
            return state.only.search(queries, k, allowed)
        base_scores, base_rows = state.base.search(queries, k, allowed)
        recent_scores, recent_rows = state.recent.search(queries, k, allowed)
        scores = np.concatenate([base_scores, recent_scores], axis=1)
        rows = np.concatenate([base_rows, recent_rows], axis=1)
        order = np.lexsort((rows, -scores))[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

    def range_search(self, queries: Matrix, least: float, *, allowed: Rows | None = None) -> InRange:
        """Compares with every vector that may be returned, whatever the family: no index promises all of a range."""
        queries = check_queries(queries, self._space.dim)
        least = check_least(least)
        state = self._state
        found: list[list[tuple[Scores, Rows]]] = [[] for _ in queries]
        for part in (state.base, state.recent):
            keep = part.keep(allowed)
            positions = None if keep is None else keep.positions
            for number, scores, at in all_above(queries, part.family.matrix, least, positions):
                found[number].append((scores, part.rows[at]))
        return in_order(found)

    def plan(self, k: int, allowed: int | None = None) -> Plan:
        check_k(k)
        state = self._state
        if not len(self) or allowed == 0:
            return Plan("nothing", "There is nothing to compare with.")
        if not len(state.base):
            return state.recent.family.plan(k, len(state.recent) if allowed is None else min(allowed, len(self)))
        kept = len(state.base) if allowed is None else min(allowed, len(state.base))
        plan = state.base.family.plan(min(k + SPARE, kept), kept)
        if plan.how == "index" and len(state.recent):
            later = f" The {len(state.recent):,} vectors that came later are compared one by one."
            return Plan(plan.how, plan.reason + later)
        return plan

    def rows(self) -> Rows:
        """Every row that is there, rising."""
        state = self._state
        return np.sort(np.concatenate([state.base.present_rows, state.recent.present_rows]))

    def reconstruct(self, rows: Rows) -> Matrix:
        rows = check_rows(rows)
        vectors = np.empty((len(rows), self._space.dim), np.float32)
        missing = np.ones(len(rows), np.bool_)
        state = self._state
        for segment in (state.base, state.recent):
            found = segment.positions(rows)
            here = found >= 0
            vectors[here] = segment.family.matrix[found[here]]
            missing &= ~here
        if missing.any():
            raise VectorError(f"Row {rows[missing][0]} has no vector in the space {self._space.name}.")
        return vectors

    def add(self, rows: Rows, vectors: Matrix) -> None:
        rows, vectors = check_vectors(rows, vectors, self._space.dim)
        if not len(rows):
            return
        with self._changing:
            state = self._state
            self._state = _State(state.base.without(rows), state.recent.without(rows).extended(rows, vectors))

    def remove(self, rows: Rows) -> None:
        rows = check_rows(rows)
        if not len(rows):
            return
        with self._changing:
            self._state = _State(self._state.base.without(rows), self._state.recent.without(rows))

    def rebuild_reason(self, wanted: str = AUTO) -> str | None:
        """Why building anew would pay, in a sentence for the user, or None where it would not.

        ``wanted`` is the family that was chosen by hand, or ``auto``. Raises VectorError for an unknown one.
        """
        state = self._state
        better, reason = choose_family(len(self), self._space.dim, wanted=wanted)
        if better != self.family and len(self):
            return reason
        behind = len(state.recent) + len(state.base.rows) - len(state.base)
        if self.family != Flat.name and behind > min(max(_REBUILD_LEAST, _REBUILD_SHARE * len(self)), _REBUILD_MOST):
            return f"{behind:,} vectors were added or removed since the {self.family} index was built."
        return None

    def save(self, folder: Path, *, generation: int) -> None:
        with self._changing:
            state = self._state

            def fill(version: Path) -> None:
                _write(state, self._space.dim, version)

            manifest = derived.write(
                folder,
                generation,
                fill,
                family=self.family,
                space=asdict(self._space),
                count=len(self),
                recall=self._recall,
                settings=self.settings,
            )
            # What was in memory is on disk now: go on with the mapped files.
            self._state = _read(manifest, self._space.dim)

    @classmethod
    def load(cls, folder: Path, space: Space | None = None) -> FaissIndex:
        """Opens a saved index, mapped into memory: quick, and read from disk as it is used.

        Compares file sizes only; ``derived.verify(folder, checksums=True)`` reads everything. Raises VectorError where
        there is no whole index, or where it is not of ``space``.
        """
        problems = derived.verify(folder)
        manifest = derived.read_manifest(folder)
        if manifest is None or problems:
            raise VectorError(" ".join(problems))
        try:
            stored = Space(**manifest.about["space"])
            index = cls(stored)
            index._recall = float(manifest.about["recall"])
            index._state = _read(manifest, stored.dim)
        except (KeyError, TypeError, ValueError, OSError, RuntimeError, MemoryError) as error:
            raise VectorError(f"{folder.name}: the index is damaged and has to be built again.") from error
        if space is not None and space != stored:
            raise VectorError(f"{folder.name}: the vectors are of {stored.model_id}, not of {space.model_id}.")
        return index


def build_index(
    vectors: Matrix,
    rows: Rows,
    space: Space,
    family: str,
    *,
    report: Callable[[int, int], None] | None = None,
    stopped: Callable[[], bool] | None = None,
) -> FaissIndex:
    """A new index of ``family`` over ``vectors`` (n, dim), which may be memory-mapped, of ``rows`` (n,).

    ``report(done, total)`` is called as it goes on, ``stopped()`` asked as often; raises JobStopped when it says so,
    and VectorError for what :func:`~core.vectors.validation.check_vectors` refuses. All families but hnsw, which copies
    it once, keep ``vectors`` itself until they are saved. An index over no vectors is flat.
    """
    check_family(family)
    total = len(vectors)

    def progress(done: int) -> None:
        if stopped is not None and stopped():
            raise JobStopped(f"Building the {space.name} index was stopped at {done:,} of {total:,} vectors.")
        if report is not None:
            report(done, total)

    progress(0)
    rows = check_rows(rows, distinct=True)
    if len(rows) != total:
        raise VectorError(f"There are {total} vectors for {len(rows)} rows.")
    for start in range(0, total, _CHECKED_AT_A_TIME):
        some = slice(start, start + _CHECKED_AT_A_TIME)
        check_vectors(rows[some], vectors[some], space.dim)
    matrix = np.ascontiguousarray(vectors, np.float32)  # no copy where it is that
    built = FAMILIES[family if total else Flat.name].build(np.asarray(matrix).reshape(total, space.dim), progress)
    index = FaissIndex(space)
    index._recall = built.tune() if total else 1.0
    index._state = _State(Segment(built, rows), _nothing_stored(space.dim))
    return index


def _nothing_stored(dim: int) -> Segment:
    return Segment(Flat(np.empty((0, dim), np.float32)), np.empty(0, np.int64))


def _write(state: _State, dim: int, folder: Path) -> None:
    """A flat index is written as one part; another as it is, beside it what is gone and what came later."""
    base, recent = state.base, state.recent
    if base.family.name == Flat.name:
        np.concatenate([base.present_rows, recent.present_rows]).tofile(folder / ROWS)
        write_matrix(folder / VECTORS, chain(base.present_vectors(), recent.present_vectors()))
        return
    base.family.write(folder)
    base.rows.tofile(folder / ROWS)
    if base.gone is not None:
        base.gone.tofile(folder / GONE)
    if len(recent):
        recent.present_rows.tofile(folder / RECENT_ROWS)
        write_matrix(folder / RECENT_VECTORS, recent.present_vectors())


def _read(manifest: derived.Manifest, dim: int) -> _State:
    """Raises VectorError, ValueError, OSError or RuntimeError (Faiss's own) where the files can't be used."""
    folder, files = manifest.folder, manifest.files
    family = FAMILIES[manifest.about["family"]].read(folder, dim, dict(manifest.about.get("settings", {})))
    gone = np.fromfile(folder / GONE, np.uint8) != 0 if GONE in files else None
    base = Segment(family, np.fromfile(folder / ROWS, np.int64), gone)
    recent = _nothing_stored(dim)
    if RECENT_ROWS in files:
        recent_vectors = Flat(read_matrix(folder / RECENT_VECTORS, dim))
        recent = Segment(recent_vectors, np.fromfile(folder / RECENT_ROWS, np.int64))
    for segment in (base, recent):
        segment.check(dim)
    return _State(base, recent)
