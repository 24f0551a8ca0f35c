"""What moderation says of a post on its page."""

from core.moderation.effects import Mark
from core.moderation.roles import Person
from dashboard.components import post_marks
from dashboard.resources import moderation


def test_a_post_is_sent_to_review_from_its_page(small, visit):
    visit("post", id="cat").check()
    visit.app.button(key="post.report").click().run()
    assert not visit.app.exception
    assert not [button for button in visit.app.button if button.key == "post.report"]


def test_a_removed_post_is_shown_to_reviewers_alone(small, visit, monkeypatch):
    monkeypatch.setattr(moderation, "mark_of", lambda id_: Mark(state="removed"))
    monkeypatch.setattr(post_marks.people, "person", lambda: Person("ann", "viewer"))
    visit("post", id="cat").check()
    assert "This post was removed" in visit.html
    assert "sleeps on the mat" not in visit.html
    monkeypatch.setattr(post_marks.people, "person", lambda: Person("bob", "reviewer"))
    visit("post", id="cat").check()
    assert "only reviewers see it" in visit.html
