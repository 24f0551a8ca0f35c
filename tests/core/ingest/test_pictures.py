import io
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import ImportFailed
from core.ingest.recognise import estimate_rows, read, recognise
from tests.core.ingest.reading import read_all


def jpeg(taken=None, zone=None):
    image = Image.new("RGB", (8, 8), "red")
    exif = Image.Exif()
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    if zone:
        exif.get_ifd(0x8769)[0x9011] = zone
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_each_picture_is_a_post_in_a_fixed_order(tmp_path):
    folder = tmp_path / "holiday"
    (folder / "day two" / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "__MACOSX").mkdir()
    for name in (
        "b.JPG",
        "a.png",
        "day two/c.webp",
        "day two/deep/d.gif",
        ".hidden/x.jpg",
        "__MACOSX/y.jpg",
        "._a.png",
        "read.me",
    ):
        (folder / name).write_bytes(jpeg())
    source = recognise(folder)
    assert (source.format, source.rows, estimate_rows(source)) == ("pictures", None, 4)
    records, failures = read_all(folder)
    assert failures == []
    assert [record.post.id for record in records] == ["a.png", "b.JPG", "day two/c.webp", "day two/deep/d.gif"]
    assert [record.position for record in records] == [0, 1, 2, 3]
    assert [record.post.extra for record in records] == [{}, {}, {"folder": "day two"}, {"folder": "day two/deep"}]
    assert {(record.post.text, record.post.source, record.user) for record in records} == {("", "holiday", None)}
    assert all(record.pictures[0].path == folder / record.post.id for record in records)


def test_the_time_at_which_a_picture_was_taken(tmp_path):
    times = {
        "a.jpg": ("2015:06:01 12:30:15", None, datetime(2015, 6, 1, 12, 30, 15)),
        "b.jpg": ("2015:06:01 12:30:15", "+02:00", datetime(2015, 6, 1, 10, 30, 15)),
        "c.jpg": ("0000:00:00 00:00:00", None, None),
        "d.jpg": ("9999:01:01 00:00:00", None, None),
        "e.jpg": ("2015:06:01 12:30:15", "nonsense", datetime(2015, 6, 1, 12, 30, 15)),
        "f.jpg": (None, None, None),
    }
    for name, (taken, zone, _) in times.items():
        (tmp_path / name).write_bytes(jpeg(taken, zone))
    (tmp_path / "g.jpg").write_bytes(b"no picture")
    (tmp_path / "h.jpg").write_bytes(b"")
    records, _ = read_all(tmp_path)
    assert [record.post.created_at for record in records] == [expected for _, _, expected in times.values()] + [
        None,
        None,
    ]


def test_links_are_followed_only_inside(tmp_path):
    folder = tmp_path / "import"
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(jpeg("2015:06:01 12:30:15"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.jpg").write_bytes(jpeg())
    (folder / "a.jpg").write_bytes(jpeg())
    (folder / "b.jpg").symlink_to(folder / "a.jpg")
    (folder / "c.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "d.jpg").symlink_to(folder / "gone.jpg")
    (folder / "e").symlink_to(tmp_path / "elsewhere")
    records, _ = read_all(folder)
    assert [record.post.id for record in records] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert [record.pictures[0].error is None for record in records] == [True, True, False, False]
    assert records[2].pictures[0].path is None
    assert records[2].post.created_at is None


def test_a_name_that_is_no_utf8(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    try:
        (tmp_path / "caf\udce9.jpg").write_bytes(jpeg())
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    ids = [record.post.id for record in read_all(tmp_path)[0]]
    assert ids == ["a.jpg", "caf\ufffd.jpg"]


def test_a_folder_without_posts_or_pictures(tmp_path):
    with pytest.raises(ImportFailed, match="holds neither a posts file nor pictures"):
        recognise(tmp_path)
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(ImportFailed, match="holds no pictures"):
        recognise(tmp_path, format="pictures")


def test_a_picture_alone_is_no_source(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    with pytest.raises(ImportFailed, match=r"a.jpg is a picture. Import the folder"):
        recognise(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_picture_is_still_a_post(tmp_path, data):
    raw = bytearray(jpeg("2015:06:01 12:30:15", "+02:00"))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + 4] = data.draw(st.binary(min_size=1, max_size=4))
    (tmp_path / "a.jpg").write_bytes(raw)
    (record,) = read(recognise(tmp_path))
    assert record.pictures[0].path == tmp_path / "a.jpg"
