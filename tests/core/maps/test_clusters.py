import numpy as np
import pytest

from core.maps.clusters import find_clusters, level_sizes
from core.maps.islands import draw_nearer
from tests.core.maps.drawn import CENTRES, blobs


def purity(labels, of):
    return sum(np.bincount(of[labels == label]).max() for label in np.unique(labels)) / len(of)


def test_groups_of_points_are_found_whole_and_nobody_is_left_out():
    xy, of = blobs(each=200)
    found = find_clusters(xy, [2, 4])
    assert found.labels.shape == (2, 800)
    assert found.labels.min() == 0
    assert purity(found.labels[1], of) > 0.98
    assert len(np.unique(found.labels[1])) == 4
    nearest = ((found.peaks[1][:, None] - CENTRES) ** 2).sum(axis=2).min(axis=1)
    assert (nearest < 1).all(), "a name stands where its cluster is dense"


def test_levels_nest_and_the_largest_comes_first():
    xy, _ = blobs(each=300, spread=1.5, seed=3)
    found = find_clusters(xy, [2, 4, 30])
    for level in (1, 2):
        for number, parent in enumerate(found.parents[level]):
            assert set(found.labels[level - 1][found.labels[level] == number]) == {parent}
    for labels in found.labels:
        sizes = np.bincount(labels)
        assert (np.diff(sizes) <= 0).all()


@pytest.mark.parametrize("xy", [np.zeros((5, 2), np.float32), np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0]]])
def test_points_on_top_of_each_other_are_clusters_too(xy):
    found = find_clusters(xy)
    assert found.labels.shape[1] == 5
    assert np.isfinite(found.peaks[0]).all()


def test_how_many_clusters_a_level_may_have_grows_with_the_points():
    assert level_sizes(5) == [2]
    sizes = [level_sizes(count) for count in (500, 5_000, 50_000, 500_000)]
    assert all(levels == sorted(levels) for levels in sizes)
    assert [len(levels) for levels in sizes] == sorted(len(levels) for levels in sizes)
    assert sizes[-1][0] <= 30


def test_islands_come_nearer_as_they_are():
    xy, of = blobs(each=100)
    far = xy.copy()
    far[of == 3] += 200
    nearer = draw_nearer(far)
    assert np.ptp(nearer) < 60
    for group in range(4):
        before, after = far[of == group], nearer[of == group]
        np.testing.assert_allclose(after - after[0], before - before[0], atol=1e-3)
    gap = np.sqrt(((nearer[of == 3][:, None] - nearer[of != 3]) ** 2).sum(axis=2)).min()
    assert gap > 0.1, "a strait stays between them"
    np.testing.assert_array_equal(draw_nearer(nearer[of == 0]), nearer[of == 0])
