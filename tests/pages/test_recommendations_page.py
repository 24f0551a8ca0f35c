"""The page Recommendations, on a small network with trained models."""

import shutil

import pytest

from core import collections
from core.moderation.decisions import decide
from core.workspace import Workspace
from dashboard import resources
from tests.core.recommend.conftest import trained_network, write_network  # noqa: F401
from tests.pages.test_index_page import wait_for_jobs


@pytest.fixture
def network(trained_network, settings, fake_encoders, monkeypatch, close_after):  # noqa: F811
    shutil.copytree(trained_network, settings.workspace)
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))


def rows(visit, label):
    """The rows of a list, by what it is called."""
    import json

    for block in visit.app.get("bidi_component"):
        if block.proto.component_name == "feedscope_recommend":
            data = json.loads(block.proto.json)
            if data["label"] == label:
                return data["rows"]
    return []


def params(visit):
    return {name: value if isinstance(value, list) else [value] for name, value in visit.app.query_params.items()}


def test_a_users_history_and_list_are_beside_each_other(network, visit):
    visit("recommendations", user="user0").check()
    history, shown = rows(visit, "History"), rows(visit, "Recommendations")
    assert 12 <= len(history) <= 30
    assert [row["rank"] for row in shown] == list(range(1, len(shown) + 1))
    assert not {row["id"] for row in history} & {row["id"] for row in shown}
    assert all(row["move"] is None for row in shown)
    assert "Two towers" in visit.html
    assert [name for _, _, name, _ in shown[0]["actions"]] == ["Why", "Like it"]
    assert history[0]["actions"][0][1].startswith("./recommendations?user=user0&without=")


def test_without_a_post_the_list_changes_with_arrows_and_says_what_is_gone(network, visit):
    visit("recommendations", user="user0").check()
    before = [row["id"] for row in rows(visit, "Recommendations")]
    taken = [row["id"] for row in rows(visit, "History")[:8]]
    visit("recommendations", user="user0", without=taken).check()
    shown = rows(visit, "Recommendations")
    assert [row["id"] for row in shown] != before
    assert not {row["id"] for row in rows(visit, "History")} & set(taken)
    moves = {row["id"]: row["move"][0] for row in shown}
    for at, id_ in enumerate(row["id"] for row in shown):
        was = before.index(id_) if id_ in before else None
        assert moves[id_] == ("new" if was is None else "same" if was == at else "up" if at < was else "down")
    assert {row["id"] for row in rows(visit, "No longer shown")} <= set(before) - set(moves)
    assert "Would be shown then" in visit.html


def test_why_shows_what_carries_a_post(network, visit):
    visit("recommendations", user="user0").check()
    post = rows(visit, "Recommendations")[2]["id"]
    history = {row["id"] for row in rows(visit, "History")}
    visit("recommendations", user="user0", why=post).check()
    assert "Why this post" in visit.html
    carriers = rows(visit, "What carries it")
    assert carriers
    assert {row["id"] for row in carriers} <= history
    assert "without it" in carriers[0]["said"]
    assert rows(visit, "Nearest in the history")
    assert [row["current"] for row in rows(visit, "Recommendations")].count(True) == 1


def test_sliders_go_into_the_address_and_change_the_list(network, visit):
    visit("recommendations", user="user0").check()
    visit.app.slider(key="recommend.freshness").set_value(1.0).run()
    visit.check()
    assert params(visit)["freshness"] == ["1.00"]
    visit.app.number_input(key="recommend.cap").set_value(1).run()
    visit.check()
    authors = [row["name"] for row in rows(visit, "Recommendations")]
    assert len(authors) == len(set(authors)) > 0


def test_two_models_are_side_by_side(network, visit):
    visit("recommendations", user="user0", tab="compare", beside="popularity").check()
    left, right = rows(visit, "By Two towers"), rows(visit, "By Popularity")
    ours, theirs = ({row["id"] for row in side} for side in (left, right))
    assert f"<strong>{len(ours & theirs)}</strong><span>in both</span>" in visit.html
    assert all((row["move"][0] == "new") == (row["id"] not in theirs) for row in left)


def test_people_interests_and_exposure(network, visit):
    visit("recommendations", user="user0", tab="people").check()
    assert "#sea" in visit.html
    assert "Users alike" in visit.html
    assert visit.component("chips")
    visit("recommendations", user="user0", tab="exposure").check()
    assert "Gini of how often an author is shown" in visit.html
    assert "those of 28 users" in visit.html
    visit("recommendations", user="user0", tab="exposure", segment="alike").check()
    assert "those of 27 users" in visit.html
    assert visit.app.selectbox(key="recommend.segment.alike").value == "alike"
    visit("recommendations", user="user0", tab="exposure", segment="gone").check()
    assert "no collection" in visit.html


