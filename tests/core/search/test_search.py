from datetime import datetime

import pytest

from core.errors import PictureError, QueryError
from core.search.neighbours import neighbours
from core.search.search import PICTURES_WAIT, search
from core.types import Filters, Query, QueryPart
from tests.core.search.conftest import png


def ids(workspace, *parts, mode="hybrid", k=10, **filters):
    return [hit.post_id for hit in search(workspace, Query(parts, Filters(**filters), k, mode)).hits]


def words(text, weight=1.0):
    return QueryPart("text", text, weight)


def test_words_find_posts_and_every_hit_says_by_which_legs(filled):
    result = search(filled, Query((words("bread"),)))
    assert {hit.post_id for hit in result.hits[:2]} == {"bread", "loaf"}
    best = {leg.leg: leg for leg in result.hits[0].legs}
    assert best["lexical"].rank in (1, 2)
    assert best["text"].score > 0.3
    assert [hit.rank for hit in result.hits] == list(range(1, len(result.hits) + 1))
    assert result.considered == 5
    assert 0 < result.encode_ms < result.elapsed_ms


def test_each_mode_is_one_leg(filled):
    assert ids(filled, words("bread"), mode="lexical") == ["loaf", "bread"]  # the shorter text comes first
    assert ids(filled, words("late bus"), mode="text", k=1) == ["bus"]
    assert ids(filled, words("red"), mode="image", k=1) == ["apple"]
    assert {leg.leg for hit in search(filled, Query((words("red"),), mode="image")).hits for leg in hit.legs} == {
        "image"
    }


def test_a_picture_finds_pictures_and_a_post_ranks_by_its_best_one(filled):
    assert ids(filled, QueryPart("picture", png("white")), k=1) == ["sea"]
    assert ids(filled, QueryPart("picture", png("brown")), k=1) == ["loaf"]
    assert sorted(ids(filled, QueryPart("picture", png("red")))) == ["apple", "loaf", "sea"]


def test_an_example_post_finds_others_like_it_and_never_itself(filled):
    assert ids(filled, QueryPart("post", "bread"), mode="text", k=1) == ["loaf"]
    assert "bread" not in ids(filled, QueryPart("post", "bread"))
    assert "apple" not in ids(filled, QueryPart("post", "apple"))


def test_not_this_pushes_away(filled):
    assert ids(filled, words("bread"), words("loaf", -1.0), mode="lexical") == ["bread"]
    assert ids(filled, words("bread"), words("another loaf of bread", -0.7), mode="text", k=1) == ["bread"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"user_ids": ("ann",)}, {"bread", "apple"}),
        ({"user_ids": ("ann", "eve")}, {"bread", "apple", "sea"}),
        ({"langs": ("de",)}, {"sea"}),
        ({"since": datetime(2026, 6, 1)}, {"bus", "apple"}),
        ({"until": datetime(2026, 6, 1)}, {"bread"}),
        ({"has_picture": True}, {"apple", "sea", "loaf"}),
        ({"has_picture": False}, {"bread", "bus"}),
        ({"min_likes": 5}, {"bread", "apple"}),
        ({"extra": (("mood", "calm"),)}, {"bread"}),
        ({"extra": (("n", "3"),)}, {"bread"}),
        ({"extra": (('odd "key"', "true"),)}, {"bread"}),
        ({"extra": (("mood", "calm' OR 1=1 --"),)}, set()),
        ({"sources": ("test",), "user_ids": ("bob",), "min_likes": 0}, {"bus"}),
        ({"user_ids": ("nobody",)}, set()),
    ],
)
@pytest.mark.parametrize("part", [None, words("bread bus look holiday red"), QueryPart("picture", png("red"))])
def test_filters_hold_for_every_leg(filled, filters, expected, part):
    parts = () if part is None else (part,)
    result = search(filled, Query(parts, Filters(**filters), 10))
    found = {hit.post_id for hit in result.hits}
    if part is not None and part.kind == "picture":
        expected_hits = expected & {"apple", "sea", "loaf"}
    else:
        expected_hits = expected
    assert found == expected_hits
    assert result.considered == len(expected)


def test_filters_alone_give_the_newest_first(filled):
    assert ids(filled, user_ids=("ann", "bob")) == ["apple", "bus", "bread", "loaf"]


def test_the_same_query_gives_the_same_answer(fill):
    workspace = fill(*(({"id": f"p{n}", "text": "same words"}, []) for n in range(30)))
    first = ids(workspace, words("same words"), k=20)
    assert first == [f"p{n}" for n in range(20)]
    assert all(ids(workspace, words("same words"), k=20) == first for _ in range(3))


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query((words("x"),), k=0),
        Query((words("x"),), k=100_000),
        Query((words("  "),)),
        Query((words("x", 0.0),)),
        Query((words("x", float("nan")),)),
        Query((words("x"),), mode="telepathy"),
        Query((words("x"),), blend=1.5),
        Query((words("x"),), blend=float("nan")),
        Query((QueryPart("post", "nobody knows"),)),
        Query((words("same"), words("same", -1.0)), mode="text"),
    ],
)
def test_a_query_that_can_not_be_run_says_why(filled, query):
    with pytest.raises(QueryError) as caught:
        search(filled, query)
    assert len(str(caught.value)) > 10


