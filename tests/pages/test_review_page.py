"""The review desk and the insights without a browser: what they hand to it, and what they do with what comes back."""

import pytest

from core.database.moderation import read_decisions
from core.workspace import Workspace
from dashboard.resources import opened


@pytest.fixture
def flagged(small):
    """The small workspace with one scored and one reported post."""
    from core.moderation.reports import report
    from core.settings import Settings

    with Workspace.open(small, Settings(workspace=small, threads=2)) as workspace:
        report(workspace, ["dog"], "insult", "barks")
        report(workspace, ["hostile"], None, "<b>look</b>")
    return small


def workspace():
    from core.settings import read_settings

    return opened._open(read_settings().workspace).workspace


@pytest.mark.parametrize("view", ["desk", "sheet", "log", "policies", "banks", "accounts"])
def test_every_view_opens_on_a_fresh_workspace(small, visit, view):
    visit("review", view=view).check()


def test_insights_open_on_a_fresh_workspace(small, visit):
    visit("insights").check()
    assert "No flagged post was decided yet" in visit.html


def test_no_address_breaks_the_pages(small, visit):
    visit("review", view="?", queue="x", policy="nope", order="up", page="-1", lang="x" * 3000).check()
    visit("insights", policy="nope", threshold="7").check()


def test_the_desk_is_handed_the_item_and_what_is_beside_it(flagged, visit):
    visit("review").check()
    desk = visit.component("desk")
    assert desk["waits"] == 2
    item = next(one for one in desk["items"] if one["id"] == "dog")
    assert item["policy"] == "insult"
    assert item["reports"] == [["report", "insult", "barks", "you"]]
    assert [one["id"] for one in item["group"]] == ["dog2"]
    assert len(item["pictures"]) == 1


def test_what_the_browser_sends_is_decided_once(flagged, visit, monkeypatch):
    from core.moderation.roles import ALONE
    from dashboard.components import desk

    visit("review").check()
    state = {}
    monkeypatch.setattr(desk.st, "session_state", state)
    act = {"do": "decide", "token": "ab" * 8, "post": "dog", "group": ["dog2"], "action": "remove", "policy": "insult",
           "review": "first", "standing": 0, "seconds": 2.5}  # fmt: skip
    for _ in range(3):
        desk.receive(ALONE, [act, {"do": "rm -rf", "token": "cd" * 8}, "junk", {"do": "decide"}, 7])
    made = read_decisions(workspace().cursor())
    assert [(one.subject, one.action) for one in made] == [("dog", "remove"), ("dog2", "remove")]
    assert "ab" * 8 in state["desk.acked"]
    desk.receive(ALONE, [{**act, "token": "ef" * 8, "post": "gone"}])
    assert "no post" in state["desk.refused"][0]["said"]
    desk.receive(ALONE, [{"do": "undo", "token": "0a" * 8}])
    assert len(read_decisions(workspace().cursor(), "action = 'undo'")) == 2
    monkeypatch.undo()
    visit("search", q="dog").check()


def test_a_break_hands_back_what_is_open_and_the_log_is_narrowed_by_its_address(flagged, visit):
    from core.moderation.decisions import decide
    from core.moderation.roles import ALONE
    from dashboard.components import desk

    visit("review").check()
    assert workspace().cursor().execute("SELECT count(*) FROM claims").fetchone() == (2,)
    state = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.st, "session_state", state)
        desk.receive(ALONE, [{"do": "rest", "token": "ab" * 8}])
        assert desk.rests()
    assert workspace().cursor().execute("SELECT count(*) FROM claims").fetchone() == (0,)
    decide(workspace(), ["dog"], "remove", policy="insult")
    decide(workspace(), ["dog2"], "keep")
    visit("review", view="log", did="keep").check()
    assert visit.html.count("<tr") == 2
    visit("review", view="log", id="nothing").check()
    assert "No entry is like that" in visit.html
    visit("review", view="accounts", id="", did="").check()
    visit.app.text_input(key="accounts.words").set_value("nobody of that name").run()
    visit.check()
    assert "No account is called so" in visit.html


def test_a_removed_post_is_gone_from_the_search_page_at_once(flagged, visit):
    from core.moderation.decisions import decide

    visit("search", q="dog").check()
    assert "dog" in visit.cards()
    decide(workspace(), ["dog"], "remove")
    visit("search", q="dog").check()
    assert "dog" not in visit.cards()
    visit("review", view="log").check()
    assert "remove" in visit.html


def test_nobody_without_a_role_sees_the_desk(flagged, visit, tmp_path, monkeypatch):
    (tmp_path / "roles.toml").write_text('[people]\n"ann@example.org" = "reviewer"\n')
    monkeypatch.setenv("FEEDSCOPE_ROLES", str(tmp_path / "roles.toml"))
    for page in ("review", "insights"):
        visit(page).check()
        assert visit.component("desk") is None
        assert "dog" not in visit.html


def test_a_locked_post_has_no_picture_and_no_neighbours_even_for_a_lead(flagged, visit):
    from core.moderation.decisions import decide
    from core.moderation.queue import release

    visit("review").check()
    release(workspace())
    decide(workspace(), ["dog"], "escalate", reason="illegal")
    visit("review", queue="locked").check()
    (item,) = visit.component("desk")["items"]
    assert (item["id"], item["pictures"], item["group"], item["cases"]) == ("dog", [], [], [])
    assert "not shown" in item["missing"][0]
    visit("post", id="dog").check()
    assert visit.component("cards")["cards"][0]["pictures"] == []
    assert "Near this post" not in visit.html


def test_posts_of_the_sheet_are_ticked_and_decided_together_and_taken_back(flagged, visit):
    visit("review", view="sheet").check()
    assert sorted(visit.cards()) == ["dog", "hostile"]
    assert visit.component("cards")["cards"][0]["veiled"]
    visit.app.button(key="sheet.all").click().run()
    visit.app.button(key="sheet.label").click().run()
    assert "A label needs words" in visit.html
    visit.app.button(key="sheet.remove").click().run()
    visit.check()
    assert "Nothing waits here" in visit.html
    visit("review", view="log").check()
    assert "and 1 more" in visit.html
    assert visit.html.count("<tr") == 2, "a group is one line"
    visit("review", view="sheet").check()
    visit.app.button(key="sheet.undo").click().run()
    visit.check()
    assert sorted(visit.cards()) == ["dog", "hostile"]
