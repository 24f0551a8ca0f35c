"""Packs of drawings are brought to one layout, without the emoji that checks ask for, and drawn on grounds."""

import csv
import json

import numpy as np
import pytest

from core.demo.held_out import HELD_OUT
from core.dual_training.drawing_packs import TABLE, collect_drawings
from core.dual_training.drawings import draw_thing, read_drawings, thing_key
from core.dual_training.heads import TunedRecipe
from core.dual_training.training import drawing_pairs
from core.errors import ImportFailed

SQUARE = '<rect x="2" y="2" width="12" height="12" fill="#d02020"/>'
CLIP = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" width="40" height="30"><metadata><rdf:RDF><dc:title>'
    "Pizza Slice 02 (B and W)</dc:title><rdf:li>food</rdf:li><rdf:li>clip art</rdf:li></rdf:RDF></metadata>"
    '<circle cx="20" cy="15" r="12" fill="#208020"/></svg>'
)


@pytest.fixture
def packs(tmp_path):
    """An emoji set that holds an apple and everything that is held out, one of an apple alone, clip art, stamps."""
    held = {code.lower(): f"held-{code.lower()}" for codes in HELD_OUT.values() for code in codes}
    for name, codes in (("first", {"1f34e": "red-apple", **held}), ("second", {"1f34e": "apple"})):
        folder = tmp_path / name
        folder.mkdir()
        icons = {
            "prefix": name,
            "width": 16,
            "height": 16,
            "icons": {icon: {"body": SQUARE} for icon in codes.values()},
        }
        (folder / "icons.json").write_text(json.dumps(icons))
        (folder / "chars.json").write_text(json.dumps(codes))
    for place in ("food", "shapes/stars"):
        (tmp_path / "svg" / place).mkdir(parents=True)
        (tmp_path / "svg" / place / "one.svg").write_text(CLIP)
    (tmp_path / "svg" / "food" / "broken.svg").write_text("<svg><dc:title>A broken drawing</dc:title>")
    (tmp_path / "stamps" / "animals").mkdir(parents=True)
    (tmp_path / "stamps" / "animals" / "cow.svg").write_text(CLIP)
    (tmp_path / "stamps" / "animals" / "cow.txt").write_text("A cow.\nde.utf8=Eine Kuh.\nzh_CN.utf8=母牛。\nfr.utf8=\n")
    return [tmp_path / name for name in ("first", "second", "svg", "stamps")]


@pytest.fixture
def folder(packs, tmp_path):
    assert collect_drawings(packs, tmp_path / "drawings", lambda *_: None) == 4
    return tmp_path / "drawings"


def test_what_is_drawn_is_named(folder):
    with (folder / TABLE).open(encoding="utf-8", newline="") as file:
        rows = {(row["image"].split("/")[1], row["lang"], row["caption"]) for row in csv.DictReader(file)}
    assert ("first-1F34E.png", "en", "red apple") in rows
    assert ("clip-food-one.png", "en", "pizza slice") in rows
    assert ("clip-food-one.png", "en", "food") in rows
    assert ("stamp-animals-cow.png", "de", "Eine Kuh") in rows
    assert ("stamp-animals-cow.png", "zh", "母牛") in rows


def test_no_pack_brings_a_held_out_emoji(folder):
    things = read_drawings(folder)
    assert {thing.name for thing in things} == {"emoji 1F34E", "clip food-one", "stamp animals-cow"}
    # Neither does a table that somebody wrote.
    with (folder / TABLE).open("a", encoding="utf-8") as file:
        for codes in HELD_OUT.values():
            for code in codes:
                file.write(f"pictures/first-1F34E.png,something,thing {code},{code.lower()},en\n")
    assert read_drawings(folder) == things


def test_emoji_of_several_packs_are_views_of_one_thing(folder, tmp_path):
    things = read_drawings(folder)
    sets = drawing_pairs(things, TunedRecipe(), tmp_path / "cache", lambda *_: None)
    assert {one.name: (one.pictures, len(one.features)) for one in sets} == {
        "drawings": (2, 1),
        "emoji of several packs": (1, 3),
    }
    assert "母牛" not in sets[0].texts  # MiniLM reads English alone


def test_a_view_is_the_same_each_time_and_another_one_differs(folder):
    apple = next(thing for thing in read_drawings(folder) if thing.name == "emoji 1F34E")
    assert draw_thing(apple, 0).tobytes() == draw_thing(apple, 0).tobytes()
    assert not np.array_equal(np.asarray(draw_thing(apple, 0)), np.asarray(draw_thing(apple, 1)))
    before = thing_key(apple)
    apple.pictures[0].write_bytes(apple.pictures[0].read_bytes() + b"x")
    assert thing_key(apple) != before


def test_folders_that_are_none_are_named(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImportFailed, match="empty"):
        collect_drawings([tmp_path / "empty"], tmp_path / "out", lambda *_: None)
    with pytest.raises(ImportFailed, match=r"drawings\.csv"):
        read_drawings(tmp_path / "empty")
    with (folder / TABLE).open("a", encoding="utf-8") as file:
        file.write("../../secret.png,something,thing,,en\n")
    with pytest.raises(ImportFailed, match="outside"):
        read_drawings(folder)
