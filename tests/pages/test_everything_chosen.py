"""All of 200,000 posts chosen on a map at once: everything that can be done with them is done or explained."""

import json
from datetime import datetime

import numpy as np
import pytest

from core import collections
from core.maps.layouts import Cluster, Drawn, Recipe, write_layout
from core.workspace import Workspace
from dashboard import resources
from dashboard.links import MapLink

COUNT = 200_000
EVERYTHING = MapLink(layout="words", polygon=((0, 0), (1, 0), (1, 1), (0, 1)))


def fill(workspace):
    """Posts straight into the database, since what is tried here is not how they come there."""
    with workspace.new_generation() as (cursor, generation):
        cursor.execute(
            """
            INSERT INTO posts (row, id, text, user_id, created_at, lang, likes, content_hash, text_hash, ingested_at,
                generation, text_generation)
            SELECT i, 'p' || i, if(i % 100 = 0, 'post number ' || i || ' #hundreds', 'post'), 'user' || (i % 900),
                TIMESTAMP '2024-01-01' + to_minutes(i), 'en', i % 50, '', '', TIMESTAMP '2024-06-01', $1, $1
            FROM range(1, $2 + 1) made(i)
            """,
            [generation, COUNT],
        )


def write_map(workspace):
    rows = np.arange(1, COUNT + 1)
    turn = rows * 2.399963
    xy = (np.sqrt(rows)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)).astype(np.float32)
    drawn = Drawn(
        rows=rows, xy=xy, placed=np.zeros(COUNT, bool), near=np.zeros((COUNT, 1), np.int32),
        far=np.zeros((COUNT, 1), np.float16), labels=np.zeros((1, COUNT), np.int32),
        clusters=(Cluster(0, 0, -1, "all of it", COUNT, 0, 0, typical=(0, 1), untypical=(2,)),),
    )  # fmt: skip
    write_layout(workspace, "Words", Recipe("text", model="fake"), drawn, generation=workspace.generation,
                 created_at=datetime(2024, 6, 1), seconds=1)  # fmt: skip


@pytest.fixture
def everything(settings, fake_encoders, monkeypatch, close_after):
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill(workspace)
        write_map(workspace)
        made = collections.create(workspace, "All of it")
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    return made.id


def params(link):
    return {name: value for name, value in link.params().items() if name != "page"}


def view(visit, name):
    next(control for control in visit.app.button_group if control.key.startswith("map.view")).set_value(name).run()
    return visit.check()


def test_a_selection_of_200_000_posts(everything, visit):
    visit("map", **params(EVERYTHING)).check()
    assert "200,000 posts chosen (100" in visit.html
    assert len(visit.cards()) == 24
    data = visit.component("map")
    assert data["total"] == COUNT
    assert len(data["at"]) < 200_000, "a sample is drawn, in a few bytes a point"

    view(visit, "Table")
    assert len(visit.app.dataframe[0].value) == 1000
    assert "The first 1,000 of 200,000" in visit.html
    view(visit, "About")
    assert "900" in visit.html
    assert "2,000" in json.dumps([block.proto.json for block in visit.app.get("bidi_component")])
    view(visit, "Distinctive")
    assert "nothing to compare" in visit.html

    visit.app.selectbox(key="map.collect.choice").set_value(everything).run()
    visit.app.button(key="map.collect.add").click().run()
    visit.check()
    assert "200,000 added to" in visit.html
    assert collections.about(resources.workspace(), everything).size == COUNT

    visit.app.button(key="map.review.send").click().run()
    visit.check()
    assert "At most 10,000 posts" in visit.html
