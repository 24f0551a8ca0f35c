"""New posts and users on finished maps of every kind."""

from datetime import datetime

import numpy as np
import pytest

from core.maps.arrivals import keys_of
from core.maps.layouts import Recipe, read_layout, write_layout
from core.maps.neighbours import find_neighbours
from core.maps.placing import waiting
from tests.core.maps.drawn import CENTRES, drawn
from tests.core.search.conftest import fill_workspace

TOPICS = ("cats purr whiskers sofa", "coffee beans roast cup", "rocket launch orbit moon", "garden soil rain compost")


def posts(numbers):
    """One of each topic a number, by a fan of it who answers the two before; the first topic's have a picture."""
    for number in numbers:
        for topic, words in enumerate(TOPICS):
            fields = {"id": f"{topic}p{number}", "text": f"{words} day{number % 3}", "user_id": f"{topic}fan{number}"}
            yield fields, ["red"] if topic == 0 else []
            for back in (1, 2):
                if number >= back:
                    answer = {"id": f"{topic}a{number}.{back}", "reply_to": f"{topic}p{number - back}"}
                    yield answer | {"text": f"{words} yes", "user_id": f"{topic}fan{number}"}, []


def topic_of(workspace, layout):
    ids = dict(workspace.cursor().execute("SELECT row, id FROM posts").fetchall())
    return np.array([int((key if layout.users else ids[key])[0]) for key in keys_of(layout).tolist()])


def make(workspace, space, among=None, **more):
    """A layout of four groups, one a topic, as umap would have made it."""
    recipe = Recipe(space, **more)
    graph = find_neighbours(workspace, recipe, lambda *_: None, among=among)
    ids = dict(workspace.cursor().execute("SELECT row, id FROM posts").fetchall())
    keys = graph.users or [ids[row] for row in graph.rows.tolist()]
    of = np.array([int(key[0]) for key in keys])
    xy = (CENTRES[of] + np.random.default_rng(0).normal(scale=0.3, size=(len(of), 2))).astype(np.float32)
    made = drawn(xy, of, graph.rows, graph.users)
    write_layout(workspace, space, Recipe(space, model=graph.model, **more), made, generation=workspace.generation,
                 created_at=datetime(2024, 5, 1), seconds=1.0)  # fmt: skip
    return read_layout(workspace, space)


@pytest.mark.parametrize(("space", "new"), [("text", 12), ("blend", 12), ("users", 4), ("ties", 4)])
def test_what_is_new_goes_beside_its_like_and_nothing_else_moves(workspace, tmp_path, space, new):
    fill_workspace(workspace, tmp_path, *posts(range(8)))
    before = make(workspace, space)
    assert waiting(workspace, before) == 0
    fill_workspace(workspace, tmp_path, *posts(range(8, 9)))
    assert waiting(workspace, before) == new
    result = workspace.jobs.run_now("map_place", {"layout": space}, title="Place").result
    assert (result["new"], result["placed"]) == (new, new)
    after = read_layout(workspace, space)
    assert keys_of(after).tolist() == sorted(keys_of(after).tolist())
    old = np.isin(keys_of(after), keys_of(before))
    np.testing.assert_array_equal(after.xy[old], before.xy)
    np.testing.assert_array_equal(after.placed, ~old)
    assert after.near[:, 0].tolist() == list(range(len(after.rows)))
    away = np.linalg.norm(after.xy[:, None] - CENTRES, axis=2)
    assert (away.argmin(axis=1) == topic_of(workspace, after))[~old].mean() > 0.7
    assert waiting(workspace, after) == 0


@pytest.mark.parametrize("space", ["text", "blend"])
def test_a_map_of_chosen_posts_takes_the_new_ones_that_belong_there(workspace, tmp_path, space):
    fill_workspace(workspace, tmp_path, *posts(range(8)))
    whole = make(workspace, space)
    chosen = whole.rows[topic_of(workspace, whole) < 2]
    before = make(workspace, space, among=chosen, of="an area of the map Words")
    assert waiting(workspace, before) == 0
    fill_workspace(workspace, tmp_path, *posts(range(8, 9)))
    assert waiting(workspace, before) == 12, "which belong is found when they are placed"
    result = workspace.jobs.run_now("map_place", {"layout": space}, title="Place").result
    assert result["new"] == 6
    after = read_layout(workspace, space)
    assert set(topic_of(workspace, after).tolist()) == {0, 1}
    np.testing.assert_array_equal(after.xy[np.isin(after.rows, before.rows)], before.xy)
    assert waiting(workspace, after) == 0


def test_a_map_of_ties_says_who_is_not_on_it(workspace, tmp_path):
    once = {"id": "once", "text": "yes", "user_id": "passer-by", "reply_to": "0p0"}
    fill_workspace(workspace, tmp_path, *posts(range(8)), (once, []))
    graph = find_neighbours(workspace, Recipe("ties"), lambda *_: None)
    assert "passer-by" not in graph.users
    assert graph.note.startswith("5 users react to fewer than 2 authors")
