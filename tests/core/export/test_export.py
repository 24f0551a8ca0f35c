"""What goes out: whole, in order, with where it comes from; and it goes in again as it came out."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import datetime

import numpy as np
import pyarrow.parquet as pq
import pytest

from core import collections
from core.database.posts import rows_of
from core.database.users import store_interactions, store_users
from core.errors import ExportError, VectorError
from core.export import export, of_collection, of_posts, of_search, of_workspace
from core.moderation import decisions
from core.moderation.policies import list_policies
from core.search.search import search
from core.types import Filters, Interaction, Query, QueryPart, User
from core.workspace import Workspace
from tests.core.maps.drawn import write_drawn
from tests.core.search.conftest import fill_workspace

POSTS = [
    ({"id": "p0", "text": 'hello, "you"\nthere', "user_id": "u0", "created_at": datetime(2024, 1, 2), "likes": 3,
      "extra": {"mood": "good", "n": 5}}, ["red"]),
    ({"id": "p1", "text": "=cmd|' /C calc'!A0", "user_id": "@u1", "extra": {"n": 0.5, "ok": True}}, []),
    ({"id": "p2", "text": "a red bus", "user_id": "u0", "lang": "en", "url": "https://example.org/2"}, ["red", "blue"]),
    ({"id": "p3", "text": "a blue bus 雨", "user_id": "u2", "extra": {"n": "many"}}, []),
]  # fmt: skip


@pytest.fixture
def here(workspace, tmp_path):
    fill_workspace(workspace, tmp_path / "source", *POSTS)
    with workspace.new_generation() as (cursor, generation):
        store_users(cursor, [User("u0", name="Ann", handle="ann"), User("u2", followers=3)], generation=generation)
        acts = [Interaction("u2", "p0", "like", datetime(2024, 1, 3)), Interaction("u9", "p2", "repost", weight=2.0)]
        store_interactions(cursor, acts, generation=generation)
    return workspace


def policy_id(workspace):
    return list_policies(workspace)[0].id


def read_csv(path):
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))


def test_csv_has_a_line_a_post_in_order_and_nothing_that_a_spreadsheet_runs(here, tmp_path):
    made = export(here, of_posts(["p3", "p1", "gone", "p0", "p1"]), tmp_path / "out")
    three, one, zero = read_csv(made.path / "posts.csv")
    assert [row["id"] for row in (three, one, zero)] == ["p3", "p1", "p0"]
    assert zero["text"] == POSTS[0][0]["text"]
    assert (zero["created_at"], zero["likes"], zero["pictures"]) == ("2024-01-02T00:00:00", "3", "red.png")
    assert (one["text"], one["user_id"]) == ("'" + POSTS[1][0]["text"], "'@u1")
    assert (zero["extra.n"], one["extra.n"], three["extra.n"], one["extra.ok"]) == ("5", "0.5", "many", "True")
    assert made.provenance["counts"] == {"asked_for": 5, "posts": 3, "left_out": 2, "pictures": 0}


def test_parquet_has_types(here, tmp_path):
    made = export(here, of_posts(["p0", "p2"]), tmp_path / "out", format="parquet")
    table = pq.read_table(made.path / "posts.parquet")
    assert table["created_at"].to_pylist() == [datetime(2024, 1, 2), None]
    assert table["likes"].to_pylist() == [3, None]
    assert table["extra.n"].to_pylist() == [5, None]


def test_provenance_tells_query_filters_models_and_files(here, tmp_path):
    query = Query((QueryPart("text", "red bus"), QueryPart("picture", b"x", 0.5)), Filters(user_ids=("u0",)), k=5)
    result = search(here, Query(query.parts[:1], query.filters, 5))
    made = export(here, of_search(query, result, url="./search?q=red+bus"), tmp_path / "out.zip", pictures=True)
    with zipfile.ZipFile(made.path) as file:
        document = json.loads(file.read("provenance.json"))
        pictures = [name for name in file.namelist() if name.startswith("pictures/")]
        assert document["files"]["posts.csv"]["sha256"] == hashlib.sha256(file.read("posts.csv")).hexdigest()
        for name in pictures:
            assert hashlib.sha256(file.read(name)).hexdigest() in name
        row = next(csv.DictReader(io.StringIO(file.read("posts.csv").decode("utf-8-sig"), newline="")))
    assert document == json.loads(json.dumps(made.provenance))
    assert len(pictures) == made.pictures == 2
    assert (row["rank"], row["id"]) == ("1", "p2")
    assert all(name in pictures for name in row["pictures"].split())
    assert "lexical 1" in row["found_by"]
    asked = document["subject"]
    assert asked["query"]["parts"][0] == {"kind": "text", "value": "red bus", "weight": 1.0}
    assert asked["query"]["parts"][1]["value"] == {"sha256": hashlib.sha256(b"x").hexdigest(), "bytes": 1}
    assert asked["filters"] == {"user_ids": ["u0"]}
    assert asked["address"] == "./search?q=red+bus"
    assert document["workspace"]["generation"] == here.generation
    assert {index["space"]: (index["model"], index["family"]) for index in document["indexes"]} == {
        "text": ("fake-text-64-0", "flat"), "dual": ("fake-dual-64-0", "flat")
    }  # fmt: skip
    assert document["made_by"].startswith("Feedscope ")


def test_jsonl_goes_in_again_as_it_came_out(here, tmp_path, settings):
    made = export(here, of_workspace(here), tmp_path / "out", format="jsonl", pictures=True)
    here.close()
    with Workspace.open(tmp_path / "again", settings, create=True) as again:
        job = again.jobs.run_now("ingest", {"path": str(made.path)}, title="again")
        assert (job.result["format"], job.result["added"], job.result["failed"]) == ("feedscope", 4, 0)
        second = export(again, of_workspace(again), tmp_path / "second", format="jsonl", pictures=True)
    for name in ("posts.jsonl", "users.jsonl", "interactions.jsonl"):
        assert sorted((made.path / name).read_text().splitlines()) == sorted(
            (second.path / name).read_text().splitlines()
        )
    assert second.pictures == made.pictures == 2


def test_what_moderation_removed_stays_here(here, tmp_path):
    decisions.decide(here, ["p1"], "remove", policy=policy_id(here))
    made = export(here, of_workspace(here), tmp_path / "out")
    assert [row["id"] for row in read_csv(made.path / "posts.csv")] == ["p0", "p2", "p3"]
    assert made.provenance["counts"]["left_out"] == 1


def test_a_collection_of_users_is_their_posts(here, tmp_path):
    people = collections.create(here, "people", "user", ["u0"])
    made = export(here, of_collection(here, collections.get(here, people.id)), tmp_path / "out")
    assert [row["id"] for row in read_csv(made.path / "posts.csv")] == ["p0", "p2"]
    assert made.provenance["subject"]["collection"]["name"] == "people"


def test_embedding_atlas_gets_places_and_neighbours_by_position(here, tmp_path):
    made = export(here, of_posts(["p3", "p2", "p0"]), tmp_path / "out", format="atlas")
    table = pq.read_table(made.path / "posts.parquet")
    assert table["id"].to_pylist() == ["p3", "p2", "p0"]
    assert all(np.isfinite(table[name].to_pylist()).all() for name in ("projection_x", "projection_y"))
    first = table["neighbors"].to_pylist()[0]
    assert first["ids"][0] == 1  # the two buses
    assert sorted(first["ids"]) == [1, 2]
    assert first["distances"] == sorted(first["distances"])
    assert "principal components" in made.provenance["notes"][0]


def test_embedding_atlas_gets_the_places_of_the_chosen_map(here, tmp_path):
    rows = rows_of(here.cursor(), ["p0", "p2", "p3"])
    on_map = sorted([rows["p0"], rows["p3"]])
    xy = np.array([[1, 2], [3, 4]], np.float32)
    write_drawn(here, "Mine", rows=on_map, xy=xy, of=np.array([0, 1]))
    places = dict(zip(on_map, xy.tolist(), strict=True))
    for asked in (None, "Mine", "mine"):
        made = export(here, of_posts(["p3", "p2", "p0"]), tmp_path / f"out-{asked}", format="atlas", layout=asked)
        table = pq.read_table(made.path / "posts.parquet")
        found = list(zip(table["projection_x"].to_pylist(), table["projection_y"].to_pylist(), strict=True))
        assert found == [tuple(places[rows["p3"]]), (None, None), tuple(places[rows["p0"]])]
        assert table["neighbors"].to_pylist()[1]["ids"]
        assert "'Mine'" in made.provenance["notes"][0] and "2 of 3 posts" in made.provenance["notes"][0]
    plane = export(here, of_posts(["p3", "p2", "p0"]), tmp_path / "plane", format="atlas", layout="")
    assert "principal components" in plane.provenance["notes"][0]
    with pytest.raises(ExportError, match=r"no map of posts 'other'; there are: mine"):
        export(here, of_posts(["p3"]), tmp_path / "other", format="atlas", layout="other")


def test_a_zip_file_is_packed(here, tmp_path):
    made = export(here, of_workspace(here), tmp_path / "out.zip", format="jsonl", pictures=True)
    with zipfile.ZipFile(made.path) as file:
        packed = {entry.filename: entry.compress_type == zipfile.ZIP_DEFLATED for entry in file.infolist()}
        assert file.testzip() is None
    assert packed["posts.jsonl"] and packed["provenance.json"]
    assert not any(deflated for name, deflated in packed.items() if name.startswith("pictures/"))


def test_clip_retrieval_gets_a_vector_a_picture(here, tmp_path):
    made = export(here, of_posts(["p2", "p3", "p0"]), tmp_path / "out", format="clip-retrieval", pictures=True)
    metadata = pq.read_table(made.path / "metadata" / "metadata_0.parquet").to_pylist()
    vectors = np.load(made.path / "img_emb" / "img_emb_0.npy")
    assert vectors.shape == (3, 64) == (len(metadata), 64)
    assert {row["post_id"] for row in metadata} == {"p0", "p2"}
    assert all((made.path / row["image_path"]).is_file() for row in metadata)
    captions = np.load(made.path / "text_emb" / "text_emb_0.npy")
    assert np.allclose(captions, here.encoder("dual").encode_documents([row["caption"] for row in metadata]))
    with pytest.raises(VectorError, match="None of these posts"):
        export(here, of_posts(["p1"]), tmp_path / "none", format="clip-retrieval")


def test_what_can_not_be_written_is_said_and_leaves_nothing(here, tmp_path):
    with pytest.raises(ExportError, match="no posts to export"):
        export(here, of_posts(["gone"]), tmp_path / "out")
    with pytest.raises(ExportError, match="no format"):
        export(here, of_posts(["p0"]), tmp_path / "out", format="xls")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ExportError, match="there already"):
        export(here, of_posts(["p0"]), tmp_path / "taken")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*partial"))
