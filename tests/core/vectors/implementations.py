"""The kinds of vector index that the contract suite runs against.

Another engine joins by a class like :class:`OnFaiss` and a line in ``IMPLEMENTATIONS``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from core.types import Space
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.families import FAMILIES
from core.vectors.protocol import Matrix, Rows, VectorIndex


class Implementation(Protocol):
    """Makes and opens one kind of index. ``family`` is what its indexes call themselves."""

    family: str

    def build(self, vectors: Matrix, rows: Rows, space: Space) -> VectorIndex:
        """A new index of its own, that no other call's index shares. Raises VectorError for hostile input."""
        ...

    def load(self, folder: Path, space: Space | None = None) -> VectorIndex:
        """Opens what ``VectorIndex.save`` wrote there."""
        ...


class OnFaiss:
    """A Faiss family. Building the same twice opens what the first time saved, since training takes its time."""

    def __init__(self, family: str, folder: Path) -> None:
        self.family = family
        self._folder = folder

    def build(self, vectors: Matrix, rows: Rows, space: Space) -> VectorIndex:
        if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32:
            return build_index(vectors, rows, space, self.family)
        digest = hashlib.sha256(repr((vectors.shape, space)).encode() + vectors.tobytes() + np.asarray(rows).tobytes())
        folder = self._folder / digest.hexdigest()[:16]
        if not folder.exists():
            build_index(vectors, rows, space, self.family).save(folder, generation=1)
        return FaissIndex.load(folder)

    def load(self, folder: Path, space: Space | None = None) -> VectorIndex:
        return FaissIndex.load(folder, space)


IMPLEMENTATIONS: dict[str, Callable[[Path], Implementation]] = {
    family: lambda folder, family=family: OnFaiss(family, folder)  # type: ignore[misc]
    for family in FAMILIES
}
"""Name to a function of a folder, empty at first, that stays for the whole test session."""
