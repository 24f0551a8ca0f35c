import json

import pytest

from core.settings import ROOT
from core.workspace import Workspace
from dashboard import resources

PAGES = [page.stem for page in sorted((ROOT / "pages").glob("*.py")) if page.stem != "__init__"]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(small, visit, page):
    visit(page).check()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_empty_workspace(settings, fake_encoders, monkeypatch, close_after, visit, page):
    Workspace.open(settings.workspace, settings, create=True).close()
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    visit(page).check()


@pytest.mark.parametrize("page", PAGES)
def test_no_address_breaks_a_page(small, visit, page):
    bad = {
        "q": "x" * 5000, "mode": "?", "page": "-1", "id": "\x00../..", "like": "gone", "since": "soon", "user": "x",
        "picture": "0" * 64, "path": "/etc/passwd", "job": "99999", "map": "x", "least": "2", "where": "a=b",
    }  # fmt: skip
    visit(page, **bad).check()


def test_a_missing_workspace_is_said_with_what_to_do(tmp_path, monkeypatch, close_after, visit):
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(tmp_path / "nowhere"))
    visit("search").check()
    assert "The workspace is not open" in visit.html
    assert "There is no workspace in" in visit.html
    assert "FEEDSCOPE_WORKSPACE" in visit.html


def test_an_empty_workspace_can_be_made_where_there_is_none(tmp_path, fake_encoders, monkeypatch, close_after, visit):
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(tmp_path / "nowhere"))
    visit("search")
    visit.app.button("make_workspace").click().run()
    assert "There are no posts to search yet" in visit.check().html
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(tmp_path / "other"))
    visit("search")
    assert "holds other files" in visit.html
    assert not [button for button in visit.app.button if button.key == "make_workspace"]


def test_a_setting_that_cannot_be_used_is_said(tmp_path, monkeypatch, close_after, visit):
    monkeypatch.setenv("FEEDSCOPE_THREADS", "many")
    visit("overview").check()
    assert "FEEDSCOPE_THREADS=&#x27;many&#x27;" in visit.html


def test_a_bug_is_a_calm_page_and_a_line_in_the_log(small, visit, monkeypatch, caplog):
    monkeypatch.setattr(resources, "newest_pictures", lambda limit: 1 / 0)
    visit("overview")
    assert "Something went wrong on this page" in visit.html
    assert "ZeroDivisionError" not in visit.html
    assert "ZeroDivisionError" in caplog.text


def test_the_overview_says_what_is_here_and_leads_on(small, visit):
    visit("overview").check()
    assert "Posts from 1 Jan 2024 to 2 Mar 2024" in visit.html
    assert visit.component("timeline")["columns"]
    assert [row["name"] for row in visit.component("bars")["rows"]] == ["#cats"]
    visit.app.text_input[0].set_value("cat")
    visit.app.button[0].click().run()
    visit.check()
    assert dict(visit.app.query_params) == {"q": "cat"}
    assert visit.cards()[0] == "cat"


def test_words_filters_and_pages_are_in_the_address(small, visit):
    visit("search", q="dog").check()
    assert set(visit.cards()[:2]) == {"dog", "dog2"}
    visit.app.multiselect(key="search.langs").set_value(["de"]).run()
    visit.check()
    assert dict(visit.app.query_params) == {"q": "dog", "lang": "de"}
    assert visit.cards() == ["katze"]
    assert visit.app.text_input(key="search.words").value == "dog"


def test_an_address_brings_the_form_back(small, visit):
    visit("search", q="moon", mode="lexical", since="2024-02-02", likes="1", pictures="yes", where="mood=loud").check()
    assert visit.cards() == ["dog2"]
    assert visit.app.text_input(key="search.words").value == "moon"
    assert str(visit.app.date_input(key="search.since").value) == "2024-02-02"
    assert visit.app.number_input(key="search.min_likes").value == 1
    assert visit.app.selectbox(key="search.extra.mood").value == "loud"
    assert [chip["name"] for chip in visit.component("chips")["chips"]] == [
        "Since",
        "With pictures",
        "Likes",
        "mood",
        "Clear all",
    ]


def test_matched_words_are_marked(small, visit):
    visit("search", q="barks", mode="lexical").check()
    assert ["barks", True] in visit.component("cards")["cards"][0]["text"]


