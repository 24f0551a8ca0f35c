"""The guide is followed line by line, against milvus-lite: from its file, and on a port with a password."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from core.cli import app
from core.settings import ROOT, Settings
from core.vectors import copy, milvus_collection, milvus_connection, milvus_filter
from core.workspace import Workspace
from tests.core.search.conftest import fill_workspace

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
from tests.core.vectors.milvus_server import Server

GUIDE = (ROOT / "core" / "vectors" / "MILVUS.md").read_text()
LINES = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]
POSTS = [({"id": f"p{n}", "text": f"the late bus number {n}"}, ["red"] if n == 3 else []) for n in range(12)]


def test_the_guide_works_line_by_line(tmp_path, fake_encoders, monkeypatch):
    server = Server(tmp_path / "server", token="feedscope:a-long-password")
    monkeypatch.chdir(tmp_path)
    for name in ("VECTORS", "MILVUS_TOKEN", "WORKSPACE"):
        monkeypatch.delenv(f"FEEDSCOPE_{name}", raising=False)
    with Workspace.open(
        tmp_path / "my-workspace", Settings(workspace=tmp_path / "my-workspace"), create=True
    ) as opened:
        fill_workspace(opened, tmp_path, *POSTS)
    said = []
    try:
        for line in LINES:
            words = shlex.split(line.replace("localhost:19530", server.host))
            if words[0] == "export":
                monkeypatch.setenv(*words[1].split("=", 1))
            elif words[0] == "unset":
                monkeypatch.delenv(words[1])
            else:
                assert words[:3] == ["python", "-m", "core"]
                result = CliRunner().invoke(app, words[3:])
                assert result.exit_code == 0, (line, result.output, result.exception)
                said.append((" ".join(words[3:]), " ".join(result.stdout.split())))
    finally:
        server.stop()
    in_the_file, on_the_server, released, back = (text for words, text in said if words.startswith("vectors copy"))
    for text in (in_the_file, on_the_server):
        assert "text (fake-text-64-0): copied 12, already 0, missing 0, checked 12" in text
        assert "dual (fake-dual-64-0): copied 1, already 0, missing 0, checked 1" in text
    assert "copied 0, already 12, missing 0, checked 12" in released
    assert "copied 12, already 0, missing 0, checked 12" in back
    places = ["Milvus at", f"Milvus at {server.host}", "this machine"]
    for place, (_, text) in zip(places, [pair for pair in said if pair[0] == "info"], strict=True):
        assert place in text
        assert "current: 12" in text
    for words, text in said:
        if words.startswith("search"):
            assert "10 hits among 12 posts" in text
            assert "text #1" in text


def test_what_the_guide_says_in_numbers_is_so():
    for said, value in (
        ("Session", milvus_collection.READS),
        ("Strong", milvus_collection.COUNTS),
        ("not asked for 5 seconds", f"not asked for {milvus_connection.REST:.0f} seconds"),
        ("lists of up to 100,000 rows", f"lists of up to {milvus_filter.LISTED_APART:,} rows"),
        ("writing and loading have 120", f"writing and loading have {milvus_collection.SLOW_CALL:.0f}"),
    ):
        assert said == value
        assert said in " ".join(GUIDE.split())
    assert copy.SAMPLE == 1_000
    assert copy._BATCH == 2_048
    assert milvus_connection.TRIES == 4
    assert milvus_connection.FIRST_WAIT == 0.1
