"""Moving a workspace's vectors to Milvus and back: killed in the middle, resumed, counted, verified."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from core.cli import app
from core.database import vectors as vector_table
from core.errors import JobStopped, SettingError, VectorStoreError
from core.search.search import search
from core.settings import ROOT
from core.types import Query, QueryPart
from core.vector_stores import open_store
from core.vectors import copy
from core.workspace import Workspace
from tests.core.search.conftest import fill_workspace

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
from tests.core.vectors.milvus_server import Server

POSTS = [({"id": f"p{n}", "text": f"post number {n}"}, ["red"] if n == 3 else []) for n in range(60)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture
def filled(settings, fake_encoders, tmp_path):
    """A workspace on Faiss, closed."""
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *POSTS)
    return settings


def copied(workspace, **params):
    result = workspace.jobs.run_now("copy_vectors", params, title="Copy").result
    counts = {space["space"]: (space["copied"], space["already"], space["missing"], space["checked"])
              for space in result["spaces"]}  # fmt: skip
    return result, counts


def nearest(workspace, text):
    return [hit.post_id for hit in search(workspace, Query((QueryPart("text", text),), mode="text")).hits[:1]]


def test_there_and_back_again(filled, server):
    with Workspace.open(filled.workspace, filled) as workspace:
        space = workspace.indexes.space("text")
        rows, before = vector_table.vectors_of(workspace.cursor(), space, np.arange(1, 61))
        result, counts = copied(workspace, to=server.setting)
        assert (result["from"], result["to"]) == ("this machine", f"Milvus at {server.host}")
        assert counts == {"text": (60, 0, 0, 60), "dual": (1, 0, 0, 1)}
        assert copied(workspace, to=server.setting)[1] == {"text": (0, 60, 0, 60), "dual": (0, 1, 0, 1)}
        assert nearest(workspace, "post number 7") == ["p7"]  # still on Faiss
    on_milvus = replace(filled, vectors=server.setting)
    with Workspace.open(filled.workspace, on_milvus) as workspace:
        assert nearest(workspace, "post number 7") == ["p7"]
        assert copied(workspace, to="faiss", **{"from": server.setting})[1]["text"] == (0, 60, 0, 60)
        with workspace.new_generation() as (cursor, _):
            vector_table.delete_vectors(cursor, space)
        assert copied(workspace, to="faiss")[1] == {"text": (60, 0, 0, 60), "dual": (0, 1, 0, 1)}
        again = vector_table.vectors_of(workspace.cursor(), space, rows)
        np.testing.assert_array_equal(again[0], rows)
        np.testing.assert_array_equal(again[1], before)
    with Workspace.open(filled.workspace, filled) as workspace:
        assert {part.state for part in workspace.indexes.status()} == {"current"}
        assert nearest(workspace, "post number 7") == ["p7"]


def test_releasing_empties_the_source_once_the_copy_is_verified(filled, server, monkeypatch):
    with Workspace.open(filled.workspace, filled) as workspace:
        space = workspace.indexes.space("text")
        folder = workspace.indexes.folder(space)
        with monkeypatch.context() as patch:
            patch.setattr(copy, "verify", lambda *_: (_ for _ in ()).throw(VectorStoreError("differs")))
            with pytest.raises(VectorStoreError):
                copied(workspace, to=server.setting, release=True)
        assert vector_table.count_vectors(workspace.cursor(), space) == 60
        copied(workspace, to=server.setting, release=True)
        assert vector_table.count_vectors(workspace.cursor(), space) == 0
        assert not folder.exists()
    on_milvus = replace(filled, vectors=server.setting)
    with Workspace.open(filled.workspace, on_milvus) as workspace:
        assert nearest(workspace, "post number 7") == ["p7"]
        assert {part.state for part in workspace.indexes.status()} == {"current"}
        copied(workspace, to="faiss", release=True)
        assert len(workspace.indexes.store.index(space)) == 0


def test_stopped_and_run_again_it_goes_on_where_it_was(filled, server, monkeypatch):
    monkeypatch.setattr(copy, "_BATCH", 10)
    with Workspace.open(filled.workspace, filled) as workspace:
        stops = iter([False] * 3 + [True])

        def stop_at_the_third(job):
            if job.phase.startswith("copying text") and next(stops, False):
                workspace.jobs.stop(job.id)

        with pytest.raises(JobStopped):
            workspace.jobs.run_now("copy_vectors", {"to": server.setting}, title="Copy", listener=stop_at_the_third)
        result, counts = copied(workspace, to=server.setting)
        now, already, missing, checked = counts["text"]
        assert (now + already, missing, checked) == (60, 0, 60)
        assert already >= 20


def test_a_copy_that_differs_is_noticed(filled, server, monkeypatch):
    with Workspace.open(filled.workspace, filled) as workspace:
        copied(workspace, to=server.setting)
        store = open_store(workspace, server.setting)
        index = store.index(workspace.indexes.space("text"))
        index.add(np.array([5]), index.reconstruct(np.array([6])))
        index.remove(np.array([7]))
        store.close()
        with pytest.raises(VectorStoreError, match="2 of 60 sampled text vectors in Milvus at"):
            copied(workspace, to=server.setting)


def test_what_the_source_lost_is_counted(filled, server):
    with Workspace.open(filled.workspace, filled) as workspace:
        copied(workspace, to=server.setting)
        with workspace.new_generation() as (cursor, _):
            vector_table.delete_vectors(cursor, workspace.indexes.space("text"))
    with Workspace.open(filled.workspace, replace(filled, vectors=server.setting)) as workspace:
        workspace.indexes.vector("text").remove(np.array([4, 5]))
        assert copied(workspace, to="faiss")[1]["text"] == (58, 0, 2, 58)


def test_copying_to_where_they_are_is_refused(filled):
    with (
        Workspace.open(filled.workspace, filled) as workspace,
        pytest.raises(SettingError, match="are in this machine already"),
    ):
        copied(workspace, to="faiss")


COPY = """
import sys, time
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from pathlib import Path
from core.settings import Settings
from core.vectors import copy
from core.workspace import Workspace

