"""What every vector index does, checked against brute force in numpy, for every family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import JobStopped, VectorError
from core.types import Space
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.families import FAMILIES

DIM = 24
COUNT = 3_000
SPACE = Space("text", "test-model", DIM)
QUERIES = 100


@pytest.fixture(params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(seed: int, count: int = COUNT) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, DIM))
    return unit(centres[rng.integers(0, 40, count)] + 0.6 * rng.standard_normal((count, DIM)))


def some_rows(seed: int, count: int = COUNT) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(3 * count)[:count].astype(np.int64)


class BruteForce:
    """The same calls in a few lines of numpy."""

    def __init__(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self.stored = dict(zip(rows.tolist(), vectors, strict=True))

    def add(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self.stored.update(zip(rows.tolist(), vectors, strict=True))

    def remove(self, rows: NDArray[np.int64]) -> None:
        for row in rows.tolist():
            self.stored.pop(row, None)

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = np.array(sorted(self.stored if allowed is None else set(self.stored) & set(allowed.tolist())), np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        found = np.full((len(queries), k), -1, np.int64)
        if len(rows):
            matrix = np.stack([self.stored[row] for row in rows.tolist()])
            for at, query in enumerate(queries):
                every = np.einsum("ij,j->i", matrix, query)
                best = np.lexsort((rows, -every))[:k]
                scores[at, : len(best)], found[at, : len(best)] = every[best], rows[best]
        return scores, found


def recall(found: NDArray[np.int64], expected: NDArray[np.int64]) -> float:
    hits = sum(len(set(a[a >= 0]) & set(b[b >= 0])) for a, b in zip(found, expected, strict=True))
    return hits / max(1, int((expected >= 0).sum()))


def assert_agrees(
    index: FaissIndex,
    brute: BruteForce,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.int64] | None = None,
) -> None:
    scores, rows = index.search(queries, k, allowed=allowed)
    expected_scores, expected_rows = brute.search(queries, k, allowed)
    assert scores.shape == rows.shape == (len(queries), k)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    assert (scores[:, :-1] >= scores[:, 1:]).all()
    assert ((rows == -1) == np.isneginf(scores)).all()
    if index.family == "flat":
        np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
        # Two vectors whose scores differ in the last digit may change places; nothing else may.
        differ = rows != expected_rows
        np.testing.assert_allclose(scores[differ], expected_scores[differ], rtol=0, atol=1e-6)
        assert differ.mean() < 0.01
    else:
        assert recall(rows, expected_rows) >= 0.99
    for query, score, row in zip(queries, scores, rows, strict=True):
        real = row >= 0
        assert len(set(row[real])) == real.sum()
        np.testing.assert_allclose(score[real], index.reconstruct(row[real]) @ query, atol=1e-5)


def make(family: str, seed: int = 1) -> tuple[FaissIndex, BruteForce]:
    rows, vectors = some_rows(seed), clustered(seed)
    return build_index(vectors, rows, SPACE, family), BruteForce(rows, vectors)


@pytest.mark.parametrize("k", [1, 10, 100, 1000])
def test_search_agrees_with_brute_force(family: str, k: int) -> None:
    index, brute = make(family)
    assert index.family == family
    assert len(index) == COUNT
    assert_agrees(index, brute, clustered(2, QUERIES), k)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01, 0.001])
def test_filtered_search_agrees_with_brute_force(family: str, share: float) -> None:
    index, brute = make(family)
    rng = np.random.default_rng(3)
    known = np.array(list(brute.stored))
    allowed = rng.permutation(known)[: int(share * COUNT)]
    unknown = np.array([-5, 3 * COUNT + 7, 2**62])
    allowed = np.concatenate([allowed, unknown, allowed[:1]])
    assert_agrees(index, brute, clustered(4, QUERIES), 10, allowed)


def test_a_filter_in_one_far_corner(family: str) -> None:
    """The allowed rows are the least similar ones: a walk towards the query does not meet them."""
    index, brute = make(family)
    query = clustered(5, 1)
    far = brute.search(query, COUNT)[1][0, -COUNT // 3 :]
    assert_agrees(index, brute, query, 10, far)


def test_added_replaced_and_removed_rows(family: str, tmp_path: Path) -> None:
    index, brute = make(family)
    rng = np.random.default_rng(6)
    queries = clustered(7, QUERIES)
    for step in range(4):
        known = np.array(list(brute.stored))
        new = np.concatenate([rng.permutation(known)[:60], 10_000 + 100 * step + np.arange(60)])
        vectors = clustered(100 + step, 120)
        gone = rng.permutation(np.concatenate([known[:80], new[:20], [999_999]]))
        for target in (index, brute):
            target.add(new, vectors)
            target.remove(gone)
        assert len(index) == len(brute.stored)
        assert index.rows().tolist() == sorted(brute.stored)
        assert_agrees(index, brute, queries, 10)
        assert_agrees(index, brute, queries, 10, rng.permutation(np.array(list(brute.stored)))[:300])
        _, rows = index.search(queries, 50)
        assert not set(rows.ravel()) & set(gone.tolist()) - set(brute.stored)
        if step == 1:
            index.save(tmp_path / "index", generation=step)
        if step == 2:
            index.save(tmp_path / "index", generation=step)
            index = FaissIndex.load(tmp_path / "index", SPACE)
            assert index.rows().tolist() == sorted(brute.stored)
            assert_agrees(index, brute, queries, 10)
    index.remove(np.array(list(brute.stored)))
    assert len(index) == 0
    assert (index.search(queries, 3)[1] == -1).all()


def test_save_and_load_give_the_same_answers(family: str, tmp_path: Path) -> None:
    index, brute = make(family)
    queries = clustered(8, QUERIES)
    before = index.search(queries, 10)
    index.save(tmp_path / "index", generation=5)
    for again in (index, FaissIndex.load(tmp_path / "index")):
        after = again.search(queries, 10)
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])
        assert (again.family, again.space, len(again)) == (family, SPACE, COUNT)
    assert_agrees(index, brute, queries, 10)


def test_exact_ties_come_in_rising_row(family: str) -> None:
    rows, vectors = some_rows(9), clustered(9)
    same = np.random.default_rng(10).permutation(COUNT)[:60]
    vectors[same] = vectors[same[0]]
    index = build_index(vectors, rows, SPACE, family)
    expected = np.sort(rows[same])
    # Also where the equal ones go on past k, and where some of them came later.
    for k in (1, 5, 20, 60):
        _, found = index.search(vectors[same[:1]], k)
        assert found[0].tolist() == expected[:k].tolist()
    index.add(expected[10:20], vectors[same[:10]])
    _, found = index.search(vectors[same[:1]], 30)
    assert found[0].tolist() == expected[:30].tolist()


def test_one_vector_many_times(family: str) -> None:
    """A wave of reposts: most vectors are the same one. The others must still be found."""
    rows, vectors = some_rows(11), clustered(11)
    vectors[: COUNT * 2 // 3] = vectors[0]
    index, brute = build_index(vectors, rows, SPACE, family), BruteForce(rows, vectors)
    assert_agrees(index, brute, clustered(12, QUERIES), 10)


def test_more_neighbours_than_there_are(family: str) -> None:
    rows = np.array([7, 3, 5])
    vectors = clustered(13, 3)
    index = build_index(vectors, rows, SPACE, family)
    scores, found = index.search(vectors, 6)
    assert set(found[0, :3]) == {3, 5, 7}
    assert (found[:, 3:] == -1).all()
    assert np.isneginf(scores[:, 3:]).all()
    assert found[:, 0].tolist() == [7, 3, 5]
    _, found = index.search(vectors, 4, allowed=np.array([5, 3]))
    assert [set(line) for line in found] == [{3, 5, -1}] * 3


def test_nothing_stored_nothing_allowed_nothing_asked(family: str, tmp_path: Path) -> None:
    empty = build_index(np.empty((0, DIM), np.float32), np.empty(0, np.int64), SPACE, family)
    query = clustered(14, 1)
    for _ in range(2):
        scores, rows = empty.search(query, 4)
        assert rows.tolist() == [[-1] * 4]
        assert np.isneginf(scores).all()
        empty.save(tmp_path / "empty", generation=0)
        empty = FaissIndex.load(tmp_path / "empty")
    full, _ = make(family)
    assert full.search(query, 4, allowed=np.empty(0, np.int64))[1].tolist() == [[-1] * 4]
    assert full.search(query, 4, allowed=np.array([10**9]))[1].tolist() == [[-1] * 4]
    assert full.search(np.empty((0, DIM), np.float32), 4)[1].shape == (0, 4)
    full.remove(np.empty(0, np.int64))
    full.add(np.empty(0, np.int64), np.empty((0, DIM), np.float32))
    assert len(full) == COUNT


def bad(value: float) -> NDArray[np.float32]:
    vectors = clustered(15, 2)
    vectors[1, 3] = value
    return vectors


HOSTILE_MATRICES = {
    "nan": bad(np.nan),
    "infinite": bad(np.inf),
    "huge": bad(3e38),
    "zero": np.zeros((2, DIM), np.float32),
    "another dimension": np.ones((2, DIM + 1), np.float32),
    "one vector, no matrix": clustered(15, 2)[0],
    "whole numbers": np.ones((2, DIM), np.int64),
    "words": np.full((2, DIM), "x"),
    "objects": np.full((2, DIM), None),
}


@pytest.mark.parametrize("name", HOSTILE_MATRICES)
def test_hostile_matrices_are_refused_and_change_nothing(family: str, name: str) -> None:
    index, _ = make(family)
    with pytest.raises(VectorError):
        index.search(HOSTILE_MATRICES[name], 3)
    with pytest.raises(VectorError):
        index.add(np.array([1, 2]), HOSTILE_MATRICES[name])
    with pytest.raises(VectorError):
        build_index(HOSTILE_MATRICES[name], np.array([1, 2]), SPACE, family)
    assert len(index) == COUNT


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(family: str, k: int) -> None:
    with pytest.raises(VectorError, match=f"k is {k}"):
        make(family)[0].search(clustered(16, 1), k)


@pytest.mark.parametrize(
    "rows", [np.array([1, 1]), np.array([-1, 2]), np.array([1]), np.array([1.0, 2.0]), np.array([[1, 2]])]
)
def test_rows_that_can_not_be_stored_are_refused(family: str, rows: NDArray[np.int64]) -> None:
    vectors = clustered(17, 2)
    index, _ = make(family)
    with pytest.raises(VectorError):
        index.add(rows, vectors)
    with pytest.raises(VectorError):
        build_index(vectors, rows, SPACE, family)


def test_vectors_that_are_not_unit_are_refused(family: str) -> None:
    vectors = clustered(18, 2) * np.float32(1.5)
    with pytest.raises(VectorError, match="length"):
        make(family)[0].add(np.array([1, 2]), vectors)
    with pytest.raises(VectorError, match="length"):
        build_index(vectors, np.array([1, 2]), SPACE, family)


def test_reconstruct_gives_what_was_stored(family: str) -> None:
    index, brute = make(family)
    index.add(np.array([50_000]), clustered(19, 1))
    rows = np.array([50_000, *list(brute.stored)[:5]])
    np.testing.assert_array_equal(
        index.reconstruct(rows), np.stack([clustered(19, 1)[0], *(brute.stored[row] for row in rows[1:].tolist())])
    )
    index.remove(rows[:1])
    with pytest.raises(VectorError, match="50000"):
        index.reconstruct(rows)
    with pytest.raises(VectorError, match="-1"):
        index.reconstruct(np.array([-1]))
    assert index.reconstruct(np.empty(0, np.int64)).shape == (0, DIM)


def test_building_tells_its_progress_and_can_be_stopped(family: str) -> None:
    seen: list[tuple[int, int]] = []
    build_index(clustered(20), some_rows(20), SPACE, family, report=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, COUNT)
    assert seen[-1] == (COUNT, COUNT)
    assert len(seen) > 2
    with pytest.raises(JobStopped):
        build_index(clustered(20), some_rows(20), SPACE, family, stopped=lambda: True)


def test_a_query_of_any_length_and_layout(family: str) -> None:
    index, _ = make(family)
    queries = clustered(21, 6)
    expected = index.search(queries, 5)[1]
    for same in (queries.astype(np.float64), np.asfortranarray(queries), np.repeat(queries, 2, 0)[::2], 3 * queries):
        np.testing.assert_array_equal(index.search(same, 5)[1], expected)


def test_a_batch_gives_what_single_queries_give(family: str) -> None:
    index, _ = make(family)
    queries = clustered(22, 50)
    together = index.search(queries, 10)[1]
    np.testing.assert_array_equal(together, np.concatenate([index.search(query[None], 10)[1] for query in queries]))
