"""What is distinctive: planted words are found, noise is not, and the figures are the paper's."""

import math
import random

import numpy as np
import pytest

from core import compare
from core.compare import distinctive, log_odds
from core.database.posts import rows_of
from core.errors import QueryError
from core.moderation import decisions
from core.moderation.policies import list_policies
from tests.core.search.conftest import fill_workspace

COMMON = ["harbour", "market", "morning", "people", "weather", "evening", "street", "music"]


def planted(rng, n, *, here):
    words = rng.sample(COMMON, 4)
    if here:
        words += ["storm surge", "#flood", "https://www.alerts.example/x"]
    hour = 3 if here else rng.randint(8, 20)
    return {
        "id": f"{'a' if here else 'b'}{n}", "text": " ".join(words), "user_id": f"u{n % 2}" if here else f"v{n % 9}",
        "lang": "en", "created_at": np.datetime64(f"2024-03-01T{hour:02}:00").item(), "likes": n,
    }  # fmt: skip


@pytest.fixture
def planted_workspace(workspace, tmp_path):
    rng = random.Random(4)
    posts = [(planted(rng, n, here=True), []) for n in range(40)] + [
        (planted(rng, n, here=False), []) for n in range(200)
    ]
    return fill_workspace(workspace, tmp_path, *posts)


def rows(workspace, letter):
    ids = [f"{letter}{n}" for n in range(200)]
    return sorted(rows_of(workspace.cursor(), ids).values())


def test_what_was_planted_is_found_with_the_most_liked_examples(planted_workspace):
    found = distinctive(planted_workspace, rows(planted_workspace, "a"))
    facets = {facet.name: facet for facet in found.facets}
    assert (found.posts, found.others) == (40, 200)
    assert {feature.name for feature in facets["words"].here} == {"storm", "surge"}
    assert facets["pairs"].here[0].name == "storm surge"
    assert [feature.name for feature in facets["hashtags"].here] == ["#flood"]
    assert [feature.name for feature in facets["domains"].here] == ["alerts.example"]
    assert {feature.name for feature in facets["people"].here} == {"u0", "u1"}
    assert len(facets["hours"].here) == 24
    assert max(facets["hours"].here, key=lambda hour: hour.z).name == "3"
    assert facets["hashtags"].here[0].examples[0] == "a39"
    assert "a39" in facets["words"].here[0].examples
    assert "languages" not in facets
    assert "sources" not in facets


def test_the_other_side_is_the_mirror(planted_workspace):
    here, there = rows(planted_workspace, "a"), rows(planted_workspace, "b")
    forth = {facet.name: facet for facet in distinctive(planted_workspace, here, there).facets}
    back = {facet.name: facet for facet in distinctive(planted_workspace, there, here).facets}
    assert [f.name for f in forth["words"].here] == [f.name for f in back["words"].there]
    for one, other in zip(forth["words"].here, back["words"].there, strict=True):
        assert one.z == pytest.approx(-other.z)


def test_like_against_like_finds_little(planted_workspace):
    there = rows(planted_workspace, "b")
    found = distinctive(planted_workspace, there[::2], there[1::2])
    assert not any(facet.here or facet.there for facet in found.facets if facet.name in ("words", "hashtags"))


def test_log_odds_are_those_of_the_paper():
    prior = compare.PRIOR_POSTS * (30 + 10 + 0.5) / (100 + 400 + 1)
    first, second = (30 + prior) / (100 + 500 - 30 - prior), (10 + prior) / (400 + 500 - 10 - prior)
    difference, z = log_odds(30, 10, 100, 400)
    assert difference == pytest.approx(math.log(first / second))
    assert z > 3
    assert log_odds(100, 400, 100, 400)[1] == pytest.approx(0, abs=0.3)  # all have it: it tells nothing
    assert log_odds(0, 0, 100, 400)[1] == pytest.approx(0, abs=0.3)


def test_removed_posts_do_not_count_and_an_empty_side_is_said(planted_workspace):
    policy = list_policies(planted_workspace)[0].id
    decisions.decide(planted_workspace, ["a0"], "remove", policy=policy)
    assert distinctive(planted_workspace, rows(planted_workspace, "a")).posts == 39
    with pytest.raises(QueryError, match="no posts"):
        distinctive(planted_workspace, [])
    with pytest.raises(QueryError, match="compared with"):
        distinctive(planted_workspace, rows(planted_workspace, "a") + rows(planted_workspace, "b"))
