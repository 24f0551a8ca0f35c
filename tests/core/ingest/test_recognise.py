import os

import pytest

from core.errors import ImportFailed
from core.ingest.recognise import FORMATS, preview, read, recognise
from tests.core.ingest.reading import read_all, write_csv, write_lines


def test_what_is_not_there_or_empty(tmp_path):
    with pytest.raises(ImportFailed, match=r"There is nothing at .*gone.csv"):
        recognise(tmp_path / "gone.csv")
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(ImportFailed, match=r"empty.csv is empty"):
        recognise(tmp_path / "empty.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ImportFailed, match="neither a file nor a folder"):
        recognise(tmp_path / "pipe.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "is a damaged archive"),
        (bytes(range(256)) * 100, "is not a text or Parquet file"),
        (b"PAR1 but nothing more", "is not a whole Parquet file"),
        (b"   \n \n", "is not a table"),
        (b"# A page\n\nSome prose, with commas.\n\nAnd more of it; and more.\n", "is not a table|no column looks like"),
        (b"alpha,beta\n1,2\n", "Columns found: 'alpha', 'beta'"),
        (b"{}", "holds no JSON objects|no column looks like"),
    ],
)
def test_what_is_not_posts(tmp_path, content, message):
    path = tmp_path / "data.bin"
    path.write_bytes(content)
    with pytest.raises(ImportFailed, match=message):
        recognise(path)


def test_a_name_that_is_no_utf8_is_refused(tmp_path):
    with pytest.raises(ImportFailed, match="is not UTF-8"):
        recognise(tmp_path / "caf\udce9.csv")


def test_unknown_formats_and_wrong_ones(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", "1,one")
    with pytest.raises(ImportFailed, match=r"no format 'xml'. Formats: auto, csv"):
        recognise(path, format="xml")
    with pytest.raises(ImportFailed, match="is not a whole Parquet file"):
        recognise(path, format="parquet")
    with pytest.raises(ImportFailed, match="holds no JSON objects"):
        recognise(path, format="jsonl")
    assert recognise(path, format="csv").format == "csv"
    assert {"csv", "tsv", "jsonl", "json", "parquet", "pictures", "flickr8k", "feedscope"} < set(FORMATS)


def test_a_posts_file_with_pictures_beside_it_names_its_folder(tmp_path):
    folder = tmp_path / "my tweets"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "1.jpg").write_bytes(b"x")
    write_csv(folder / "posts.csv", "post_id,text,image", "1,one,images/1.jpg")
    write_csv(folder / "other.csv", "x,y", "1,2")
    (record,), _ = read_all(folder)
    assert (record.post.source, record.where) == ("my tweets", "posts.csv line 2")
    assert record.pictures[0].path == folder / "images" / "1.jpg"
    (alone,), _ = read_all(folder / "posts.csv")
    assert (alone.post.source, alone.pictures) == ("posts.csv", record.pictures)


def test_a_folder_with_one_table_or_several(tmp_path):
    write_lines(tmp_path / "tweets.jsonl", {"text": "one"})
    assert recognise(tmp_path).format == "jsonl"
    write_csv(tmp_path / "more.csv", "text", "two")
    with pytest.raises(ImportFailed, match=r"several: more.csv, tweets.jsonl. Import one"):
        recognise(tmp_path)


def test_a_folder_may_be_read_as_pictures_all_the_same(tmp_path):
    write_csv(tmp_path / "notes.csv", "alpha", "1")
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(ImportFailed, match="Columns found: 'alpha'"):
        recognise(tmp_path)
    assert recognise(tmp_path, format="pictures").format == "pictures"


def test_a_source_that_goes_away(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", "1,one")
    source = recognise(path)
    path.unlink()
    with pytest.raises(ImportFailed, match="can't be read"):
        list(read(source))


def test_a_preview_reads_no_further_than_it_must(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", *(f"{n},{'text' if n % 2 else ''}" for n in range(10_000)))
    source, records, failures = preview(path, limit=3)
    assert dict(source.mapping) == {"id": "id", "text": "text"}
    assert [record.post.id for record in records] == ["1", "3", "5"]
    assert [failure.position for failure in failures] == [0, 2, 4]


def test_reading_twice_gives_the_same(tmp_path):
    path = write_csv(tmp_path / "a.csv", "text,date", "one,2020-01-01", "two,", "one,2020-01-01")
    assert read_all(path) == read_all(path)


def test_recognising_looks_at_the_beginning_only(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as stream:
        stream.write(b"id,text\n1,one\n")
        stream.truncate(5 << 30)  # a sparse file: reading it all would take minutes
    assert recognise(path).mapping == {"id": "id", "text": "text"}
