"""Exports in the background: the same file, with progress; stopped and begun again; forgotten after some days."""

import json
import os
import time
import zipfile

import pytest

from core.errors import ExportError, JobStopped
from core.export import job, of_posts, of_search
from core.search.search import search
from core.types import Query, QueryPart
from tests.core.search.conftest import fill_workspace

COUNT = 1100
"""More than one batch."""


def fill(workspace, tmp_path, count):
    fill_workspace(workspace, tmp_path / "source", *(({"id": f"p{n}", "text": f"bus {n}"}, []) for n in range(count)))
    return workspace


@pytest.fixture
def here(workspace, tmp_path):
    return fill(workspace, tmp_path, 6)


def run_queued(workspace, id_, listener=None):
    error = workspace.jobs._run(workspace.jobs.get(id_), listener)
    if error is not None:
        raise error
    return workspace.jobs.get(id_)


def test_a_search_goes_out_with_its_ranks_and_where_it_comes_from(here):
    query = Query((QueryPart("text", "bus"),), k=5, mode="lexical")
    subject = of_search(query, search(here, query), url="./search?q=bus", name="buses / today")
    done = run_queued(here, job.submit(here, subject, format="jsonl"))
    path = job.file_of(here, done.result)
    assert path.name.endswith("-buses-today-jsonl.zip")
    with zipfile.ZipFile(path) as file:
        hits = [json.loads(line) for line in file.read("hits.jsonl").splitlines()]
        document = json.loads(file.read("provenance.json"))
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5]
    assert hits[0]["legs"][0]["leg"] == "lexical"
    assert document["subject"]["query"]["parts"][0]["value"] == "bus"
    assert document["counts"]["posts"] == done.result["exported"] == 5
    assert {"made_by", "made_at", "indexes", "format", "workspace"} <= document.keys()
    assert {entry.suffix for entry in path.parent.iterdir()} == {".zip", ".json"}, "killed now, it can be made anew"


def test_progress_is_told_and_a_stopped_export_leaves_nothing_and_can_go_on(workspace, tmp_path):
    here = fill(workspace, tmp_path, COUNT)
    id_ = job.submit(here, of_posts([f"p{n}" for n in range(COUNT)]))
    seen = []

    def listener(told):
        seen.append((told.phase, told.done, told.total))
        if told.done >= 1000:
            here.jobs.stop(id_)

    with pytest.raises(JobStopped):
        run_queued(here, id_, listener)
    assert ("writing posts", 1000, COUNT) in seen
    folder = here.path / "exports"
    assert [entry.suffix for entry in folder.iterdir()] == [".json"]
    here.jobs.resume(id_)
    assert run_queued(here, id_).result["exported"] == COUNT


def test_large_files_make_room_for_newer_ones(here, monkeypatch):
    done = [run_queued(here, job.submit(here, of_posts([f"p{n}"]))) for n in range(3)]
    sizes = [job.file_of(here, one.result).stat().st_size for one in done]
    for at, one in enumerate(done):
        os.utime(job.file_of(here, one.result), (time.time() - 100 + at,) * 2)
    for left in (here.path / "exports").glob("*.json"):
        left.unlink()
    monkeypatch.setattr(job, "KEPT_BYTES", sizes[1] + sizes[2])
    job.submit(here, of_posts(["p4"]))
    assert [job.file_of(here, one.result) is not None for one in done] == [False, True, True]


def test_an_old_file_is_forgotten_and_that_is_said(here):
    done = run_queued(here, job.submit(here, of_posts(["p1"])))
    path = job.file_of(here, done.result)
    week = time.time() - (job.KEPT_DAYS + 1) * 86400
    os.utime(path, (week, week))
    lost = job.submit(here, of_posts(["p2"]))
    assert job.file_of(here, done.result) is None
    for left in (here.path / "exports").glob("*.json"):
        left.unlink()
    with pytest.raises(ExportError, match="ask for it again"):
        run_queued(here, lost)
    with pytest.raises(ExportError, match="no posts"):
        job.submit(here, of_posts([]))
