import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.ingest.readers.named_pictures import MAX_PICTURES, PictureFolder
from tests.core.ingest.reading import read_all, write_csv

OUTSIDE = "not read: the path leaves the imported folder"


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "import"
    (inside / "images").mkdir(parents=True)
    for name in ("a.jpg", "images/b.png", "images/with, comma.jpg", "notes.txt", "images/no_suffix"):
        (inside / name).write_bytes(b"x")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (inside / "way_out.jpg").symlink_to(tmp_path / "secret.jpg")
    (inside / "images" / "up").symlink_to(tmp_path)
    (inside / "loop.jpg").symlink_to(inside / "loop.jpg")
    (inside / "way_in.jpg").symlink_to(inside / "a.jpg")
    return inside


def found(folder, cell, alt=None):
    pictures = PictureFolder(folder, max_bytes=10).pictures(cell, alt)
    return [str(picture.path.relative_to(folder)) if picture.path else picture.error for picture in pictures]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("a.jpg", ["a.jpg"]),
        (" images/b.png ", ["images/b.png"]),
        ("images\\b.png", ["images/b.png"]),
        ("b.png", ["images/b.png"]),
        ("way_in.jpg", ["a.jpg"]),
        ("images/../a.jpg", ["a.jpg"]),
        ("no_suffix", ["images/no_suffix"]),
        ("with, comma.jpg", ["images/with, comma.jpg"]),
        ("a.jpg, b.png;c.jpg|a.jpg", ["a.jpg", "images/b.png", "the file is missing"]),
        ("['a.jpg', 'b.png']", ["a.jpg", "images/b.png"]),
        ('["a.jpg"]', ["a.jpg"]),
        ("[{'file': 'a.jpg', 'alt': 'x'}]", ["a.jpg"]),
        (["a.jpg", {"path": "b.png"}, 7, None], ["a.jpg", "images/b.png"]),
        ({"file": "a.jpg"}, ["a.jpg"]),
        ("../secret.jpg", [OUTSIDE]),
        ("../../etc/passwd", ["not read: the path leaves the imported folder"]),
        ("..\\secret.jpg", [OUTSIDE]),
        ("images/up/secret.jpg", [OUTSIDE]),
        ("way_out.jpg", [OUTSIDE]),
        ("/etc/passwd", [OUTSIDE]),
        ("C:\\a.jpg", [OUTSIDE]),
        ("notes.txt", ["not read: not a picture file"]),
        ("images", ["the file is missing"]),
        ("loop.jpg", ["not read: this is not the name of a file"]),
        ("a\x00.jpg", ["not read: this is not the name of a file"]),
        ("x" * 2000 + ".jpg", ["not read: this is not the name of a file"]),
        ("x" * 500 + ".jpg", ["not read: this is not the name of a file"]),
        ("https://e.org/a,b.jpg, https://e.org/c.jpg", ["not fetched: remote picture"] * 2),
        ("//e.org/a.jpg", ["not fetched: remote picture"]),
        ("file:///etc/passwd", ["not fetched: remote picture"]),
        *((cell, []) for cell in ("", "nan", "True", "0", None, [], {}, 7, 1.5, True, b"")),
    ],
)
def test_what_a_cell_names(folder, cell, expected):
    assert found(folder, cell) == expected


def test_bytes_keep_their_limit_and_alternative_texts_their_picture(folder):
    pictures = PictureFolder(folder, max_bytes=10).pictures(
        [b"12345", b"x" * 11, {"file": "a.jpg", "alt": "own"}], "common"
    )
    assert [(picture.data, picture.alt) for picture in pictures] == [
        (b"12345", "common"),
        (None, "common"),
        (None, "own"),
    ]
    assert pictures[1].error == "larger than the 0 MB allowed"


def test_a_post_has_at_most_fifty_pictures(folder):
    names = ",".join(f"{n}.jpg" for n in range(80))
    path = write_csv(folder / "posts.csv", "id,text,images", f'1,one,"{names}"')
    (record,), _ = read_all(path)
    assert len(record.pictures) == MAX_PICTURES
    assert record.post.extra == {"import_note": "images: only the first 50 pictures were taken"}


def test_a_picture_named_but_missing_keeps_its_post(folder):
    path = write_csv(folder / "posts.csv", "id,text,image,alt_text", "1,,gone.jpg,a cat", "2,,a.jpg,", "3,,False,")
    records, failures = read_all(path)
    assert [(p.name, p.path and p.path.name, p.alt, p.error) for record in records for p in record.pictures] == [
        ("gone.jpg", None, "a cat", "the file is missing"),
        ("a.jpg", "a.jpg", None, None),
    ]
    assert [failure.where for failure in failures] == ["posts.csv line 4"]


PARTS = st.lists(
    st.sampled_from(["..", ".", "images", "up", "a.jpg", "secret.jpg", "", "~", "\\", "/", "\x00", "é", "way_out.jpg"]),
    max_size=6,
)


@given(st.one_of(PARTS.map("/".join), st.text(max_size=40), st.text(alphabet=st.characters(codec=None), max_size=10)))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_name_leads_out_of_the_folder(folder, name):
    path, error = PictureFolder(folder, max_bytes=10).find(name)
    assert (path is None) == (error is not None)
    if path is not None:
        assert os.path.commonpath([os.path.realpath(path), os.path.realpath(folder)]) == os.path.realpath(folder)
