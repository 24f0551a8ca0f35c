"""The family ``lsh``: one bit for each of many random directions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

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
from core.vectors.validation import ROUNDING

BITS_PER_DIMENSION, MOST_BITS = 4, 512
"""Codes of up to 64 bytes have kernels of their own in Faiss, four times quicker than longer ones."""
CODE_COST = 0.15
"""What comparing with a code costs, in whole vectors that exact search reads in the same time."""
FAR = 0.45
"""Where more than this share of the bits differ, codes hardly tell near from far."""
LEARN = 20_000
"""Vectors of which each direction's median is taken."""

BUILD_SLICE = 20_000


class Lsh:
    """Locality-sensitive hashing by random directions (Charikar, 2002): the bits tell on which side of the median a
    vector lies, and the number of differing bits grows with the angle. All codes are compared, and the best candidates
    ranked once more from the whole vectors."""

    name: ClassVar[str] = "lsh"
    about: ClassVar[str] = (
        "Random bits: a twentieth of the memory and nothing to learn; compares with every code, ranks the best exactly"
        " from disk."
    )
    exact: ClassVar[bool] = False
    compressed: ClassVar[bool] = True
    FILES: ClassVar[tuple[str, str]] = ("directions.faiss", "codes.faiss")

    def __init__(self, directions: Any, codes: Any, matrix: Matrix, depth: int, folder: Path | None = None) -> None:
        self._directions, self._codes = directions, codes
        self._matrix = matrix
        self._depth = depth
        self._folder = folder

    @property
    def matrix(self) -> Matrix:
        return self._matrix

    @property
    def memory_bytes(self) -> int:
        return len(self._matrix) * int(self._codes.code_size)

    @property
    def settings(self) -> dict[str, int]:
        return {"bits": int(self._codes.d), "depth": self._depth}

    def _candidates_for(self, k: int) -> int:
        return depth_for(self._depth, k, len(self._matrix))

    def plan(self, k: int, kept: int) -> Plan:
        candidates = self._candidates_for(k)
        if kept <= CODE_COST * kept + candidates:
            return Plan("exact", f"Exact: comparing with {kept:,} vectors is quicker than with codes.")
        return Plan("index", f"Compares with the codes of {kept:,} vectors, and ranks the best {candidates:,} exactly.")

    def search(self, queries: Matrix, k: int, keep: Keep | None) -> tuple[Scores, Positions]:
        kept = len(self._matrix) if keep is None else len(keep)
        if self.plan(k, kept).how == "exact":
            if keep is None:
                return search_all(queries, self._matrix, k)
            return search_some(queries, self._matrix, k, keep.positions)
        differing, candidates = self._candidates(queries, self._candidates_for(k), keep)
        scores, found = search_some(queries, self._matrix, k, candidates)
        if keep is not None:
            # A filter may leave only what is far from the query.
            for at in np.flatnonzero(differing[:, k - 1] > FAR * self._codes.d):
                scores[at], found[at] = search_some(queries[at : at + 1], self._matrix, k, keep.positions)
        return scores, found

    def _candidates(self, queries: Matrix, count: int, keep: Keep | None) -> tuple[NDArray[np.int32], Positions]:
        """(m, count) numbers of differing bits, and positions."""
        parameters = None if keep is None else faiss.SearchParameters(sel=keep.selector)
        codes = self._directions.sa_encode(queries)
        return self._codes.search(codes, count, params=parameters)  # type: ignore[no-any-return]

    def tune(self) -> float:
        """Sets the depth so that TARGET_RECALL is found, as far as that goes."""
        queries = sample_queries(self._matrix)
        k = min(RECALL_AT, len(self._matrix))
        worst = true_neighbours(queries, self._matrix, k)[0][:, -1:]

        def candidates(count: int) -> Positions:
            return self._candidates(queries, count, None)[1]

        self._depth = tune_depth(queries, self._matrix, worst[:, 0], k, TARGET_RECALL, candidates)
        return float((self.search(queries, k, None)[0] >= worst - ROUNDING).mean())

    def write(self, folder: Path) -> None:
        writers = (
            (self.FILES[0], lambda path: faiss.write_index(self._directions, str(path))),
            (self.FILES[1], lambda path: faiss.write_index_binary(self._codes, str(path))),
            (VECTORS, lambda path: write_matrix(path, [self._matrix])),
        )
        for name, write in writers:
            link_or_write(self._folder / name if self._folder else None, folder / name, write)

    @classmethod
    def read(cls, folder: Path, dim: int, settings: dict[str, int]) -> Lsh:
        directions = faiss.read_index(str(folder / cls.FILES[0]))
        codes = faiss.read_index_binary(str(folder / cls.FILES[1]), faiss.IO_FLAG_MMAP_IFC)
        matrix = read_matrix(folder / VECTORS, dim)
        if (directions.d, directions.nbits, codes.ntotal) != (dim, codes.d, len(matrix)):
            raise ValueError("the codes are of another shape")
        return cls(directions, codes, matrix, settings["depth"], folder)

    @classmethod
    def build(cls, matrix: Matrix, progress: Progress) -> Lsh:
        count, dim = matrix.shape
        directions = faiss.IndexLSH(dim, bits_for(dim), True, True)
        directions.train(matrix[np.sort(np.random.default_rng(0).permutation(count)[:LEARN])])
        codes = faiss.IndexBinaryFlat(directions.nbits)
        for start in range(0, count, BUILD_SLICE):
            codes.add(directions.sa_encode(matrix[start : start + BUILD_SLICE]))
            progress(codes.ntotal)
        return cls(directions, codes, matrix, 0)


def bits_for(dim: int) -> int:
    """How many bits a code has."""
    return min(MOST_BITS, 8 * math.ceil(dim * BITS_PER_DIMENSION / 8))
