"""Vectors in from files that others wrote, and out to files that others read."""

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from core.cli import app
from core.errors import FeedscopeError, ImportFailed, JobStopped, SettingError, VectorError
from core.search.search import search
from core.types import Query, QueryPart
from core.vectors import exchange, exchange_files
from core.vectors.exchange_files import open_vectors
from core.workspace import Workspace
from tests.core.search.conftest import fill_workspace

DIM = 64  # of the fake encoder
COLOURS = ["red", "green", "blue", "yellow"]
POSTS = [
    ({"id": f"p{n}", "text": f"post number {n}", "url": f"https://example.org/{n}"}, COLOURS[n : n + 1])
    for n in range(30)
]


@pytest.fixture
def filled(workspace, tmp_path):
    return fill_workspace(workspace, tmp_path, *POSTS)


@pytest.fixture
def unencoded(filled):
    """The posts, and no vector yet, as where a model would take days."""
    for space in [filled.indexes.space(kind) for kind in ("text", "dual")]:
        filled.indexes.store.clear(space)
    return filled


def run(workspace, kind, **params):
    return workspace.jobs.run_now(f"{kind}_vectors", params, title=kind).result


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def some(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)


def held(workspace, kind):
    index = workspace.indexes.vector(kind)
    return {row: index.reconstruct(np.array([row]))[0] for row in index.rows().tolist()}


def write_clip(folder, name, parts, metadata, dtype=np.float16):
    (folder / name).mkdir(parents=True)
    (folder / "metadata").mkdir()
    for number, (vectors, said) in enumerate(zip(parts, metadata, strict=True)):
        np.save(folder / name / f"{name}_{number}.npy", vectors.astype(dtype))
        pq.write_table(pa.table(said), folder / "metadata" / f"metadata_{number}.parquet")
    return folder


def write_parquet(path, vectors, **columns):
    lists = pa.array(
        [None if vector is None else list(map(float, vector)) for vector in vectors], pa.list_(pa.float32())
    )
    pq.write_table(pa.table({**columns, "embedding": lists}), path)
    return path


@pytest.mark.parametrize("kind", ["text", "dual"])
@pytest.mark.parametrize("layout", ["clip-retrieval", "parquet"])
@pytest.mark.parametrize("half", [False, True])
def test_out_and_in_again(filled, tmp_path, kind, layout, half):
    before = held(filled, kind)
    space = filled.indexes.space(kind)
    out = tmp_path / "out.parquet" if layout == "parquet" else tmp_path / "out"
    said = run(filled, "export", space=kind, format=layout, out=str(out), half=half, rows_in_a_file=7)
    assert (said["written"], said["missing"], said["model_id"]) == (len(before), 0, space.model_id)
    assert not list(tmp_path.glob("*.partial"))
    filled.indexes.store.clear(space)
    assert held(filled, kind) == {}
    taken = run(filled, "import", path=str(out), space=kind)
    assert (taken["stored"], taken["unmatched"], taken["refused"], taken["used"]) == (len(before), 0, 0, True)
    after = held(filled, kind)
    assert after.keys() == before.keys()
    for row, vector in after.items():
        np.testing.assert_allclose(vector, before[row], atol=1e-3 if half else 1e-6)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert {part.state for part in filled.indexes.status()} == {"current"}


def test_what_clip_retrieval_and_duckdb_would_read(filled, tmp_path):
    run(filled, "export", space="dual", format="clip-retrieval", out=str(tmp_path / "clip"), half=True)
    vectors = np.load(tmp_path / "clip" / "img_emb" / "img_emb_0.npy", mmap_mode="r", allow_pickle=False)
    said = pq.read_table(tmp_path / "clip" / "metadata" / "metadata_0.parquet").to_pydict()
    assert (vectors.shape, vectors.dtype) == ((4, DIM), np.float16)
    assert said["caption"] == [f"post number {n}" for n in range(4)]
    assert all(Path(path).is_file() for path in said["image_path"])
    assert said["post_id"] == ["p0", "p1", "p2", "p3"]
    run(filled, "export", space="text", format="parquet", out=str(tmp_path / "text.parquet"))
    found = duckdb.sql(f"SELECT id, vector FROM '{tmp_path}/text.parquet' ORDER BY id LIMIT 1").fetchall()
    assert found[0][0] == "p0"
    np.testing.assert_allclose(found[0][1], held(filled, "text")[1], atol=1e-6)
    about = pq.read_schema(tmp_path / "text.parquet").metadata
    assert about[b"feedscope.model"] == filled.indexes.space("text").model_id.encode()


