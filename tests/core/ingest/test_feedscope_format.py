from datetime import datetime

import pytest

from core.ingest.readers.feedscope import read_interactions, read_users
from core.ingest.recognise import estimate_rows, recognise
from core.ingest.records import Failure
from core.settings import Settings
from core.types import Interaction, Post, User
from tests.core.ingest.reading import read_all, write_lines

FULL = {
    "id": "p/1",
    "text": "Tom &amp; <b>Jerry</b>",
    "user_id": "ann",
    "created_at": "2024-05-01T10:00:00",
    "lang": "en",
    "url": "https://e.org/1",
    "reply_to": "p0",
    "repost_of": None,
    "likes": 3,
    "reposts": 0,
    "replies": 1,
    "source": "demo",
    "media": [{"file": "images/a.png", "alt": "a cat"}, {"file": "../x.png"}],
    "extra": {"topic": "cats", "score": 0.5, "deep": [1, 2]},
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"x")
    write_lines(
        tmp_path / "posts.jsonl",
        FULL,
        {"id": 2, "text": "two", "user_id": "bob"},
        {"id": "", "text": "x"},
        {"text": "x", "id": None},
        '{"broken',
        {"id": "3", "text": " "},
        {"id": "4", "media": [{"file": "images/a.png"}], "created_at": "0000"},
    )
    write_lines(
        tmp_path / "users.jsonl",
        {
            "id": "ann",
            "name": "Ann",
            "handle": "ann",
            "description": "x",
            "location": "y",
            "created_at": "2020-01-01",
            "followers": 5,
            "following": 6,
            "extra": {"verified": True},
        },
        {"name": "nobody"},
        "broken",
    )
    write_lines(
        tmp_path / "interactions.jsonl",
        {"user_id": "bob", "post_id": "p/1", "kind": "like", "created_at": "2024-05-02T00:00:00Z"},
        {"user_id": "bob", "post_id": "p/1", "kind": "view", "weight": 0.5},
        {"user_id": "bob", "kind": "like"},
        {"user_id": "bob", "post_id": "2", "kind": "like", "weight": "much"},
    )
    return tmp_path


def test_posts_in_our_own_words(folder):
    source = recognise(folder)
    assert (source.format, estimate_rows(source) >= 5) == ("feedscope", True)
    records, failures = read_all(folder)
    assert records[0].post == Post(
        id="p/1",
        text="Tom &amp; <b>Jerry</b>",
        user_id="ann",
        created_at=datetime(2024, 5, 1, 10),
        lang="en",
        url="https://e.org/1",
        reply_to="p0",
        likes=3,
        reposts=0,
        replies=1,
        source="demo",
        extra={"topic": "cats", "score": 0.5, "deep": "1, 2"},
    )
    assert [(p.alt, p.path and p.path.name, p.error) for p in records[0].pictures] == [
        ("a cat", "a.png", None),
        (None, None, "not read: the path leaves the imported folder"),
    ]
    assert [record.post.id for record in records] == ["p/1", "2", "4"]
    assert [record.user for record in records] == [None] * 3
    assert records[2].post.extra == {"created_at": "0000", "import_note": "created_at: not a usable time"}
    assert [failure.reason.partition(":")[0] for failure in failures] == [
        "the post has no id",
        "the post has no id",
        "not JSON",
        "neither text nor picture",
    ]


def test_users_and_interactions_beside_the_posts(folder):
    source = recognise(folder)
    ann, nobody, broken = read_users(source)
    assert ann == User("ann", "Ann", "ann", "x", "y", datetime(2020, 1, 1), 5, 6, {"verified": True})
    assert (nobody.where, nobody.reason) == ("users.jsonl line 2", "the user has no id")
    assert isinstance(broken, Failure)
    like, view, bad, odd = read_interactions(source)
    assert like == Interaction("bob", "p/1", "like", datetime(2024, 5, 2), 1.0)
    assert (view.weight, odd.weight) == (0.5, 1.0)
    assert bad.reason == "an interaction needs user_id, post_id and kind"


def test_a_post_may_carry_its_author_and_the_acts_on_it(tmp_path):
    write_lines(
        tmp_path / "posts.jsonl",
        {
            "id": "1",
            "text": "x",
            "user_id": "ann",
            "user": {"id": "ann", "name": "Ann"},
            "interactions": [{"user_id": "bob", "kind": "like"}, {"kind": "like"}, 7],
        },
        {"id": "2", "text": "y", "user_id": "bob"},
    )
    (first, second), _ = read_all(tmp_path)
    assert first.user == User("ann", "Ann")
    assert first.interactions == (Interaction("bob", "1", "like"),)
    assert second.user == User("bob")
    assert list(read_users(recognise(tmp_path))) == []


def test_other_peoples_posts_jsonl_is_read_by_its_columns(tmp_path):
    write_lines(tmp_path / "posts.jsonl", {"id": "1", "full_text": "one"})
    assert recognise(tmp_path).format == "jsonl"
    assert [record.post.text for record in read_all(tmp_path)[0]] == ["one"]


def test_long_texts_are_cut_with_a_note(tmp_path):
    write_lines(tmp_path / "posts.jsonl", {"id": "1", "text": "x" * 100})
    (record,), _ = read_all(tmp_path, settings=Settings(max_text_chars=10))
    assert (record.post.text, record.post.extra["import_note"]) == ("x" * 10, "text: cut from 100 to 10 characters")
