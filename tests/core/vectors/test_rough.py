"""Searches for the neighbours of everything, and exact ones of many queries."""

import numpy as np

from core.types import Space
from core.vectors.exact import MANY_QUERIES, search_all, search_some
from core.vectors.faiss_index import build_index
from core.vectors.rough import rough_answers, rough_effort


def unit(count, dim=16, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_many_queries_over_some_positions_find_what_one_at_a_time_finds():
    matrix, queries = unit(40_000), unit(MANY_QUERIES + 4, seed=1)
    positions = np.sort(np.random.default_rng(2).choice(40_000, 20_000, replace=False))
    scores, found = search_some(queries, matrix, 10, positions)
    one = [search_some(queries[at : at + 1], matrix, 10, positions) for at in range(len(queries))]
    np.testing.assert_array_equal(found, np.concatenate([rows for _, rows in one]))
    np.testing.assert_allclose(scores, np.concatenate([some for some, _ in one]), atol=1e-5)
    few = search_some(queries, matrix, 10, positions[:3])
    assert (few[1][:, :3] >= 0).all() and (few[1][:, 3:] == -1).all()


def test_rough_answers_take_any_of_equal_vectors_and_are_nearly_right():
    vectors = np.concatenate([unit(3_000), np.repeat(unit(1, seed=5), 200, axis=0)])
    rows = np.arange(10, 10 + len(vectors))
    index = build_index(vectors, rows, Space("text", "m", 16), "hnsw")
    queries = vectors[:200]
    _, true = search_all(queries, vectors, 5)
    with rough_answers(32):
        assert rough_effort() == 32
        _, found = index.search(queries, 5)
        scores, same = index.search(vectors[-3:], 8)
        few_scores, few = index.search(queries[:2], 5, allowed=rows[:3])
    assert rough_effort() is None
    share = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(found, true + 10, strict=True)])
    assert share > 0.85
    assert (same >= 3_010).all()
    np.testing.assert_allclose(scores, 1, atol=1e-5)
    assert (few[:, 3:] == -1).all() and np.isneginf(few_scores[:, 3:]).all()
