"""Killed at any moment, the next start goes on: no committed post is lost or doubled."""

import random
import subprocess
import sys
import time

from core.search.search import search
from core.settings import ROOT
from core.types import Query, QueryPart
from core.workspace import Workspace
from tests.core.ingest.test_pipeline import picture, write_csv

POSTS = 600
KILLS = 20


def start(workspace, source):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.core.ingest.kill_loop", str(workspace), str(source)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_at_twenty_moments(tmp_path, settings, fake_encoders):
    source = tmp_path / "export"
    for n in range(30):
        picture(source / "images" / f"{n}.png", (n * 8, 20, 200 - n))
    rows = [
        {
            "id": f"p{n}",
            "text": f"the post number {n}",
            "author": f"u{n % 7}",
            "image": f"images/{n}.png" if n < 30 else "",
        }
        for n in range(POSTS)
    ]
    write_csv(source / "posts.csv", rows)
    random.seed(20)
    workspace = settings.workspace
    before = 0
    for _ in range(KILLS):
        process = start(workspace, source)
        assert process.stdout.readline() == "opened\n", process.stderr.read()
        time.sleep(random.uniform(0, 0.6))
        process.kill()
        process.communicate()
        with Workspace.open(workspace, settings) as opened:
            found, distinct = opened.cursor().execute("SELECT count(*), count(DISTINCT id) FROM posts").fetchone()
        assert found == distinct
        assert before <= found <= POSTS
        before = found
    process = start(workspace, source)
    out, errors = process.communicate(timeout=120)
    assert out.endswith("done\n"), errors
    with Workspace.open(workspace, settings) as opened:
        cursor = opened.cursor()
        assert cursor.execute("SELECT count(*), count(DISTINCT id) FROM posts").fetchone() == (POSTS, POSTS)
        assert cursor.execute("SELECT count(*) FROM media WHERE path IS NOT NULL").fetchone() == (30,)
        assert {part.state for part in opened.indexes.status()} == {"current"}
        assert [part.rows for part in opened.indexes.status()] == [POSTS, POSTS, 30]
        (run,) = cursor.execute("SELECT max(seen) FROM runs").fetchone()
        assert run == POSTS
        hits = search(opened, Query((QueryPart("text", "the post number 599"),), mode="text")).hits
        assert hits[0].post_id == "p599"
        assert len({hit.post_id for hit in hits}) == len(hits)
