"""Less than the file holds: pseudonyms, columns left out, dry runs; and counts over time."""

import hashlib
import hmac

import pytest

from core.database.posts import count_history, get_posts
from core.errors import ImportFailed
from core.ingest.privacy import Privacy, key_file
from core.types import Post

POSTS = (
    "id,text,author_id,author_username,author_name,reply_to,url,likes,mood,location\n"
    "1,hello @BobTheBuilder and a@mail.example,u77,ann_handle,Ann Real,,https://x.example/ann_handle/1,3,calm,Quay\n"
    "at://did:plc:u77/2,more,u77,ann_handle,Ann Real,,,1,calm,Quay\n"
    "3,an answer,u88,bobthebuilder,Bob Real,at://did:plc:u77/2,,0,loud,Pier\n"
)


@pytest.fixture
def posts(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text(POSTS)
    return path


def run(workspace, kind, **params):
    return workspace.jobs.run_now(kind, params, title=kind).result


def everything_stored(workspace):
    workspace.cursor().execute("CHECKPOINT")
    return b"".join(path.read_bytes() for path in workspace.path.rglob("*") if path.is_file())


def test_no_name_of_a_user_is_stored_anywhere(workspace, posts):
    result = run(workspace, "ingest", path=str(posts), pseudonymise=True)
    assert (result["added"], result["pseudonymised"]) == (3, True)
    stored = everything_stored(workspace)
    for name in (b"u77", b"u88", b"ann_handle", b"Ann Real", b"bobthebuilder", b"BobTheBuilder", b"Bob Real"):
        assert name not in stored, name
    key = bytes.fromhex(key_file(workspace.path).read_text().strip())
    assert key_file(workspace.path).stat().st_mode & 0o777 == 0o600
    assert workspace.path not in key_file(workspace.path).parents
    assert key.hex().encode() not in stored
    first = get_posts(workspace.cursor(), ["1"])["1"]
    assert first.user_id == "u_" + hmac.new(key, b"u77", hashlib.sha256).hexdigest()[:24]
    bob = "u_" + hmac.new(key, b"bobthebuilder", hashlib.sha256).hexdigest()[:24]
    assert first.text == f"hello @{bob} and a@mail.example"
    three = get_posts(workspace.cursor(), ["3"])["3"]
    assert three.reply_to in [id_ for (id_,) in workspace.cursor().execute("SELECT id FROM posts").fetchall()]
    assert first.extra["mood"] == "calm"


def test_a_workspace_that_began_so_goes_on_so_and_needs_its_key(workspace, posts):
    run(workspace, "ingest", path=str(posts), pseudonymise=True)
    again = run(workspace, "ingest", path=str(posts))
    assert (again["added"], again["skipped"], again["pseudonymised"]) == (0, 3, True)
    key_file(workspace.path).unlink()
    with pytest.raises(ImportFailed, match="key"):
        run(workspace, "ingest", path=str(posts))


def test_columns_are_dropped_and_one_that_is_not_there_is_said(workspace, posts):
    result = run(workspace, "ingest", path=str(posts), drop=["mood", "url", "user_name", "moood"])
    assert result["not_there_to_drop"] == ["moood"]
    assert result["dropped"] == {"mood": 3, "url": 1, "user_name": 3}
    stored = everything_stored(workspace)
    assert b"Ann Real" not in stored
    assert get_posts(workspace.cursor(), ["1"])["1"].url is None
    with pytest.raises(ImportFailed, match="can't be dropped"):
        run(workspace, "ingest", path=str(posts), drop=["text"])


def test_posts_without_an_author_pass(workspace):
    assert Privacy(b"k" * 32).applied(Post("1", "x")) == Post("1", "x")


def test_a_dry_run_counts_and_stores_nothing(workspace, posts):
    before = workspace.generation
    dry = run(workspace, "dry_run", path=str(posts), pseudonymise=True)
    assert (dry["seen"], dry["added"], dry["updated"], dry["failed"], dry["authors"]) == (3, 3, 0, 0, 2)
    assert workspace.generation == before
    assert workspace.cursor().execute("SELECT count(*) FROM posts").fetchall() == [(0,)]
    assert workspace.cursor().execute("SELECT count(*) FROM runs").fetchall() == [(0,)]
    assert not key_file(workspace.path).exists()
    run(workspace, "ingest", path=str(posts))
    posts.write_text(POSTS.replace(",3,calm", ",5,calm"))
    dry = run(workspace, "dry_run", path=str(posts))
    assert (dry["added"], dry["updated"], dry["skipped"]) == (0, 1, 2)


def test_counts_are_kept_over_time(workspace, posts):
    run(workspace, "ingest", path=str(posts))
    assert count_history(workspace.cursor(), "1") == []
    for likes in (5, 5, 9):
        posts.write_text(POSTS.replace(",3,calm", f",{likes},calm"))
        run(workspace, "ingest", path=str(posts))
    assert [counts.likes for counts in count_history(workspace.cursor(), "1")] == [3, 5, 9]
    assert count_history(workspace.cursor(), "3") == []
    assert get_posts(workspace.cursor(), ["1"])["1"].likes == 9
