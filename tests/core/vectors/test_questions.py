from __future__ import annotations

import numpy as np
import pytest

from core.errors import VectorError
from core.types import Space
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.protocol import Matrix
from core.vectors.questions import combine, in_range_of_any, nearest_to_any, within_distance

DIM = 12


def unit(seed: int, count: int) -> Matrix:
    vectors = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def index() -> FaissIndex:
    return build_index(unit(0, 500), np.arange(100, 600), Space("text", "test-model", DIM), "flat")


def test_a_distance_is_one_minus_the_similarity(index: FaissIndex) -> None:
    query = unit(1, 2)
    within, above = within_distance(index, query, 0.4), index.range_search(query, 0.6)
    assert within.rows.tolist() == above.rows.tolist()
    assert len(within.rows) > 0
    assert len(within_distance(index, query, 2.0).rows) == 2 * 500
    assert within_distance(index, query, 0.4, allowed=within.rows[:1]).rows.tolist() == [within.rows[0]]


@pytest.mark.parametrize("distance", [-0.1, 2.1, np.nan])
def test_a_distance_that_is_none_is_refused(index: FaissIndex, distance: float) -> None:
    with pytest.raises(VectorError, match="between 0 and 2"):
        within_distance(index, unit(1, 1), distance)


@pytest.mark.parametrize("k", [1, 7, 1000])
def test_nearest_to_any_scores_by_the_best_of_the_queries(index: FaissIndex, k: int) -> None:
    queries = unit(2, 3)
    best = (unit(0, 500) @ queries.T).max(axis=1)
    order = np.argsort(-best)[:k]
    scores, rows = nearest_to_any(index, queries, k)
    assert rows.tolist() == (100 + order).tolist()
    np.testing.assert_allclose(scores, best[order], atol=1e-6)
    allowed = np.arange(100, 150)
    assert set(nearest_to_any(index, queries, k, allowed=allowed)[1]) <= set(allowed)
    assert nearest_to_any(index, queries, k, allowed=allowed[:0])[1].shape == (0,)


def test_in_range_of_any(index: FaissIndex) -> None:
    queries = unit(3, 4)
    best = (unit(0, 500) @ queries.T).max(axis=1)
    scores, rows = in_range_of_any(index, queries, 0.5)
    assert set(rows) == set(100 + np.flatnonzero(best >= 0.5))
    assert (np.diff(scores) <= 0).all()
    assert len(in_range_of_any(index, queries, 0.9999)[1]) == 0


def test_a_combination_is_like_some_and_unlike_others() -> None:
    vectors = unit(4, 3)
    query = combine(vectors * [[1.0], [5.0], [0.1]], [1.0, 0.5, -0.5])
    assert query.shape == (1, DIM)
    assert query.dtype == np.float32
    expected = vectors[0] + 0.5 * vectors[1] - 0.5 * vectors[2]
    np.testing.assert_allclose(query[0], expected / np.linalg.norm(expected), atol=1e-6)
    np.testing.assert_allclose(combine(vectors[:1], [3]), vectors[:1], atol=1e-6)


@pytest.mark.parametrize(
    ("vectors", "weights", "message"),
    [
        (np.repeat(unit(5, 1), 2, axis=0), [1.0, -1.0], "cancel"),
        (unit(5, 2), [0.0, 0.0], "cancel"),
        (unit(5, 2), [1.0], "1 weights"),
        (unit(5, 2)[:0], [], "0 weights"),
        (unit(5, 2), [1.0, np.nan], "finite"),
        (np.full((1, DIM), np.inf, np.float32), [1.0], "finite"),
        (np.zeros((1, DIM), np.float32), [1.0], "zero"),
        (np.ones((1, DIM), np.int64), [1.0], "weights for"),
    ],
)
def test_what_can_not_be_combined_is_refused(vectors: Matrix, weights: list[float], message: str) -> None:
    with pytest.raises(VectorError, match=message):
        combine(vectors, weights)
