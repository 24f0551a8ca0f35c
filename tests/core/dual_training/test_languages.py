"""A head for another text encoder's vectors finds the pictures where they are."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.dual_training import languages
from core.dual_training.languages import LanguagesRecipe, Said, add_languages, read_names, train_languages
from core.encoders.dual import load_dual_encoder
from core.encoders.dual_heads import HeadsInfo, apply_head, head_shapes, heads_beside, load_heads, save_heads
from core.encoders.e5 import E5_ID
from core.errors import ImportFailed, SettingError
from core.evaluation.retrieval import CaptionedPictures, retrieval_ranks
from core.settings import Settings


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_words_find_pictures_that_stay_where_they_are(tmp_path):
    rng = np.random.default_rng(0)
    info = HeadsInfo(dim=8, width=16, beside=True)
    weights = {name: torch.ones(shape) for name, shape in head_shapes(info).items()}
    shown = tuple(unit(rng.normal(size=(80, 8))) for _ in range(2))
    of = np.tile(np.arange(80), 3)
    said = np.concatenate(shown, axis=1)[of] @ rng.normal(size=(16, 384)) + 0.1 * rng.normal(size=(240, 384))
    captions = Said(said.astype(np.float32), of, shown).only(of < 60)
    things = Said(said.astype(np.float32), of, shown).only(of >= 60)
    recipe = LanguagesRecipe(epochs=40, batch=30, dropout=0.0, decay=0.1, names=10)
    steps = []
    trained, told = train_languages(weights, info, captions, recipe, lambda done, *_: steps.append(done), things=things)
    assert told.languages == E5_ID and max(steps) == 80
    assert all(trained[name].equal(weights[name]) for name in weights)
    save_heads(tmp_path / "both.safetensors", trained, told)
    kept, found = load_heads(tmp_path / "both.safetensors")
    assert found == told
    given = torch.from_numpy(said.astype(np.float32))
    for pair, pictures in zip((kept, heads_beside(kept)), shown, strict=True):
        ranks, _ = retrieval_ranks(apply_head(pair, "e5", given).numpy(), pictures, of)
        for part in (of < 60, of >= 60):
            assert np.median(ranks[part]) <= 2


def test_a_language_that_is_left_out_is_never_learned(tmp_path, monkeypatch):
    """Of the words in it not even the mean is used: they may be anything."""

    class Engine:
        def __init__(self, sign):
            self.sign = sign

        def encode(self, texts, *, query):
            rng = np.random.default_rng(len(texts))
            return unit(rng.normal(size=(len(texts), 384))) * np.float32(
                [[self.sign if "cs" in text else 1] for text in texts]
            )

    path = tmp_path / "model.safetensors"
    generator = torch.Generator().manual_seed(0)
    info = HeadsInfo(dim=8, width=16)
    save_heads(path, {n: torch.rand(s, generator=generator) + 0.1 for n, s in head_shapes(info).items()}, info)
    pictures = []
    for number in range(3):
        pictures.append(tmp_path / f"{number}.png")
        Image.new("RGB", (20, 20), (80 * number, 90, 200)).save(pictures[-1])
    langs = ("", "de", "cs") * 3
    source = CaptionedPictures(tuple(pictures), tuple(f"{lang} words {n}" for n, lang in enumerate(langs)),
                               np.repeat(np.arange(3), 3), langs)  # fmt: skip
    table = tmp_path / "names.csv"
    table.write_text("thing,caption,lang\na,dog,en\na,Hund,de\na,cs pes,cs\nb,nur deutsch,de\n", encoding="utf-8")
    assert [name.words for name in read_names(table)] == ["dog", "Hund", "cs pes"]

    def learn(sign, leave_out):
        monkeypatch.setattr(languages, "load_e5", lambda: Engine(sign))
        out = tmp_path / f"{sign}{leave_out}.safetensors"
        found = add_languages(
            path, [source], out, names=[table], leave_out=leave_out, recipe=LanguagesRecipe(epochs=1),
            cache=tmp_path / f"{sign}", report=lambda *_: None,
        )  # fmt: skip
        return found, load_heads(out)[0], load_dual_encoder(out, Settings(threads=1)).space

    found, weights, space = learn(1, "cs")
    assert (found["captions"], found["names"], found["left_out"]) == (6, 2, "cs")
    assert space == load_dual_encoder(path, Settings(threads=1)).space
    other = learn(-1, "cs")[1]
    assert all(weights[name].equal(other[name]) for name in weights)
    assert not weights["e5.mean"].equal(learn(1, None)[1]["e5.mean"])
    only = CaptionedPictures(source.pictures, ("words", "more", "else"), np.arange(3), ("cs",) * 3)
    with pytest.raises(SettingError, match="no captions to learn from"):
        add_languages(path, [only], tmp_path / "x", leave_out="cs", cache=tmp_path, report=lambda *_: None)
    with pytest.raises(ImportFailed, match="can't be read as a table of names"):
        read_names(tmp_path / "0.png")