copy._BATCH = 4
settings = replace(Settings(), workspace=Path(sys.argv[2]), vectors=sys.argv[3], threads=1)
with Workspace.open(settings.workspace, settings) as workspace:
    said = []
    def listen(job):
        if job.phase.startswith("copying text") and job.done >= 12 and not said:
            said.append(print("in the middle", flush=True))
            time.sleep(0.02)
    workspace.jobs.run_now("copy_vectors", {"to": sys.argv[4]}, title="Copy", listener=listen)
"""


@pytest.mark.parametrize("back", [False, True], ids=["to Milvus", "to Faiss"])
def test_killed_in_the_middle_the_next_copy_finishes(filled, server, back):
    on_milvus = replace(filled, vectors=server.setting)
    source, target = (on_milvus, filled) if back else (filled, on_milvus)
    if back:
        with Workspace.open(filled.workspace, filled) as workspace:
            copied(workspace, to=server.setting, release=True)
    command = [sys.executable, "-c", COPY, str(ROOT), str(filled.workspace), source.vectors, target.vectors]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"in the middle\n"
        process.send_signal(signal.SIGKILL)
    with Workspace.open(source.workspace, source) as workspace:
        _, counts = copied(workspace, to=target.vectors)
        now, already, missing, checked = counts["text"]
        assert (now + already, missing, checked) == (60, 0, 60)
        assert already >= 12
    with Workspace.open(target.workspace, target) as workspace:
        for n in (0, 30, 59):
            assert nearest(workspace, f"post number {n}") == [f"p{n}"]


def test_the_command_prints_what_became_of_them(filled, server, monkeypatch):
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(filled.workspace))
    result = CliRunner().invoke(app, ["vectors", "copy", "--to", server.setting, "--json"])
    assert result.exit_code == 0, result.output
    assert [space["copied"] for space in json.loads(result.stdout)["spaces"]] == [60, 1]
    told = CliRunner().invoke(app, ["vectors", "copy", "--to", server.setting])
    assert "copied 0, already 60, missing 0, checked 60" in told.stdout
    assert f"FEEDSCOPE_VECTORS={server.setting} uses them" in told.stdout.replace("\n", " ")
    refused = CliRunner().invoke(app, ["vectors", "copy", "--to", "milvus:http://ann:hunter2@db:19530"])
    assert isinstance(refused.exception, SettingError)
    assert "hunter2" not in str(refused.exception) + refused.output
    with Workspace.open(filled.workspace, filled) as workspace:
        assert "hunter2" not in str([job.params for job in workspace.jobs.list()])
