"""Files of interactions and profiles: told by their columns, read with every bad row listed."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import ImportFailed
from core.ingest.readers.acts import read_acts, read_profiles, recognise_acts
from core.ingest.records import Failure
from core.types import Interaction, User


def acts(path, **options):
    file = recognise_acts(path)
    return file, list(read_acts(file, **options))


ROWS = [
    {"user_id": "ann", "tweet_id": "1", "action": "Like", "timestamp": "2024-01-02T03:04:05Z", "rating": "2"},
    {"user_id": "bob", "tweet_id": "1", "action": "retweet", "timestamp": "", "rating": "x"},
    {"user_id": "", "tweet_id": "1", "action": "like", "timestamp": "", "rating": ""},
    {"user_id": "eve", "tweet_id": "", "action": "like", "timestamp": "", "rating": ""},
]


def write(path, rows):
    columns = list(rows[0])
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        sign = "\t" if path.suffix == ".tsv" else ","
        path.write_text("".join(sign.join(line) + "\n" for line in [columns, *([r[c] for c in columns] for r in rows)]))
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_a_table_in_any_form(tmp_path, ending):
    file, found = acts(write(tmp_path / f"acts.{ending}", ROWS))
    assert file.mapping == {
        "user_id": "user_id", "post_id": "tweet_id", "kind": "action", "created_at": "timestamp", "weight": "rating"
    }  # fmt: skip
    first, second, *failures = found
    assert (first.user_id, first.post_id, first.kind, str(first.created_at), first.weight) == (
        "ann", "1", "like", "2024-01-02 03:04:05", 2.0
    )  # fmt: skip
    assert second == Interaction("bob", "1", "repost")
    assert [failure.reason for failure in failures] == [
        "an interaction without a user", "an interaction without a post"
    ]  # fmt: skip


def test_who_follows_whom(tmp_path):
    path = write(tmp_path / "edges.csv", [{"follower_id": "ann", "followed_id": "bob"}])
    assert acts(path)[1] == [Interaction("ann", "bob", "follow")]


def test_impressions_have_their_rank_and_clicks_are_no_views(tmp_path):
    path = tmp_path / "shown.csv"
    path.write_text("user,item,event,position,rating\n1,5,impression,3,9\n1,5,click,3,9\n1,6,impressions,,2\n")
    _, found = acts(path)
    assert found == [
        Interaction("1", "5", "impression", None, 3.0), Interaction("1", "5", "click", None, 9.0),
        Interaction("1", "6", "impression", None, 1.0),
    ]  # fmt: skip


def test_lists_of_items(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("0 5 6 5\n1 7\n\n2\n")
    file, found = acts(path, kind="view")
    assert file.format == "lists"
    assert found[:3] == [Interaction("0", "5", "view"), Interaction("0", "6", "view"), Interaction("1", "7", "view")]
    assert isinstance(found[3], Failure)
    assert found[3].where == "train.txt line 4"


def test_what_is_no_table_of_interactions_is_said(tmp_path):
    with pytest.raises(ImportFailed, match="user_id=COLUMN"):
        recognise_acts(write(tmp_path / "posts.csv", [{"headline": "x", "body": "y"}]))
    path = write(tmp_path / "odd.csv", [{"wer": "ann", "was": "1"}])
    file = recognise_acts(path, {"user_id": "wer", "post_id": "was"})
    assert list(read_acts(file)) == [Interaction("ann", "1", "like")]
    with pytest.raises(ImportFailed, match="no field"):
        recognise_acts(path, {"who": "wer"})


def test_profiles(tmp_path):
    rows = [
        {"id": "1", "username": "@ann", "name": "Ann", "bio": "sea", "followers_count": "1200", "mood": "calm"},
        {"id": "", "username": "x", "name": "", "bio": "", "followers_count": "", "mood": ""},
    ]
    ann, bad = read_profiles(write(tmp_path / "users.csv", rows))
    assert ann == User("1", name="Ann", handle="ann", description="sea", followers=1200, extra={"mood": "calm"})
    assert bad.reason == "the user has no id"


def run(workspace, kind, **params):
    return workspace.jobs.run_now(kind, params, title=kind).result


def count(workspace):
    return workspace.cursor().execute("SELECT count(*) FROM interactions").fetchall()[0][0]


def test_interactions_go_in_once_and_those_elsewhere_are_counted(workspace, tmp_path):
    (tmp_path / "posts.csv").write_text("id,text,author,reply_to\n1,hello,ann,\n2,hello yourself,bob,1\n")
    run(workspace, "ingest", path=str(tmp_path / "posts.csv"))
    assert workspace.cursor().execute("SELECT user_id, post_id, kind FROM interactions").fetchall() == [
        ("bob", "1", "reply")
    ]
    path = write(tmp_path / "likes.csv", [{"user": "ann", "post": "1"}, {"user": "ann", "post": "9"}])
    dry = run(workspace, "ingest_acts", path=str(path), dry_run=True)
    assert (dry["seen"], dry["added"], dry["elsewhere"], count(workspace)) == (2, 2, 1, 1)
    result = run(workspace, "ingest_acts", path=str(path))
    assert (result["added"], result["elsewhere"], count(workspace)) == (2, 1, 3)
    again = run(workspace, "ingest_acts", path=str(path))
    assert (again["added"], again["skipped"], count(workspace)) == (0, 2, 3)


def test_the_real_lists(datasets, workspace):
    result = run(workspace, "ingest_acts", path=str(datasets / "interactions" / "ml1m" / "train.txt"))
    assert result["failed"] == 0
    assert count(workspace) == result["added"] > 600_000
