"""Each known export: recognised without being told, and its posts and acts exactly as they should be.

What is expected of FIXTURE lies beside it as FIXTURE.expected.json; ``python -m tests.core.ingest.test_exports`` writes
these files anew after a change, for the eye to check.
"""

import json
import tarfile
import zipfile
from dataclasses import asdict

import pytest
import zstandard

from core.errors import ImportFailed
from core.ingest.readers.export_files import ABOUT
from core.ingest.recognise import estimate_rows, preview, read, recognise
from core.ingest.records import ActRecord, Failure, PostRecord
from core.settings import ROOT

FIXTURES = ROOT / "tests" / "fixtures"
FORMATS = {
    "4cat-bluesky.csv": "4cat",
    "4cat-bluesky.ndjson": "4cat",
    "4cat-gab.csv": "4cat",
    "4cat-instagram.csv": "4cat",
    "4cat-telegram.csv": "4cat",
    "4cat-telegram.ndjson": "4cat",
    "4cat-threads.csv": "4cat",
    "4cat-tiktok.csv": "4cat",
    "4cat-truthsocial.csv": "4cat",
    "4cat-x.csv": "4cat",
    "4cat-zeeschuimer.ndjson": "4cat",
    "bluesky-feed.json": "bluesky",
    "bluesky-jetstream.jsonl": "bluesky",
    "bluesky-posts.jsonl": "bluesky",
    "crowdtangle-facebook.csv": "crowdtangle",
    "crowdtangle-instagram.csv": "crowdtangle",
    "mastodon-archive": "mastodon-archive",
    "mastodon-statuses.json": "mastodon",
    "reddit-comments.ndjson": "reddit",
    "reddit-submissions.ndjson": "reddit",
    "telegram": "telegram",
    "telegram-all.json": "telegram",
    "x-api.json": "x-api",
    "x-archive": "x-archive",
    "youtube-comments.tab": "youtube",
    "youtube-videos.csv": "youtube",
    "zeeschuimer-x.csv": "zeeschuimer",
    "zeeschuimer.ndjson": "zeeschuimer",
}


def filled(value):
    return {key: item for key, item in asdict(value).items() if item is not None and item not in ((), {})}


def describe(item):
    """A record as a JSON document that leaves out what is empty."""
    if isinstance(item, Failure):
        return {"failure": item.reason, "where": item.where}
    told = {"where": item.where}
    if isinstance(item, PostRecord):
        told["post"] = filled(item.post)
        told["embedded"] = item.embedded
        told["pictures"] = [
            {"name": one.name, "alt": one.alt, "error": one.error, "bytes": picture_bytes(one)} for one in item.pictures
        ]
    told["user"] = item.user and filled(item.user)
    told["acts"] = [filled(act) for act in item.interactions]
    return json.loads(json.dumps({key: value for key, value in told.items() if value}, default=str))


def picture_bytes(picture):
    return picture.path.stat().st_size if picture.path else len(picture.data or b"")


def described(path):
    return [describe(item) for item in read(recognise(path))]


def expected(name):
    return json.loads((FIXTURES / f"{name}.expected.json").read_text("utf-8"))


@pytest.mark.parametrize(("name", "format"), FORMATS.items())
def test_an_export_is_recognised_and_read(name, format):
    source = recognise(FIXTURES / name)
    assert source.format == format
    assert described(FIXTURES / name) == expected(name)
    posts = sum("post" in item for item in expected(name))
    assert posts / 2 <= estimate_rows(source) <= 3 * posts


def test_every_known_export_has_a_fixture():
    assert set(FORMATS.values()) == set(ABOUT)


@pytest.mark.parametrize("name", ["4cat-x.csv", "zeeschuimer.ndjson", "mastodon-archive", "telegram"])
def test_a_preview_shows_posts_as_they_would_be_read(name):
    _, records, failures = preview(FIXTURES / name, limit=2)
    posts = [item for item in expected(name) if "post" in item]
    assert [describe(record) for record in records] == posts[: len(records)]
    assert (len(records), failures) == (min(2, len(posts)), [])


