"""The language of the search box."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search.query_words import MAX_TERMS, Item, all_words, parse, plain_words


def word(*terms: str) -> list[Item]:
    return [Item("word", (term,)) for term in terms]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("Cats and DOGS", word("cats", "and", "dogs")),
        ("cats cats", word("cats")),
        ('"New York" pizza', [Item("phrase", ("new", "york"), True), *word("pizza")]),
        ("“New York”", [Item("phrase", ("new", "york"), True)]),
        ('"never closed', [Item("phrase", ("never", "closed"), True)]),
        ("clim*", [Item("prefix", ("clim",))]),
        ("state-of*", [*word("state"), Item("prefix", ("of",))]),
        ("*", []),
        ("user:Bob", [Item("user", ("bob",), True)]),
        ("USER:@Bob", [Item("user", ("bob",), True)]),
        ('user:"Bob Smith"', [Item("user", ("bob smith",), True)]),
        ("user: bob", word("user", "bob")),
        ("other:bob", word("other", "bob")),
        ("tag:cats tag:@bob", [Item("tag", ("#cats",), True), Item("tag", ("@bob",), True)]),
        ("#cats @bob", [Item("tag", ("#cats",)), Item("tag", ("@bob",))]),
        ("東京 x", [Item("run", ("東京",)), *word("x")]),
        ('"東京"', [Item("run", ("東京",), True)]),
        ("this AND that OR more", word("this", "that", "more")),
        ("not and or", word("not", "and", "or")),
    ],
)
def test_wanted(query: str, wanted: list[Item]) -> None:
    parsed = parse(query)
    assert list(parsed.wanted) == wanted
    assert parsed.unwanted == ()


@pytest.mark.parametrize(
    ("query", "unwanted"),
    [
        ("-dog", [word("dog")]),
        ("x NOT dog", [word("dog")]),
        ('-"big dog" -covid-19', [[Item("phrase", ("big", "dog"), True)], [Item("phrase", ("covid", "19"), True)]]),
        ("NOT NOT dog", [word("dog")]),
        ("-user:bob -#x", [[Item("user", ("bob",), True)], [Item("tag", ("#x",))]]),
        ("- dog well-known NOT", []),
    ],
)
def test_unwanted(query: str, unwanted: list[list[Item]]) -> None:
    assert [list(group) for group in parse(query).unwanted] == unwanted


@given(st.text(max_size=500))
def test_every_string_is_a_query_within_bounds(query: str) -> None:
    parsed = parse(query)
    items = [*parsed.wanted, *(item for group in parsed.unwanted for item in group)]
    assert all(item.terms and all(item.terms) for item in items)
    assert sum(len(item.terms) for item in items) <= MAX_TERMS
    plain_words(query)


def test_long_queries_are_cut() -> None:
    words = " ".join(f"w{number}" for number in range(1_000))
    assert len(parse(words).wanted) == MAX_TERMS
    assert len(parse(f'"{words}"').wanted[0].terms) == MAX_TERMS
    assert len(all_words(words)) == MAX_TERMS


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('a "cat sat" -dog NOT bird user:bob tag:cats #x pre*', "a cat sat cats #x pre"),
        ("plain sentence, with signs!", "plain sentence, with signs!"),
        ("-all NOT wanted", ""),
    ],
)
def test_plain_words_are_what_an_encoder_should_read(query: str, expected: str) -> None:
    assert plain_words(query) == expected
