"""What every vector index does, checked against brute force in numpy through the protocol alone.

An index that calls itself exact must agree with brute force, but for ties in the last digit; another is held to its
recall: 0.99, or 0.95 where it is compressed, and 0.99 under every filter.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import VectorError
from core.types import Space
from core.vectors.protocol import Matrix, Rows, Scores, VectorIndex
from tests.core.vectors.implementations import IMPLEMENTATIONS, Implementation

DIM = 24
COUNT = 3_000
SPACE = Space("text", "test-model", DIM)
QUERIES = 100

ROUNDING = 1e-5
"""Kernels add up in different orders; two scores nearer than this may change places."""


@pytest.fixture(scope="module", params=sorted(IMPLEMENTATIONS))
def implementation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Implementation:
    return IMPLEMENTATIONS[request.param](tmp_path_factory.mktemp(request.param))


def unit(vectors: NDArray[np.floating]) -> Matrix:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(seed: int, count: int = COUNT) -> Matrix:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((40, DIM))
    return unit(centres[rng.integers(0, 40, count)] + 0.6 * rng.standard_normal((count, DIM)))


def some_rows(seed: int, count: int = COUNT) -> Rows:
    return np.random.default_rng(seed).permutation(3 * count)[:count].astype(np.int64)


class BruteForce:
    """The same calls in a few lines of numpy."""

    def __init__(self, rows: Rows, vectors: Matrix) -> None:
        self.stored = dict(zip(rows.tolist(), vectors, strict=True))

    def add(self, rows: Rows, vectors: Matrix) -> None:
        self.stored.update(zip(rows.tolist(), vectors, strict=True))

    def remove(self, rows: Rows) -> None:
        for row in rows.tolist():
            self.stored.pop(row, None)

    def known(self) -> Rows:
        return np.array(sorted(self.stored), np.int64)

    def ranked(self, query: Matrix, allowed: Rows | None = None) -> tuple[Scores, Rows]:
        rows = self.known() if allowed is None else np.intersect1d(self.known(), allowed)
        if not len(rows):
            return np.empty(0, np.float32), rows
        scores = np.einsum("ij,j->i", np.stack([self.stored[row] for row in rows.tolist()]), query)
        order = np.lexsort((rows, -scores))
        return scores[order], rows[order]

    def search(self, queries: Matrix, k: int, allowed: Rows | None = None) -> tuple[Scores, Rows]:
        scores = np.full((len(queries), k), -np.inf, np.float32)
        found = np.full((len(queries), k), -1, np.int64)
        for at, query in enumerate(queries):
            best, rows = self.ranked(query, allowed)
            scores[at, : len(best)], found[at, : len(best)] = best[:k], rows[:k]
        return scores, found


def recall(found: Rows, expected: Rows) -> float:
    hits = sum(len(set(a[a >= 0]) & set(b[b >= 0])) for a, b in zip(found, expected, strict=True))
    return hits / max(1, int((expected >= 0).sum()))


def assert_agrees(index: VectorIndex, brute: BruteForce, queries: Matrix, k: int, allowed: Rows | None = None) -> None:
    scores, rows = index.search(queries, k, allowed=allowed)
    expected_scores, expected_rows = brute.search(queries, k, allowed)
    assert scores.shape == rows.shape == (len(queries), k)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)
    assert ((rows == -1) == np.isneginf(scores)).all()
    if index.capabilities.exact:
        np.testing.assert_allclose(scores, expected_scores, atol=ROUNDING)
        differ = rows != expected_rows
        assert differ.mean() < 0.01
    else:
        filtered = allowed is not None
        assert recall(rows, expected_rows) >= (0.95 if index.capabilities.compressed and not filtered else 0.99)
    found = np.unique(rows[rows >= 0])
    assert set(found.tolist()) <= brute.stored.keys()
    stored = index.reconstruct(found)
    for query, score, row in zip(queries, scores, rows, strict=True):
        real = row >= 0
        assert len(set(row[real])) == real.sum()
        assert_in_order(score[real], row[real])
        np.testing.assert_allclose(score[real], stored[np.searchsorted(found, row[real])] @ query, atol=ROUNDING)


def assert_in_order(scores: Scores, rows: Rows) -> None:
    assert (scores[:-1] >= scores[1:]).all()
    same = scores[:-1] == scores[1:]
    assert (rows[:-1][same] < rows[1:][same]).all()


def make(implementation: Implementation, seed: int = 1) -> tuple[VectorIndex, BruteForce]:
    rows, vectors = some_rows(seed), clustered(seed)
    return implementation.build(vectors, rows, SPACE), BruteForce(rows, vectors)


def test_an_index_says_what_it_is(implementation: Implementation) -> None:
    index, brute = make(implementation)
    assert (index.family, index.space, len(index)) == (implementation.family, SPACE, COUNT)
    assert index.rows().tolist() == brute.known().tolist()
    assert index.memory_bytes >= 0
    assert not (index.capabilities.exact and index.capabilities.compressed)


@pytest.mark.parametrize("k", [1, 10, 100, 1000])
def test_search_agrees_with_brute_force(implementation: Implementation, k: int) -> None:
    index, brute = make(implementation)
    assert_agrees(index, brute, clustered(2, QUERIES if k < 1000 else 20), k)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01, 0.001])
def test_filtered_search_agrees_with_brute_force(implementation: Implementation, share: float) -> None:
    index, brute = make(implementation)
    allowed = np.random.default_rng(3).permutation(brute.known())[: int(share * COUNT)]
    unknown = np.array([-5, 3 * COUNT + 7, 2**62])
    allowed = np.concatenate([allowed, unknown, allowed[:1]])
    assert_agrees(index, brute, clustered(4, QUERIES), 10, allowed)


def test_a_filter_in_one_far_corner(implementation: Implementation) -> None:
    """The allowed rows are the least similar ones: a walk towards the query does not meet them."""
    index, brute = make(implementation)
    for query in clustered(5, 5):
        far = brute.ranked(query)[1][-COUNT // 3 :]
        assert_agrees(index, brute, query[None], 10, far)


def test_a_filter_that_is_mostly_of_rows_that_are_not_here(implementation: Implementation) -> None:
    """As where a filter speaks of all posts and few of them have a vector."""
    index, brute = make(implementation)
    elsewhere = np.arange(10_000, 20_000)
    assert index.search(clustered(4, 2), 4, allowed=elsewhere)[1].tolist() == [[-1] * 4] * 2
    assert_agrees(index, brute, clustered(4, QUERIES), 10, np.concatenate([elsewhere, brute.known()[:50]]))


def test_the_plan_says_how_and_why(implementation: Implementation) -> None:
    index, _ = make(implementation)
    for allowed in (None, COUNT, COUNT // 2, 30, 1):
        plan = index.plan(10, allowed)
        assert plan.how == "exact" if index.capabilities.exact else plan.how in ("exact", "index")
        assert plan.reason.endswith(".")
    assert index.plan(10, 0).how == "nothing"
    with pytest.raises(VectorError, match="k is 0"):
        index.plan(0)
    index.remove(index.rows())
    assert index.plan(10).how == "nothing"


def assert_same_range(
    index: VectorIndex, brute: BruteForce, queries: Matrix, least: float, allowed: Rows | None = None
) -> None:
    found = index.range_search(queries, least, allowed=allowed)
    assert found.limits.shape == (len(queries) + 1,)
    assert (found.limits.dtype, found.scores.dtype, found.rows.dtype) == (np.int64, np.float32, np.int64)
    assert found.limits[0] == 0
    assert found.limits[-1] == len(found.rows) == len(found.scores)
    for query, (start, end) in zip(queries, pairwise(found.limits), strict=True):
        scores, rows = found.scores[start:end], found.rows[start:end]
        assert_in_order(scores, rows)
        assert (scores >= least - ROUNDING).all()
        every_score, every_row = brute.ranked(query, allowed)
        surely, perhaps = every_row[every_score > least + ROUNDING], every_row[every_score > least - ROUNDING]
        assert set(surely) <= set(rows) <= set(perhaps)
        assert len(set(rows)) == len(rows)
        known = dict(zip(every_row.tolist(), every_score.tolist(), strict=True))
        np.testing.assert_allclose(scores, [known[row] for row in rows.tolist()], atol=ROUNDING)


@pytest.mark.parametrize("least", [0.95, 0.7, 0.0, -1.0])
def test_a_range_search_finds_all_above_a_similarity(implementation: Implementation, least: float) -> None:
    index, brute = make(implementation)
    queries = clustered(23, 5)
    assert_same_range(index, brute, queries, least)
    allowed = np.concatenate([np.random.default_rng(24).permutation(brute.known())[: COUNT // 10], [10**9, -3]])
    assert_same_range(index, brute, queries, least, allowed)


def test_a_range_search_sees_what_came_and_not_what_went(implementation: Implementation) -> None:
    index, brute = make(implementation)
    query = clustered(25, 1)
    near = brute.ranked(query[0])[1]
    for target in (index, brute):
        target.remove(near[:3])
        target.add(np.array([20_000, near[5]]), np.concatenate([query, -query]))
    assert_same_range(index, brute, query, 0.6)
    found = index.range_search(query, 0.6)
    assert found.rows[0] == 20_000
    assert not set(near[[0, 1, 2, 5]]) & set(found.rows)


def test_a_range_search_with_nothing_to_find(implementation: Implementation) -> None:
    index, _ = make(implementation)
    query = clustered(26, 2)
    for found in (
        index.range_search(query, 0.5, allowed=np.empty(0, np.int64)),
        index.range_search(query, 0.5, allowed=np.array([10**9])),
        index.range_search(unit(np.random.default_rng(27).standard_normal((2, DIM))), 0.999),
        implementation.build(np.empty((0, DIM), np.float32), np.empty(0, np.int64), SPACE).range_search(query, -1.0),
    ):
        assert found.limits.tolist() == [0, 0, 0]
        assert found.rows.shape == found.scores.shape == (0,)
    assert index.range_search(np.empty((0, DIM), np.float32), 0.5).limits.tolist() == [0]


def test_added_replaced_and_removed_rows(implementation: Implementation, tmp_path: Path) -> None:
    index, brute = make(implementation)
    rng = np.random.default_rng(6)
    queries = clustered(7, QUERIES)
    for step in range(4):
        known = brute.known()
        new = np.concatenate([rng.permutation(known)[:60], 10_000 + 100 * step + np.arange(60)])
        vectors = clustered(100 + step, 120)
        gone = rng.permutation(np.concatenate([known[:80], new[:20], [999_999]]))
        for target in (index, brute):
            target.add(new, vectors)
            target.remove(gone)
        assert len(index) == len(brute.stored)
        assert index.rows().tolist() == brute.known().tolist()
        assert_agrees(index, brute, queries, 10)
        assert_agrees(index, brute, queries, 10, rng.permutation(brute.known())[:300])
        _, rows = index.search(queries, 50)
        assert not set(rows.ravel()) & set(gone.tolist()) - set(brute.stored)
        if step == 1:
            index.save(tmp_path / "index", generation=step)
        if step == 2:
            index.save(tmp_path / "index", generation=step)
            index = implementation.load(tmp_path / "index", SPACE)
            assert index.rows().tolist() == brute.known().tolist()
            assert_agrees(index, brute, queries, 10)
    index.remove(brute.known())
    assert len(index) == 0
    assert (index.search(queries, 3)[1] == -1).all()


def test_save_and_load_give_the_same_answers(implementation: Implementation, tmp_path: Path) -> None:
    index, brute = make(implementation)
    queries = clustered(8, QUERIES)
    before = index.search(queries, 10)
    index.save(tmp_path / "index", generation=5)
    for again in (index, implementation.load(tmp_path / "index")):
        after = again.search(queries, 10)
        np.testing.assert_array_equal(before[0], after[0])
        np.testing.assert_array_equal(before[1], after[1])
        assert (again.family, again.space, len(again)) == (implementation.family, SPACE, COUNT)
    assert_agrees(index, brute, queries, 10)


def test_an_index_of_another_space_is_refused(implementation: Implementation, tmp_path: Path) -> None:
    index, _ = make(implementation)
    index.save(tmp_path / "index", generation=1)
    with pytest.raises(VectorError, match="test-model, not of another"):
        implementation.load(tmp_path / "index", Space("text", "another", DIM))
    with pytest.raises(VectorError):
        implementation.load(tmp_path / "nothing", SPACE)


def test_exact_ties_come_in_rising_row(implementation: Implementation) -> None:
    rows, vectors = some_rows(9), clustered(9)
    same = np.random.default_rng(10).permutation(COUNT)[:60]
    vectors[same] = vectors[same[0]]
    index = implementation.build(vectors, rows, SPACE)
    expected = np.sort(rows[same])
    # Also where the equal ones go on past k, and where some of them came later.
    for k in (1, 5, 20, 60):
        _, found = index.search(vectors[same[:1]], k)
        assert_the_first(found[0], expected, index)
    index.add(expected[10:20], vectors[same[:10]])
    _, found = index.search(vectors[same[:1]], 30)
    assert_the_first(found[0], expected, index)


def assert_the_first(found: Rows, expected: Rows, index: VectorIndex) -> None:
    """On this machine the lowest rows of those that tie; a server may choose which, but gives them in order."""
    if index.capabilities.local:
        assert found.tolist() == expected[: len(found)].tolist()
    else:
        assert found.tolist() == sorted(set(found.tolist()))
        assert set(found.tolist()) <= set(expected.tolist())


def test_one_vector_many_times(implementation: Implementation) -> None:
    """A wave of reposts: most vectors are the same one. The others must still be found."""
    rows, vectors = some_rows(11), clustered(11)
    vectors[: COUNT * 2 // 3] = vectors[0]
    index = implementation.build(vectors, rows, SPACE)
    queries = clustered(12, QUERIES)
    # Which of the equal ones are found is the matter of the test above: compare scores.
    scores, expected = index.search(queries, 10)[0], BruteForce(rows, vectors).search(queries, 10)[0]
    least = 1.0 if index.capabilities.exact else 0.95 if index.capabilities.compressed else 0.99
    assert (scores >= expected - ROUNDING).mean() >= least


@pytest.mark.parametrize("count", [1, 3, 20, 300])
def test_more_neighbours_than_there_are(implementation: Implementation, count: int) -> None:
    rows, vectors = some_rows(13, count), clustered(13, count)
    index = implementation.build(vectors, rows, SPACE)
    assert (index.family, len(index)) == (implementation.family, count)
    scores, found = index.search(vectors, count + 3)
    assert (found[:, count:] == -1).all()
    assert np.isneginf(scores[:, count:]).all()
    assert found[:, 0].tolist() == rows.tolist()
    assert all(set(line[:count]) == set(rows) for line in found)
    _, found = index.search(vectors, 4, allowed=rows[-2:])
    assert all(set(line) == {-1, *rows[-2:]} for line in found)


def test_more_neighbours_than_the_engine_gives(implementation: Implementation) -> None:
    index, _ = make(implementation)
    if index.capabilities.most_k is None:
        assert index.search(clustered(28, 1), 2 * COUNT)[1].shape == (1, 2 * COUNT)
    else:
        with pytest.raises(VectorError):
            index.search(clustered(28, 1), index.capabilities.most_k + 1)


def test_nothing_stored_nothing_allowed_nothing_asked(implementation: Implementation, tmp_path: Path) -> None:
    empty = implementation.build(np.empty((0, DIM), np.float32), np.empty(0, np.int64), SPACE)
    query = clustered(14, 1)
    for _ in range(2):
        scores, rows = empty.search(query, 4)
        assert rows.tolist() == [[-1] * 4]
        assert np.isneginf(scores).all()
        assert empty.rows().shape == (0,)
        empty.save(tmp_path / "empty", generation=0)
        empty = implementation.load(tmp_path / "empty")
    empty.add(np.array([4]), query)
    assert empty.search(query, 2)[1].tolist() == [[4, -1]]
    full, _ = make(implementation)
    assert full.search(query, 4, allowed=np.empty(0, np.int64))[1].tolist() == [[-1] * 4]
    assert full.search(query, 4, allowed=np.array([10**9]))[1].tolist() == [[-1] * 4]
    assert full.search(np.empty((0, DIM), np.float32), 4)[1].shape == (0, 4)
    full.remove(np.empty(0, np.int64))
    full.remove(np.array([10**9]))
    full.add(np.empty(0, np.int64), np.empty((0, DIM), np.float32))
    assert len(full) == COUNT


def bad(value: float) -> Matrix:
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
def test_hostile_matrices_are_refused_and_change_nothing(implementation: Implementation, name: str) -> None:
    index, _ = make(implementation)
    with pytest.raises(VectorError):
        index.search(HOSTILE_MATRICES[name], 3)
    with pytest.raises(VectorError):
        index.range_search(HOSTILE_MATRICES[name], 0.5)
    with pytest.raises(VectorError):
        index.add(np.array([1, 2]), HOSTILE_MATRICES[name])
    with pytest.raises(VectorError):
        implementation.build(HOSTILE_MATRICES[name], np.array([1, 2]), SPACE)
    assert len(index) == COUNT


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(implementation: Implementation, k: int) -> None:
    with pytest.raises(VectorError, match=f"k is {k}"):
        make(implementation)[0].search(clustered(16, 1), k)


@pytest.mark.parametrize("least", [1.5, -1.5, np.nan, np.inf])
def test_a_similarity_that_is_none_is_refused(implementation: Implementation, least: float) -> None:
    with pytest.raises(VectorError, match="between -1 and 1"):
        make(implementation)[0].range_search(clustered(16, 1), least)


@pytest.mark.parametrize(
    "rows", [np.array([1, 1]), np.array([-1, 2]), np.array([1]), np.array([1.0, 2.0]), np.array([[1, 2]])]
)
def test_rows_that_can_not_be_stored_are_refused(implementation: Implementation, rows: Rows) -> None:
    vectors = clustered(17, 2)
    index, _ = make(implementation)
    with pytest.raises(VectorError):
        index.add(rows, vectors)
    with pytest.raises(VectorError):
        implementation.build(vectors, rows, SPACE)
    assert len(index) == COUNT


def test_vectors_that_are_not_unit_are_refused(implementation: Implementation) -> None:
    vectors = clustered(18, 2) * np.float32(1.5)
    with pytest.raises(VectorError, match="length"):
        make(implementation)[0].add(np.array([1, 2]), vectors)
    with pytest.raises(VectorError, match="length"):
        implementation.build(vectors, np.array([1, 2]), SPACE)


def test_reconstruct_gives_what_was_stored(implementation: Implementation) -> None:
    index, brute = make(implementation)
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


def test_a_query_of_any_length_and_layout(implementation: Implementation) -> None:
    index, _ = make(implementation)
    queries = clustered(21, 6)
    expected = index.search(queries, 5)[1]
    for same in (queries.astype(np.float64), np.asfortranarray(queries), np.repeat(queries, 2, 0)[::2], 3 * queries):
        np.testing.assert_array_equal(index.search(same, 5)[1], expected)


def test_a_batch_gives_what_single_queries_give(implementation: Implementation) -> None:
    index, _ = make(implementation)
    queries = clustered(22, 50)
    together = index.search(queries, 10)[1]
    assert recall(together, np.concatenate([index.search(query[None], 10)[1] for query in queries])) >= 0.999
