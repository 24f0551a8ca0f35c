"""Who acted on what, as files of ``user item item ...`` tell it, and parts of it held out with a seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import ImportFailed, SettingError

MOST_IDS = 50_000_000
"""Ids in files are positions; a larger one is a mistake, and would ask for memory that no machine has."""


@dataclass(frozen=True, slots=True)
class Split:
    """Interactions to learn from and to be judged on, both (users, items) CSR float32 with a 1 an interaction."""

    train: sp.csr_matrix
    held: sp.csr_matrix


def read_interactions(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(users, items) of a file that has a user a line: its number, then the numbers of items.

    A user may have several lines and an item be named twice. Raises ImportFailed, naming the line, for what is no
    number, negative or above MOST_IDS.
    """
    users: list[int] = []
    items: list[NDArray[np.int64]] = []
    counts: list[int] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    values = np.array(line.split(), np.int64)
                except (ValueError, OverflowError):
                    raise ImportFailed(
                        f"{path.name}, line {number}: a line is 'user item item ...', all whole numbers."
                    ) from None
                if len(values) and not 0 <= values.min() <= values.max() <= MOST_IDS:
                    raise ImportFailed(f"{path.name}, line {number}: ids lie between 0 and {MOST_IDS:,}.")
                if len(values) > 1:
                    users.append(int(values[0]))
                    items.append(values[1:])
                    counts.append(len(values) - 1)
    except OSError as error:
        raise ImportFailed(f"{path} can't be read: {error.strerror}.") from None
    if not users:
        raise ImportFailed(f"{path.name} holds no interaction.")
    return np.repeat(np.array(users, np.int64), counts), np.concatenate(items)


def as_matrix(users: NDArray[np.int64], items: NDArray[np.int64], shape: tuple[int, int]) -> sp.csr_matrix:
    """A (users, items) CSR float32 matrix with a 1 wherever there is an interaction, however often."""
    matrix = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def read_matrices(*paths: Path) -> list[sp.csr_matrix]:
    """The files' matrices, all of one shape."""
    read = [read_interactions(path) for path in paths]
    shape = (max(int(u.max()) for u, _ in read) + 1, max(int(i.max()) for _, i in read) + 1)
    return [as_matrix(users, items, shape) for users, items in read]


def without(matrix: sp.csr_matrix, other: sp.csr_matrix) -> sp.csr_matrix:
    """``matrix`` less what is in ``other``."""
    left = matrix - matrix.multiply(other)
    left.eliminate_zeros()
    return left.tocsr().astype(np.float32)


def union(matrix: sp.csr_matrix, other: sp.csr_matrix) -> sp.csr_matrix:
    both = (matrix + other).tocsr().astype(np.float32)
    both.data[:] = 1.0
    return both


def hold_out(matrix: sp.csr_matrix, *, seed: int, share: float = 0.2, most_users: int = 3000) -> Split:
    """Holds out ``share`` of the items, one at least, of up to ``most_users`` users who have five or more.

    So choosing costs little of what can be learnt from. Raises SettingError where nobody has five.
    """
    rng = np.random.default_rng(seed)
    counts = np.diff(matrix.indptr)
    able = np.flatnonzero(counts >= 5)
    if not len(able):
        raise SettingError("No user has five interactions or more, so none can be held out for choosing: give --valid.")
    chosen = np.sort(rng.choice(able, min(most_users, max(1, len(able) // 2)), replace=False))
    rows, columns = [], []
    for user in chosen:
        own = matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]]
        picked = rng.choice(own, max(1, round(share * len(own))), replace=False)
        rows.append(np.full(len(picked), user))
        columns.append(picked)
    held = as_matrix(np.concatenate(rows), np.concatenate(columns), matrix.shape)
    return Split(without(matrix, held), held)


def hold_out_items(matrix: sp.csr_matrix, *, seed: int, share: float) -> tuple[Split, NDArray[np.int64]]:
    """Holds out a share of the items whole, as if they were new; gives their numbers too."""
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]))
    cold = np.sort(rng.choice(known, max(1, round(share * len(known))), replace=False))
    chosen = np.zeros(matrix.shape[1], bool)
    chosen[cold] = True
    of_cold = chosen[matrix.indices]
    users = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    held = as_matrix(users[of_cold], matrix.indices[of_cold], matrix.shape)
    return Split(without(matrix, held), held), cold


def faded(matrix: sp.csr_matrix, days: NDArray[np.float32], half_life: float) -> sp.csr_matrix:
    """``matrix`` with each weight halved every ``half_life`` days before the newest of its row; ``days`` are aligned
    with its data."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    newest = np.full(matrix.shape[0], np.inf)
    np.minimum.at(newest, rows, days)
    weights = matrix.data * np.exp2(-(days - newest[rows]) / half_life)
    return sp.csr_matrix((weights.astype(np.float32), matrix.indices, matrix.indptr), matrix.shape)


def split_hash(*matrices: sp.csr_matrix) -> str:
    """Twelve hex digits that name these interactions in this split, whatever the files were called."""
    digest = hashlib.sha256()
    for matrix in matrices:
        ordered = matrix.sorted_indices()
        digest.update(np.asarray(ordered.shape, np.int64).tobytes())
        digest.update(ordered.indptr.astype(np.int64).tobytes())
        digest.update(ordered.indices.astype(np.int64).tobytes())
    return digest.hexdigest()[:12]
