"""The collections page and the buttons that lead to it, without a browser."""

import json

from core import collections, saved_searches
from core.workspace import Workspace
from dashboard import resources


def names(visit):
    return [found.name for found in collections.list_all(resources.workspace())]


def press(visit, key):
    next(button for button in visit.app.button if button.key == key).click().run()
    return visit.check()


def make(settings, name="Dogs", members=("dog", "dog2"), noun="post"):
    with Workspace.open(settings.workspace, settings) as workspace:
        return collections.create(workspace, name, noun, members)


def test_all_hits_become_a_collection_that_is_opened_compared_and_shown_as_rows(small, settings, visit):
    made = make(settings, "Loud <b>dogs</b>", ())
    visit("search", q="dog", mode="lexical").check()
    visit.app.selectbox(key="results.collect.choice").set_value(made.id).run()
    press(visit, "results.collect.add")
    (found,) = collections.list_all(resources.workspace())
    assert (found.name, found.size) == ("Loud <b>dogs</b>", 2)
    assert "Loud &lt;b&gt;dogs" in visit.html
    visit("collections").check()
    visit("collections", id=found.id).check()
    assert set(visit.cards()) == {"dog", "dog2"}
    visit("collections", id=found.id, view="table").check()
    assert {row["id"] for row in visit.component("rows")["rows"]} == {"dog", "dog2"}
    visit("collections", id=found.id, view="compare").check()
    assert "2 posts against 3" in visit.html


def test_what_is_ticked_is_removed_and_taken_back(small, settings, visit):
    made = make(settings)
    visit("collections", id=made.id)
    visit.app.session_state["collection.selected"] = (made.id, {"dog": None})
    visit.app.run()
    press(visit, "collection.remove")
    assert visit.cards() == ["dog2"]
    press(visit, "collection.undo")
    assert set(visit.cards()) == {"dog", "dog2"}


def test_a_deleted_collection_is_taken_back(small, settings, visit):
    made = make(settings)
    visit("collections", id=made.id)
    press(visit, "collection.delete")
    assert "There are no collections yet" in visit.html
    press(visit, "collections.undo_delete")
    assert names(visit) == ["Dogs"]


def test_people_are_rows_with_their_posts(small, settings, visit):
    made = make(settings, "People", ("ann", "<b>eve</b>"), "user")
    visit("collections", id=made.id).check()
    rows = visit.component("rows")["rows"]
    assert [(row["id"], row["cells"][3]) for row in rows] == [("ann", "2"), ("<b>eve</b>", "1")]


def test_a_saved_search_says_what_is_new(small, settings, visit):
    with Workspace.open(settings.workspace, settings) as workspace:
        saved_searches.save(workspace, "Dogs", "./search?q=dog&mode=lexical")
        with workspace.transaction() as cursor:
            cursor.execute("UPDATE saved_searches SET seen_row = (SELECT row FROM posts WHERE id = 'dog')")
    visit("search", q="dog", mode="lexical").check()
    badges = {card["id"]: [badge[1] for badge in card["badges"]] for card in visit.component("cards")["cards"]}
    assert badges == {"dog": [], "dog2": ["New"]}
    visit("collections")
    assert "1 new" in visit.check().html
    visit("search", q="dog", mode="lexical")
    press(visit, "saved.seen")
    assert "nothing new" in visit.html


def test_a_collection_that_is_gone_is_said(small, visit):
    visit("collections", id="nowhere", against="x", view="compare").check()
    assert "There is no such collection" in visit.html


def test_provenance_of_results_names_the_search(small, visit):
    from dashboard.components.results import _subject
    from dashboard.links import SearchLink

    visit("search", q="dog", mode="lexical").check()
    link = SearchLink(words="dog", mode="lexical")
    subject = _subject(link, resources.find(link))
    assert json.loads(json.dumps(subject.about))["address"] == "./search?q=dog&mode=lexical"
