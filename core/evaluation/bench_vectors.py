"""The vectors that a benchmark takes: from a file, or generated."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from core.errors import VectorError
from core.vectors.protocol import Matrix


def generate(path: Path, count: int, dim: int) -> None:
    """Writes ``count`` unit vectors as .npy: each about a topic and, less so, a second one, of 1,000 topics of unequal
    size; what differs falls off with the direction's number as it does in sentence vectors, all turned at random."""
    rng = np.random.default_rng(0)
    falling = (1 / np.arange(1, dim + 1)).astype(np.float32)
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)
    topics = rng.standard_normal((1_000, dim), np.float32) * falling
    share = 1 / np.arange(1, 1_001)
    share /= share.sum()
    unfinished = path.with_suffix(".new")
    vectors = np.lib.format.open_memmap(unfinished, "w+", np.float32, (count, dim))
    for start in range(0, count, 20_000):
        size = min(20_000, count - start)
        block = 0.7 * falling * rng.standard_normal((size, dim), np.float32)
        block += topics[rng.choice(1_000, size, p=share)] + 0.6 * topics[rng.choice(1_000, size, p=share)]
        block = block @ turn
        vectors[start : start + size] = block / np.linalg.norm(block, axis=1, keepdims=True)
    vectors.flush()
    os.replace(unfinished, path)


def read_vectors(path: Path) -> Matrix:
    """The (n, dim) float32 vectors of an .npy file, mapped. Raises VectorError for any other file."""
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise VectorError(f"{path} can't be read as an .npy file: {error}") from error
    if matrix.ndim != 2 or matrix.dtype != np.float32:
        raise VectorError(f"{path} holds {matrix.dtype} of shape {matrix.shape}, not float32 vectors (n, dim).")
    return np.asarray(matrix)