@pytest.mark.parametrize(
    ("key", "values"),
    [("id", [f"p{n}" for n in range(30)]), ("url", [f"https://example.org/{n}" for n in range(30)]),
     ("caption", [f"post number {n}" for n in range(30)])],
)  # fmt: skip
def test_posts_are_found_by_id_link_or_words(unencoded, tmp_path, key, values):
    vectors = some(30)
    folder = write_clip(tmp_path / "clip", "text_emb", [vectors[:20], vectors[20:]],
                        [{key: values[:20]}, {key: values[20:]}], np.float32)  # fmt: skip
    said = run(unencoded, "import", path=str(folder), space="text")
    assert (said["rows"], said["stored"], said["layout"]) == (30, 30, "clip-retrieval")
    kept = held(unencoded, "text")
    np.testing.assert_allclose([kept[row] for row in range(1, 31)], unit(vectors), atol=1e-6)
    # Nothing is left to encode, and the space is searched.
    assert {part.name: part.waiting for part in unencoded.indexes.status()}["text"] == 0
    like = search(unencoded, Query((QueryPart("post", "p4"),), mode="text"))
    expected = np.argsort(-(unit(vectors) @ unit(vectors)[4]))[1]
    assert like.hits[0].post_id == f"p{expected}"


@pytest.mark.parametrize("key", ["sha256", "name", "image_path", "post_id", "post_id and position"])
def test_pictures_are_found_by_content_name_or_post(unencoded, tmp_path, key):
    rows = unencoded.cursor().execute("SELECT row, sha256, name FROM media ORDER BY row").fetchall()
    columns = {
        "sha256": {"sha256": [sha.upper() for _, sha, _ in rows]},
        "name": {"name": [name for _, _, name in rows]},
        "image_path": {"image_path": [f"/elsewhere/pictures/{name}" for _, _, name in rows]},
        "post_id": {"post_id": [f"p{n}" for n in range(4)]},
        "post_id and position": {"post_id": [f"p{n}" for n in range(4)], "position": [0, 0, 0, 7]},
    }[key]
    vectors = some(4)
    path = write_parquet(tmp_path / "pictures.parquet", vectors, **columns)
    said = run(unencoded, "import", path=str(path), space="dual")
    found = 3 if "position" in key else 4
    assert (said["stored"], said["unmatched"]) == (found, 4 - found)
    kept = held(unencoded, "dual")
    for row, vector in list(zip([row for row, _, _ in rows], unit(vectors), strict=True))[:found]:
        np.testing.assert_allclose(kept[row], vector, atol=1e-6)


def test_one_picture_in_many_posts_gets_its_vector_everywhere_and_an_ambiguous_name_none(workspace, tmp_path):
    posts = [({"id": f"p{n}", "text": "x"}, ["red"]) for n in range(3)]
    fill_workspace(workspace, tmp_path, *posts)
    (sha,) = set(workspace.cursor().execute("SELECT sha256 FROM media").fetchnumpy()["sha256"].tolist())
    workspace.indexes.store.clear(workspace.indexes.space("dual"))
    path = write_parquet(tmp_path / "one.parquet", some(1), sha256=[sha])
    assert run(workspace, "import", path=str(path), space="dual")["stored"] == 1
    assert len(held(workspace, "dual")) == 3
    with workspace.new_generation() as (cursor, _):
        cursor.execute("UPDATE media SET sha256 = sha256 || row::VARCHAR")
    path = write_parquet(tmp_path / "two.parquet", some(1), image_path=["/a/red.png"])
    said = run(workspace, "import", path=str(path), space="dual")
    assert (said["stored"], said["unmatched"]) == (0, 1)
    assert "or several" in said["failures"][0]["reason"]


def test_bad_rows_are_told_and_good_ones_kept(unencoded, tmp_path):
    vectors = list(some(9))
    vectors[1] = vectors[1] * np.nan
    vectors[2] = vectors[2] * np.inf
    vectors[3] = vectors[3] * 0
    vectors[4] = vectors[4][:10]
    vectors[5] = None
    vectors[6] = vectors[6] * np.float32(1e30)  # of a length that float32 can't hold the square of
    ids = [f"p{n}" for n in range(7)] + ["nobody", "p0"]
    said = run(unencoded, "import", path=str(write_parquet(tmp_path / "v.parquet", vectors, id=ids)), space="text")
    counts = {name: said[name] for name in ("rows", "stored", "unmatched", "refused", "repeated")}
    assert counts == {"rows": 9, "stored": 2, "unmatched": 1, "refused": 5, "repeated": 1}
    assert {failure["where"]: failure["reason"] for failure in said["failures"]} == {
        "v row 2": "the vector holds values that are not finite",
        "v row 3": "the vector holds values that are not finite",
        "v row 4": "the vector is zero",
        "v row 5": "the vector has 10 dimensions, not 64",
        "v row 6": "there is no vector",
        "v row 8": "no post of this workspace, or several, fit it",
    }
    kept = held(unencoded, "text")
    assert sorted(kept) == [1, 7]
    np.testing.assert_allclose(kept[1], unit(vectors[0][None])[0], atol=1e-6)


