"""Deleted everywhere: proved by looking for the ids in every file of the workspace, in each form that we write."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from core import collections, saved_searches
from core.database.posts import get_posts
from core.erasure import look
from core.erasure_search import sought
from core.errors import ErasureError
from core.moderation import decisions, reports
from core.moderation.policies import list_policies
from core.search.search import search
from core.types import Query, QueryPart

USER, HANDLE, POST, OTHER = "user-qzx-4711", "handle_vwk_0815", "post-jqy-31337", "post-kept-1"


@pytest.fixture
def full(workspace, tmp_path):
    """A workspace in which a user and their posts are in every place that there is."""
    folder = tmp_path / "source"
    folder.mkdir()
    lines = ["id,text,author_id,author_username,author_name,images,reply_to,likes,in_reply_to_user,url"]
    lines.append(f"{POST},zebra words of theirs,{USER},{HANDLE},Qzx Person,only.png,,3,,https://x.example/{HANDLE}/1")
    lines.append(f"post-jqy-2,zebra second words,{USER},{HANDLE},Qzx Person,shared.png,,1,,")
    lines.append(f"{OTHER},an answer by somebody,someone-else,else,Else,shared.png,{POST},0,{USER},")
    lines += [f"filler-{n},plain words number {n},author-{n % 7},a{n % 7},A,,,0,," for n in range(300)]
    (folder / "posts.csv").write_text("\n".join(lines) + "\n")
    Image.new("RGB", (64, 64), "red").save(folder / "only.png")
    Image.new("RGB", (64, 64), "blue").save(folder / "shared.png")
    (tmp_path / "acts.csv").write_text(f"user,post\n{USER},{OTHER}\nsomeone-else,{POST}\n")
    (tmp_path / "follows.csv").write_text(f"follower,followed\nsomeone-else,{USER}\n")
    run(workspace, "ingest", path=str(folder))
    (folder / "posts.csv").write_text("\n".join(lines).replace(",3,,https", ",9,,https") + "\n")
    run(workspace, "ingest", path=str(folder))
    run(workspace, "ingest_acts", path=str(tmp_path / "acts.csv"))
    run(workspace, "ingest_acts", path=str(tmp_path / "follows.csv"))
    run(workspace, "duplicates")
    collections.create(workspace, "posts", "post", [POST, OTHER])
    collections.create(workspace, "people", "user", [USER, "someone-else"])
    saved_searches.save(workspace, "theirs", f"./search?user={USER}")
    policy = list_policies(workspace)[0].id
    reports.report(workspace, [POST], policy)
    decisions.decide(workspace, [POST], "label", policy=policy, label="odd")
    for name, data in (("uploads/0123456789abcdef/posts.csv", f"id,author\n1,{USER}\n".encode()),
                       ("uploads/fedcba9876543210/posts.csv", b"id,author\n1,ann\n"),
                       ("tmp/left.json", json.dumps([USER]).encode()),
                       ("models/notes.json", json.dumps({"users": [USER]}).encode())):  # fmt: skip
        path = workspace.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    only = (folder / "only.png").read_bytes()
    (workspace.path / "queries" / hashlib.sha256(only).hexdigest()).write_bytes(only)
    workspace.cursor().execute("CHECKPOINT")
    return workspace


def run(workspace, kind, **params):
    return workspace.jobs.run_now(kind, params, title=kind).result


def places(workspace, *needles):
    """Files of the workspace that hold one of the needles in some form."""
    forms = [
        form for needle in needles for form in (needle.encode(), needle.encode("utf-16-le"), needle.encode("utf-32-le"))
    ]
    files = [path for path in workspace.path.rglob("*") if path.is_file()]
    return sorted(
        {path.relative_to(workspace.path).as_posix() for path in files if any(f in path.read_bytes() for f in forms)}
    )


def cells(workspace, needle):
    """Columns of the database that hold the needle."""
    cursor = workspace.cursor()
    tables = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
    found = []
    for (table,) in tables:
        for row in cursor.execute(f"SELECT * FROM {table}").fetchall():
            found += [table for cell in row if needle in str(cell)]
    return found


def test_a_user_is_gone_from_every_file_and_every_cell(full):
    before = places(full, USER, HANDLE, POST)
    assert "feedscope.duckdb" in before
    assert any(name.startswith("uploads/") for name in before)
    only = full.cursor().execute("SELECT path FROM media WHERE name = 'only.png'").fetchall()[0][0]
    assert (full.media_folder / only).exists()
    doomed = look(full, "user", USER)
    assert (doomed.posts, doomed.pictures, doomed.name) == (2, 2, "Qzx Person")

    receipt = run(full, "erase", noun="user", id=USER)

    for needle in (USER, HANDLE, POST, "post-jqy-2", "zebra", "Qzx Person"):
        assert cells(full, needle) == [], needle
        assert places(full, needle) == [], needle
    assert receipt["id_sha256"] == hashlib.sha256(USER.encode()).hexdigest()
    assert (receipt["posts"], receipt["pictures"], receipt["found_in"]) == (2, 2, [])
    assert receipt["rows"]["posts"] == 2
    assert receipt["rows"]["vectors"] >= 2
    assert receipt["searched_files"] > 5
    assert not (full.media_folder / only).exists()
    assert not (full.path / "queries" / only.rpartition("/")[2].removesuffix(".png")).exists()
    assert (full.path / "uploads" / "fedcba9876543210" / "posts.csv").exists()

    kept = get_posts(full.cursor(), [OTHER])[OTHER]
    assert kept.reply_to is None
    assert kept.media[0].path is not None
    assert (full.media_folder / kept.media[0].path).exists()
    assert [found.size for found in collections.list_all(full)] == [1, 1]
    hits = [hit.post_id for hit in search(full, Query((QueryPart("text", "zebra words"),), k=50)).hits]
    assert POST not in hits
    assert hits
    assert [part.state for part in full.indexes.status()] == ["current", "current", "current"]
    with pytest.raises(ErasureError, match="no user"):
        look(full, "user", USER)


def test_a_post_is_gone_and_its_author_stays(full):
    receipt = run(full, "erase", noun="post", id=POST)
    assert cells(full, POST) == []
    assert places(full, POST) == []
    assert receipt["posts"] == 1
    assert get_posts(full.cursor(), ["post-jqy-2"])["post-jqy-2"].user_id == USER
    run(full, "ingest", path=str(full.path.parent / "source"))  # the file brings it again: the source is not ours
    assert POST in get_posts(full.cursor(), [POST])


def test_rows_that_are_left_keep_their_constraints(full):
    run(full, "erase", noun="post", id=POST)
    cursor = full.cursor()
    with pytest.raises(Exception, match="[Dd]uplicate key"):
        cursor.execute("INSERT INTO collections SELECT * FROM collections")
    last = cursor.execute("SELECT max(row) FROM posts").fetchall()[0][0]
    assert cursor.execute("SELECT nextval('post_rows')").fetchall()[0][0] > last
    indexes = {name for (name,) in cursor.execute("SELECT index_name FROM duckdb_indexes()").fetchall()}
    assert {"posts_by_reply", "media_by_post", "decisions_by_token"} <= indexes


def test_what_is_not_here_is_said(workspace):
    with pytest.raises(ErasureError, match="no post"):
        run(workspace, "erase", noun="post", id="nothing")


def test_a_short_id_is_sought_as_a_whole_value(workspace, tmp_path):
    """Such as the numbers of MovieLens: 7 is in every file, but as a user only where users are kept."""
    folder = tmp_path / "source"
    folder.mkdir()
    lines = ["id,text,author_id,likes,reply_to", "p7,number 7 writes,7,70,", "p8,number 77 writes of 7,77,7,p7"]
    (folder / "posts.csv").write_text("\n".join(lines))
    (tmp_path / "acts.csv").write_text("user,post\n7,p8\n77,p7\n77,p8\n")
    run(workspace, "ingest", path=str(folder))
    run(workspace, "ingest_acts", path=str(tmp_path / "acts.csv"))
    collections.create(workspace, "people", "user", ["7", "77"])
    reports.report(workspace, ["p8"], list_policies(workspace)[0].id)
    np.savez(workspace.path / "models" / "users.npz", users=np.array(["7", "77"]), rows=np.array([7, 77]))
    np.save(workspace.path / "models" / "rows.npy", np.array([7, 77]))
    (workspace.path / "models" / "users.json").write_text('["7", "77"]')
    (workspace.path / "models" / "rows.json").write_text('{"rows": [7, 77], "77": "17"}')
    uploads = workspace.path / "uploads"
    for name, data in (("aaaaaaaaaaaaaaaa/likes.txt", "7 p8\n"), ("bbbbbbbbbbbbbbbb/a.csv", "id,text\n77,in 1977\n"),
                       ("cccccccccccccccc/a.csv.gz", "packed")):  # fmt: skip
        (uploads / name).parent.mkdir(parents=True)
        (uploads / name).write_text(data)
    for name in ("exports/old.zip", "models/training/cache/texts-1.npy", "recommend/unfinished/two-tower/judged"):
        (workspace.path / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.path / name).write_bytes(b"a copy, or vectors")

    receipt = run(workspace, "erase", noun="user", id="7")

    assert receipt["found_in"] == []
    assert (receipt["posts"], receipt["sought_as_whole_values"]) == (1, 2)
    assert receipt["searched_columns"] > 8
    cursor = workspace.cursor()
    assert [found.size for found in collections.list_all(workspace)] == [1]
    assert cursor.execute("SELECT user_id, post_id FROM interactions").fetchall() == [("77", "p8")]
    assert cursor.execute("SELECT id, user_id, likes, reply_to FROM posts").fetchall() == [("p8", "77", 7, None)]
    left = {path.name for path in workspace.path.rglob("*") if path.is_file()}
    assert {"rows.npy", "rows.json", "a.csv"} <= left
    assert not {"users.npz", "users.json", "likes.txt", "a.csv.gz", "old.zip", "texts-1.npy", "judged"} & left


def test_an_id_of_other_letters_is_deleted_in_each_form_that_files_give_it(workspace, tmp_path):
    """Python writes JSON in escapes, spreadsheets write UTF-16 and code pages."""
    user = 'Иван "Ваня" Петров'
    source = tmp_path / "posts.jsonl"
    source.write_text(json.dumps({"id": "p1", "text": "words", "user_id": user}))
    run(workspace, "ingest", path=str(source))
    workspace.jobs.submit("dry_run", {"path": f"/somewhere/{user}.csv"}, title="Dry run")
    uploads = {"a/posts.ndjson": source.read_bytes(), "b/posts.csv": f"1,{user}\n".encode("cp1251"),
               "c/posts.CSV": f"id\tby\n1\t{user}\n".encode("utf-16"),
               "d/posts.csv": "1,Пётр\n".encode("cp1251")}  # fmt: skip
    for name, data in uploads.items():
        path = workspace.path / "uploads" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(data)

    receipt = run(workspace, "erase", noun="user", id=user)

    assert receipt["found_in"] == []
    assert [path.name for path in (workspace.path / "uploads").iterdir()] == ["d"]
    params = workspace.cursor().execute("SELECT params FROM jobs WHERE kind = 'dry_run'").fetchone()[0]
    assert json.loads(params) == {"path": "/somewhere/[erased].csv"}


def test_a_short_id_that_is_left_is_found(tmp_path):
    ids = sought(["7", "é", "long-enough"])
    held = {
        "a.json": '["7"]', "b.json": '{"x": [7], "17": "77"}', "c.csv": "a,7\n", "d.csv": "a,77\n",
        "e.json": '"\\u00e9"', "f.bin": "xlong-enoughx", "g.bin": '"7"', "h.txt": "1 7 9", "i.CSV": "7;8",
    }  # fmt: skip
    for name, text in held.items():
        (tmp_path / name).write_text(text)
    found = {path.name for path in ids.among(tmp_path.iterdir())}
    assert found == {"a.json", "c.csv", "e.json", "f.bin", "h.txt", "i.CSV"}