def pack(folder, target):
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder).as_posix())
    else:
        with tarfile.open(target, "w:gz" if target.name.endswith("gz") else "w") as archive:
            archive.add(folder, arcname=".")
    return target


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
@pytest.mark.parametrize("name", ["mastodon-archive", "x-archive", "telegram"])
def test_an_archive_is_read_as_its_folder_is(tmp_path, name, ending):
    path = pack(FIXTURES / name, tmp_path / f"export{ending}")
    source = recognise(path)
    assert source.format == FORMATS[name]
    assert described(path) == expected(name)
    assert estimate_rows(source) >= 1


def test_an_archive_with_a_folder_around_all(tmp_path):
    folder = tmp_path / "in" / "twitter-2023"
    folder.parent.mkdir()
    folder.symlink_to(FIXTURES / "x-archive")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted((FIXTURES / "x-archive").rglob("*")):
            archive.write(path, f"twitter-2023/{path.relative_to(FIXTURES / 'x-archive').as_posix()}")
    assert described(tmp_path / "a.zip") == expected("x-archive")


def test_reddit_dumps_are_packed_with_a_long_window(tmp_path):
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(3, window_log=27, enable_ldm=True)
    )
    lines = (FIXTURES / "reddit-submissions.ndjson").read_bytes()
    (tmp_path / "RS_2023-09.zst").write_bytes(packer.compress(lines[:500]) + packer.compress(lines[500:]))
    source = recognise(tmp_path / "RS_2023-09.zst")
    assert source.format == "reddit"
    posts = [item.post for item in read(source)]
    assert [post.id for post in posts] == ["t3_abc1", "t3_abc2", "t3_abc3", "t3_abc4"]
    assert posts[2].extra["removed"] == "[removed]"


def test_a_telegram_export_names_the_chat_of_each_message():
    chats = [item.post.extra["chat"] for item in read(recognise(FIXTURES / "telegram-all.json"))]
    assert chats == ["Harbour", 'Sea "news"']


def test_a_format_may_be_said_and_a_wrong_one_is_refused():
    path = FIXTURES / "bluesky-posts.jsonl"
    assert recognise(path, format="bluesky").format == "bluesky"
    assert recognise(path, format="jsonl").format == "jsonl"
    with pytest.raises(ImportFailed, match=r"bluesky-posts.jsonl does not look like statuses of Mastodon"):
        recognise(path, format="mastodon")
    with pytest.raises(ImportFailed, match="does not look like a table of CrowdTangle"):
        recognise(FIXTURES / "4cat-x.csv", format="crowdtangle")


def test_fields_of_an_export_may_be_given(tmp_path):
    source = recognise(FIXTURES / "4cat-x.csv", mapping={"title": "hashtags", "lang": ""})
    first = next(iter(read(source))).post
    assert (first.text, first.lang) == ("ferry,fog\n\nHarbour fog & first ferry", None)
    with pytest.raises(ImportFailed, match="the column 'nothing', given for text, is not there"):
        recognise(FIXTURES / "4cat-x.csv", mapping={"text": "nothing"})


UNRELATED = {
    "package.json": '{"name": "x", "version": "1.0", "dependencies": {"a": "^1"}}',
    "geo.json": '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null}]}',
    "log.jsonl": '{"level": "info", "ts": 1}\n{"level": "warn", "ts": 2}\n',
    "prices.csv": "day,open,close\n2020-01-01,1,2\n",
    "page.html": "<html><body><p>Hello, world; hello.</p></body></html>",
    "code.js": "window.onload = [1, 2].map(x => x);\n",
    "chat.json": '{"messages": [{"role": "user", "parts": 3}]}',
    "collection.json": '{"type": "OrderedCollection", "orderedItems": ["https://a.example/1"]}',
}


@pytest.mark.parametrize("name", UNRELATED)
def test_unrelated_files_are_refused_in_a_sentence(tmp_path, name):
    (tmp_path / name).write_text(UNRELATED[name])
    with pytest.raises(ImportFailed, match=r"\.$"):
        recognise(tmp_path / name)


def test_acts_are_no_posts():
    items = list(read(recognise(FIXTURES / "bluesky-jetstream.jsonl")))
    kinds = [act.kind for item in items if isinstance(item, ActRecord) for act in item.interactions]
    assert kinds == ["like", "repost"]
    assert sum(isinstance(item, PostRecord) for item in items) == 2


if __name__ == "__main__":
    for name in FORMATS:
        told = json.dumps(described(FIXTURES / name), ensure_ascii=False, indent=1)
        (FIXTURES / f"{name}.expected.json").write_text(told + "\n", "utf-8")