def test_a_model_that_the_settings_do_not_name_is_kept_apart(filled, tmp_path):
    before = held(filled, "text")
    path = write_parquet(tmp_path / "v.parquet", np.eye(5, 32), id=[f"p{n}" for n in range(5)])
    said = run(filled, "import", path=str(path), space="text", model_id="another model")
    assert (said["stored"], said["dim"], said["used"]) == (5, 32, False)
    assert held(filled, "text").keys() == before.keys()
    with pytest.raises(VectorError, match="have 32 dimensions, those of fake-text-64-0 have 64"):
        run(filled, "import", path=str(path), space="text")
    other = write_parquet(tmp_path / "w.parquet", np.eye(5, 16), id=[f"p{n}" for n in range(5)])
    with pytest.raises(VectorError, match="have 16 dimensions, those of another model have 32"):
        run(filled, "import", path=str(other), space="text", model_id="another model")


def test_stopped_it_goes_on_where_it_was(unencoded, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange_files, "BATCH", 4)
    vectors = some(30)
    ids = [f"p{n}" for n in range(30)]
    folder = write_clip(
        tmp_path / "clip", "text_emb", [vectors[:14], vectors[14:]], [{"id": ids[:14]}, {"id": ids[14:]}]
    )

    def stop_at_ten(job):
        if job.done >= 10:
            unencoded.jobs.stop(job.id)

    params = {"path": str(folder), "space": "text"}
    with pytest.raises(JobStopped):
        unencoded.jobs.run_now("import_vectors", params, title="In", listener=stop_at_ten)
    stopped = unencoded.jobs.list()[0]
    assert stopped.checkpoint["at"] == len(held(unencoded, "text"))
    monkeypatch.setattr(exchange_files, "BATCH", 5)  # the batches need not be cut as before
    seen = []
    monkeypatch.setattr(exchange, "_match", lambda *a, real=exchange._match: seen.append(a[2].start) or real(*a))
    unencoded.jobs.resume(stopped.id)
    unencoded.jobs._run(unencoded.jobs.get(stopped.id), None)
    ended = unencoded.jobs.get(stopped.id)
    assert (ended.state, ended.result["rows"], ended.result["stored"]) == ("done", 30, 30)
    assert seen[0] == stopped.checkpoint["at"] > 0
    np.testing.assert_allclose(list(held(unencoded, "text").values()), unit(vectors.astype(np.float16)), atol=1e-3)


def test_vectors_go_into_milvus_too(settings, fake_encoders, tmp_path):
    pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
    on_milvus = replace(settings, vectors=f"milvus:{tmp_path}/lite.db", milvus_timeout=30)
    with Workspace.open(on_milvus.workspace, on_milvus, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *POSTS)
        out = tmp_path / "out.parquet"
        before = held(workspace, "text")
        assert run(workspace, "export", space="text", format="parquet", out=str(out))["written"] == 30
        workspace.indexes.store.clear(workspace.indexes.space("text"))
        assert run(workspace, "import", path=str(out), space="text")["stored"] == 30
        after = held(workspace, "text")
        np.testing.assert_allclose([after[row] for row in before], list(before.values()), atol=1e-6)
        assert {part.state for part in workspace.indexes.status()} == {"current"}


class Boom:
    def __reduce__(self):
        return (open, ("/tmp/never-written-by-a-pickle", "w"))


def hostile_clip(folder, array):
    (folder / "text_emb").mkdir(parents=True)
    (folder / "metadata").mkdir()
    np.save(folder / "text_emb" / "text_emb_0.npy", array, allow_pickle=True)
    pq.write_table(pa.table({"id": ["p1"]}), folder / "metadata" / "metadata_0.parquet")


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.array([[Boom()]], dtype=object), "no array of numbers"),
        (np.zeros(5, np.float32), "not vectors"),
        (np.zeros((1, 5), np.int64), "not vectors"),
        (np.zeros((7, 5), np.float32), "holds 7 vectors and metadata_0.parquet 1 rows"),
        (np.zeros((1, 40_000), np.float32), "40,000 dimensions"),
    ],
)
def test_arrays_that_are_no_vectors_are_refused(tmp_path, array, sentence):
    hostile_clip(tmp_path / "clip", array)
    with pytest.raises(ImportFailed, match=sentence):
        open_vectors(tmp_path / "clip", "text")
    assert not Path("/tmp/never-written-by-a-pickle").exists()


