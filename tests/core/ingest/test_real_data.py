"""The real data sets go in as they lie there."""

from collections import Counter
from datetime import datetime

import pytest

from core.errors import ImportFailed
from core.ingest.recognise import estimate_rows, read, recognise
from core.ingest.records import Failure

pytestmark = pytest.mark.datasets


def read_set(path):
    """(source, records, failures); the estimate of the rows is near what was read."""
    source = recognise(path)
    items = list(read(source))
    failures = [item for item in items if isinstance(item, Failure)]
    records = [item for item in items if not isinstance(item, Failure)]
    assert 0.7 * len(items) <= estimate_rows(source) <= 1.3 * len(items)
    return source, records, failures


def filled(records, field):
    return sum(getattr(record.post, field) is not None for record in records)


def test_tweets_with_pictures(datasets):
    source, records, failures = read_set(datasets / "tweets_images")
    assert (source.format, len(records), failures) == ("csv", 2000, [])
    assert all(len(record.pictures) == 1 and record.pictures[0].path.is_file() for record in records)
    assert Counter(record.post.extra.get("sentiment") for record in records)[None] == 390
    assert {record.post.source for record in records} == {"tweets_images"}


def test_bluesky(datasets):
    _, records, failures = read_set(datasets / "posts" / "bluesky_posts.csv")
    assert len(records) == 8137
    assert [failure.reason for failure in failures] == ["neither text nor picture"] * 3
    assert len({record.post.user_id for record in records}) > 5800
    for field in ("created_at", "likes", "reposts", "replies", "user_id"):
        assert filled(records, field) == 8137
    assert min(record.post.created_at for record in records) > datetime(2022, 1, 1)
    assert not any("import_note" in record.post.extra for record in records)


def test_vaccination_tweets(datasets):
    _, records, failures = read_set(datasets / "posts" / "vaccination_tweets.csv")
    assert (len(records), failures) == (9214, [])
    users = {record.user.id: record.user for record in records}
    assert len(users) == 6122
    assert sum(user.followers is not None and user.created_at is not None for user in users.values()) == 6122
    assert filled(records, "likes") == filled(records, "created_at") == 9214
    assert sum("hashtags" in record.post.extra for record in records) == 9214 - 2168
    assert not any(str(record.post.extra.get("hashtags", "")).startswith("[") for record in records)
    assert not any("&amp;" in record.post.text for record in records)


def test_reddit(datasets):
    source = recognise(datasets / "posts" / "reddit_top.parquet")
    assert (source.format, source.rows) == ("parquet", 198_632)
    ids, subreddits, times, both = set(), Counter(), 0, 0
    for record in read(source):
        ids.add(record.post.id)
        subreddits[record.post.extra["subreddit"]] += 1
        times += record.post.created_at is not None and 2005 < record.post.created_at.year < 2015
        both += "\n\n" in record.post.text
        assert "import_note" not in record.post.extra
    assert (len(ids), len(subreddits), times) == (198_632, 250, 198_632)
    assert both > 60_000


def test_flickr8k(datasets):
    source, records, failures = read_set(datasets / "flickr8k")
    assert (source.format, len(records), failures) == ("flickr8k", 7000, [])
    assert Counter(record.post.extra["split"] for record in records) == {"train": 6000, "dev": 1000}
    assert all(record.post.text.count("\n") == 4 and record.pictures[0].path for record in records)


@pytest.mark.parametrize(
    ("name", "rows", "column"),
    [
        ("davidson_labeled_data.csv", 24_783, "class"),
        ("hatexplain_train.csv", 15_383, "label"),
        ("hatexplain_val.csv", 1_922, "label"),
        ("olid_training.tsv", 13_240, "subtask_a"),
        ("sms_spam.tsv", 5_549, "column 1"),
    ],
)
def test_labelled_sets(datasets, name, rows, column):
    _, records, failures = read_set(datasets / "moderation" / name)
    assert (len(records), failures) == (rows, [])
    assert len({record.post.id for record in records}) == rows
    assert 2 <= len({record.post.extra[column] for record in records}) <= 3


def test_folders_of_several_files_say_which_to_import(datasets):
    with pytest.raises(ImportFailed, match=r"bluesky_posts.csv, reddit_top.parquet, vaccination_tweets.csv"):
        recognise(datasets / "posts")
