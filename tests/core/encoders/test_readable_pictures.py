import numpy as np
import pytest

from core.encoders.pictures import CHUNK, encode_readable_pictures
from tests.core.encoders.contract import picture
from tests.fake_encoder import FakeEncoder


@pytest.mark.parametrize("bad", [set(), {0}, {3, 4, 90}, {CHUNK - 1, CHUNK}, set(range(140))])
def test_a_bad_picture_costs_its_own_place_alone(bad):
    encoder = FakeEncoder()
    colours = ["red", "green", "blue"]
    pictures = [b"not a picture" if i in bad else picture(colours[i % 3]) for i in range(140)]
    vectors, kept, failures = encode_readable_pictures(encoder, pictures)
    assert kept == [i for i in range(140) if i not in bad]
    assert [position for position, _ in failures] == sorted(bad)
    assert all("not a picture" in reason for _, reason in failures)
    expected = encoder.encode_pictures([pictures[i] for i in kept])
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert vectors.shape == (len(kept), encoder.space.dim)


def test_no_pictures():
    vectors, kept, failures = encode_readable_pictures(FakeEncoder(), [])
    assert (vectors.shape, kept, failures) == ((0, 64), [], [])


def test_the_failure_names_the_file(tmp_path):
    (tmp_path / "broken.png").write_bytes(picture("red")[:40])
    _, kept, failures = encode_readable_pictures(FakeEncoder(), [tmp_path / "broken.png"])
    assert kept == []
    assert failures[0][1].startswith("broken.png ")
