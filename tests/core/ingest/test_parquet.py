from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import ImportFailed
from core.ingest.recognise import estimate_rows, recognise
from core.settings import Settings
from tests.core.ingest.reading import read_all


def write(path, columns, **options):
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_reddit_as_strings(tmp_path):
    path = write(
        tmp_path / "reddit.parquet",
        {
            "id": ["15hb0z", "nigxb"],
            "created_utc": ["1356551054.0", "1324302075.0"],
            "title": ["A title ", "Only a title"],
            "selftext": ["and &gt; text", ""],
            "score": ["539", "-2"],
            "num_comments": ["677", "72"],
            "permalink": ["http://www.reddit.com/r/a", "/r/b"],
            "url": ["http://imgur.com/x", "http://e.org"],
            "over_18": ["False", "True"],
        },
    )
    source = recognise(path)
    assert (source.format, source.rows, estimate_rows(source)) == ("parquet", 2, 2)
    (first, second), failures = read_all(path)
    assert failures == []
    assert first.post.text == "A title\n\nand > text"
    assert first.post.created_at == datetime(2012, 12, 26, 19, 44, 14)
    assert (first.post.likes, first.post.replies, first.post.url) == (539, 677, "http://www.reddit.com/r/a")
    assert first.post.extra == {"url": "http://imgur.com/x", "over_18": "False"}
    assert (second.post.text, second.post.likes, second.post.url) == ("Only a title", -2, None)
    assert second.post.extra["permalink"] == "/r/b"
    assert (second.where, second.position) == ("reddit.parquet row 2", 1)


def test_typed_columns(tmp_path):
    zoned = pa.array([datetime(2020, 1, 1, 12, tzinfo=UTC), None], pa.timestamp("ns", "Europe/Berlin"))
    path = write(
        tmp_path / "a.parquet",
        {
            "id": pa.array([1, 2], pa.int64()),
            "text": pa.array(["one", "two"]).dictionary_encode(),
            "created_at": zoned,
            "likes": [3.0, float("nan")],
            "day": [date(2020, 1, 2), None],
            "price": [Decimal("1.50"), None],
            "tags": [["x", "y"], []],
            "user": [{"screen_name": "ann", "followers": 7}, None],
        },
    )
    (first, second), _ = read_all(path)
    assert (first.post.id, first.post.text, first.post.likes) == ("1", "one", 3)
    assert first.post.created_at == datetime(2020, 1, 1, 12)
    assert first.post.extra == {"day": "2020-01-02", "price": 1.5, "tags": "x, y"}
    assert (first.post.user_id, first.user.handle, first.user.followers) == ("ann", "ann", 7)
    assert (second.post.created_at, second.post.likes, second.post.user_id, second.post.extra) == (None, None, None, {})


def test_cells_that_python_cannot_hold_lose_no_row(tmp_path):
    bad_text = pa.Array.from_buffers(pa.string(), 2, [None, *pa.array([b"ok", b"caf\xe9"], pa.binary()).buffers()[1:]])
    path = write(
        tmp_path / "a.parquet",
        {
            "text": bad_text,
            "created_at": pa.array([2**60, 0], pa.timestamp("us")),
            "day": pa.array([2**30, 1], pa.date32()),
        },
    )
    records, failures = read_all(path)
    assert [record.post.text for record in records] == ["ok", "caf\ufffd"]
    assert records[0].post.created_at is None
    assert records[0].post.extra["created_at"] == "1152921504606846976 as timestamp[us]"
    assert records[0].post.extra["day"] == "1073741824 as date32[day]"
    assert records[1].post.extra["day"] == "1970-01-02"
    assert failures == []


def test_pictures_as_bytes_and_structs(tmp_path):
    image = [
        {"bytes": b"\x89PNG1", "path": "a.png"},
        {"bytes": b"x" * (2 << 20), "path": "b.png"},
        {"bytes": None, "path": "c.png"},
        None,
    ]
    path = write(tmp_path / "a.parquet", {"image": image, "caption": ["one", "two", "three", ""]})
    records, failures = read_all(path, settings=Settings(max_picture_mb=1))
    pictures = [record.pictures[0] for record in records]
    assert [picture.name for picture in pictures] == ["a.png", "b.png", "c.png"]
    assert [picture.data for picture in pictures] == [b"\x89PNG1", None, None]
    assert [picture.error for picture in pictures] == [None, "larger than the 1 MB allowed", "the file is missing"]
    assert [failure.reason for failure in failures] == ["neither text nor picture"]
    raw = write(tmp_path / "b.parquet", {"image": [b"one", b""], "text": ["", "two"]})
    assert [[picture.data for picture in record.pictures] for record in read_all(raw)[0]] == [[b"one"], []]


def test_row_groups_keep_their_order_and_a_damaged_one_loses_only_itself(tmp_path):
    path = write(
        tmp_path / "a.parquet",
        {"id": list(range(100)), "text": [f"text {n}" for n in range(100)]},
        row_group_size=20,
        compression="gzip",
        use_dictionary=False,
    )
    assert [record.post.id for record in read_all(path)[0]] == [str(n) for n in range(100)]
    column = pq.ParquetFile(path).metadata.row_group(2).column(1)
    raw = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    raw[middle : middle + 20] = b"\xff" * 20
    path.write_bytes(raw)
    records, failures = read_all(path)
    assert [int(record.post.id) for record in records] == [*range(40), *range(60, 100)]
    assert [failure.where for failure in failures] == ["a.parquet rows 41 to 60"]
    assert records[-1].position == 99


def test_what_is_not_a_whole_parquet_file(tmp_path):
    path = write(tmp_path / "a.parquet", {"text": ["one"] * 100})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ImportFailed, match=r"a.parquet is not a whole Parquet file"):
        recognise(path)


def test_columns_without_text_are_named(tmp_path):
    path = write(tmp_path / "a.parquet", {"alpha": [1], "beta": [{"gamma": 1}]})
    with pytest.raises(ImportFailed, match=r"Columns found: 'alpha', 'beta.gamma'"):
        recognise(path)
