"""A tiny model is trained on drawn pairs, end to end, and finds pictures that it has not seen."""

import csv
import json
import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.demo.held_out import HELD_OUT
from core.dual_training import features
from core.dual_training.features import trunk_views
from core.dual_training.heads import Recipe, TunedRecipe
from core.dual_training.stickers import emoji_names
from core.dual_training.training import train_dual
from core.encoders.dual import load_dual_encoder
from core.encoders.dual_heads import load_heads
from core.encoders.efficientnet_lite import load_efficientnet_lite2
from core.errors import ImportFailed, JobStopped, ModelError, SettingError
from core.evaluation.retrieval import evaluate_retrieval
from core.settings import ROOT, Settings

COLOURS = {"red": "#d01010", "blue": "#1030d0", "green": "#109020", "yellow": "#e8d010"}
SHAPES = ("circle", "square")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Circles and squares in four colours, 6 of each to train on and 1 to test with."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "images").mkdir()
    rng = random.Random(1)
    rows = []
    for number in range(7):
        for colour, code in COLOURS.items():
            for shape in SHAPES:
                name = f"{colour}-{shape}-{number}.png"
                image = Image.new("RGB", (96, 96), "white")
                left, top, side = rng.randrange(20), rng.randrange(20), rng.randrange(50, 70)
                draw = ImageDraw.Draw(image)
                (draw.ellipse if shape == "circle" else draw.rectangle)((left, top, left + side, top + side), fill=code)
                image.save(folder / "images" / name)
                rows.append(["test" if number == 6 else "train", name, f"a {colour} {shape}"])
    with (folder / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["split", "image", "caption"], *rows])
    return folder


@pytest.fixture(scope="module")
def trained(drawn):
    reported = []
    result = train_dual(
        drawn / "pairs.csv", drawn / "images", drawn / "own.safetensors",
        recipe=Recipe(epochs=30, batch=48, width=64, dropout=0.1), cache=drawn / "cache",
        report=lambda done, total, note: reported.append((done, total, note)),
    )  # fmt: skip
    return drawn, result, reported


def test_learns_what_it_is_shown(trained):
    folder, result, reported = trained
    assert (result["pictures"], result["captions"], result["unreadable"]) == (48, 48, 0)
    assert result["losses"][-1] < result["losses"][0]
    assert reported[-1][:2] == (30, 30)
    encoder = load_dual_encoder(folder / "own.safetensors", Settings(threads=1))
    found = evaluate_retrieval(encoder, folder / "images", folder / "pairs.csv", "test")
    assert found["text_to_image"]["r@1"] >= 50  # chance is 12.5
    assert found["text_to_image"]["median_rank"] <= 1.5
    assert json.dumps(found)


def test_features_are_read_once(trained):
    folder, _, _ = trained
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "cache").iterdir()}
    train_dual(
        folder / "pairs.csv", folder / "images", folder / "again.safetensors", recipe=Recipe(epochs=1, width=8),
        cache=folder / "cache", report=lambda *_: None,
    )  # fmt: skip
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "cache").iterdir()} == before


def test_the_backbone_learns_with_the_heads(drawn):
    recipe = TunedRecipe(epochs=4, batch=12, width=32, dropout=0.1, captions=1)
    result = train_dual(
        drawn / "pairs.csv", drawn / "images", drawn / "tuned.safetensors", recipe=recipe, cache=drawn / "cache",
        report=lambda *_: None,
    )  # fmt: skip
    assert result["losses"][-1] < result["losses"][0]
    weights, info = load_heads(drawn / "tuned.safetensors")
    assert info.tuned
    packaged = load_efficientnet_lite2().tail["tail.head.weight"]
    assert 0 < float((weights["tail.head.weight"] - packaged).abs().max()) < 0.1
    encoder = load_dual_encoder(drawn / "tuned.safetensors", Settings(threads=1))
    found = evaluate_retrieval(encoder, drawn / "images", drawn / "pairs.csv", "test")
    assert found["text_to_image"]["median_rank"] <= 3  # of 8


def test_views_are_the_same_each_time_and_go_on_where_they_were_stopped(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 4)
    paths = sorted((drawn / "images").glob("*-0.png"))[:6]
    keys = [f"{at}" for at in range(len(paths))]

    def draw(at):
        return Image.open(paths[at])

    whole = trunk_views(keys, draw, 2, tmp_path / "whole", lambda *_: None, "")

    def stop(done, total, note):
        raise JobStopped("Stopped.")

    with pytest.raises(JobStopped):
        trunk_views(keys, draw, 2, tmp_path / "halted", stop, "")
    drawn_again = []

    def count(at):
        drawn_again.append(at)
        return draw(at)

    resumed = trunk_views(keys, count, 2, tmp_path / "halted", lambda *_: None, "")
    assert set(drawn_again) == {4, 5}
    np.testing.assert_array_equal(whole, resumed)
    assert not np.array_equal(whole[:, 0], whole[:, 1])


def test_what_can_not_be_trained_on_is_named(drawn, tmp_path):
    def train(pairs, split="train"):
        out = tmp_path / "x.safetensors"
        train_dual(pairs, drawn / "images", out, split=split, cache=tmp_path, report=lambda *_: None)

    with pytest.raises(SettingError, match="validation"):
        train(drawn / "pairs.csv", "validation")
    with pytest.raises(ImportFailed, match="nowhere"):
        train(drawn / "nowhere.csv")
    (tmp_path / "few.csv").write_text("split,image,caption\ntrain,red-circle-0.png,a red circle\n")
    with pytest.raises(ImportFailed, match="too few"):
        train(tmp_path / "few.csv")
    assert not (tmp_path / "x.safetensors").exists()


def test_no_held_out_emoji_is_trained_on():
    names = emoji_names()
    assert len(names) > 800
    assert not set(names) & {code for codes in HELD_OUT.values() for code in codes}
    words = {word for name in names.values() for word in name.split()}
    assert not words & {"cat", "pizza", "rocket"}


@pytest.mark.parametrize("harm", ["cut", "text", "missing"])
def test_weights_that_are_none_are_named(tmp_path, harm):
    path = tmp_path / "heads.safetensors"
    if harm == "cut":
        path.write_bytes((ROOT / "assets/models/dual.safetensors").read_bytes()[:100_000])
    elif harm == "text":
        path.write_text("no weights at all")
    with pytest.raises(ModelError, match=r"heads\.safetensors"):
        load_dual_encoder(path, Settings())


def test_the_card_names_the_file_and_its_figures():
    import hashlib
    import re

    card = (ROOT / "assets/models/README.md").read_text()
    assert hashlib.sha256((ROOT / "assets/models/dual.safetensors").read_bytes()).hexdigest()[:16] in card
    figures = re.findall(r"R@1/5/10 = (\d+\.\d) / (\d+\.\d) / (\d+\.\d), median rank \d+", card)
    assert len(figures) == 2  # text to picture, picture to text
    for recalls in figures:
        first, fifth, tenth = map(float, recalls)
        assert 0 < first < fifth < tenth < 100