def test_an_example_post_is_searched_by_and_named(small, visit):
    visit("search", like="dog").check()
    assert visit.cards()[0] == "dog2"
    assert "dog" not in visit.cards()
    assert visit.component("chips")["chips"][0]["name"] == "Like"


def test_a_dropped_picture_is_kept_and_searched_by(small, visit, tmp_path):
    visit("search").check()
    upload = visit.app.file_uploader(key="search.upload.0")
    upload.set_value(("blue.png", (tmp_path / "small" / "blue.png").read_bytes(), "image/png")).run()
    visit.check()
    kept = (
        visit.app.query_params["picture"][0]
        if isinstance(visit.app.query_params["picture"], list)
        else visit.app.query_params["picture"]
    )
    assert (small / "queries" / kept).exists()
    assert set(visit.cards()[:2]) == {"dog", "dog2"}


def test_what_is_no_picture_is_refused_with_its_name(small, visit):
    visit("search").check()
    visit.app.file_uploader(key="search.upload.0").set_value(("fake.png", b"not a picture", "image/png")).run()
    visit.check()
    assert "fake.png" in visit.html
    assert not list((small / "queries").iterdir())


def test_no_result_says_which_filter_to_loosen(small, visit):
    visit("search", q="cat", lang="de", pictures="yes").check()
    assert "No post passes these filters" in visit.html
    loosen = [
        json.loads(b.proto.json) for b in visit.app.get("bidi_component") if b.proto.component_name == "feedscope_chips"
    ]
    offered = {chip["name"]: chip["count"] for chip in loosen[-1]["chips"]}
    assert offered == {"Language": "3 posts", "With pictures": "1 posts"}


def test_no_word_found_offers_everything(small, visit):
    visit("search", q="zebra", mode="lexical").check()
    assert "Nothing found in words" in visit.html


def test_an_unknown_example_is_a_sentence(small, visit):
    visit("search", like="gone").check()
    assert "There is no post" in visit.html


def test_a_post_shows_itself_its_thread_and_its_neighbours(small, visit):
    visit("post", id="katze").check()
    layouts = {}
    for block in visit.app.get("bidi_component"):
        if block.proto.component_name == "feedscope_cards":
            data = json.loads(block.proto.json)
            layouts[data["layout"]] = data["cards"]
    assert [card["id"] for card in layouts["thread"]] == ["cat", "katze"]
    assert [card["depth"] for card in layouts["thread"]] == [0, 1]
    assert layouts["full"][0]["id"] == "katze"
    assert "German" in visit.html


def test_near_duplicates_are_marked_and_the_slider_narrows(small, visit):
    visit("post", id="dog", by="words").check()
    near = json.loads(visit.app.get("bidi_component")[-1].proto.json)["cards"]
    assert near[0]["id"] == "dog2"
    assert near[0]["badges"][0][1] == "Near-duplicate"
    visit.app.slider(key="post.least").set_value(0.95).run()
    visit.check()
    assert visit.app.query_params["least"] in ("0.95", ["0.95"])
    assert "Nothing is that similar" in visit.html


def test_an_unknown_post_is_a_state_with_a_way_on(small, visit):
    visit("post", id="gone").check()
    assert "There is no such post here" in visit.html


def test_hostile_words_stay_words_everywhere(small, visit):
    for page, params in (
        ("search", {"q": "script", "mode": "lexical"}),
        ("post", {"id": "hostile"}),
        ("data", {}),
        ("overview", {}),
    ):
        visit(page, **params).check()
        assert "<script" not in visit.html
        assert "<b>eve" not in visit.html
        assert "example.org" not in "".join(block.proto.body for block in visit.app.markdown)


def test_data_names_what_is_here_and_imports_below_a_root(small, visit, tmp_path):
    more = tmp_path / "more.csv"
    more.write_text("id,text\nnew,A new post about a fish\n,\n")
    visit("data", path=str(more)).check()
    assert "text" in visit.html
    assert visit.cards() == ["new"]
    next(button for button in visit.app.button if button.label.startswith("Import")).click().run()
    visit.check()
    assert "job" in visit.app.query_params


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc", "upload:../../etc", "upload:0000000000000000", "/"])
def test_data_reads_nothing_outside_the_roots(small, visit, path):
    visit("data", path=path).check()
    assert visit.component("cards") is None
    assert not any(button.label.startswith("Import ") for button in visit.app.button)