def test_a_collection_that_grows_is_compared_with_as_it_is(network, visit):
    visit("recommendations", user="user0", tab="exposure").check()
    chosen = collections.create(resources.workspace(), "Mine", "user", ["user1"])
    for count in (1, 2):
        visit("recommendations", user="user0", tab="exposure", segment=chosen.id).check()
        assert f"those of {count} user" in visit.html
        collections.add(resources.workspace(), chosen.id, ["user3"])


def test_who_may_bring_no_data_in_trains_and_builds_nothing(network, visit, monkeypatch):
    monkeypatch.setattr("dashboard.resources.people.may", lambda act: act == "report")
    visit("recommendations", tab="models").check()
    assert "NDCG@20" in visit.html
    assert not [button for button in visit.app.button if button.key == "recommend.train"]
    assert not visit.app.get("file_uploader")
    visit("index").check()
    assert not [button for button in visit.app.button if (button.key or "").startswith(("measure_", "build_"))]
    assert all(button.disabled for button in visit.app.button if (button.key or "").startswith("lab."))
    assert "Train the picture search" not in visit.html


def test_models_say_how_good_they_are_and_train_again(network, visit):
    visit("recommendations", tab="models").check()
    assert "How good they are" in visit.html
    assert "Item neighbours (kNN)" in visit.html
    assert visit.app.get("plotly_chart")
    assert "No impressions are known" in visit.html
    visit.app.multiselect(key="recommend.train_which").set_value(["popularity"]).run()
    visit.app.number_input(key="recommend.seed").set_value(7).run()
    visit.app.button(key="recommend.train").click().run()
    visit.check()
    wait_for_jobs(visit)
    assert "Train again" in [button.label for button in visit.app.button]
    visit("recommendations", tab="models").check()
    assert "Over trainings" in visit.html
    assert resources.workspace().jobs.list(limit=1)[0].params["seed"] == 7


def test_a_post_that_review_removes_is_gone_at_once(network, visit):
    visit("recommendations", user="user0").check()
    first = rows(visit, "Recommendations")[0]["id"]
    liked = rows(visit, "History")[0]["id"]
    decide(resources.workspace(), [first, liked], "remove", reason="spam", token="gone")
    visit("recommendations", user="user0").check()
    assert first not in [row["id"] for row in rows(visit, "Recommendations")]
    assert liked not in [row["id"] for row in rows(visit, "History")]


def test_lists_made_elsewhere_can_be_brought_and_asked(network, visit):
    visit("recommendations", tab="models").check()
    data = b"user,item,score,model\nuser0,bread1,0.5,A\nuser0,bread3,0.9,A\n"
    for name, content in (("bad.csv", b"user,item\n1,2\n"), ("theirs.csv", data)):
        visit.app.file_uploader(key="recommend.import_file").set_value((name, content, "text/csv"))
        next(button for button in visit.app.button if button.label == "Import").click().run()
        visit.check()
        assert name in visit.html
    assert "1 user," in visit.html or "1 user." in visit.html
    visit("recommendations", user="user0", tab="list", model="imported:A").check()
    assert [row["id"] for row in rows(visit, "Recommendations")] == ["bread3", "bread1"]


@pytest.mark.parametrize(
    "given",
    [
        {"user": "nobody"}, {"user": "silent"}, {"user": "user0", "model": "magic"},
        {"user": "user0", "at": "2026-01-10"},
        {"user": "user0", "why": "nowhere"}, {"user": "user0", "without": ["x", "y"], "added": ["bread1"]},
        {"tab": "?", "cap": "-1", "diversity": "7"},
        {"user": "user0", "tab": "compare", "model": "ials", "beside": "x"},
        {"user": "<b>![x](y)"},
    ],
)  # fmt: skip
def test_the_page_opens_whatever_the_address_says(network, visit, given):
    visit("recommendations", **given).check()
    assert "Recommendations" in visit.html
    assert "<b>!" not in visit.html


def test_a_user_of_whom_nothing_is_known_gets_a_declared_fallback(network, visit):
    visit("recommendations", user="silent").check()
    assert "Nothing is known of what this user likes" in visit.html
    assert rows(visit, "Recommendations")


def test_without_models_or_posts_there_is_a_way_on(settings, fake_encoders, tmp_path, monkeypatch, close_after, visit):
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        pass
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    visit("recommendations").check()
    assert "nothing to recommend yet" in visit.html
    workspace = resources.workspace()
    workspace.jobs.run_now("ingest", {"path": str(write_network(tmp_path / "n"))}, title="Import")
    visit("recommendations", user="user0").check()
    assert "No model is trained yet" in visit.html
    assert "Train the recommenders" in [button.label for button in visit.app.button]
    assert rows(visit, "Recommendations")
