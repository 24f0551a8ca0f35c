import gzip
import json
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ImportFailed
from core.ingest.recognise import estimate_rows, preview, read, recognise
from core.ingest.records import Failure, PostRecord
from tests.core.ingest.reading import read_all, texts, write_lines

TWEET = {
    "id": 1340539111971516416,
    "id_str": "1340539111971516416",
    "full_text": "Hello &amp; welcome",
    "created_at": "Wed Oct 10 20:19:24 +0000 2018",
    "user": {"id_str": "7", "screen_name": "ann", "name": "Ann B.", "followers_count": 12, "verified": True},
    "favorite_count": 3,
    "retweet_count": 2,
    "lang": "en",
    "extended_entities": {"media": [{"media_url_https": "https://pbs.example/a.jpg", "ext_alt_text": "a cat"}]},
    "coordinates": None,
    "possibly_sensitive": False,
}


def test_a_nested_tweet(tmp_path):
    (record,), failures = read_all(write_lines(tmp_path / "tweets.jsonl", TWEET))
    post, user = record.post, record.user
    assert failures == []
    assert (post.id, post.text, post.user_id) == ("1340539111971516416", "Hello & welcome", "7")
    assert (post.created_at, post.likes, post.reposts) == (datetime(2018, 10, 10, 20, 19, 24), 3, 2)
    assert (user.id, user.name, user.handle, user.followers) == ("7", "Ann B.", "ann", 12)
    assert user.extra == {"user.verified": True}
    assert post.extra == {"id": 1340539111971516416, "user.verified": True, "possibly_sensitive": False}
    (picture,) = record.pictures
    assert (picture.alt, picture.error, picture.path) == ("a cat", "not fetched: remote picture", None)


def test_bluesky_and_mastodon_objects(tmp_path):
    sky = {
        "uri": "at://did:plc:x/app.bsky.feed.post/3j",
        "author": {"did": "did:plc:x", "handle": "ann.example", "displayName": "Ann"},
        "record": {"text": "hi", "createdAt": "2023-06-28T22:42:42.700Z", "langs": ["en"]},
        "likeCount": 4,
    }
    toot = {
        "id": "9",
        "content": "<p>hi</p>",
        "account": {"acct": "ann@e.org", "display_name": "Ann"},
        "reblogs_count": 1,
    }
    (first,), _ = read_all(write_lines(tmp_path / "sky.jsonl", sky))
    assert (first.post.id, first.post.text, first.post.user_id) == (sky["uri"], "hi", "did:plc:x")
    assert (first.user.handle, first.user.name, first.post.lang, first.post.likes) == ("ann.example", "Ann", "en", 4)
    (second,), _ = read_all(write_lines(tmp_path / "toots.jsonl", toot))
    assert (second.post.text, second.post.user_id, second.post.reposts) == ("hi", "ann@e.org", 1)


def test_broken_lines_lose_only_themselves(tmp_path):
    path = write_lines(
        tmp_path / "a.ndjson",
        {"id": 1, "text": "one"},
        '{"id": 2, "text": "tw',
        "[1, 2]",
        '"text"',
        "",
        "[" * 100_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"id": ' + "9" * 5000 + "}",
        {"id": 3, "text": ""},
        {"id": 4, "text": "four"},
    )
    records, failures = read_all(path)
    assert [record.post.text for record in records] == ["one", "four"]
    assert [failure.where for failure in failures] == [f"a.ndjson line {n}" for n in (2, 3, 4, 6, 7, 8, 9)]
    assert [failure.reason.partition(":")[0] for failure in failures] == [
        "not JSON",
        "not a JSON object",
        "not a JSON object",
        "the JSON is nested too deep",
        "the JSON is nested too deep",
        "not JSON",
        "neither text nor picture",
    ]


def test_deep_values_inside_a_post_do_not_lose_it(tmp_path):
    deep = {
        "id": 1,
        "text": "one",
        "list": json.loads("[" * 900 + "]" * 900),
        "tree": json.loads('{"a":' * 900 + "1" + "}" * 900),
    }
    records, failures = read_all(
        write_lines(tmp_path / "a.jsonl", {"id": 0, "text": "zero"}, deep, {"id": 2, "text": "two"})
    )
    assert len(records) + len(failures) == 3
    assert {record.post.text for record in records} >= {"zero", "two"}


