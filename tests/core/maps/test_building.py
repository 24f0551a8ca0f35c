"""A map from end to end, with umap in its child process: built once, then placed on, written out, and refused."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from core import cli
from core.errors import MapError
from core.maps.building import build_params, write_texts
from core.maps.edits import open_layout
from core.maps.export import export_map
from core.maps.layouts import Recipe, list_layouts
from core.maps.neighbours import find_neighbours
from core.maps.placing import curve, memberships, settle, waiting
from core.settings import Settings
from core.workspace import Workspace
from tests.conftest import use_fake_encoders
from tests.core.search.conftest import fill_workspace

TOPICS = {
    "cats": "cats kittens purr whiskers sofa", "coffee": "coffee espresso beans roast cup",
    "rockets": "rocket launch orbit moon engine", "garden": "garden tomatoes soil rain compost",
}  # fmt: skip


def post(topic, number):
    words = TOPICS[topic].split()
    text = " ".join(words[(number + step) % 5] for step in range(3)) + f" day{number % 7}"
    colour = ["red"] if topic == "cats" else []
    return {"id": f"{topic}{number}", "text": text, "user_id": f"{topic}fan{number % 6}"}, colour


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """An open workspace of 160 posts with the map "Words" of them."""
    with pytest.MonkeyPatch.context() as patch:
        use_fake_encoders(patch)
        settings = Settings(workspace=tmp_path_factory.mktemp("mapped") / "workspace", threads=1)
        with Workspace.open(settings.workspace, settings, create=True) as workspace:
            posts = [post(topic, number) for topic in TOPICS for number in range(40)]
            fill_workspace(workspace, tmp_path_factory.mktemp("posts"), *posts)
            params = build_params(Recipe("text", epochs=60))
            job = workspace.jobs.run_now("map", params, title="Map")
            yield workspace, job.result


def topics(workspace, layout):
    ids = dict(workspace.cursor().execute("SELECT row, id FROM posts").fetchall())
    return np.array([ids[row].rstrip("0123456789") for row in layout.rows.tolist()])


def test_alike_posts_lie_together_and_clusters_have_their_words(mapped):
    workspace, result = mapped
    layout = open_layout(workspace, "Words")
    assert result["points"] == len(layout.rows) == 160
    assert result["knn_overlap"] > 0.3
    assert result["trustworthiness"] > 0.8
    of = topics(workspace, layout)
    away = ((layout.xy[:, None] - layout.xy) ** 2).sum(axis=2)
    nearest = away.argsort(axis=1)[:, 1:6]
    assert (of[nearest] == of[:, None]).mean() > 0.95
    named = [c for c in layout.at_level(len(layout.labels) - 1) if c.size >= 10]
    for cluster in named:
        own = of[layout.labels[cluster.level] == cluster.number]
        theirs = {word for topic in TOPICS if (own == topic).mean() > 0.1 for word in TOPICS[topic].split()}
        assert set(cluster.name.replace(",", "").split()) <= theirs | {f"day{n}" for n in range(7)}
    assert layout.near[:, 0].tolist() == list(range(160)), "each is its own first neighbour"


def test_placed_posts_move_no_old_point(mapped, tmp_path):
    workspace, _ = mapped
    before = open_layout(workspace, "Words")
    assert waiting(workspace, before) == 0
    fill_workspace(workspace, tmp_path, *(post(topic, number) for topic in TOPICS for number in range(100, 105)))
    assert waiting(workspace, before) == 20
    result = workspace.jobs.run_now("map_place", {"layout": "Words"}, title="Place").result
    assert (result["new"], result["placed"], result["points"]) == (20, 20, 180)
    after = open_layout(workspace, "Words")
    kept = np.isin(after.rows, before.rows)
    np.testing.assert_array_equal(after.xy[kept], before.xy)
    np.testing.assert_array_equal(after.labels[:, kept], before.labels)
    assert after.bounds() == before.bounds()
    assert after.placed.sum() == 20
    of = topics(workspace, after)
    for at in np.flatnonzero(after.placed):
        nearest = ((after.xy[kept] - after.xy[at]) ** 2).sum(axis=1).argsort()[:5]
        assert (of[kept][nearest] == of[at]).mean() > 0.5
    assert waiting(workspace, after) == 0
    again = workspace.jobs.run_now("map_place", {"layout": "Words"}, title="Place").result
    assert (again["new"], again["points"]) == (0, 180)


def test_a_map_in_the_layout_of_embedding_atlas(mapped, tmp_path):
    workspace, _ = mapped
    layout = open_layout(workspace, "Words")
    count = export_map(workspace, layout, tmp_path / "map.parquet", lambda phase, done, total: None)
    table = pq.read_table(tmp_path / "map.parquet")
    assert count == table.num_rows == len(layout.rows)
    assert {"projection_x", "projection_y", "neighbors", "text", "cluster_0"} <= set(table.column_names)
    near = table.column("neighbors")[0].as_py()
    assert len(near["ids"]) == len(near["distances"]) > 5
    assert 0 not in near["ids"]
    np.testing.assert_allclose(table.column("projection_x").to_numpy(), layout.xy[:, 0])
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(MapError):
        export_map(workspace, layout, tmp_path / "map.csv", lambda *_: None)


def test_where_there_can_be_no_map_it_says_why(mapped, workspace, tmp_path):
    for space in ("text", "dual", "blend", "users", "ties"):
        with pytest.raises(MapError, match=r"at least 5|nothing to blend"):
            workspace.jobs.run_now("map", build_params(Recipe(space)), title="Map")
    fill_workspace(workspace, tmp_path, *(({"id": f"p{n}", "text": "hello"}, []) for n in range(4)))
    with pytest.raises(MapError, match="here there are 4"):
        workspace.jobs.run_now("map", build_params(Recipe("text")), title="Map")
    for wrong in (Recipe("smell"), Recipe("text", neighbours=1), Recipe("text", min_dist=2)):
        with pytest.raises(MapError):
            build_params(wrong)
    with pytest.raises(MapError):
        build_params(Recipe("text"), "///")


def test_a_half_encoded_space_says_how_much_is_left_out(workspace, tmp_path):
    fill_workspace(workspace, tmp_path, *(post("cats", n) for n in range(12)))
    with workspace.new_generation() as (cursor, generation):
        cursor.execute(
            "INSERT INTO posts (row, id, text, text_hash, content_hash, ingested_at, generation, text_generation)"
            " SELECT 100 + range, 'late' || range, 'words', 'h', 'h', now()::TIMESTAMP, ?, ? FROM range(3)",
            [generation, generation],
        )
    workspace.jobs.run_now("map", build_params(Recipe("text", epochs=20)), title="Map")
    layout = open_layout(workspace, "Words")
    assert len(layout.rows) == 12
    assert "3 of 15 texts were not encoded yet when it was made, and are not on it." in layout.info.notes


def test_copies_count_once_for_names(workspace, tmp_path):
    texts = [*["win a coin now"] * 3, "cats purr", "rocket launch", "garden soil"]
    fill_workspace(workspace, tmp_path, *(({"id": f"p{n}", "text": text}, []) for n, text in enumerate(texts)))
    graph = find_neighbours(workspace, Recipe("text"), lambda *_: None)
    write_texts(workspace, graph, tmp_path / "texts.jsonl", 0)
    with (tmp_path / "texts.jsonl").open() as lines:
        assert [json.loads(line)[0] for line in lines] == [0, 3, 4, 5]


def test_posts_that_are_all_the_same_lie_in_a_disc(workspace, tmp_path):
    fill_workspace(workspace, tmp_path, *(({"id": f"p{n}", "text": "hello there"}, []) for n in range(8)))
    result = workspace.jobs.run_now("map", build_params(Recipe("text")), title="Map").result
    assert result["points"] == 8
    assert result["knn_overlap"] is None
    assert "the same" in result["notes"][0]
    assert len(np.unique(open_layout(workspace, "Words").xy, axis=0)) == 8


def test_the_command_lists_and_tells_errors_as_json(mapped, tmp_path):
    folder = tmp_path / "empty"
    runner = CliRunner()
    with Workspace.open(folder, Settings(workspace=folder), create=True):
        pass
    done = runner.invoke(cli.app, ["--workspace", str(folder), "map", "list", "--json"])
    assert json.loads(done.stdout) == []
    done = runner.invoke(cli.app, ["--workspace", str(folder), "map", "build", "--space", "text", "--json"])
    assert isinstance(done.exception, MapError)
    assert [info.id for info in list_layouts(mapped[0])] == ["words"]


def test_memberships_are_umaps():
    """Against the equations that umap solves: the nearest has 1, and they add up to log2 k."""
    far = np.sort(np.random.default_rng(0).random((50, 15)).astype(np.float32), axis=1)
    there = np.ones_like(far, bool)
    found = memberships(far, there)
    np.testing.assert_allclose(found[:, 0], 1)
    np.testing.assert_allclose(found.sum(axis=1), np.log2(15), atol=1e-3)
    there[:, 10:] = False
    assert (memberships(far, there)[:, 10:] == 0).all()
    a, b = curve(0.1)
    assert (round(a, 3), round(b, 3)) == (1.577, 0.895), "as umap's find_ab_params(1.0, 0.1) gives them"


def test_new_points_settle_beside_their_neighbours():
    anchors = np.vstack(
        [np.random.default_rng(0).normal(size=(50, 2)), np.random.default_rng(1).normal(size=(50, 2)) + 20]
    )
    near = np.array([[1, 2, 3, 4], [60, 61, 62, 63], [7, -1, -1, -1]], np.int32)
    xy = settle(anchors.astype(np.float32), near, np.full(near.shape, 0.2, np.float32), 0.1, 0)
    assert np.linalg.norm(xy[0]) < 3
    assert np.linalg.norm(xy[1] - 20) < 4
    assert np.isfinite(xy).all()
    np.testing.assert_array_equal(
        xy, settle(anchors.astype(np.float32), near, np.full(near.shape, 0.2, np.float32), 0.1, 0)
    )
