"""A tiny model is trained on drawn pairs, end to end, and finds pictures that it has not seen."""

import csv
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.demo.held_out import HELD_OUT
from core.dual_training import features
from core.dual_training.features import trunk_views, view
from core.dual_training.heads import Recipe, TunedRecipe
from core.dual_training.loop import PATIENCE
from core.dual_training.stickers import emoji_names
from core.dual_training.training import history_file, train_dual
from core.encoders.dual import load_dual_encoder
from core.encoders.dual_heads import load_heads
from core.encoders.efficientnet_lite import load_efficientnet_lite2
from core.errors import ImportFailed, JobStopped, ModelError, SettingError
from core.evaluation.retrieval import evaluate_retrieval, read_captioned_pictures
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


def train(folder, out, recipe, **more):
    data = read_captioned_pictures(folder / "images", folder / "pairs.csv", "train")
    given = {"cache": folder / "cache", "report": lambda *_: None, **more}
    return train_dual(data, out, recipe=recipe, **given)


@pytest.fixture(scope="module")
def trained(drawn):
    reported = []
    result = train(
        drawn, drawn / "own.safetensors", Recipe(epochs=30, batch=12, width=64, dropout=0.1, captions=1),
        report=lambda done, total, note: reported.append((done, total, note)),
    )  # fmt: skip
    return drawn, result, reported


def test_learns_what_it_is_shown(trained):
    folder, result, reported = trained
    assert (result["pictures"], result["captions"], result["unreadable"]) == (48, 48, 0)
    assert result["losses"][-1] < result["losses"][0]
    assert all(done <= total for done, total, _ in reported)
    encoder = load_dual_encoder(folder / "own.safetensors", Settings(threads=1))
    found = evaluate_retrieval(encoder, folder / "images", folder / "pairs.csv", "test")
    assert found["text_to_image"]["r@1"] >= 50  # chance is 12.5
    assert found["text_to_image"]["median_rank"] <= 1.5
    assert json.dumps(found)


def test_how_it_went_lies_beside_the_weights(trained):
    folder, result, _ = trained
    told = json.loads(history_file(folder / "own.safetensors").read_text())
    assert told["losses"] == result["losses"]
    assert len(told["recalls"]) == len(told["losses"]) >= told["epoch"] >= 1


def test_training_ends_early_where_it_no_longer_helps(trained):
    _, result, _ = trained
    assert len(result["losses"]) < 30 or result["epoch"] > 30 - PATIENCE


def test_features_are_read_once(trained):
    folder, _, _ = trained
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "cache").glob("*.npy")}
    train(folder, folder / "again.safetensors", Recipe(epochs=1, width=8))
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "cache").glob("*.npy")} == before


@pytest.fixture(scope="module")
def tuned(drawn):
    recipe = TunedRecipe(epochs=4, batch=12, width=32, dropout=0.1, captions=1)
    return recipe, train(drawn, drawn / "tuned.safetensors", recipe)


def test_the_backbone_learns_with_the_heads(drawn, tuned):
    assert tuned[1]["losses"][-1] < tuned[1]["losses"][0]
    weights, info = load_heads(drawn / "tuned.safetensors")
    assert info.tuned
    packaged = load_efficientnet_lite2().tail["tail.head.weight"]
    assert 0 < float((weights["tail.head.weight"] - packaged).abs().max()) < 0.1
    encoder = load_dual_encoder(drawn / "tuned.safetensors", Settings(threads=1))
    found = evaluate_retrieval(encoder, drawn / "images", drawn / "pairs.csv", "test")
    assert found["text_to_image"]["median_rank"] <= 3  # of 8


