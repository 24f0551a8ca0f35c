"""A workspace whose vectors are in Milvus: taking posts in, searching, losing, repairing, and the server away."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from core import derived
from core.database import vectors as vector_table
from core.errors import VectorStoreError
from core.search.neighbours import neighbours
from core.search.search import search
from core.settings import ROOT
from core.types import Query, QueryPart
from core.vectors import milvus_connection
from core.workspace import Workspace
from tests.conftest import InProcessEncoder
from tests.core.search.conftest import fill_workspace

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
from tests.core.vectors.milvus_server import Server

POSTS = [({"id": f"p{n}", "text": f"post number {n}"}, ["red"] if n == 3 else []) for n in range(20)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture
def on_milvus(settings, server):
    return replace(settings, vectors=server.setting, milvus_timeout=30)


@pytest.fixture
def filled(on_milvus, fake_encoders, tmp_path):
    with Workspace.open(on_milvus.workspace, on_milvus, create=True) as workspace:
        yield fill_workspace(workspace, tmp_path, *POSTS)


def found(workspace, text, mode="text"):
    result = search(workspace, Query((QueryPart("text", text),), mode=mode))
    return [hit.post_id for hit in result.hits[:1]], result.notes


def states(workspace):
    return {part.name: (part.state, part.rows, part.waiting) for part in workspace.indexes.status()}


def milvus_index(workspace, kind="text"):
    return workspace.indexes.vector(kind)


def index_again(workspace):
    return workspace.jobs.run_now("index", {}, title="Index").result


def stored_here(workspace):
    return [
        vector_table.count_vectors(workspace.cursor(), space) for space in vector_table.list_spaces(workspace.cursor())
    ]


def test_milvus_has_the_vectors_and_the_database_the_hashes(filled):
    assert found(filled, "post number 7") == (["p7"], ())
    assert stored_here(filled) == [0, 0]
    assert states(filled) == {"lexical": ("current", 20, 0), "text": ("current", 20, 0), "dual": ("current", 1, 0)}
    index = milvus_index(filled)
    assert (index.family, len(index)) == ("milvus", 20)
    hashes = dict(filled.cursor().execute("SELECT row, text_hash FROM posts").fetchall())
    listed = {row: noted for rows, some in index.entries() for row, noted in zip(rows.tolist(), some, strict=True)}
    assert listed == hashes
    manifest = derived.read_manifest(filled.indexes.folder(index.space))
    assert manifest.about["family"] == "milvus"


def test_examples_and_neighbours_are_read_from_there(filled):
    like = search(filled, Query((QueryPart("post", "p7"),), mode="text", k=30))
    assert len(like.hits) == 19
    assert "p7" not in [hit.post_id for hit in like.hits]
    near = neighbours(filled, "p7", by="words", k=3)
    assert len(near) == 3
    assert near[0].similarity <= 1.0001
    assert found(filled, "red", "image")[0] == ["p3"]


def test_a_workspace_opened_again_finds_it_all(on_milvus, filled):
    filled.close()
    with Workspace.open(on_milvus.workspace, on_milvus) as again:
        assert found(again, "post number 11") == (["p11"], ())
        assert index_again(again) == {"lost": 0}


def test_two_workspaces_on_one_server_do_not_meet(filled, on_milvus, fake_encoders, tmp_path):
    other = replace(on_milvus, workspace=tmp_path / "other")
    with Workspace.open(other.workspace, other, create=True) as second:
        fill_workspace(second, tmp_path, ({"id": "x", "text": "nothing like it"}, []))
        assert found(second, "post number 7")[0] == ["x"]
        assert len(milvus_index(second)) == 1
    assert found(filled, "post number 7")[0] == ["p7"]


def test_what_is_lost_there_is_counted_and_encoded_again(filled):
    index = milvus_index(filled)
    index.remove(np.array([3, 4, 5]))
    text = next(part for part in filled.indexes.status() if part.name == "text")
    assert (text.state, text.rows, text.waiting) == ("behind", 17, 3)
    assert "3 vectors are lost" in text.detail
    assert index_again(filled) == {"lost": 3}
    assert states(filled)["text"] == ("current", 20, 0)
    assert found(filled, "post number 3")[0] == ["p3"]


def test_a_dropped_collection_is_filled_again(filled):
    milvus_index(filled).drop()
    filled.indexes.reopen("text")
    assert states(filled)["text"] == ("behind", 0, 20)
    assert index_again(filled) == {"lost": 20}
    assert found(filled, "post number 9")[0] == ["p9"]


def test_vectors_that_were_not_noted_are_taken_over_and_strays_removed(filled, monkeypatch):
    """As after a kill between writing to the server and to the database, or a database restored from a backup."""
    index = milvus_index(filled)
    table = vector_table.table_name(filled.cursor(), index.space, filled.indexes.store.key)
    with filled.transaction() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE row <= 6")
    index.add(np.array([900]), index.reconstruct(np.array([1])), hashes=["of a post that is gone"])
    with monkeypatch.context() as patch:
        patch.setattr("tests.conftest.InProcessEncoder.send", lambda self, contents: pytest.fail("encoded again"))
        assert index_again(filled) == {"lost": 0}
    assert len(index) == 20
    assert states(filled)["text"] == ("current", 20, 0)


def test_a_changed_and_a_removed_text_leave_nothing_behind(filled, tmp_path):
    fill_workspace(filled, tmp_path, ({"id": "p7", "text": "bread and butter"}, []), ({"id": "p8", "text": ""}, []))
    index = milvus_index(filled)
    assert found(filled, "bread butter")[0] == ["p7"]
    assert len(index) == 19
    assert 9 not in index.rows()
    assert states(filled)["text"] == ("current", 19, 0)


def test_rebuilding_with_encoding_starts_anew(filled):
    filled.jobs.run_now("rebuild", {"encode": True}, title="Rebuild")
    assert states(filled) == {"lexical": ("current", 20, 0), "text": ("current", 20, 0), "dual": ("current", 1, 0)}
    assert found(filled, "post number 2")[0] == ["p2"]
    filled.jobs.run_now("rebuild", {}, title="Rebuild")
    assert found(filled, "post number 2")[0] == ["p2"]


def test_a_workspace_of_faiss_moves_by_its_setting(settings, on_milvus, fake_encoders, tmp_path, monkeypatch):
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *POSTS)
    monkeypatch.setattr("tests.conftest.InProcessEncoder.send", lambda self, contents: pytest.fail("encoded again"))
    with Workspace.open(settings.workspace, on_milvus) as workspace:
        assert found(workspace, "post number 7", "hybrid")[0] == ["p7"]  # by its words
        assert states(workspace)["text"] == ("missing", 0, 20)
        index_again(workspace)
        assert states(workspace)["text"] == ("current", 20, 0)
        assert found(workspace, "post number 7")[0] == ["p7"]
    with Workspace.open(settings.workspace, settings) as workspace:  # and back: nothing was taken away
        assert found(workspace, "post number 7")[0] == ["p7"]
        assert {state for state, _, _ in states(workspace).values()} == {"current"}


def test_rebuilding_with_encoding_takes_nothing_over_from_the_database(
    settings, on_milvus, fake_encoders, tmp_path, monkeypatch
):
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *POSTS)
    sent = []
    real = InProcessEncoder.send
    monkeypatch.setattr(InProcessEncoder, "send", lambda self, contents: sent.extend(contents) or real(self, contents))
    with Workspace.open(settings.workspace, on_milvus) as workspace:
        workspace.jobs.run_now("rebuild", {"encode": True}, title="Rebuild")
        assert len(sent) == 21
        assert states(workspace)["text"] == ("current", 20, 0)


@pytest.fixture
def nobody():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_while_the_server_is_away_words_are_searched(filled, nobody, monkeypatch, on_milvus):
    filled.close()
    away = replace(on_milvus, vectors=f"milvus:http://{nobody}")
    with Workspace.open(on_milvus.workspace, away) as workspace, workspace.transaction() as cursor:
        cursor.execute("UPDATE stores SET store = ?", [workspace.indexes.store.key])  # the same server, now silent
    with Workspace.open(on_milvus.workspace, away) as workspace:
        before = workspace.indexes.store.outages()
        ids, notes = found(workspace, "number 7", "hybrid")
        assert ids == ["p7"]
        assert notes == (f"The vector engine at {nobody} does not answer: only words are searched.",)
        assert workspace.indexes.store.outages() != before
        assert found(workspace, "number 7", "text") == ([], (f"The vector engine at {nobody} does not answer.",))
        assert found(workspace, "7", "lexical") == (["p7"], ())
        status = {part.name: part for part in workspace.indexes.status()}
        assert (status["text"].state, status["lexical"].state) == ("away", "current")
        assert status["text"].detail == f"The vector engine at {nobody} does not answer."
        with pytest.raises(VectorStoreError, match="does not answer"):
            neighbours(workspace, "p7")
        with pytest.raises(VectorStoreError, match="does not answer"):
            index_again(workspace)
        assert workspace.jobs.list()[0].state == "failed"
        workspace.start()  # verifies in the background: an engine that is away is no damage
        time.sleep(0.2)
        assert [job.title for job in workspace.jobs.list()].count("Repair the indexes") == 0


def test_posts_taken_in_while_the_server_is_away_are_kept(on_milvus, nobody, fake_encoders, tmp_path, server):
    away = replace(on_milvus, vectors=f"milvus:http://{nobody}")
    with Workspace.open(away.workspace, away, create=True) as workspace:
        with pytest.raises(VectorStoreError, match="does not answer"):
            fill_workspace(workspace, tmp_path, *POSTS)
        assert found(workspace, "7", "lexical")[0] == ["p7"]
    with Workspace.open(away.workspace, on_milvus) as workspace:
        index_again(workspace)
        assert found(workspace, "post number 7")[0] == ["p7"]


def test_a_wrong_token_is_a_note_and_no_crash(settings, fake_encoders, tmp_path):
    locked = Server(tmp_path / "locked", token="ann:right")
    try:
        right = replace(settings, vectors=locked.setting, milvus_token=milvus_connection.Secret("ann:right"))
        with Workspace.open(right.workspace, right, create=True) as workspace:
            fill_workspace(workspace, tmp_path, *POSTS[:3])
            assert found(workspace, "post number 2")[0] == ["p2"]
        wrong = replace(right, milvus_token=milvus_connection.Secret("ann:wrong-one"))
        with Workspace.open(right.workspace, wrong) as workspace:
            ids, notes = found(workspace, "number 2", "hybrid")
            assert ids == ["p2"]
            assert "refuses the token in FEEDSCOPE_MILVUS_TOKEN: only words are searched." in notes[0]
            assert "wrong-one" not in repr(workspace.indexes.status())
        for path in right.workspace.rglob("*"):
            if path.is_file():
                assert b"ann:right" not in path.read_bytes()
    finally:
        locked.stop()


FILL = """
import sys
from dataclasses import replace
from pathlib import Path
import pytest
sys.path.insert(0, sys.argv[1])
from core.settings import Settings
from core.workspace import Workspace
from tests.conftest import use_fake_encoders
from tests.core.search.conftest import fill_workspace
from core import indexing