def test_a_query_picture_that_is_none(filled):
    with pytest.raises(PictureError):
        search(filled, Query((QueryPart("picture", b"GIF89a but not really"),)))


@pytest.mark.parametrize("text", ['"', "*", "AND OR NOT", "user:", "-", "\x00", "'; DROP TABLE posts; --", "🦆" * 300])
def test_odd_words_are_words(filled, text):
    assert isinstance(ids(filled, words(text)), list)


def test_an_empty_workspace_finds_nothing_and_says_so(workspace):
    result = search(workspace, Query((words("anything"),), mode="text"))
    assert result.hits == ()
    assert result.notes == ("Posts are not encoded yet: only their words are searched.",)


def test_a_search_says_that_pictures_wait_for_the_present_encoder(fill):
    workspace = fill(({"id": "sea", "text": "the sea"}, ["blue"]))
    with workspace.transaction() as cursor:
        cursor.execute("DELETE FROM meta WHERE key LIKE 'model:dual:%'")  # as where the setting names another one
    for mode in ("hybrid", "image"):
        assert search(workspace, Query((words("sea"),), mode=mode)).notes == (PICTURES_WAIT,)


def test_neighbours_by_words_by_picture_and_by_both(filled):
    assert neighbours(filled, "bread", by="words", k=1)[0].post_id == "loaf"
    assert neighbours(filled, "bread", by="picture") == []
    assert {found.post_id for found in neighbours(filled, "sea", by="picture")} == {"apple", "loaf"}
    assert "loaf" not in {found.post_id for found in neighbours(filled, "loaf")}
    assert neighbours(filled, "bread", by="words", min_similarity=0.999) == []
    with pytest.raises(QueryError):
        neighbours(filled, "nobody knows")


def test_near_duplicates_are_marked(fill):
    workspace = fill(
        ({"id": "a", "text": "Win a free phone today, just follow this account and send your name"}, []),
        ({"id": "b", "text": "WIN a free phone today!! just follow this account and send your address"}, []),
        ({"id": "c", "text": "My phone fell into the sea today and I have no other"}, []),
    )
    assert {found.post_id: found.duplicate for found in neighbours(workspace, "a", by="words")} == {
        "b": True,
        "c": False,
    }


def test_pictures_far_down_the_list_do_not_count_for_words(fill):
    from core.search.search import IMAGE_DEPTH_FOR_WORDS

    filled = fill(*(({"id": f"p{n}", "text": f"post {n}"}, ["red", "blue"]) for n in range(IMAGE_DEPTH_FOR_WORDS + 5)))
    words = QueryPart("text", "red")
    by_legs = search(filled, Query((words,), k=100)).hits
    assert sum(any(leg.leg == "image" for leg in hit.legs) for hit in by_legs) == IMAGE_DEPTH_FOR_WORDS
    assert len(search(filled, Query((words,), k=100, mode="image")).hits) == IMAGE_DEPTH_FOR_WORDS + 5


def test_a_picture_alone_is_searched_whatever_the_blend(fill):
    filled = fill(({"id": "shown", "text": "a lamp"}, ["red"]))
    (picture,) = (filled.media_folder).rglob("*.png")
    asked = Query((QueryPart("picture", picture.read_bytes()),), blend=0.0)
    assert [hit.post_id for hit in search(filled, asked).hits] == ["shown"]


def test_the_blend_weighs_words_against_pictures(fill):
    filled = fill(({"id": "said", "text": "red"}, ["blue"]), ({"id": "shown", "text": "a lamp"}, ["red"]))

    def found(blend):
        return search(filled, Query((words("red"),), k=10, blend=blend)).hits

    assert [hit.post_id for hit in found(0.0)][0] == "said"
    assert {leg.leg for hit in found(0.0) for leg in hit.legs} == {"lexical", "text"}
    assert {leg.leg for hit in found(1.0) for leg in hit.legs} == {"image"}
    assert [hit.post_id for hit in found(1.0)][0] == "shown"
    assert found(0.5) == search(filled, Query((words("red"),), k=10)).hits
    share = [next(hit.score for hit in found(blend) if hit.post_id == "shown") for blend in (0.1, 0.5, 0.9)]
    own = [next(hit.score for hit in found(blend) if hit.post_id == "said") for blend in (0.1, 0.5, 0.9)]
    assert share[0] / own[0] < share[1] / own[1] < share[2] / own[2]
