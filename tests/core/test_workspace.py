import os
import shutil
import subprocess
import sys
import time

import duckdb
import pytest

from core import derived
from core.database.schema import MIGRATIONS
from core.errors import WorkspaceBusy, WorkspaceError
from core.search.search import search
from core.settings import ROOT
from core.types import Query, QueryPart
from core.workspace import Workspace
from tests.core.search.conftest import fill_workspace

POSTS = [({"id": f"p{n}", "text": f"post number {n}"}, ["red"] if n == 3 else []) for n in range(20)]


def test_there_is_none(settings):
    with pytest.raises(WorkspaceError, match="no workspace"):
        Workspace.open(settings.workspace, settings)
    assert not settings.workspace.exists()


def test_other_peoples_folders_are_left_alone(settings):
    settings.workspace.mkdir()
    (settings.workspace / "thesis.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match="other files"):
        Workspace.open(settings.workspace, settings, create=True)
    assert [path.name for path in settings.workspace.iterdir()] == ["thesis.txt"]


def test_a_second_process_is_told_who_holds_it(workspace):
    script = (
        "import sys; from pathlib import Path\n"
        "from core.settings import Settings; from core.workspace import Workspace\n"
        "from core.errors import WorkspaceBusy\n"
        "try: Workspace.open(Path(sys.argv[1]), Settings())\n"
        "except WorkspaceBusy as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(workspace.path)], cwd=ROOT, capture_output=True, text=True)
    assert f"process {os.getpid()}" in done.stdout, done.stderr


def test_opening_in_another_process_that_holds_it_fails_for_us(settings, fake_encoders):
    Workspace.open(settings.workspace, settings, create=True).close()
    script = (
        "import sys, time; from pathlib import Path\n"
        "from core.settings import Settings; from core.workspace import Workspace\n"
        "w = Workspace.open(Path(sys.argv[1]), Settings()); print('open', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(settings.workspace)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(WorkspaceBusy, match=f"process {holder.pid}"):
            Workspace.open(settings.workspace, settings)
    finally:
        holder.kill()
        holder.wait()
    Workspace.open(settings.workspace, settings).close()


def test_a_newer_workspace_is_refused(settings, fake_encoders):
    with Workspace.open(settings.workspace, settings, create=True) as workspace, workspace.transaction() as cursor:
        cursor.execute("INSERT INTO migrations VALUES (?, now()::TIMESTAMP)", [max(MIGRATIONS) + 1])
    with pytest.raises(WorkspaceError, match="update Feedscope"):
        Workspace.open(settings.workspace, settings)


def test_a_file_that_is_no_database_is_named(settings):
    settings.workspace.mkdir()
    (settings.workspace / "workspace.json").write_text("{}")
    (settings.workspace / "feedscope.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(WorkspaceError, match="feedscope.duckdb"):
        Workspace.open(settings.workspace, settings)


def test_sql_can_not_reach_files(workspace):
    with pytest.raises(duckdb.PermissionException):
        workspace.cursor().execute("SELECT * FROM read_text('/etc/hostname')")


def test_a_failed_transaction_leaves_nothing(workspace):
    generation = workspace.generation
    with pytest.raises(ZeroDivisionError), workspace.new_generation() as (cursor, _):
        cursor.execute("INSERT INTO users (id, generation) VALUES ('x', 1)")
        raise ZeroDivisionError
    assert workspace.cursor().execute("SELECT count(*) FROM users").fetchone() == (0,)
    assert workspace.generation == generation
    with workspace.new_generation() as (_, now):
        assert now == generation + 1


def ids(workspace, text, mode):
    return [hit.post_id for hit in search(workspace, Query((QueryPart("text", text),), mode=mode)).hits[:1]]


def largest_file(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("part", ["lexical", "vectors"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_part_is_noticed_and_made_again(settings, fake_encoders, tmp_path, part, harm):
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *POSTS)
    folder = settings.workspace / part
    victim = largest_file(folder)
    if harm == "flip":
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 0xFF
        victim.write_bytes(data)
    elif harm == "cut":
        victim.write_bytes(victim.read_bytes()[:-10])
    else:
        victim.unlink()
    with Workspace.open(settings.workspace, settings) as workspace:
        workspace.start()
        for _ in range(200):
            states = {status.state for status in workspace.indexes.status()}
            jobs = workspace.jobs.list()
            if states == {"current"} and len(jobs) > 1 and not any(job.active for job in jobs):
                break
            time.sleep(0.05)
        assert [job.title for job in jobs][0] == "Repair the indexes"
        assert ids(workspace, "post number 7", "text") == ["p7"]
        assert ids(workspace, "7", "lexical") == ["p7"]
    for manifest in settings.workspace.rglob(derived.MANIFEST):
        assert derived.verify(manifest.parent, checksums=True) == []


def test_missing_indexes_do_not_stop_a_search(settings, fake_encoders, tmp_path):
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *POSTS)
    shutil.rmtree(settings.workspace / "vectors")
    with Workspace.open(settings.workspace, settings) as workspace:
        assert ids(workspace, "post number 7", "text") == ["p7"]
        assert {part.name: part.state for part in workspace.indexes.status()} == {
            "lexical": "current",
            "text": "missing",
            "dual": "missing",
        }
        workspace.jobs.run_now("index", {}, title="Index")
        assert {part.state for part in workspace.indexes.status()} == {"current"}


def test_rebuild_makes_everything_again(settings, fake_encoders, tmp_path):
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *POSTS)
        workspace.jobs.run_now("rebuild", {"encode": True}, title="Rebuild")
        assert [(part.state, part.rows) for part in workspace.indexes.status()] == [
            ("current", 20), ("current", 20), ("current", 1)
        ]  # fmt: skip
        assert ids(workspace, "post number 7", "text") == ["p7"]
        assert ids(workspace, "7", "lexical") == ["p7"]