indexing.ENCODE_CHUNK["text"] = 5
settings = replace(Settings(), workspace=Path(sys.argv[2]), vectors=sys.argv[3], threads=1)
with pytest.MonkeyPatch.context() as patch:
    use_fake_encoders(patch)
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        print("ready", flush=True)
        posts = [({"id": f"p{n}", "text": f"post number {n}"}, []) for n in range(200)]
        fill_workspace(workspace, Path(sys.argv[4]), *posts)
print("done", flush=True)
"""


def test_killed_while_writing_nothing_is_lost(server, on_milvus, fake_encoders, tmp_path):
    """The server outlives the workspace's process, which is killed at random moments."""
    chance = random.Random(5)
    command = [sys.executable, "-c", FILL, str(ROOT), str(on_milvus.workspace), server.setting, str(tmp_path)]
    for _ in range(3):
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
        ) as p:
            assert p.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.1, 1.0))
            p.send_signal(signal.SIGKILL)
    with Workspace.open(on_milvus.workspace, on_milvus) as workspace:
        posts = [({"id": f"p{n}", "text": f"post number {n}"}, []) for n in range(200)]
        fill_workspace(workspace, tmp_path, *posts)
        assert states(workspace)["text"] == ("current", 200, 0)
        index = milvus_index(workspace)
        assert len(index) == 200
        for n in (0, 77, 199):
            assert found(workspace, f"post number {n}")[0] == [f"p{n}"]