def test_a_stopped_training_goes_on_and_gives_the_same_weights(drawn, tuned):
    recipe, whole = tuned
    (drawn / "cache" / "checkpoint.safetensors").unlink()

    def stop(done, total, note):
        if "epoch 3" in note:
            raise JobStopped("Stopped.")

    out = drawn / "resumed.safetensors"
    with pytest.raises(JobStopped):
        train(drawn, out, recipe, report=stop)
    assert not out.exists()
    told = json.loads(history_file(out).read_text())
    assert told["losses"] == whole["losses"][:2]
    steps = []
    assert train(drawn, out, recipe, report=lambda done, *_: steps.append(done))["losses"] == whole["losses"]
    first, again = load_heads(drawn / "tuned.safetensors")[0], load_heads(out)[0]
    assert all(first[name].equal(again[name]) for name in first)


def test_a_training_goes_on_from_weights(drawn, tuned, tmp_path):
    recipe = replace(tuned[0], epochs=1, rate=1e-5, tail_rate=1e-6)
    found = train(drawn, tmp_path / "on.safetensors", recipe, init=drawn / "tuned.safetensors")
    assert found["losses"][0] < tuned[1]["losses"][0]
    assert found["before_r@10"] == tuned[1]["held_out_r@10"]
    for other, said in ((replace(recipe, width=16), "width of 32"), (Recipe(width=32), "--tune")):
        with pytest.raises(ModelError, match=said):
            train(drawn, tmp_path / "no.safetensors", other, init=drawn / "tuned.safetensors")
    assert not (tmp_path / "no.safetensors").exists()


def test_views_are_the_same_each_time_and_go_on_where_they_were_stopped(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 4)
    paths = sorted((drawn / "images").glob("*-0.png"))[:6]
    keys = [f"{at}" for at in range(len(paths))]

    def draw(row, at):
        return view(Image.open(paths[row]), at, row)

    whole = trunk_views(keys, draw, 2, tmp_path / "whole", lambda *_: None, "")

    def stop(done, total, note):
        raise JobStopped("Stopped.")

    with pytest.raises(JobStopped):
        trunk_views(keys, draw, 2, tmp_path / "halted", stop, "")
    drawn_again = []

    def count(row, at):
        drawn_again.append((row, at))
        return draw(row, at)

    resumed = trunk_views(keys, count, 2, tmp_path / "halted", lambda *_: None, "")
    assert {row for row, at in drawn_again if at == 0} == {4, 5}
    np.testing.assert_array_equal(whole, resumed)
    assert not np.array_equal(whole[0], whole[1])


def test_what_can_not_be_trained_on_is_named(drawn, tmp_path):
    def read(pairs, split="train"):
        return read_captioned_pictures(drawn / "images", pairs, split)

    with pytest.raises(SettingError, match="validation"):
        read(drawn / "pairs.csv", "validation")
    with pytest.raises(ImportFailed, match="nowhere"):
        read(drawn / "nowhere.csv")
    (tmp_path / "lost.csv").write_text("split,image,caption\ntrain,no-such.png,a red circle\n")
    with pytest.raises(ImportFailed, match=r"lost\.csv.*'no-such\.png'"):
        read(tmp_path / "lost.csv")
    few = tmp_path / "few.csv"
    few.write_text("split,image,caption\ntrain,red-circle-0.png,a red circle\ntrain,,no picture\n")
    with pytest.raises(ImportFailed, match="too few"):
        train_dual(read(few), tmp_path / "x.safetensors", cache=tmp_path, report=lambda *_: None)
    assert not (tmp_path / "x.safetensors").exists()


def test_unreadable_pictures_and_other_scripts_cost_nothing_but_themselves(drawn, tmp_path):
    (tmp_path / "images").mkdir()
    rows = [["image", "caption", "split"]]
    for at in range(24):
        name = f"{at}.png"
        (tmp_path / "images" / name).write_bytes((drawn / "images" / f"red-circle-{at % 6}.png").read_bytes())
        rows.append([name, ["a red circle", "ein roter Kreis", "红色的圆", "دائرة حمراء 🔴"][at % 4], "train"])
    (tmp_path / "images" / "0.png").write_bytes(b"\x89PNG, cut short")
    with (tmp_path / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    found = train(tmp_path, tmp_path / "x.safetensors", Recipe(epochs=1, width=8))
    assert (found["pictures"], found["unreadable"], found["captions"]) == (23, 1, 23)


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
