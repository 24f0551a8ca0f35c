import json
import re
from datetime import UTC, datetime

import numpy as np
import pytest
import streamlit as st

from core import collections, coordination
from core.coordination import find_coordination, places
from core.duplicates import Duplicates, Group
from core.maps import edits
from core.workspace import Workspace
from dashboard import resources
from dashboard.components import map_view
from dashboard.components.coordination_view import ties_csv, waves_csv
from dashboard.links import CoordinationLink, MapLink, SearchLink, UserLink, parse_url
from dashboard.resources import maps
from tests.core.maps.drawn import write_drawn
from tests.core.search.conftest import fill_workspace

HOSTILE = "<img src=x onerror=alert(1)> **bold**"


@pytest.fixture
def mapped(settings, fake_encoders, tmp_path, monkeypatch, close_after):
    """The settings of a workspace of 160 posts by 20 users with a map "Words" and a map of users."""
    posts = [({"id": f"p{n}", "text": f"{HOSTILE} number {n}", "user_id": f"user{n % 20}",
               "created_at": datetime(2024, 1, 1 + n % 28, n % 24), "likes": n, "lang": "en"},
              ["red"] if n < 3 else []) for n in range(160)]  # fmt: skip
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        fill_workspace(workspace, tmp_path, *posts)
        rows = [row for (row,) in workspace.cursor().execute("SELECT row FROM posts ORDER BY row").fetchall()]
        write_drawn(workspace, rows=rows)
        users = sorted(f"user{n}" for n in range(20))
        write_drawn(workspace, "People", "users", users=users, each=5)
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    return settings


def told(visit, name="map"):
    return visit.component(name)


def test_a_map_is_drawn_with_names_times_and_a_legend(mapped, visit):
    data = told(visit("map").check())
    assert (data["total"], data["shown"]) == (160, 160)
    assert {label["text"] for label in data["labels"]} >= {"left", "right", "rockets"}
    assert [row[1] for row in data["legend"]["rows"]] == ["left", "right"]
    assert len(data["palette"]) == 256
    assert sum(data["times"]["columns"]) == 160
    assert len(json.dumps(data)) < 100_000
    assert "160 posts" in visit.html


def test_colours_contours_and_an_area_are_in_the_address(mapped, visit):
    area = "0.0_5000.0_5000.5000_0.5000"
    data = told(visit("map", layout="words", colour="likes", contours="yes", area=area).check())
    assert data["legend"]["kind"] == "number"
    assert data["contours"] is True
    assert data["polygon"] == [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]
    assert "40 posts chosen" in visit.html
    assert len(visit.cards()) == 24
    assert HOSTILE not in visit.html


def test_an_area_without_a_post_says_so(mapped, visit):
    visit("map", area="4900.4900_5000.4900_5000.5000").check()
    assert "Nothing lies in this area" in visit.html


def test_a_cluster_has_a_panel(mapped, visit):
    visit("map", cluster="1.2").check()
    assert "rockets" in visit.html
    assert "40 posts" in visit.html
    assert len(visit.cards()) == 3
    next(control for control in visit.app.button_group if control.key.startswith("map.view")).set_value("About").run()
    visit.check()
    assert "authors" in visit.html
    visit("map", cluster="1.77").check()
    assert "no such group" in visit.html


def test_renaming_a_cluster_and_undoing_it(mapped, visit):
    visit("map", cluster="1.2").check()
    visit.app.text_input(key="map.edit.name.words.1.2").set_value("Space").run()
    visit.app.button(key="map.edit.rename").click().run()
    assert any(label["text"] == "Space" for label in told(visit.check())["labels"])
    visit.app.button(key="map.edit.undo").click().run()
    assert all(label["text"] != "Space" for label in told(visit.check())["labels"])


