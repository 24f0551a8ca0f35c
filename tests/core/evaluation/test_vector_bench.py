"""The measuring code runs, says what it measured, and goes on where it was; its figures are not judged here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from core import cli
from core.errors import VectorError
from core.evaluation import bare_engines, vector_bench
from core.evaluation.bench_vectors import generate
from core.evaluation.vector_tables import goals_of, tables_of

SMALL = {"count": 600, "dim": 16, "queries": 8}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return vector_bench.run(**SMALL, families=("flat", "hnsw", "sq8", "lsh"))


def test_each_speed_has_its_recall(found: dict[str, Any]) -> None:
    assert (found["vectors"], found["count"], found["dim"], found["queries"]) == ("generated", 600, 16, 8)
    assert list(found["families"]) == ["flat", "hnsw", "sq8", "lsh"]
    for name, entry in found["families"].items():
        searches = [entry["search"], *entry["filtered"].values(), entry["living"]]
        assert entry["filtered"].keys() == {f"{share:.1%}" for share in vector_bench.SHARES}
        for one in searches:
            assert 0 < one[name]["p50"] <= one[name]["p95"]
            assert 0.9 <= one[name]["recall@10"] <= 1.0
    assert found["families"]["flat"]["search"]["flat"]["recall@10"] == 1.0
    assert found["families"]["flat"]["memory_share"] == 1.0
    assert {"hnsw", "bare hnsw"} <= found["families"]["hnsw"]["search"].keys()
    assert {"hnsw", "bare exact", "bare hnsw"} <= found["families"]["hnsw"]["filtered"]["50.0%"].keys()
    json.dumps(found)


def test_goals_and_tables_tell_what_was_found(found: dict[str, Any]) -> None:
    goals = {goal["goal"]: goal for goal in goals_of(found)}
    recall = goals["hnsw: recall@10"]
    assert recall["measured"] == found["families"]["hnsw"]["search"]["hnsw"]["recall@10"]
    assert recall["met"] == (recall["measured"] >= 0.99)
    assert sum("times the quicker bare" in goal for goal in goals) == len(vector_bench.SHARES)
    speeds, filters, building, last = tables_of(found)
    assert {row[0] for row in speeds.rows} >= {"flat", "bare flat", "hnsw", "bare hnsw", "sq8", "lsh"}
    assert len(building.rows) == 4
    assert len(last.rows) == len(goals)
    for table in (speeds, filters, building, last):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_without_hnswlib_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare_engines, "hnswlib_there", lambda: False)
    found = vector_bench.run(**SMALL, families=("hnsw",))
    assert found["families"]["hnsw"]["hnswlib"] == "not installed"
    assert ("hnswlib: not installed", *[""] * 6) in tables_of(found)[0].rows


def test_a_run_goes_on_where_the_last_one_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "found.json"
    built = []
    build = vector_bench.build_index

    def noted(vectors: Any, rows: Any, space: Any, family: str, **more: Any) -> Any:
        built.append(family)
        return build(vectors, rows, space, family, **more)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(vector_bench, "build_index", noted)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(vector_bench._Bench, "_beside_hnswlib", stopped)
        vector_bench.run(**SMALL, families=("flat", "hnsw"), out=out)
    before = json.loads(out.read_text())["families"]
    assert "living" in before["flat"]
    assert "search" in before["hnsw"]
    built.clear()
    found = vector_bench.run(**SMALL, families=("flat", "hnsw"), out=out)
    assert built == ["flat"]  # to tell what is true after changes; the index itself was there
    assert found["families"]["flat"] == before["flat"]
    assert found["families"]["hnsw"]["search"] == before["hnsw"]["search"]
    assert json.loads(out.read_text()) == found
    # Another question starts anew.
    assert list(vector_bench.run(**SMALL | {"queries": 5}, families=("flat",), out=out)["families"]) == ["flat"]
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


def test_vectors_from_a_file(tmp_path: Path) -> None:
    generate(tmp_path / "vectors.npy", 300, 12)
    vectors = np.load(tmp_path / "vectors.npy")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    found = vector_bench.run(vectors=tmp_path / "vectors.npy", count=10_000, queries=20, families=("flat",))
    assert (found["count"], found["dim"]) == (280, 12)
    np.save(tmp_path / "wrong.npy", vectors.astype(np.float64))
    (tmp_path / "none.npy").write_bytes(b"no array")
    for name, message in (("wrong", "float32"), ("none", "can't be read"), ("missing", "can't be read")):
        with pytest.raises(VectorError, match=message):
            vector_bench.run(vectors=tmp_path / f"{name}.npy", families=("flat",))
    with pytest.raises(VectorError, match="too few"):
        vector_bench.run(vectors=tmp_path / "vectors.npy", queries=300, families=("flat",))
    with pytest.raises(VectorError, match="magic"):
        vector_bench.run(families=("magic",))


def test_the_command_prints_tables_or_one_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # so that what the command sets is undone
    command = ["bench", "vectors", "--count", "300", "--dim", "8", "--queries", "4", "--families", "flat,lsh"]
    done = CliRunner().invoke(cli.app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    assert list(json.loads(done.stdout)["families"]) == ["flat", "lsh"]
    done = CliRunner().invoke(cli.app, command)
    assert "recall@10" in done.stdout
    assert "Goals" in done.stdout
