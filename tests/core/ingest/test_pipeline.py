"""Posts in, whole and once: whatever the file holds, however often it is read."""

import csv
import io
import json
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from core.database.overview import summary
from core.database.posts import get_posts, get_thread
from core.database.users import get_users
from core.search.search import search
from core.settings import ROOT
from core.types import Query, QueryPart


def ingest(workspace, path, **params):
    return workspace.jobs.run_now("ingest", {"path": str(path), **params}, title="Ingest").result


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def counts(result):
    return {name: result[name] for name in ("seen", "added", "updated", "skipped", "failed")}


def picture(path, colour="red", size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def test_reading_a_file_again_changes_nothing(workspace, tmp_path):
    rows = [{"id": f"a/{n}", "text": f"post number {n}", "author": f"user{n % 3}", "likes": n} for n in range(50)]
    path = write_csv(tmp_path / "posts.csv", rows)
    assert counts(ingest(workspace, path)) == {"seen": 50, "added": 50, "updated": 0, "skipped": 0, "failed": 0}
    assert counts(ingest(workspace, path)) == {"seen": 50, "added": 0, "updated": 0, "skipped": 50, "failed": 0}
    rows[7]["likes"] = 700
    rows[8]["text"] = "another thing altogether"
    write_csv(path, rows)
    assert counts(ingest(workspace, path)) == {"seen": 50, "added": 0, "updated": 2, "skipped": 48, "failed": 0}
    posts = get_posts(workspace.cursor(), ["a/7", "a/8"])
    assert (posts["a/7"].likes, posts["a/8"].text) == (700, "another thing altogether")
    hits = search(workspace, Query((QueryPart("text", "another thing altogether"),), mode="lexical")).hits
    assert [hit.post_id for hit in hits] == ["a/8"]
    assert search(workspace, Query((QueryPart("text", '"post number 8"'),), mode="lexical")).hits == ()


def test_the_first_of_a_repeated_id_counts(workspace, tmp_path):
    rows = [{"id": "1", "text": "first"}, {"id": "2", "text": "other"}, {"id": "1", "text": "second"}]
    path = write_csv(tmp_path / "posts.csv", rows)
    assert counts(ingest(workspace, path)) == {"seen": 3, "added": 2, "updated": 0, "skipped": 1, "failed": 0}
    assert counts(ingest(workspace, path))["skipped"] == 3
    assert get_posts(workspace.cursor(), ["1"])["1"].text == "first"


def test_two_files_that_number_their_rows_do_not_overwrite_each_other(workspace, tmp_path):
    one = write_csv(tmp_path / "one.csv", [{"id": "1", "text": "about bread", "author": "ann"}])
    two = write_csv(tmp_path / "two.csv", [{"id": "1", "text": "about trains", "author": "bob"}])
    ingest(workspace, one)
    assert counts(ingest(workspace, two))["added"] == 1
    assert counts(ingest(workspace, two))["skipped"] == 1
    posts = get_posts(workspace.cursor(), ["1", "two.csv:1"])
    assert [post.text for post in posts.values()] == ["about bread", "about trains"]


def test_a_picture_on_the_web_alone_is_a_post_without_a_failure(workspace, tmp_path):
    rows = [{"id": "1", "text": "", "image": "https://pics.example/1.jpg"}, {"id": "2", "text": "", "image": "no.jpg"}]
    result = ingest(workspace, write_csv(tmp_path / "posts.csv", rows))
    assert counts(result) == {"seen": 2, "added": 2, "updated": 0, "skipped": 0, "failed": 0}
    assert (result["pictures_failed"], result["pictures_elsewhere"]) == (1, 1)
    assert {failure["where"] for failure in result["failures"]} == {"posts.csv line 3"}


def test_pictures_are_kept_and_bad_ones_cost_nothing_else(workspace, tmp_path):
    folder = tmp_path / "export"
    picture(folder / "images" / "good.png", "blue")
    whole = (picture(folder / "images" / "cut.jpg", "green", (600, 600))).read_bytes()
    (folder / "images" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "images" / "fake.png").write_text("no picture at all")
    (folder / "images" / "bomb.png").write_bytes(bomb())
    (tmp_path / "secret.png").write_bytes(whole)
    names = ["good.png", "cut.jpg", "fake.png", "bomb.png", "missing.png", "../../secret.png", "/etc/passwd"]
    rows = [{"id": str(n), "text": f"text {n}", "image": f"images/{name}"} for n, name in enumerate(names)]
    write_csv(folder / "posts.csv", rows)
    result = ingest(workspace, folder)
    assert counts(result) == {"seen": 7, "added": 7, "updated": 0, "skipped": 0, "failed": 0}
    assert result["pictures_failed"] == 6
    assert len(result["failures"]) == 6
    assert all(failure["reason"] for failure in result["failures"])
    posts = get_posts(workspace.cursor(), [str(n) for n in range(7)])
    assert all(post.text for post in posts.values())
    good = posts["0"].media[0]
    assert (good.width, good.height, good.error) == (64, 48, None)
    assert (workspace.media_folder / good.path).read_bytes() == (folder / "images" / "good.png").read_bytes()
    assert sum(1 for path in workspace.media_folder.rglob("*") if path.is_file()) == 1


def bomb():
    """A PNG whose header says 60,000 x 60,000 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_rotated_and_animated_pictures_are_measured_as_they_look(workspace, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 40), "red").save(folder / "turned.jpg", exif=exif)
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    assert counts(ingest(workspace, folder))["added"] == 2
    sizes = {
        media.name: (media.width, media.height)
        for post in get_posts(workspace.cursor(), ["turned.jpg", "moving.gif"]).values()
        for media in post.media
    }
    assert sizes == {"turned.jpg": (40, 80), "moving.gif": (30, 20)}


def test_the_same_picture_twice_is_kept_once_and_found_for_both(workspace, tmp_path):
    folder = tmp_path / "pictures"
    picture(folder / "a.png", "red")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes())
    picture(folder / "c.png", "blue")
    ingest(workspace, folder)
    assert summary(workspace.cursor()).pictures == 3
    assert sum(1 for path in workspace.media_folder.rglob("*") if path.is_file()) == 2
    buffer = io.BytesIO()
    Image.new("RGB", (50, 50), "red").save(buffer, "PNG")
    hits = search(workspace, Query((QueryPart("picture", buffer.getvalue()),), mode="image")).hits
    assert [hit.post_id for hit in hits] == ["a.png", "b.png", "c.png"]


HOSTILE = [
    "<script>alert(1)</script> ![](http://198.51.100.1/x.png) [a](javascript:alert(1))",
    "right \u202eto left\u202c and zero\u200bwidth",
    "word " * 200_000,
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE posts; --",
    "\ud83d lone surrogate \x00 and NUL",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_go_in_as_texts(workspace, tmp_path, text):
    path = tmp_path / "posts.jsonl"
    import json

    path.write_text(
        json.dumps({"id": "x'; --/../1", "text": text})
        + "\n{broken\n[1, 2]\n"
        + json.dumps({"id": "2", "text": "fine"})
    )
    result = ingest(workspace, path)
    assert (result["added"], result["failed"]) == (2, 2)
    stored = get_posts(workspace.cursor(), ["x'; --/../1"])["x'; --/../1"]
    assert stored.text[:8] == text.replace("\ud83d", "").replace("\x00", "").strip()[:8]
    assert search(workspace, Query((QueryPart("text", text[:300]),))).hits


def test_limit_and_mapping(workspace, tmp_path):
    path = write_csv(tmp_path / "odd.csv", [{"number": n, "what_was_said": f"odd {n}"} for n in range(20)])
    result = ingest(workspace, path, limit=5, mapping={"id": "number", "text": "what_was_said"})
    assert counts(result)["added"] == 5
    assert get_posts(workspace.cursor(), ["3"])["3"].text == "odd 3"


def test_users_threads_and_extra_columns(workspace, tmp_path):
    rows = [
        {"id": "r", "text": "root", "user_name": "ann", "user_followers": "12", "reply_to": "", "mood": "calm"},
        {"id": "s", "text": "answer", "user_name": "bob", "user_followers": "", "reply_to": "r", "mood": ""},
        {
            "id": "t",
            "text": "answer to the answer",
            "user_name": "ann",
            "user_followers": "14",
            "reply_to": "s",
            "mood": "",
        },
    ]
    ingest(workspace, write_csv(tmp_path / "posts.csv", rows))
    assert [post.id for post in get_thread(workspace.cursor(), "s")] == ["r", "s", "t"]
    assert get_posts(workspace.cursor(), ["r"])["r"].extra["mood"] == "calm"
    assert get_users(workspace.cursor(), ["ann"])["ann"].followers == 14


def interactions(workspace):
    rows = workspace.cursor().execute("SELECT user_id, kind, post_id FROM interactions ORDER BY ALL").fetchall()
    return sorted(rows)


def status(id_, text, user, **more):
    account = {"id": user, "acct": user, "display_name": user.title()}
    return {"id": id_, "content": f"<p>{text}</p>", "account": account, "reblogs_count": 0, **more}


def test_boosts_quotes_and_replies_are_edges_not_copies(workspace, tmp_path):
    first = status("1", "fog on the water", "mira", favourites_count=3)
    lines = [
        status("10", "", "jon", reblog=first, created_at="2023-09-08T10:00:00Z"),
        status("11", "indeed", "jon", in_reply_to_id="1"),
        status("12", "look", "ann", quote={"state": "accepted", "quoted_status": first}),
    ]
    path = tmp_path / "toots.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    result = ingest(workspace, path)
    assert counts(result) == {"seen": 4, "added": 3, "updated": 0, "skipped": 1, "failed": 0}
    assert set(get_posts(workspace.cursor(), ["1", "10", "11", "12"])) == {"1", "11", "12"}
    assert interactions(workspace) == [("ann", "quote", "1"), ("jon", "reply", "1"), ("jon", "repost", "1")]
    assert result["interactions"] == 3
    again = ingest(workspace, path)
    assert (again["added"], again["updated"], again["interactions"]) == (0, 0, 0)
    assert set(get_users(workspace.cursor(), ["mira", "jon", "ann"])) == {"mira", "jon", "ann"}


@pytest.mark.parametrize("batch", [1, 2, 2000])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_embedded_post_never_replaces_the_post_itself(workspace, tmp_path, monkeypatch, batch, order):
    monkeypatch.setattr("core.ingest.pipeline.BATCH_POSTS", batch)
    short = status("1", "fog", "mira")
    whole = status("1", "fog on the water", "mira", favourites_count=3)
    lines = [whole, status("12", "look", "ann", quote={"quoted_status": short})]
    path = tmp_path / "toots.jsonl"
    path.write_text("\n".join(json.dumps(lines[n]) for n in order))
    for _ in range(2):
        ingest(workspace, path)
        assert get_posts(workspace.cursor(), ["1"])["1"].text == "fog on the water"
    assert counts(ingest(workspace, path)) == {"seen": 3, "added": 0, "updated": 0, "skipped": 3, "failed": 0}


def test_an_archive_goes_in_with_its_pictures(workspace, tmp_path):
    folder = ROOT / "tests" / "fixtures" / "mastodon-archive"
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
        archive.writestr("../climbs", b"x")
    result = ingest(workspace, tmp_path / "archive.zip")
    assert counts(result) == {"seen": 3, "added": 2, "updated": 0, "skipped": 0, "failed": 1}
    assert result["failures"][0]["reason"] == "not read: its name leads out of the archive"
    (media,) = workspace.cursor().execute("SELECT alt, width FROM media WHERE path IS NOT NULL").fetchall()
    assert media == ("fog", 8)
    assert [kind for _, kind, _ in interactions(workspace)] == ["like", "reply", "repost"]