def test_a_column_may_turn_up_late(tmp_path):
    many = [{"id": n, "text": f"text {n} " + "x" * 200} for n in range(1000)]
    late = {"id": 1000, "text": "late", "image": "a.jpg", "likes": 3, "other": "x"}
    records, _ = read_all(write_lines(tmp_path / "a.jsonl", *many, late))
    assert records[-1].post.likes == 3
    assert [picture.name for picture in records[-1].pictures] == ["a.jpg"]
    assert records[-1].post.extra == {"other": "x"}


def test_values_of_every_kind_in_extra_columns(tmp_path):
    item = {
        "text": "t",
        "b": True,
        "n": 1.5,
        "nan": float("nan"),
        "list": ["x", "y"],
        "deep": [{"k": 1}],
        "none": None,
        "big": 2**70,
    }
    (record,), _ = read_all(write_lines(tmp_path / "a.jsonl", item))
    assert record.post.extra == {"b": True, "n": 1.5, "list": "x, y", "deep": '[{"k": 1}]', "big": str(2**70)}


def test_surrogates_and_nul_in_strings(tmp_path):
    (record,), _ = read_all(
        write_lines(tmp_path / "a.jsonl", '{"id": "a\\ud800", "text": "x\\u0000y\\ud83d\\ude00\\udfff"}')
    )
    assert (record.post.id, record.post.text) == ("a", "xy😀")


def test_a_first_line_longer_than_what_is_looked_at(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", {"id": 1, "text": "x" * 1_000_000}, {"id": 2, "text": "two"})
    assert [len(text) for text in texts(path)] == [1_000_000, 3]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [lambda items: items, lambda items: {"data": items, "meta": {"count": 3}}])
def test_json_arrays(tmp_path, indent, wrap):
    items = [{"id": n, "text": f"text {n}", "user": {"name": "x"}} for n in range(3)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(wrap(items), indent=indent))
    assert recognise(path).format == "json"
    assert texts(path) == ["text 0", "text 1", "text 2"]


def test_a_broken_item_of_an_array_loses_only_itself(tmp_path):
    path = tmp_path / "a.json"
    good = [json.dumps({"id": n, "text": f"text {n}"}) for n in range(4)]
    path.write_text(f'[{good[0]}, {{"id": oops}}, {good[1]}, 7, {good[2]}, {{"id": 9, "text": "open}}, {good[3]}]')
    records, failures = read_all(path)
    assert [record.post.id for record in records] == ["0", "1", "2", "3"]
    assert [failure.where for failure in failures] == ["a.json item 2", "a.json item 4", "a.json item 6"]


def test_an_array_is_read_item_by_item(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"id": n, "text": "é" * 100} for n in range(20_000)], ensure_ascii=False))
    source = recognise(path)
    assert len(texts(path)) == 20_000
    assert 15_000 < estimate_rows(source) < 25_000
    assert len(preview(path, limit=3)[1]) == 3


def test_json_lines_in_disguise(tmp_path):
    items = [{"id": 1, "text": "one"}, {"id": 2, "text": "two"}]
    assert texts(write_lines(tmp_path / "a.json", *items)) == ["one", "two"]
    assert texts(write_lines(tmp_path / "posts", *items)) == ["one", "two"]
    assert texts(write_lines(tmp_path / "b.jsonl", "[", *(json.dumps(item) + "," for item in items), "]")) == [
        "one",
        "two",
    ]
    packed = tmp_path / "c.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.json").read_bytes()))
    assert texts(packed) == ["one", "two"]


def test_objects_without_text_are_refused_with_what_was_found(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", {"alpha": 1, "beta": {"gamma": 2}})
    with pytest.raises(ImportFailed, match=r"a.jsonl: no column .* Columns found: 'alpha', 'beta.gamma'"):
        recognise(path)
    with pytest.raises(ImportFailed, match="b.jsonl holds no JSON objects"):
        recognise(write_lines(tmp_path / "b.jsonl", "nothing", "here"))


POSTS = json.dumps(
    [{"id": n, "text": f"text {n}", "media": [{"file": "a.jpg"}], "user": {"name": "x"}} for n in range(5)]
)


@given(data=st.data(), suffix=st.sampled_from([".json", ".jsonl"]))
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_mutated_json_gives_records_failures_or_a_sentence(tmp_path, data, suffix):
    raw = bytearray((POSTS if suffix == ".json" else POSTS.replace('}, {"id"', '}\n{"id"')).encode())
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"}", b"[", b"\n"])
        )
    path = tmp_path / f"any{suffix}"
    path.write_bytes(raw)
    try:
        source = recognise(path)
    except ImportFailed:
        return
    assert all(isinstance(item, (PostRecord, Failure)) for item in read(source))
