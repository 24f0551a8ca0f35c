import numpy as np
import pytest

from tests.core.encoders.contract import check_contract, picture
from tests.fake_encoder import FakeEncoder


@pytest.mark.parametrize("kind", ["text", "dual"])
def test_keeps_the_contract(kind, tmp_path):
    check_contract(FakeEncoder(kind), tmp_path)


def test_words_find_pictures_by_colour():
    encoder = FakeEncoder()
    pictures = encoder.encode_pictures([picture(colour) for colour in ("red", "blue", "yellow")])
    queries = encoder.encode_queries(["something red", "blue as the sea", "a yellow square"])
    assert (queries @ pictures.T).argmax(1).tolist() == [0, 1, 2]


def test_the_seed_decides():
    first, again, other = (FakeEncoder(seed=seed).encode_queries(["a cat"]) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