def test_what_lights_up(mapped, visit):
    with Workspace.open(mapped.workspace, mapped) as workspace:
        made = collections.create(workspace, "Mine", members=["p1", "p2", "p3"])
    search = SearchLink(words="number").url()
    data = told(visit("map", collection=made.id, user="user4", post="p7", search=search).check())
    names = [lit["name"] for lit in data["highlights"]]
    assert names[0] == "Mine: 3 of 3 here"
    assert any("Posts of user4: 8 of 8" in name for name in names)
    visit("map", collection="gone").check()
    assert "gone" in visit.html


def test_two_maps_side_by_side_share_what_is_chosen(mapped, visit):
    with Workspace.open(mapped.workspace, mapped) as workspace:
        rows = [row for (row,) in workspace.cursor().execute("SELECT row FROM posts ORDER BY row").fetchall()]
        write_drawn(workspace, "Pictures", "dual", rows=rows[:120], each=30)
    visit("map", layout="words", beside="pictures", cluster="1.0").check()
    drawn = [json.loads(block.proto.json) for block in visit.app.get("bidi_component")
             if block.proto.component_name == "feedscope_map"]  # fmt: skip
    assert [data["total"] for data in drawn] == [160, 120]
    assert all("Selected: " in data["highlights"][0]["name"] for data in drawn)


def test_one_map_beside_itself_at_the_time_before(mapped, visit):
    everything = "0.0_10000.0_10000.10000_0.10000"
    visit("map", layout="words", beside="words", area=everything).check()
    drawn = [json.loads(block.proto.json) for block in visit.app.get("bidi_component")
             if block.proto.component_name == "feedscope_map"]  # fmt: skip
    assert [data["total"] for data in drawn] == [160, 160]
    (start, end), (before, until) = drawn[0]["span"], drawn[1]["span"]
    assert (end, until) == (1, start)
    assert end - start == pytest.approx(start - before, abs=1e-4)
    assert (end - start) * (drawn[0]["times"]["to"] - drawn[0]["times"]["from"]) == pytest.approx(7 * 864e5, rel=1e-3)
    assert drawn[0]["polygon"] == drawn[1]["polygon"], "what is chosen is chosen on both"
    assert "in the later half of it" in visit.html
    assert "160 posts chosen" not in visit.html


def test_an_area_holds_what_was_written_in_the_chosen_time(mapped, visit):
    day = int(datetime(2024, 1, 10, tzinfo=UTC).timestamp())
    data = told(visit("map", area="0.0_10000.0_10000.10000_0.10000", times=f"{day}.{day + 86_399}").check())
    assert 0 < data["span"][0] < data["span"][1] < 1
    assert "6 posts chosen" in visit.html
    assert "Written from" in visit.html


def test_names_in_any_script_and_a_picture_that_is_gone(mapped, visit):
    with Workspace.open(mapped.workspace, mapped) as workspace:
        layout = edits.open_layout(workspace, "words")
        edits.rename(workspace, layout, layout.at_level(0)[0], "日本語 العربية 𒀀 👩‍🚀")
    assert any(label["text"] == "日本語 العربية 𒀀 👩‍🚀" for label in told(visit("map").check())["labels"])
    assert map_view._post_card("p0")["src"].startswith("data:image/jpeg")
    for picture in (mapped.workspace / "media").rglob("*.png"):
        picture.unlink()
    st.cache_data.clear()
    assert map_view._post_card("p1")["text"]


def test_removed_posts_are_not_drawn(mapped, visit):
    from core.moderation.decisions import decide

    visit("map").check()
    before = maps.base("words")
    workspace = resources.workspace()
    decide(workspace, ["p0", "p1"], "remove")
    assert len(maps.base("words").sample) == len(before.sample) - 2
    assert np.isnan(maps.base("words").units[:2]).all()


@pytest.mark.parametrize("layout", ["nothing", "../..", "words "])
def test_a_map_that_is_not_there_is_replaced_by_one_that_is(mapped, visit, layout):
    assert told(visit("map", layout=layout).check())["total"] == 160


def test_without_a_map_one_can_be_made(small, visit):
    visit("map").check()
    assert "There is no map yet" in visit.html
    assert any(button.label == "Make the map" for button in visit.app.button)


