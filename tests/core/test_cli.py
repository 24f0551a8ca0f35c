"""The command line: one JSON document on stdout, errors as sentences, nothing heavy until it is needed."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from core import cli
from core.settings import ROOT


@pytest.fixture
def run(fake_encoders, monkeypatch, tmp_path):
    """Runs a command in this process with the fake encoders; gives (exit status, stdout, stderr)."""
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(tmp_path / "workspace"))

    def run(*words):
        result = CliRunner().invoke(cli.app, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture
def posts(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text(
        "id,text,author,likes,mood\n"
        "1,the bus is late,ann,3,angry\n"
        "2,fresh bread,bob,9,calm\n"
        "3,,eve,1,calm\n"
        "4,the bus is on time,bob,0,calm\n"
    )
    return path


def test_help_imports_nothing_heavy():
    script = (
        "import sys, core.cli\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'open_clip', 'timm', 'faiss', 'streamlit'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_ingest_prints_what_became_of_the_rows(run, posts):
    status, out, _ = run("ingest", posts, "--json")
    result = json.loads(out)
    assert status == 0
    assert {name: result[name] for name in ("seen", "added", "updated", "skipped", "failed")} == {
        "seen": 4, "added": 3, "updated": 0, "skipped": 0, "failed": 1
    }  # fmt: skip
    assert result["failures"] == [{"where": "posts.csv line 4", "reason": "neither text nor picture"}]
    status, out, _ = run("ingest", posts)
    assert "skipped" in out
    assert "posts.csv line 4: neither text nor picture" in out


def test_search_prints_hits_with_legs_and_text(run, posts):
    run("ingest", posts, "--json")
    status, out, _ = run("search", "late bus", "--where", "mood=angry", "-k", "2", "--json")
    document = json.loads(out)
    (hit,) = document["hits"]
    assert (hit["post_id"], hit["rank"], hit["text"], hit["user_id"], hit["media"]) == (
        "1", 1, "the bus is late", "ann", []
    )  # fmt: skip
    assert set(hit["legs"]) == {"lexical", "text"}
    assert document["elapsed_ms"] > 0
    status, out, _ = run("search", "--like", "1", "--mode", "text", "-k", "1", "--json")
    assert [hit["post_id"] for hit in json.loads(out)["hits"]] == ["4"]
    status, out, _ = run("search", "bus", "--not", "late", "--mode", "lexical", "--json")
    assert [hit["post_id"] for hit in json.loads(out)["hits"]] == ["4"]
    status, out, _ = run("search", "bread")
    assert "fresh bread" in out


def test_the_workspace_may_be_named_before_or_after_the_command(run, posts, tmp_path):
    run("--workspace", tmp_path / "other", "ingest", posts, "--json")
    for words in (
        ("--workspace", tmp_path / "other", "--json", "info"),
        ("info", "--json", "--workspace", tmp_path / "other"),
    ):
        _, out, _ = run(*words)
        document = json.loads(out)
        assert document["posts"] == 3
        assert document["current"] is True
        assert [part["name"] for part in document["indexes"]] == ["lexical", "text", "dual"]


def test_rebuild(run, posts):
    run("ingest", posts, "--json")
    status, out, _ = run("rebuild", "--json")
    assert status == 0
    assert {part["state"] for part in json.loads(out)["indexes"]} == {"current", "empty"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("search", "x"), "no workspace"),
        (("ingest", "nowhere.csv"), "nowhere.csv"),
        (("search", "x", "--where", "nonsense"), "nonsense"),
    ],
)
def test_errors_are_sentences_and_status_1(tmp_path, words, sentence):
    command = [sys.executable, "-m", "core", *words, "--workspace", str(tmp_path / "none"), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert sentence in json.loads(done.stdout)["error"]
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_collections_exports_and_deletion(run, posts, tmp_path):
    run("ingest", posts, "--json")
    (tmp_path / "ids.txt").write_text("1\n4\nnowhere\n")
    made = json.loads(run("collections", "create", "Buses", "--ids", tmp_path / "ids.txt", "--json")[1])
    assert (made["name"], made["size"], made["unknown"]) == ("Buses", 2, 1)
    assert json.loads(run("collections", "list", "--json")[1])[0]["id"] == made["id"]
    compared = json.loads(run("collections", "compare", "buses", "--json")[1])
    assert (compared["posts"], compared["others"]) == (2, 1)
    assert "Buses" in run("collections", "compare", made["id"])[1]
    exported = json.loads(run("export", tmp_path / "out", "--collection", "Buses", "--json")[1])
    assert exported["posts"] == 2
    assert (tmp_path / "out" / "posts.csv").exists()
    assert exported["provenance"]["subject"]["collection"]["id"] == made["id"]
    found = json.loads(run("export", tmp_path / "found.zip", "--query", "bus", "--mode", "lexical", "--json")[1])
    assert found["provenance"]["subject"]["query"]["mode"] == "lexical"
    assert run("collections", "delete", "Buses")[0] == 0
    assert json.loads(run("collections", "list", "--json")[1]) == []
    receipt = json.loads(run("delete", "user", "bob", "--yes", "--json")[1])
    assert (receipt["posts"], receipt["found_in"]) == (2, [])
    status, _, said = run("ingest")
    assert status != 0
    assert "--interactions" in said
    dry = json.loads(run("ingest", posts, "--dry-run", "--json")[1])
    assert (dry["dry_run"], dry["added"]) == (True, 2)
