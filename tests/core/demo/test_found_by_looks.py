"""The packaged encoder finds drawings of things whose emoji no training pair held, among other drawings of the demo."""

import numpy as np
import pytest

from core.demo.held_out import HELD_OUT
from core.demo.pictures import Picture, draw_picture
from core.demo.subjects import read_subjects
from core.encoders.loading import load_encoder
from core.settings import Settings

OF_EACH = 3
OTHERS = 60


@pytest.fixture(scope="module")
def shown():
    """(what each picture shows, its vector (n, dim), the encoder)"""
    subjects = read_subjects()
    held = [name for name in subjects if name.replace("_", " ") in HELD_OUT]
    others = [name for name in subjects if name not in held][:OTHERS]
    wanted = [(name, turn) for name in held for turn in range(OF_EACH)] + [(name, 0) for name in others]
    files = [draw_picture(Picture(f"{name}-{turn}.jpg", name, turn, scale=0.45)) for name, turn in wanted]
    encoder = load_encoder("dual", Settings(threads=1))
    return [name.replace("_", " ") for name, _ in wanted], encoder.encode_pictures(files), encoder


def test_a_cat_that_was_never_seen_is_among_the_first(shown):
    names, vectors, encoder = shown
    best = np.argsort(-(vectors @ encoder.encode_queries(["a cat"])[0]), kind="stable")
    assert "cat" in [names[at] for at in best[:5]]


def test_held_out_subjects_are_found_on_the_whole(shown):
    names, vectors, encoder = shown
    precisions = []
    for subject in HELD_OUT:
        order = np.argsort(-(vectors @ encoder.encode_queries([f"a picture of {subject}"])[0]), kind="stable")
        ranks = 1 + np.flatnonzero([names[at] == subject for at in order])
        precisions.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    assert np.mean(precisions) > 0.25, precisions  # by chance it is .06
