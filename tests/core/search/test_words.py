"""Marks and excerpts: the same words as the index, at the right places of the original."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.search.words import MAX_MARKED_CHARS, MAX_SPANS, excerpt, marked_spans

TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            ["cat", "Cats", "東京都", "#cats", "🇩🇪", "👩‍🚀", "cafe\u0301", "e\u0301", " ", "\n", "ｶﾞ", "x" * 60]
        )
    ).map("".join),
)


def marked(text: str, query: str) -> list[str]:
    return [text[start:end] for start, end in marked_spans(text, query)]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("A cat and two Cats, CAT'S", "cats", ["cat", "Cats", "CAT'S"]),
        ("He runs; running is run of the mill", "running", ["runs", "running", "run"]),
        ("a dog and a cat, the end", "the cat", ["cat"]),
        ("to be or not to be", "to be", ["to", "be", "to", "be"]),
        ("Visit NEW  York, new-york or York New", '"new york"', ["NEW  York", "new-york"]),
        ("Café, cafe\u0301 and CAFE", "cafe", ["Café", "cafe\u0301", "CAFE"]),
        ("climate climbing club", "clim*", ["climate", "climbing"]),
        ("I love #Cats, cats and @bob", "#cats @Bob", ["#Cats", "@bob"]),
        ("by @alice.bsky.social", "@alice", ["@alice.bsky.social"]),
        ("東京都に行く", "東京", ["東京"]),
        ("東京都に行く", "京都", ["京都"]),
        ("東京都に行く 都", "都", ["都", "都"]),
        ("東京都知事", "東京都", ["東京都"]),
        ("京都の東", "東京都", ["京都"]),
        ("京都の東", '"東京都"', []),
        ("나는 고양이가 좋아", "고양이", ["고양이"]),
        ("แมวน่ารัก", "แมว", ["แมว"]),
        ("ｶﾞｷﾞ", "ガギ", ["ｶﾞｷﾞ"]),
        ("pizza 🍕 time", "🍕", ["🍕"]),
        ("v\u200biagra for 𝓬𝓪𝓽", "viagra cat", ["v\u200biagra", "𝓬𝓪𝓽"]),
        ("cat dog", "cat -dog NOT dog user:cat", ["cat"]),
        ("don't do it", "dont", ["don't"]),
        ("<b>cat</b>", "b cat", ["b", "cat", "b"]),
        ("anything", "", []),
        ("", "cat", []),
    ],
)
def test_what_is_marked(text: str, query: str, expected: list[str]) -> None:
    assert marked(text, query) == expected


@given(TEXTS, st.text(max_size=60))
@example("İİ", "i")
@example("ﷺ", "ﷺ")
@example("x", '"')
def test_spans_lie_in_the_text_apart_and_in_order(text: str, query: str) -> None:
    spans = marked_spans(text, query)
    for start, end in spans:
        assert 0 <= start < end <= len(text)
    for (_, end), (start, _) in pairwise(spans):
        assert end < start


@given(st.lists(st.sampled_from(["cats", "running", "the", "Tokyo", "ÜBER", "naïve", "well-known-cats"]), min_size=1))
def test_a_text_is_marked_by_its_own_words(words: list[str]) -> None:
    text = " ".join(words)
    for word in words:
        assert word in " ".join(marked(text, word)) or set(marked(text, word)) == set(word.split("-"))


def test_long_texts_and_many_matches_are_bounded() -> None:
    assert len(marked_spans("cat dog " * 100_000, "cat")) == MAX_SPANS
    assert marked_spans("x " * (MAX_MARKED_CHARS // 2) + "cat", "cat") == []
    assert marked_spans("東" * 50_000, "東京 東東") == [(0, 50_000)]


def test_a_short_text_is_its_own_excerpt() -> None:
    assert excerpt("a cat", [(2, 5)]) == ("a cat", [(2, 5)])


def test_an_excerpt_shows_the_first_match_between_words() -> None:
    text = "word " * 200 + "needle " + "more " * 200
    at = text.index("needle")
    shown, spans = excerpt(text, [(at, at + 6)], 100)
    assert [shown[start:end] for start, end in spans] == ["needle"]
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert set(shown.strip("…").split()) == {"word", "needle", "more"}
    assert len(shown) <= 102


def test_an_excerpt_without_matches_is_the_beginning() -> None:
    shown, spans = excerpt("one two three four", [], 9)
    assert (shown, spans) == ("one two…", [])


@pytest.mark.parametrize("grapheme", ["👩‍🚀", "🇩🇪", "e\u0301\u0323", "👍🏽", "각"])
@pytest.mark.parametrize("length", range(20, 30))
def test_graphemes_stay_whole(grapheme: str, length: int) -> None:
    text = grapheme * 60
    shown, _ = excerpt(text, [(len(text) // 2, len(text) // 2 + 1)], length)
    inner = shown.strip("…")
    assert inner
    assert inner == grapheme * (len(inner) // len(grapheme))


@given(TEXTS.map(lambda text: text * 3), st.text(max_size=10), st.integers(1, 400))
def test_an_excerpt_is_a_piece_of_the_text(text: str, query: str, length: int) -> None:
    spans = marked_spans(text, query)
    shown, kept = excerpt(text, spans, length)
    if len(text) <= length:
        assert (shown, kept) == (text, spans)
        return
    pieces = [shown, shown[1:], shown[:-1], shown[1:-1]]
    assert any(piece in text for piece in pieces)
    assert len(shown) <= length + 70
    for start, end in kept:
        assert 0 <= start < end <= len(shown)
        assert any(shown[start:end] in text[left:right] for left, right in spans)
