import io
import os

import pytest
from PIL import Image

from core.errors import PictureError
from core.search.query_pictures import keep_query_picture, read_query_picture
from core.settings import Settings


def png(colour, side=16):
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_kept_picture_comes_back_by_its_name(tmp_path):
    name = keep_query_picture(tmp_path, png("red"), Settings())
    assert read_query_picture(tmp_path, name) == png("red")
    assert keep_query_picture(tmp_path, png("red"), Settings()) == name
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["", "../secret", "0" * 63, "0" * 64, "A" * 64, "..%2f" + "0" * 59])
def test_no_other_name_reads_anything(tmp_path, name):
    (tmp_path.parent / "secret").write_text("secret")
    assert read_query_picture(tmp_path, name) is None


@pytest.mark.parametrize("data", [b"", b"not a picture", png("red")[:40]])
def test_what_is_no_picture_is_not_kept(tmp_path, data):
    with pytest.raises(PictureError):
        keep_query_picture(tmp_path, data, Settings())
    assert list(tmp_path.iterdir()) == []


def test_limits_are_the_settings(tmp_path):
    with pytest.raises(PictureError, match="pixels"):
        keep_query_picture(tmp_path, png("red", side=64), Settings(max_pixels=1000))


def test_the_longest_unused_make_room(tmp_path):
    names = [keep_query_picture(tmp_path, png(colour), Settings()) for colour in ("red", "green", "blue")]
    for age, name in enumerate(names):
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    read_query_picture(tmp_path, names[0])  # used again, so that green is now the oldest
    newest = keep_query_picture(tmp_path, png("white"), Settings(), max_pictures=3)
    assert {path.name for path in tmp_path.iterdir()} == {names[0], names[2], newest}


def test_the_bytes_are_bounded_too(tmp_path):
    size = len(png("red"))
    for colour in ("red", "green", "blue"):
        last = keep_query_picture(tmp_path, png(colour), Settings(), max_total_bytes=size + size // 2)
    assert [path.name for path in tmp_path.iterdir()] == [last]
