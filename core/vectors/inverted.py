"""Inverted lists: vectors sorted into lists, of which a search reads few.

k-means finds a centre for each list (Sivic and Zisserman, 2003); a search reads the lists whose centres are nearest.
Lists hold whole vectors, or codes; with codes, the best candidates are ranked once more, exactly, from the whole
vectors, which stay mapped from a file. The families themselves are in :mod:`core.vectors.quantised`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.vectors.exact import VECTORS, link_or_write, read_matrix, search_all, search_some, write_matrix
from core.vectors.family import (
    RECALL_AT,
    TARGET_RECALL,
    Keep,
    Positions,
    Progress,
    faiss,
    sample_queries,
    true_neighbours,
)
from core.vectors.protocol import Matrix, Plan, Scores
from core.vectors.rerank import depth_for, tune_depth
from core.vectors.validation import ROUNDING, nothing

LISTS_PER_ROOT = 4
"""Lists per square root of the number of vectors (the advice of Faiss's wiki)."""
LEAST_LIST = 40
"""Vectors in a list on average, at least."""
LEARN_PER_LIST = 32
"""Vectors that k-means reads for each centre, ``ITERATIONS`` times."""
ITERATIONS = 10

BITS = 8
LEARN_CODES = 16 << BITS
"""Vectors that codes of ``BITS`` bits are learnt from, which takes seconds, however many vectors there are."""

SCAN_PER_NEIGHBOUR = 20
"""Vectors that are read for each neighbour asked for, at least."""
PATIENCE = 1.5
"""A filter that has nothing to do with the query is met within so many times the vectors that it should take."""

BUILD_SLICE = 20_000


class Inverted(ABC):
    """What these families share. A position is Faiss's id."""

    name: ClassVar[str]
    about: ClassVar[str]
    exact: ClassVar[bool] = False
    compressed: ClassVar[bool] = True
    lists_recall: ClassVar[float] = 0.975
    """The share of the true neighbours that is to be in the lists that are read. The rest of them lie in so many lists
    that a family which is not exact anyway leaves them, but not under a filter, whose few answers count."""
    FILE: ClassVar[str] = "lists.faiss"

    def __init__(self, index: Any, matrix: Matrix, settings: dict[str, int], folder: Path | None = None) -> None:
        """``settings`` are those of :attr:`settings`; ``depth`` candidates are ranked exactly (0 where the lists hold
        whole vectors)."""
        self._index = index
        self._ivf = faiss.extract_index_ivf(index)
        self._matrix = matrix
        self._probes, self._depth = settings["nprobe"], settings["depth"]
        self._probes_filtered = settings["nprobe_filtered"]
        self._folder = folder
        self._list_of = _list_of(self._ivf, len(matrix))
        self._sizes = np.bincount(self._list_of, minlength=self._ivf.nlist)
        centres = faiss.downcast_index(self._ivf.quantizer)
        self._centres = faiss.rev_swig_ptr(centres.get_xb(), centres.ntotal * centres.d).reshape(-1, centres.d)
        self._parameters: dict[int, Any] = {}

    @staticmethod
    @abstractmethod
    def untrained(dim: int, lists: int) -> Any:
        """A new Faiss index."""

    @staticmethod
    def learn(index: Any, sample: Matrix) -> None:
        index.train(sample)

    @property
    def matrix(self) -> Matrix:
        return self._matrix

    @property
    def memory_bytes(self) -> int:
        lists = len(self._matrix) * (int(self._ivf.code_size) + 8)
        return lists + int(self._list_of.nbytes + self._centres.nbytes)

    @property
    def settings(self) -> dict[str, int]:
        return {
            "nlist": len(self._centres),
            "nprobe": self._probes,
            "nprobe_filtered": self._probes_filtered,
            "depth": self._depth,
        }

    def _scan(self, k: int, kept: int) -> int:
        """How many vectors are compared for ``k`` neighbours, all in all."""
        probes = self._probes if kept == len(self._matrix) else self._probes_filtered
        return max(probes * len(self._matrix) // len(self._centres), SCAN_PER_NEIGHBOUR * k)

    def _exact_is_quicker(self, k: int, kept: int) -> bool:
        scan = min(kept, self._scan(k, kept))
        return kept <= len(self._centres) + scan + self._candidates_for(k) * self.compressed

    def _candidates_for(self, k: int) -> int:
        return depth_for(self._depth, k, len(self._matrix)) if self.compressed else k

    def plan(self, k: int, kept: int) -> Plan:
        if self._exact_is_quicker(k, kept):
            return Plan("exact", f"Exact: comparing with {kept:,} vectors is quicker than reading lists.")
        share = min(1.0, self._scan(k, kept) / kept)
        second = f", and ranks the best {self._candidates_for(k):,} exactly" if self.compressed else ""
        return Plan("index", f"Reads the lists nearest to the query, about {share:.1%} of {kept:,} vectors{second}.")

    def search(self, queries: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
        kept = len(self._matrix) if keep is None else len(keep)
        if self._exact_is_quicker(k, kept):
            if keep is None:
                return search_all(queries, self._matrix, k)
            return search_some(queries, self._matrix, k, keep.positions)
        count = self._candidates_for(k)
        if keep is not None:
            scores, found = nothing(len(queries), k)
            for at in range(len(queries)):
                scores[at], found[at] = self._search_kept(queries[at : at + 1], k, count, keep)
            return scores, found
        scores, found = self._read_nearest(queries, count, self._scan(k, kept))
        return search_some(queries, self._matrix, k, found) if self.compressed else (scores, found)

    def _read_nearest(self, queries: Matrix, count: int, scan: int) -> tuple[Scores, Positions]:
        """The best ``count`` by their codes in the nearest lists, which hold ``scan`` vectors on average."""
        probes = min(len(self._centres), math.ceil(scan * len(self._centres) / len(self._matrix)))
        parameters = self._parameters.get(probes)
        if parameters is None:  # to make one takes its time
            parameters = self._parameters[probes] = faiss.SearchParametersIVF(nprobe=probes)
        return self._ivf.search(self._turned(queries), count, params=parameters)  # type: ignore[no-any-return]

    def _search_kept(self, query: Matrix, k: int, count: int, keep: Keep) -> tuple[Scores, Positions]:
        """Reads lists until they hold as many kept vectors as a search without a filter reads. Where those are far more
        than expected, the kept vectors lie far from the query and in no order that the lists know: exact search
        compares with them."""
        turned = self._turned(query)
        near = self._centres @ turned[0]
        order = np.argsort(-near)
        held = keep.counted(self._list_of, len(near))[order].cumsum()
        scan = self._scan(k, len(keep))
        probes = min(len(near), int(np.searchsorted(held, scan)) + 1)
        read = int(self._sizes[order[:probes]].sum())
        if held[-1] <= scan or read > PATIENCE * scan * len(self._matrix) / held[-1]:
            return search_some(query, self._matrix, k, keep.positions)
        lists, centre_scores = order[:probes], near[order[:probes]]
        scores, found = nothing(1, count)
        self._ivf.search_preassigned_c(
            1,
            faiss.swig_ptr(turned),
            count,
            faiss.swig_ptr(lists),
            faiss.swig_ptr(centre_scores),
            faiss.swig_ptr(scores),
            faiss.swig_ptr(found),
            False,
            faiss.SearchParametersIVF(nprobe=probes, sel=keep.selector),
        )
        return search_some(query, self._matrix, k, found) if self.compressed else (scores, found)

    def _turned(self, vectors: Matrix) -> Matrix:
        """Vectors as the lists hold them: rotated, or with zeros behind, where the family does that."""
        if isinstance(self._index, faiss.IndexPreTransform):
            return self._index.chain.at(0).apply(vectors)  # type: ignore[no-any-return]
        return vectors

    def tune(self) -> float:
        """Sets how many lists are read so that they hold the true neighbours, then the depth so that as many are found,
        as far as that goes."""
        queries = sample_queries(self._matrix)
        k = min(RECALL_AT, len(self._matrix))
        scores, near = true_neighbours(queries, self._matrix, k)
        centre_scores = self._turned(queries) @ self._centres.T
        ranks = np.array(
            [
                [np.count_nonzero(each > each[which]) for which in self._list_of[positions]]
                for each, positions in zip(centre_scores, near, strict=True)
            ]
        )
        self._probes, self._probes_filtered = (
            int(np.quantile(ranks, recall, method="higher")) + 1 for recall in (self.lists_recall, TARGET_RECALL)
        )
        if not self.compressed:  # what is in the lists that are read is found
            exact = self._exact_is_quicker(k, len(self._matrix))
            return 1.0 if exact else float((ranks < self._probes).mean())
        scan = self._probes_filtered * len(self._matrix) // len(self._centres)

        def candidates(count: int) -> Positions:
            return self._read_nearest(queries, count, scan)[1]

        wanted = TARGET_RECALL * float((ranks < self._probes_filtered).mean())
        self._depth = tune_depth(queries, self._matrix, scores[:, -1], k, wanted, candidates)
        return float((self.search(queries, k, None)[0] >= scores[:, -1:] - ROUNDING).mean())

    def write(self, folder: Path) -> None:
        def source(name: str) -> Path | None:
            return self._folder / name if self._folder else None

        link_or_write(source(self.FILE), folder / self.FILE, lambda path: faiss.write_index(self._index, str(path)))
        link_or_write(source(VECTORS), folder / VECTORS, lambda path: write_matrix(path, [self._matrix]))

    @classmethod
    def read(cls, folder: Path, dim: int, settings: dict[str, int]) -> Self:
        index = faiss.read_index(str(folder / cls.FILE), faiss.IO_FLAG_MMAP_IFC)
        ivf = faiss.extract_index_ivf(index)
        expected = cls.untrained(dim, 1)
        if _shape(index) != _shape(expected) or ivf.quantizer.ntotal != ivf.nlist:
            raise ValueError("the lists are of another shape")
        return cls(index, read_matrix(folder / VECTORS, dim), settings, folder)

    @classmethod
    def build(cls, matrix: Matrix, progress: Progress) -> Self:
        count, dim = matrix.shape
        lists = lists_for(count)
        index = cls.untrained(dim, lists)
        wanted = max(LEARN_PER_LIST * lists, LEARN_CODES if cls.compressed else 0)
        chosen = np.sort(np.random.default_rng(0).permutation(count)[:wanted])
        # Fewer vectors than the quantisers have codes are given to them several times.
        cls.learn(index, matrix[np.resize(chosen, max(len(chosen), 1 << BITS))])
        for start in range(0, count, BUILD_SLICE):
            index.add(matrix[start : start + BUILD_SLICE])
            progress(index.ntotal)
        return cls(index, matrix, {"nprobe": 1, "nprobe_filtered": 1, "depth": 0})


def lists_for(count: int) -> int:
    """How many lists ``count`` vectors are sorted into."""
    return max(1, min(LISTS_PER_ROOT * math.isqrt(count), count // LEAST_LIST))


def _list_of(ivf: Any, count: int) -> NDArray[np.int32]:
    """Which list each position is in. Raises ValueError where the lists don't hold each position once."""
    lists = np.full(count, -1, np.int32)
    for number in range(ivf.nlist):
        size = ivf.invlists.list_size(number)
        if size:
            positions = faiss.rev_swig_ptr(ivf.invlists.get_ids(number), size)
            if positions.min() < 0 or positions.max() >= count:
                raise ValueError("a list holds positions that are not there")
            lists[positions] = number
    if ivf.ntotal != count or (lists < 0).any():
        raise ValueError("the lists do not hold every position")
    return lists


def _shape(index: Any) -> tuple[int, ...]:
    """What two indexes of one family and dimension have in common; Faiss relies on it unseen."""
    ivf = faiss.extract_index_ivf(index)
    return index.d, ivf.d, ivf.quantizer.d, ivf.code_size, ivf.invlists.code_size, ivf.metric_type
