from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import QueryError
from core.search.where import parse_where
from core.types import Filters


def test_every_key():
    filters = parse_where(
        ["user=ann", "user=bob", "lang=de", "source=x.csv", "since=2026-01-02", "until=2026-02-03T04:05:00+01:00",
         "picture=no", "min_likes=7", "subreddit=aww=really"]
    )  # fmt: skip
    assert filters == Filters(
        user_ids=("ann", "bob"),
        since=datetime(2026, 1, 2),
        until=datetime(2026, 2, 3, 3, 5),
        langs=("de",),
        sources=("x.csv",),
        has_picture=False,
        min_likes=7,
        extra=(("subreddit", "aww=really"),),
    )


@pytest.mark.parametrize(
    "condition",
    ["", "likes", "=3", "since=yesterday", "picture=maybe", "min_likes=-1", "min_likes=²", "until=9999-99-99"],
)
def test_what_can_not_be_used_is_named(condition):
    with pytest.raises(QueryError) as caught:
        parse_where([condition])
    assert repr(condition) in str(caught.value)


@given(st.lists(st.text()))
def test_never_anything_but_filters_or_a_query_error(conditions):
    try:
        assert isinstance(parse_where(conditions), Filters)
    except QueryError:
        pass
