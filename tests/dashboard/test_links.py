from datetime import date, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.types import MODES, Filters
from dashboard.links import (
    MAX_CHARS,
    MAX_LIST,
    MAX_PAGE,
    DataLink,
    IndexLink,
    OverviewLink,
    PostLink,
    SearchLink,
    parse_url,
)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
lists = st.lists(names, max_size=4, unique=True).map(tuple)
words = names.map(str.strip)
days = st.dates(date(1, 1, 1), date(9999, 12, 31))
pairs = st.lists(st.tuples(names, st.text(st.characters(exclude_categories=["Cs"]), max_size=20)), max_size=3)
searches = st.builds(
    SearchLink,
    words=st.one_of(st.just(""), words),
    avoid=st.one_of(st.just(""), words),
    picture=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
    like=lists,
    unlike=lists,
    mode=st.sampled_from(MODES),
    blend=st.integers(0, 100).map(lambda percent: percent / 100),
    users=lists,
    since=st.none() | days,
    until=st.none(),
    langs=lists,
    sources=lists,
    has_picture=st.none() | st.booleans(),
    min_likes=st.none() | st.integers(0, 10**12),
    extra=pairs.map(lambda found: tuple(dict(found).items())),
    sort=st.sampled_from(["best", "newest", "liked"]),
    number=st.integers(1, MAX_PAGE),
)
posts = st.builds(
    PostLink,
    id=st.one_of(st.just(""), names),
    by=st.sampled_from(["both", "words", "picture"]),
    least=st.integers(0, 20).map(lambda n: n / 20),
)
imports = st.builds(
    DataLink,
    path=st.one_of(st.just(""), words),
    format=st.sampled_from(["", "csv", "flickr8k"]),
    columns=pairs.map(lambda found: tuple(dict(found).items())),
    job=st.none() | st.integers(1, 10**12),
)
indexes = st.builds(
    IndexLink,
    space=st.sampled_from(["text", "dual"]),
    run=st.none() | st.integers(1, 10**12),
    number=st.integers(1, 10**6),
)


@given(searches | posts | imports | indexes | st.just(OverviewLink()))
def test_a_link_comes_back_from_its_url(link):
    assert parse_url(link.url()) == link


@given(searches | posts | imports | indexes)
def test_reading_its_own_parameters_leaves_no_notice(link):
    given_ = {name: value if isinstance(value, list) else [value] for name, value in link.params().items()}
    assert type(link).read(given_) == (link, ())


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "q",
                "not",
                "picture",
                "like",
                "mode",
                "blend",
                "user",
                "since",
                "until",
                "lang",
                "pictures",
                "likes",
                "where",
                "id",
                "by",
            ]
        ),
        st.lists(st.text(max_size=30), max_size=3),
    )
)
def test_no_address_raises(given_):
    for kind in (SearchLink, PostLink, DataLink, OverviewLink):
        link, notices = kind.read(given_)
        assert isinstance(link, kind)
        assert all(isinstance(notice, str) for notice in notices)


def test_values_that_cannot_be_used_are_left_out_and_named():
    bad = {
        "mode": ["telepathy"], "blend": ["1.5"],
        "page": ["0"], "likes": ["-1"], "since": ["2024-02-30"], "picture": ["../../etc/passwd"],
        "pictures": ["maybe"], "where": ["noequals"], "sort": ["random"], "q": ["x" * (MAX_CHARS + 1)],
    }  # fmt: skip
    link, notices = SearchLink.read(bad)
    assert link == SearchLink()
    assert len(notices) == len(bad)
    assert any("mode=telepathy" in notice for notice in notices)


def test_a_time_that_ends_before_it_begins_is_left_out():
    link, notices = SearchLink.read({"since": ["2024-05-01"], "until": ["2024-04-01"]})
    assert (link.since, link.until) == (None, None)
    assert len(notices) == 1


def test_long_lists_are_cut():
    link, notices = SearchLink.read({"user": [str(n) for n in range(MAX_LIST + 5)]})
    assert len(link.users) == MAX_LIST
    assert len(notices) == 1


def test_until_counts_its_last_day():
    filters = SearchLink(since=date(2024, 1, 1), until=date(2024, 1, 31)).filters()
    assert filters.since == datetime(2024, 1, 1)
    assert filters.until == datetime(2024, 2, 1)
    assert SearchLink(until=date.max).filters() == Filters()


def test_the_query_has_a_part_for_each_thing_asked_for():
    link = SearchLink(words="cat", avoid="dog", picture="0" * 64, like=("1",), unlike=("2",))
    parts = [(part.kind, part.value, part.weight > 0) for part in link.query(b"jpeg").parts]
    assert parts == [("text", "cat", True), ("picture", b"jpeg", True), ("post", "1", True), ("text", "dog", False),
                     ("post", "2", False)]  # fmt: skip
    assert [part.kind for part in link.query(None).parts].count("picture") == 0


def test_a_post_is_asked_for_or_kept_away_not_both():
    link = SearchLink(words="cat", number=3).more_like("1").less_like("1")
    assert (link.like, link.unlike, link.number) == ((), ("1",), 1)
    assert link.more_like("1").like == ("1",)


def test_only_our_own_urls_are_read():
    for url in (
        "https://example.org/search?q=x",
        "//example.org/search",
        "./admin",
        "javascript:alert(1)",
        "",
        "http://[",
    ):
        assert parse_url(url) is None
    assert parse_url("./search?q=a%20cat") == SearchLink(words="a cat")
