import numpy as np
import pytest
from hypothesis import given, strategies

from core.errors import VectorError
from core.types import Space
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.quality import draw_sample, last_measurement, measure, outdated, true_scores, wilson
from tests.core.search.conftest import fill_workspace

DIM = 24


def unit(count, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((count, DIM), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def flat(vectors, rows=None):
    rows = np.arange(len(vectors)) * 3 + 5 if rows is None else rows
    return build_index(vectors, rows, Space("text", "test", vectors.shape[1]), "flat")


class Forgetful:
    """Answers as an index of every second row would."""

    def __init__(self, index):
        self._index = index

    def __getattr__(self, name):
        return getattr(self._index, name)

    def __len__(self):
        return len(self._index)

    def search(self, queries, k, *, allowed=None):
        return self._index.search(queries, k, allowed=self._index.rows()[::2])


class Backwards(Forgetful):
    """Gives the right rows with scores that mean nothing, and of equal vectors the last."""

    def search(self, queries, k, *, allowed=None):
        scores, rows = self._index.search(queries, len(self._index))
        order = np.lexsort((-rows, -scores.round(6)))[:, :k]
        return np.zeros((len(queries), k), np.float32), np.take_along_axis(rows, order, axis=1)


def quality(index, k=10, queries=200):
    sample = draw_sample(index, queries=queries)
    return measure(index, sample, true_scores(index, sample, k))


def test_an_exact_index_finds_everything():
    found = quality(flat(unit(6000)))
    assert (found.recall, found.high, found.queries, found.k) == (1.0, 1.0, 200, 10)
    assert 0.97 < found.low < 1
    assert 0 < found.p50_ms <= found.p95_ms


def test_an_index_that_forgets_half_finds_half():
    found = quality(Forgetful(flat(unit(3000))))
    assert 0.44 < found.recall < 0.56
    assert found.low < found.recall < found.high


def test_of_equal_vectors_either_will_do_and_scores_are_not_believed():
    assert quality(Backwards(flat(np.repeat(unit(40), 6, axis=0)))).recall == 1.0


def test_a_stored_vector_is_left_out_of_its_own_answer():
    index = flat(unit(500))
    sample = draw_sample(index, queries=100)
    stored = sample.own >= 0
    assert stored.sum() == 50
    truth = true_scores(index, sample, 3)
    assert truth[stored].max() < 0.999
    wanted, _ = index.search(sample.queries[stored], 4)
    np.testing.assert_allclose(truth[stored], wanted[:, 1:], atol=1e-5)
    wanted, _ = index.search(sample.queries[~stored], 3)
    np.testing.assert_allclose(truth[~stored], wanted, atol=1e-5)


def test_the_sample_is_the_same_each_time_and_of_unit_length():
    index = flat(unit(300))
    one, other = draw_sample(index), draw_sample(index)
    np.testing.assert_array_equal(one.queries, other.queries)
    np.testing.assert_allclose(np.linalg.norm(one.queries, axis=1), 1, atol=1e-5)


def test_fewer_vectors_than_neighbours_are_enough():
    assert quality(flat(unit(4))).recall == 1.0
    assert quality(flat(np.array([[1, 0], [-1, 0]], np.float32))).recall == 1.0


@pytest.mark.parametrize("count", [0, 1])
def test_recall_takes_two_vectors(count):
    with pytest.raises(VectorError, match="two at least"):
        draw_sample(flat(unit(count)) if count else FaissIndex(Space("text", "test", DIM)))


def test_the_truth_tells_how_far_it_is_and_can_be_stopped():
    index, told = flat(unit(9000)), []
    true_scores(index, draw_sample(index, queries=10), 3, report=lambda *progress: told.append(progress))
    assert told == [(0, 9000), (4096, 9000), (8192, 9000)]


@given(strategies.integers(1, 10**6), strategies.floats(0, 1))
def test_the_interval_holds_the_share(count, share):
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    assert high - low < 2 / count**0.5


def test_the_interval_is_that_of_the_books():
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(1.0, 400) == pytest.approx((0.9905, 1.0), abs=1e-4)


def test_the_job_measures_and_the_result_grows_old(workspace, tmp_path):
    posts = [({"id": f"p{n}", "text": f"word{n} and word{n % 7}"}, []) for n in range(40)]
    fill_workspace(workspace, tmp_path, *posts)
    assert last_measurement(workspace, "text") is None
    workspace.jobs.run_now("measure", {"space": "text"}, title="Measure")
    found = last_measurement(workspace, "text")
    assert (found.quality.recall, found.family, found.vectors) == (1.0, "flat", 40)
    assert outdated(workspace, "text", found, "flat") is None
    assert "hnsw now" in outdated(workspace, "text", found, "hnsw")
    with workspace.new_generation():
        pass
    assert outdated(workspace, "text", found, "flat") is None
    fill_workspace(workspace, tmp_path, ({"id": "new", "text": "something new"}, []))
    assert "added or removed" in outdated(workspace, "text", found, "flat")


def test_nothing_encoded_is_said(workspace):
    with pytest.raises(VectorError, match="nothing is encoded"):
        workspace.jobs.run_now("measure", {"space": "text"}, title="Measure")
