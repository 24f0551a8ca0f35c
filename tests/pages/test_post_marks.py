"""What moderation says of a post on its page."""

from core.moderation.effects import Mark
from core.moderation.roles import Person
from dashboard.components import post_marks
from dashboard.resources import moderation


def test_a_post_is_sent_to_review_from_its_page(small, visit):
    visit("post", id="cat").check()
    visit.app.button(key="post.report.send").click().run()
    assert not visit.app.exception
    assert not [button for button in visit.app.button if button.key == "post.report.send"]


def test_a_decision_is_appealed_from_the_posts_page(small, visit):
    from core.moderation.decisions import decide
    from core.moderation.queue import QueueFilter, count_waiting

    visit("post", id="cat").check()
    assert not [button for button in visit.app.button if button.key == "post.appeal.send"]
    decide(workspace(), ["cat"], "label", label="Loud")
    visit("post", id="cat").check()
    visit.app.text_input(key="post.appeal.note").set_value("It is a quote").run()
    visit.app.button(key="post.appeal.send").click().run()
    visit.check()
    assert count_waiting(workspace(), QueueFilter(kind="appeals")) == 1
    assert not [button for button in visit.app.button if button.key == "post.appeal.send"]


def test_a_removed_post_is_shown_to_reviewers_alone(small, visit, monkeypatch):
    monkeypatch.setattr(moderation, "mark_of", lambda id_: Mark(state="removed"))
    monkeypatch.setattr(post_marks.people, "person", lambda: Person("ann", "viewer"))
    visit("post", id="cat").check()
    assert "This post was removed" in visit.html
    assert "sleeps on the mat" not in visit.html
    monkeypatch.setattr(post_marks.people, "person", lambda: Person("bob", "reviewer"))
    visit("post", id="cat").check()
    assert "only reviewers see it" in visit.html


def workspace():
    from core.settings import read_settings
    from dashboard.resources import opened

    return opened._open(read_settings().workspace).workspace


def test_cards_say_what_moderation_says_and_hidden_posts_have_none(small, visit):
    from core import collections
    from core.moderation.decisions import decide
    from core.moderation.reports import report

    visit("search", q="dog").check()
    collection = collections.create(workspace(), "pets", "post", ["cat", "dog", "katze"])
    decide(workspace(), ["dog"], "label", label="Loud <b>", policy="insult")
    decide(workspace(), ["dog2"], "limit", policy="insult")
    report(workspace(), ["cat"], "insult")
    visit("search", q="dog").check()
    said = {card["id"]: [text for _, text, _ in card["badges"]] for card in visit.component("cards")["cards"]}
    assert said["dog"] == ["Loud <b>"]
    assert said["dog2"] == ["Limited"]
    visit("collections", id=collection.id).check()
    assert visit.cards() == ["cat", "dog", "katze"]
    decide(workspace(), ["dog", "katze"], "remove")
    visit("collections", id=collection.id).check()
    assert visit.cards() == ["cat"]
    assert "2 posts that were removed by review" in visit.html
    visit("post", id="cat").check()
    assert "Katze" not in str([block.proto.json for block in visit.app.get("bidi_component")])
    decide(workspace(), ["cat"], "escalate")
    overview = type(visit)()("overview").check()
    assert "red cat" not in str([block.proto.json for block in overview.app.get("bidi_component")])


def test_search_results_are_sent_to_review(small, visit):
    visit("search", q="dog").check()
    found = visit.cards()
    visit.app.text_input(key="results.review.note").set_value("look").run()
    visit.app.selectbox(key="results.review.policy").set_value("insult").run()
    visit.app.button(key="results.review.send").click().run()
    visit.check()
    reports = workspace().cursor().execute("SELECT policy, note, reporter FROM reports").fetchall()
    assert len(reports) == len(found)
    assert set(reports) == {("insult", "look", "you")}
