"""The kinds of vector index that the contract suite runs against.

Another engine joins by a class like :class:`OnFaiss` and a line in ``IMPLEMENTATIONS``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from core.settings import Secret
from core.types import Space
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.families import FAMILIES
from core.vectors.milvus import MilvusIndex
from core.vectors.milvus_connection import MilvusConnection, read_address
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


class OnMilvus:
    """Milvus, as milvus-lite serves it from a file: the same calls as to a server."""

    family = "milvus"

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
        address = read_address(f"milvus:{folder}/contract.db")
        self._connection = MilvusConnection(address, token=Secret(), database="default", timeout=60)
        self._built = 0

    def build(self, vectors: Matrix, rows: Rows, space: Space) -> VectorIndex:
        self._built += 1
        index = MilvusIndex(self._connection, f"contract_{self._built}", space)
        index.add(rows, vectors)
        self._connection.call("flush", index.collection)  # quicker to search than what was just written
        return index

    def load(self, folder: Path, space: Space | None = None) -> VectorIndex:
        return MilvusIndex.load(folder, self._connection, space)


IMPLEMENTATIONS: dict[str, Callable[[Path], Implementation]] = {
    family: lambda folder, family=family: OnFaiss(family, folder)  # type: ignore[misc]
    for family in FAMILIES
} | {"milvus": OnMilvus}
"""Name to a function of a folder, empty at first, that stays for the whole test session."""
