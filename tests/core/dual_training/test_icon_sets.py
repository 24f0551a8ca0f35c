"""Icon sets give the things that several of them draw, coloured in."""

import csv
import json

import numpy as np
import pytest

from core.dual_training.drawing_packs import TABLE, collect_drawings
from core.dual_training.drawings import read_drawings
from core.dual_training.icon_sets import LEAST_SETS, MOST_DRAWINGS, colour_in, is_icon_set, read_icon_sets, shown_by
from core.errors import ImportFailed

RING = '<path fill="currentColor" fill-rule="evenodd" d="M2 2h12v12H2ZM4 4v8h8V4Z"/>'
DISC = '<circle cx="8" cy="8" r="6" fill="currentColor"/>'


def make_set(folder, icons, *, palette=False, category="General"):
    folder.mkdir()
    found = {"prefix": folder.name, "width": 16, "height": 16, "icons": {name: {"body": body} for name, body in icons}}
    (folder / "icons.json").write_text(json.dumps(found))
    (folder / "info.json").write_text(json.dumps({"palette": palette, "category": category}))
    return folder


@pytest.fixture
def sets(tmp_path):
    """More sets than are taken that draw a cat, of which four draw a kite as well."""
    icons = [("cat", RING), ("cat-filled", DISC), ("arrow-left", DISC), ("cat-off", RING)]
    return [
        make_set(tmp_path / f"set{n}", icons + ([("kite", RING)] if n < LEAST_SETS - 1 else []))
        for n in range(MOST_DRAWINGS + 2)
    ]


@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("cat", "cat"), ("cat-filled-2", "cat"), ("ios-pizza-outline", "pizza"), ("teddy-bear", "teddy bear"),
        ("arrow-left", ""), ("user-pizza", ""), ("a-big-red-cat", ""), ("x", ""), ("3d-cube", ""), ("größe", ""),
    ],
)  # fmt: skip
def test_a_name_says_what_is_shown(name, thing):
    assert shown_by(name) == thing


def test_what_several_sets_draw_is_taken_and_the_fuller_drawing_of_each(sets):
    icons = read_icon_sets(sets)
    assert {icon.thing for icon in icons} == {"cat"}
    assert {icon.name for icon in icons} == {"cat-filled"}
    assert len({icon.pack for icon in icons}) == len(icons) == MOST_DRAWINGS
    assert read_icon_sets(sets[::-1]) == icons


def test_lines_are_dark_and_what_they_enclose_is_coloured(tmp_path):
    sets = [make_set(tmp_path / f"set{n}", [("cat", RING)]) for n in range(LEAST_SETS)]
    icons = read_icon_sets(sets)
    pixels = np.asarray(colour_in(icons[0]))
    middle, line = pixels[len(pixels) // 2, len(pixels) // 2], pixels[len(pixels) // 2, 56]
    assert middle[3] == line[3] == 255
    assert int(middle[:3].max()) > 150 > 100 > int(line[:3].max())
    assert pixels[0, 0, 3] == 0
    assert np.array_equal(pixels, np.asarray(colour_in(icons[0])))
    assert any(not np.array_equal(pixels, np.asarray(colour_in(icon))) for icon in icons[1:])


def test_sets_of_emoji_and_of_many_colours_are_none(tmp_path):
    assert is_icon_set(make_set(tmp_path / "one", []))
    assert not is_icon_set(make_set(tmp_path / "two", [], palette=True))
    assert not is_icon_set(make_set(tmp_path / "three", [], category="Emoji"))
    assert not is_icon_set(tmp_path / "nowhere")


def test_icons_are_drawings_that_training_reads(sets, tmp_path):
    assert collect_drawings(sets, tmp_path / "drawings", lambda *_: None) == MOST_DRAWINGS
    with (tmp_path / "drawings" / TABLE).open(encoding="utf-8", newline="") as file:
        assert {row["caption"] for row in csv.DictReader(file)} == {"cat", "a picture of cat"}
    assert len(read_drawings(tmp_path / "drawings")) == MOST_DRAWINGS


def test_a_set_that_is_damaged_is_named(sets):
    (sets[3] / "icons.json").write_text('{"prefix": "set3", "icons": [')
    with pytest.raises(ImportFailed, match=r"set3.icons\.json can't be read"):
        read_icon_sets(sets)
    (sets[3] / "icons.json").unlink()
    with pytest.raises(ImportFailed, match="set3"):
        read_icon_sets(sets)
