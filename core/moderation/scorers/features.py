"""What the word scorers see of a text beside its sentence vector: hashed n-grams of words and of letters.

The hashing trick (Weinberger et al., 2009) over word 1- and 2-grams and letter 2- to 5-grams within words, as
scikit-learn's HashingVectorizer does, with log counts and unit length. Own code, since that one hashes in Python loops,
2,000 texts/s here: this hashes every n-gram of thousands of texts by the differences of one running polynomial hash, in
NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.moderation.scorers.normalise import normalise

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

BITS = 18
BUCKETS = 1 << BITS
"""Word n-grams use the lower half of the columns, letter n-grams the upper half."""

LETTERS = (2, 3, 4, 5)
CHUNK = 2048
VERSION = 1
"""Of the features: weights name the one that they were trained on."""

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2^64
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(31)


def ngram_features(texts: Sequence[str]) -> csr_matrix:
    """(n, BUCKETS) float32: log counts of the hashed n-grams of the normalised texts, rows of length one or zero."""
    from scipy.sparse import csr_matrix, vstack

    parts = [_features([normalise(text) for text in texts[at : at + CHUNK]]) for at in range(0, len(texts), CHUNK)]
    return vstack(parts, format="csr") if parts else csr_matrix((0, BUCKETS), dtype=np.float32)


def _features(texts: Sequence[str]) -> csr_matrix:
    from scipy.sparse import csr_matrix

    # Each text between two spaces, so that a word has one on either side.
    joined = "".join(f" {text} " for text in texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(text) + 2 for text in texts], np.int64)
    text_of = np.repeat(np.arange(len(texts)), lengths)
    powers, inverse = _powers(len(codes) + 1)
    running = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum((codes.astype(np.uint64) + np.uint64(1)) * powers[:-1], out=running[1:])

    def hashed(start: NDArray[np.int64], end: NDArray[np.int64], kind: int) -> NDArray[np.int64]:
        value = (running[end] - running[start]) * inverse[start]
        value = (value ^ (value >> _SHIFT)) * (_MIX + np.uint64(2 * kind))
        value ^= value >> _SHIFT
        half = BUCKETS // 2
        column = (value % np.uint64(half)).astype(np.int64)
        return column + half if kind in LETTERS else column

    space = codes == 32
    # Runs of letters and digits are words; any other sign is one by itself.
    kind = _kinds(codes)
    begins = np.flatnonzero(~space & ((kind == 2) | np.append(True, kind[1:] != kind[:-1])))
    changes = np.append(kind[1:] != kind[:-1], True) | (kind == 2)
    ends = np.flatnonzero(~space & changes) + 1
    rows, columns = [text_of[begins]], [hashed(begins, ends, 0)]
    follows = np.flatnonzero(text_of[begins[:-1]] == text_of[begins[1:]]) if len(begins) else begins
    # The pair's hash is that of its two words, whatever stands between them.
    first, second = hashed(begins[follows], ends[follows], 0), hashed(begins[follows + 1], ends[follows + 1], 0)
    pair = (first.astype(np.uint64) * _BASE + second.astype(np.uint64)) * _MIX
    rows.append(text_of[begins[follows]])
    columns.append(((pair ^ (pair >> _SHIFT)) % np.uint64(BUCKETS // 2)).astype(np.int64))
    spaces = np.append(0, np.cumsum(space))
    for n in LETTERS:
        start = np.arange(max(0, len(codes) - n + 1))
        within = spaces[start + n - 1] - spaces[start + 1] == 0 if n > 2 else np.ones(len(start), bool)
        both = space[start] & space[start + n - 1] & (n <= 2)
        kept = np.flatnonzero(within & ~both & (text_of[start] == text_of[start + n - 1]))
        rows.append(text_of[kept])
        columns.append(hashed(kept, kept + n, n))
    keys = np.concatenate(rows) * BUCKETS + np.concatenate(columns)
    keys.sort()
    first_of = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else keys
    counts = np.diff(np.append(first_of, len(keys)))
    keys = keys[first_of]
    at = np.searchsorted(keys, np.arange(len(texts) + 1) * BUCKETS)
    values = (1 + np.log(counts)).astype(np.float32)
    squares = np.append(0, np.cumsum(values.astype(np.float64) ** 2))
    norms = np.sqrt(squares[at[1:]] - squares[at[:-1]])
    values /= np.repeat(np.maximum(norms, 1e-9), np.diff(at)).astype(np.float32)
    return csr_matrix((values, (keys % BUCKETS).astype(np.int32), at), shape=(len(texts), BUCKETS))


_table: list[NDArray[np.uint8]] = []


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """0 space, 1 letter, digit or mark, 2 any other sign."""
    if not _table:
        kinds = np.full(1 << 16, 2, np.uint8)
        kinds[[code for code in range(1 << 16) if chr(code).isalnum() or chr(code) in "_'’"]] = 1
        kinds[32] = 0
        _table.append(kinds)
    return _table[0][np.minimum(codes, 0xFFFF)]


_kept: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []


def _powers(count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The powers of the base and of its inverse, modulo 2^64."""
    if not _kept or len(_kept[0][0]) < count:
        inverse = np.uint64(pow(int(_BASE), -1, 1 << 64))
        size = max(count, 1 << 16)
        ones = np.ones(size, np.uint64)
        ones[1:] = _BASE
        powers = np.cumprod(ones)
        ones[1:] = inverse
        _kept[:] = [(powers, np.cumprod(ones))]
    powers, inverses = _kept[0]
    return powers[:count], inverses[:count]