def test_a_user_has_a_page(mapped, visit):
    data = told(visit("user", id="user4").check())
    assert "Posts of user4: 8 of 8 here" in data["highlights"][0]["name"]
    assert len(visit.cards()) == 8
    chips = visit.component("chips")["chips"]
    assert parse_url(chips[0]["url"]) == UserLink(id=re.search(r"id=(\w+)", chips[0]["url"]).group(1))


@pytest.mark.parametrize("id_", ["", "nobody", HOSTILE])
def test_a_user_that_is_not_there(mapped, visit, id_):
    visit("user", **({"id": id_} if id_ else {})).check()
    assert "no such user" in visit.html or "No user is chosen" in visit.html
    assert "<img" not in visit.html.replace("&lt;img", "")


def test_maps_of_users_have_a_table(mapped, visit):
    visit("map", layout="people", cluster="1.0").check()
    assert "5 users" in visit.html
    assert visit.app.dataframe


@pytest.fixture
def waves(mapped, monkeypatch):
    groups = (Group(tuple(f"p{n}" for n in (0, 28, 56, 84)), 0.9, None), Group(("p5", "p25"), 1.0, None),
              Group(("p9", "p29", "p7"), 1.0, 1.0))  # fmt: skip
    found = Duplicates(groups, 160, 3, 1, datetime(2024, 5, 1))
    monkeypatch.setattr(coordination, "find_groups", lambda workspace: found)
    return mapped


def test_coordination_counts_accounts_and_gaps(waves):
    with Workspace.open(waves.workspace, waves) as workspace:
        found = find_coordination(workspace)
    assert len(found.waves) == 2, "p5 and p25 are of one account"
    first = found.waves[0]
    assert (first.posts, first.accounts) == (("p0", "p28", "p56", "p84"), ("user0", "user8", "user16", "user4"))
    assert first.gap == 4 * 3600
    assert first.span == 12 * 3600
    assert first.score == pytest.approx(3 / 5), "three accounts followed, each four hours later"
    assert 0 < found.waves[1].score <= 1
    assert {(tie.first, tie.second) for tie in found.ties} >= {("user0", "user16"), ("user7", "user9")}
    at = places(found.ties)
    assert set(at) == {account for wave in found.waves for account in wave.accounts}
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in at.values())
    assert waves_csv(found).count("\r\n") == 3
    assert ties_csv(found).startswith("\ufeffsource,target")


def test_the_coordination_page(waves, visit):
    visit("coordination", accounts="2", wave="0").check()
    graph = visit.component("graph")
    assert len(graph["nodes"]) == 6
    assert sum(node["lit"] for node in graph["nodes"]) == 4
    assert visit.app.dataframe
    assert len(visit.cards()) == 4
    visit("coordination", accounts="9").check()
    assert "No wave of so many accounts" in visit.html


def test_coordination_before_copies_were_looked_for(mapped, visit):
    visit("coordination").check()
    assert "Nobody has looked for copies yet" in visit.html


@pytest.mark.parametrize(
    "link",
    [
        MapLink(layout="words", beside="pictures", colour="column:a b", level=2, contours=True, names=False,
                collection="c1", search="./search?q=cat+dog", user="u 1", posts=("a", "b"),
                polygon=((0.1, 0.2), (0.5, -0.01), (1.2, 0.9)), cluster=(1, 20), times=(-5, 1_700_000_000)),
        UserLink(id="did:plc:1", layout="words"),
        CoordinationLink(accounts=5, wave=0, number=2),
    ],
)  # fmt: skip
def test_links_are_read_back(link):
    assert parse_url(link.url()) == link


@pytest.mark.parametrize("area", ["1.2", "a", "1.2_3.4", "_".join(["1.1"] * 99), "1" * 9000])
def test_an_area_that_can_not_be_read_is_left_out(area):
    link, notices = MapLink.read({"area": [area]})
    assert link.polygon == ()
    assert notices
