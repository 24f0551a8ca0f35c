import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.encoders.loading import load_encoder
from core.errors import ImportFailed, ModelError, PictureError, SettingError
from core.evaluation.retrieval import evaluate_retrieval, in_test_fifth, retrieval_ranks
from core.settings import Settings
from tests.fake_encoder import PALETTE, FakeEncoder


def write_captions(path, rows, columns=("split", "image", "caption_index", "caption")):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


@pytest.fixture
def colours(tmp_path):
    """A picture of each colour; two captions name it, the third names another colour."""
    images = tmp_path / "images"
    images.mkdir()
    names = list(PALETTE)
    rows = []
    for number, (name, rgb) in enumerate(PALETTE.items()):
        Image.new("RGB", (20, 20), rgb).save(images / f"{name}.png")
        other = names[(number + 1) % len(names)]
        rows += [("dev", f"{name}.png", i, caption) for i, caption in enumerate([name, name, other])]
    rows.append(("train", "gone.png", 0, "a picture of another split"))
    write_captions(tmp_path / "captions.csv", rows)
    return tmp_path


def test_gives_the_known_answer(colours):
    reports = []
    found = evaluate_retrieval(
        FakeEncoder(), colours / "images", colours / "captions.csv", "dev", lambda *args: reports.append(args)
    )
    assert set(found) == {"text_to_image", "image_to_text", "images", "captions", "model"}
    assert (found["images"], found["captions"], found["model"]) == (11, 33, "fake-dual-64-0")
    assert found["text_to_image"]["r@1"] == 66.67
    assert found["text_to_image"]["median_rank"] == 1
    # The best captions of a picture tie with the wrong caption of the picture before it.
    assert found["image_to_text"] == {"r@1": 0.0, "r@5": 100.0, "r@10": 100.0, "median_rank": 2.0}
    assert reports[-1][:2] == (44, 44)


def test_ranks_by_hand():
    pictures = np.eye(3, dtype=np.float32)
    words = np.array([[0.9, 0.1, 0], [0.2, 0.1, 0.7], [0.5, 0.6, 0.4], [0, 0, 1]], dtype=np.float32)
    captions, best = retrieval_ranks(words, pictures, np.array([0, 0, 1, 2]))
    assert captions.tolist() == [1, 2, 1, 1]
    assert best.tolist() == [1, 1, 1]


def test_an_encoder_that_tells_nothing_apart_gets_nothing():
    same = np.ones((20, 1), dtype=np.float32)
    captions, best = retrieval_ranks(same, same, np.arange(20))
    assert captions.tolist() == best.tolist() == [20] * 20


def test_ranks_match_sorting():
    rng = np.random.default_rng(0)
    words, pictures = (rng.standard_normal((n, 8)).astype(np.float32) for n in (60, 20))
    picture_of = np.repeat(np.arange(20), 3)
    captions, best = retrieval_ranks(words, pictures, picture_of)
    scores = words @ pictures.T
    for caption in range(60):
        order = np.argsort(-scores[caption]).tolist()
        assert captions[caption] == order.index(picture_of[caption]) + 1
    for picture in range(20):
        order = np.argsort(-scores[:, picture]).tolist()
        assert best[picture] == min(order.index(caption) for caption in np.flatnonzero(picture_of == picture)) + 1


def test_says_what_is_missing(colours):
    images, captions, encoder = colours / "images", colours / "captions.csv", FakeEncoder()
    with pytest.raises(SettingError, match=r"no split 'test'\. It has: dev, train"):
        evaluate_retrieval(encoder, images, captions, "test")
    with pytest.raises(ImportFailed, match=r"1 of 1 pictures .* 'gone\.png'"):
        evaluate_retrieval(encoder, images, captions, "train")
    with pytest.raises(ImportFailed, match="folder of pictures"):
        evaluate_retrieval(encoder, colours / "nowhere", captions, "dev")
    with pytest.raises(ImportFailed, match=r"captions .*nowhere\.csv can't be read"):
        evaluate_retrieval(encoder, images, colours / "nowhere.csv", "dev")
    write_captions(colours / "other.csv", [("dev", "red.png")], columns=("split", "file"))
    with pytest.raises(ImportFailed, match=r"other\.csv needs the columns caption or text"):
        evaluate_retrieval(encoder, images, colours / "other.csv", "dev")
    with pytest.raises(ModelError, match="encodes no pictures"):
        evaluate_retrieval(FakeEncoder("text"), images, captions, "dev")
    (images / "red.png").write_bytes(b"not a picture")
    with pytest.raises(PictureError, match=r"red\.png"):
        evaluate_retrieval(encoder, images, captions, "dev")


def test_reads_nothing_outside_the_folder(colours):
    Image.new("RGB", (5, 5)).save(colours / "outside.png")
    write_captions(colours / "captions.csv", [("dev", "../outside.png", 0, "a picture")])
    with pytest.raises(ImportFailed, match="outside"):
        evaluate_retrieval(FakeEncoder(), colours / "images", colours / "captions.csv", "dev")


@pytest.mark.datasets
def test_the_packaged_encoder_on_flickr8k_dev():
    if not os.environ.get("FEEDSCOPE_DATASETS"):
        pytest.skip("FEEDSCOPE_DATASETS is not set: Flickr8k is needed")
    folder = Path(os.environ["FEEDSCOPE_DATASETS"]) / "flickr8k"
    encoder = load_encoder("dual", Settings(threads=1))
    found = evaluate_retrieval(encoder, folder / "images", folder / "captions.csv", "dev")
    assert (found["images"], found["captions"]) == (1000, 5000)
    assert found["text_to_image"]["r@10"] >= 60


def test_a_posts_file_is_measured_on_a_fifth_by_its_text(colours):
    rows = [(f"{name}", f"images/{name}.png") for name in PALETTE]
    rows += [("", "images/red.png"), ("no picture", "")]
    write_captions(colours / "posts.csv", rows, columns=("text", "image"))
    counts = {
        split: evaluate_retrieval(FakeEncoder(), colours / "images", colours / "posts.csv", split)["captions"]
        for split in ("test", "train", "all")
        if split == "all" or any(in_test_fifth(name) == (split == "test") for name in PALETTE)
    }
    assert counts["all"] == len(PALETTE)
    assert sum(count for split, count in counts.items() if split != "all") == len(PALETTE)
    assert counts.get("test", 0) == sum(map(in_test_fifth, PALETTE))
    assert in_test_fifth("Good  Morning\n") == in_test_fifth("good morning")


def test_one_language_is_measured_alone(colours):
    rows = [("dev", f"{name}.png", lang, name) for name in PALETTE for lang in ("de", "fr")]
    write_captions(colours / "langs.csv", rows, columns=("split", "image", "lang", "caption"))
    found = evaluate_retrieval(FakeEncoder(), colours / "images", colours / "langs.csv", "dev", lang="de")
    assert found["captions"] == len(PALETTE)
    with pytest.raises(SettingError, match="no captions in 'cs'"):
        evaluate_retrieval(FakeEncoder(), colours / "images", colours / "langs.csv", "dev", lang="cs")