def test_folders_and_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(ImportFailed, match="holds no vectors of the text space"):
        open_vectors(tmp_path, "text")
    with pytest.raises(ImportFailed, match="holds no vectors of the dual space"):
        open_vectors(tmp_path / "nothing", "dual")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(ImportFailed, match="can't be read as Parquet"):
        open_vectors(tmp_path / "bad.parquet", "text")
    pq.write_table(pa.table({"id": ["a"], "n": [1.5]}), tmp_path / "flat.parquet")
    with pytest.raises(ImportFailed, match="no column that holds lists of numbers; it has id, n"):
        open_vectors(tmp_path / "flat.parquet", "text")
    (tmp_path / "clip" / "img_emb").mkdir(parents=True)
    with pytest.raises(ImportFailed, match="holds no .npy"):
        open_vectors(tmp_path / "clip", "dual")
    np.save(tmp_path / "clip" / "img_emb" / "img_emb_0.npy", some(2))
    with pytest.raises(ImportFailed, match="has no metadata_0.parquet"):
        open_vectors(tmp_path / "clip", "dual")


@given(st.binary(max_size=300), st.integers(0, 250))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_end_in_a_clear_error_or_in_vectors(tmp_path, noise, at):
    write_parquet(tmp_path / "good.parquet", some(3), id=["a", "b", "c"])
    np.save(tmp_path / "good.npy", some(3))
    folder = tmp_path / "clip"
    (folder / "text_emb").mkdir(parents=True, exist_ok=True)
    (folder / "metadata").mkdir(exist_ok=True)
    pq.write_table(pa.table({"id": ["a", "b", "c"]}), folder / "metadata" / "metadata_0.parquet")
    for good, bad, opened in (
        (tmp_path / "good.parquet", tmp_path / "bad.parquet", tmp_path / "bad.parquet"),
        (tmp_path / "good.npy", folder / "text_emb" / "text_emb_0.npy", folder),
    ):
        data = bytearray(good.read_bytes())
        data[at : at + len(noise)] = noise
        bad.write_bytes(bytes(data))
        try:
            for batch in open_vectors(opened, "text").batches():
                assert batch.vectors.dtype == np.float32
        except FeedscopeError as error:
            assert str(error)


def test_nothing_is_overwritten_and_nothing_unknown_given_out(filled, tmp_path):
    (tmp_path / "there.parquet").write_text("mine")
    with pytest.raises(SettingError, match="is there already"):
        run(filled, "export", space="text", format="parquet", out=str(tmp_path / "there.parquet"))
    assert (tmp_path / "there.parquet").read_text() == "mine"
    with pytest.raises(SettingError, match="no format 'csv'"):
        run(filled, "export", space="text", format="csv", out=str(tmp_path / "x"))
    with pytest.raises(SettingError, match="no space 'sound'"):
        run(filled, "export", space="sound", format="parquet", out=str(tmp_path / "x"))


def test_a_failed_export_leaves_nothing(filled, tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "_EXPORT_BATCH", 10)
    real, calls = filled.indexes.store.read, []

    def read(space, rows):
        calls.append(rows)
        if len(calls) == 2:
            raise VectorError("no more")
        return real(space, rows)

    monkeypatch.setattr(filled.indexes.store, "read", read)
    for layout in ("parquet", "clip-retrieval"):
        calls.clear()
        with pytest.raises(VectorError, match="no more"):
            run(filled, "export", space="text", format=layout, out=str(tmp_path / "x" / "out"))
        assert list((tmp_path / "x").iterdir()) == []


def test_the_commands(settings, fake_encoders, tmp_path, monkeypatch):
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *POSTS)
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    monkeypatch.chdir(tmp_path)

    def call(*words):
        result = CliRunner().invoke(app, ["vectors", *words])
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    told = call("export", "v.parquet", "--space", "text")
    assert "30 vectors of fake-text-64-0" in told
    assert "rows 30, stored 30, unmatched 0" in call("import", "v.parquet", "--space", "text")
    call("export", "clip", "--space", "dual", "--format", "clip-retrieval", "--half")
    assert json.loads(call("import", "clip", "--space", "dual", "--json"))["stored"] == 4
    told = call("import", "v.parquet", "--space", "text", "--model-id", "other")
    assert "kept for other, which the settings do not name" in told.replace("\n", " ")
