import pytest

from core.errors import ImportFailed
from core.ingest.recognise import estimate_rows, recognise
from tests.core.ingest.reading import read_all, write_csv


@pytest.fixture
def folder(tmp_path):
    images = tmp_path / "flickr" / "images"
    images.mkdir(parents=True)
    for name in ("1.jpg", "2.jpg"):
        (images / name).write_bytes(b"x")
    write_csv(
        tmp_path / "flickr" / "captions.csv",
        "split,image,caption_index,caption",
        "train,1.jpg,0,A dog runs .",
        'dev,2.jpg,0,"A cat , asleep ."',
        "train,1.jpg,1,The dog plays .",
        "dev,3.jpg,0,Gone .",
        "dev,,0,No picture .",
        "dev,../../x.jpg,0,Climbing .",
    )
    write_csv(
        tmp_path / "flickr" / "captions_other_languages.csv", "split,image,lang,caption", "train,1.jpg,de,Ein Hund ."
    )
    return tmp_path / "flickr"


def test_a_picture_is_a_post_and_its_captions_its_text(folder):
    source = recognise(folder)
    assert (source.format, source.mapping["text"], estimate_rows(source)) == ("flickr8k", "caption", 2)
    records, failures = read_all(folder)
    assert [record.post.id for record in records] == ["1.jpg", "2.jpg", "3.jpg", "../../x.jpg"]
    assert records[0].post.text == "A dog runs .\nThe dog plays ."
    assert records[0].post.extra == {"split": "train"}
    assert records[0].post.source == "flickr"
    assert records[0].pictures[0].path == folder / "images" / "1.jpg"
    assert [record.pictures[0].error for record in records] == [
        None,
        None,
        "the file is missing",
        "not read: the path leaves the imported folder",
    ]
    assert [(failure.where, failure.reason) for failure in failures] == [
        ("captions.csv line 6", "the row names no picture")
    ]


def test_the_format_is_refused_where_it_is_not(tmp_path, folder):
    with pytest.raises(ImportFailed, match=r"is not a folder with captions.csv"):
        recognise(tmp_path, format="flickr8k")
    with pytest.raises(ImportFailed, match="the format flickr8k is a folder"):
        recognise(folder / "captions.csv", format="flickr8k")


def test_its_table_alone_is_a_table_of_posts(folder):
    records, failures = read_all(folder / "captions.csv")
    assert [record.post.text for record in records][:2] == ["A dog runs .", "A cat , asleep ."]
    assert records[0].pictures[0].path == folder / "images" / "1.jpg"
    assert failures == []
