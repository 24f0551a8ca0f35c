"""The packaged encoder finds the demo's pictures by words that their posts do not say, of emoji it has never seen."""

import pytest

from core.database.posts import get_posts
from core.demo.network import picture_subjects
from core.search.search import search
from core.settings import Settings
from core.types import Query, QueryPart
from core.workspace import Workspace


@pytest.fixture(scope="module")
def demo(demo_workspace):
    with Workspace.open(demo_workspace, Settings(workspace=demo_workspace)) as workspace:
        yield workspace


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("a cat", "cat"), ("pizza", "pizza"), ("a sailing boat", "sailing boat"), ("bicycle", "bicycle"),
        ("sunflower", "sunflower"),
    ],
)  # fmt: skip
def test_pictures_are_found_by_what_they_show(demo, words, subject):
    shown = what_is_shown(demo, words)
    assert subject in shown[0][0] | shown[1][0], shown  # in another number format near ones may change places
    assert sum(subject in subjects for subjects, _ in shown) >= 3, shown
    for subjects, text in shown:
        if subject in subjects:
            assert subject.split()[-1] not in text.lower()


def test_a_rocket_is_among_the_first(demo):
    """One, the first where the processor has bfloat16: the others come later, and the card says so."""
    shown = [text for subjects, text in what_is_shown(demo, "rocket")[:3] if "rocket" in subjects]
    assert shown
    assert not any("rocket" in text.lower() for text in shown)


def what_is_shown(demo, words):
    """(subjects of its pictures, text) of the first five posts in picture mode."""
    truth = picture_subjects()
    hits = search(demo, Query((QueryPart("text", words),), k=5, mode="image")).hits
    posts = get_posts(demo.cursor(), [hit.post_id for hit in hits])
    found = [posts[hit.post_id] for hit in hits]
    return [({truth[media.name] for media in post.media}, post.text) for post in found]


def test_the_demo_is_whole(demo):
    assert {part.state for part in demo.indexes.status()} == {"current"}
    posts, users, interactions = (
        demo.cursor().execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("posts", "users", "interactions")
    )
    assert 1900 <= posts <= 2300
    assert 140 <= users <= 160
    assert interactions > 10_000
