from datetime import UTC, datetime

import numpy as np
import pytest

from core.errors import MapError
from core.maps import colours, drawing
from core.maps.drawing import Window
from core.maps.layouts import read_layout
from tests.core.maps.drawn import write_drawn
from tests.core.search.conftest import fill_workspace


@pytest.fixture
def units():
    return np.random.default_rng(0).random((5000, 2)).astype(np.float32)


def test_points_in_a_polygon_by_the_even_odd_rule(units):
    inside = drawing.in_polygon(units, [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)])
    expected = np.flatnonzero(((units > 0.2) & (units < 0.8)).all(axis=1))
    np.testing.assert_array_equal(inside, expected)
    star = [(0.1, 0.1), (0.9, 0.9), (0.1, 0.9), (0.9, 0.1)]
    x, y = units[drawing.in_polygon(units, star)].T
    assert (abs(y - 0.5) >= abs(x - 0.5) - 1e-3).all()
    assert len(drawing.in_polygon(units, [(0, 0), (1, 1)])) == 0
    assert len(drawing.in_polygon(np.full((3, 2), np.nan, np.float32), star)) == 0


def test_a_window_gives_a_fair_sample_and_the_whole_number(units):
    found, total = drawing.in_window(units, Window(0, 0, 0.5, 1), most=100)
    assert len(found) == 100
    assert abs(total - 2500) < 200
    assert (units[found, 0] <= 0.5).all()


def test_the_density_of_each_part_of_the_time():
    units = np.array([[0.1, 0.1]] * 40 + [[0.9, 0.9]] * 40 + [[0.5, 0.5], [np.nan, np.nan]], np.float32)
    shares = np.array([0.0] * 40 + [1.0] * 40 + [np.nan, 0.5], np.float32)
    parts = drawing.density_over_time(units, shares, side=16, parts=4)
    assert (parts.dtype, parts.shape) == (np.uint8, (4, 16, 16))
    assert parts[0].argmax() == 1 * 16 + 1
    assert parts[3].argmax() == 14 * 16 + 14
    assert parts[1:3].max() == 0, "undated points and those that are nowhere do not count"


def test_few_points_are_drawn_all_and_many_as_a_sample():
    assert len(drawing.drawn_sample(drawing.ALL_UP_TO)) == drawing.ALL_UP_TO
    many = drawing.drawn_sample(drawing.ALL_UP_TO + 1)
    assert len(many) == drawing.SAMPLE
    assert (np.diff(many) > 0).all()


def test_density_is_highest_where_the_points_are():
    crowd = np.vstack([np.full((500, 2), 0.25), np.random.default_rng(1).random((200, 2))]).astype(np.float32)
    grid = drawing.density(crowd)
    assert np.unravel_index(grid.argmax(), grid.shape) == (32, 32)
    assert grid.max() == 255
    assert drawing.density(np.empty((0, 2), np.float32)).max() == 0


@pytest.fixture
def posts(workspace, tmp_path):
    posts = [({"id": f"p{n}", "text": "I love this wonderful day" if n % 2 else "I hate this awful rain",
              "user_id": f"u{n % 30}", "created_at": datetime(2024, 1, n % 28 + 1), "likes": n,
              "lang": "en" if n % 4 else "de",
               "extra": {"mood": "calm" if n % 3 else "loud", "weight": n * 1.5}}, []) for n in range(160)]  # fmt: skip
    fill_workspace(workspace, tmp_path, *posts)
    rows = [row for (row,) in workspace.cursor().execute("SELECT row FROM posts ORDER BY row").fetchall()]
    write_drawn(workspace, rows=rows)
    return workspace, read_layout(workspace, "Words")


def painted(posts, by):
    return colours.paint(*posts, np.arange(160), by)


def test_colours_by_category_and_by_number(posts):
    lang = painted(posts, "lang")
    assert lang.kind == "category"
    assert dict(zip(lang.names, lang.counts, strict=True)) == {"en": 120, "de": 40}
    authors = painted(posts, "user")
    assert len(authors.names) == colours.CATEGORIES
    assert authors.others + sum(authors.counts) == 160
    likes = painted(posts, "likes")
    assert likes.kind == "number"
    assert np.bincount(likes.codes).max() == 5, "each shade has as many points"
    assert painted(posts, "column:mood").kind == "category"
    assert painted(posts, "column:weight").kind == "number"
    assert painted(posts, "column:nothing").missing == 160


def test_sentiment_is_of_english_texts_alone(posts):
    found = painted(posts, "sentiment")
    assert found.missing == 40
    positive, negative = found.codes[1::4], found.codes[2::4]
    assert positive.min() > colours.STEPS // 2 > negative.max()


def test_times_and_what_can_not_be_coloured(posts):
    times = colours.point_times(*posts)
    assert (times.first.isoformat(), times.last.isoformat()) == ("2024-01-01T00:00:00", "2024-01-28T00:00:00")
    assert sum(times.columns) == 160
    assert times.codes(np.arange(160))[0] == 0
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    assert times.within(start - 9, start + 86_399).sum() == 6, "of 160 posts in turn over 28 days"
    with pytest.raises(MapError):
        painted(posts, "posts; DROP TABLE posts")
