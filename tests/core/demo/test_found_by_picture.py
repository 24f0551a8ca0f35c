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
    [("a cat", "cat"), ("a sailing boat", "sailing boat"), ("bicycle", "bicycle"), ("sunflower", "sunflower")],
)
def test_pictures_are_found_by_what_they_show(demo, words, subject):
    truth = picture_subjects()
    hits = search(demo, Query((QueryPart("text", words),), k=5, mode="image")).hits
    posts = get_posts(demo.cursor(), [hit.post_id for hit in hits])
    shown = [{truth[media.name] for media in posts[hit.post_id].media} for hit in hits]
    assert sum(subject in subjects for subjects in shown) >= 3, shown
    for hit, subjects in zip(hits, shown, strict=True):
        if subject in subjects:
            assert subject.split()[-1] not in posts[hit.post_id].text.lower()


def test_the_demo_is_whole(demo):
    assert {part.state for part in demo.indexes.status()} == {"current"}
    posts, users, interactions = (
        demo.cursor().execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("posts", "users", "interactions")
    )
    assert 1900 <= posts <= 2300
    assert 140 <= users <= 160
    assert interactions > 10_000
