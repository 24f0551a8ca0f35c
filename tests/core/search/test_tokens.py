"""How texts are cut into words, and that it is done one way only."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.search.tokens import MAX_WORD, folded, forms, grams, normal_form, stem, tags, tokenise


@pytest.mark.parametrize(
    ("text", "words", "runs"),
    [
        ("It's the CAT's, don't l'amour O'Brien", "its the cats dont l amour o brien", ""),
        ("naïve ÜBER Straße œuvre Ångström", "naive uber strasse oeuvre angstrom", ""),
        ("ΣΊΣΥΦΟΣ ёлка й Привет", "σισυφοσ ёлка й привет", ""),
        ("हिन्दी العَرَبِيَّة שָׁלוֹם", "हिन्दी العربية שלום", ""),
        ("ﬁre ＡＢＣ 𝓯𝓸𝓷𝓽 x² ½", "fire abc font x2 1/2", ""),
        ("a_b c-d e.f http://x.y/z?q=1", "a b c d e f http x y z q 1", ""),
        ("👍🏽 👩‍🚀 🇩🇪🇫🇷 ❤️", "👍 👩 🚀 🇩🇪 🇫🇷 ❤", ""),
        ("東京タワーtower、ｶﾞ 한국어로", "tower", "東京タワー ガ 한국어로"),
        ("\u200bzero\u200b-\u200dwidth\u202e x\u00ady", "zero width xy", ""),
        ("", "", ""),
    ],
)
def test_words_and_runs(text: str, words: str, runs: str) -> None:
    assert forms(text) == (words.split(), runs.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#Cats #猫 ＃Ｘ #a_b", ["#cats", "#猫", "#x", "#a_b"]),
        ("@Bob, @alice.bsky.social. a@b.com http://x/#part &#39; ##", ["@bob", "@alice.bsky.social"]),
        ("x#y #", []),
    ],
)
def test_tags(text: str, expected: list[str]) -> None:
    assert [token.form for token in tags(text)] == expected


@given(st.text(st.characters(max_codepoint=127), max_size=200))
@example("it's IT'S x's's '")
@example("a" * 100 + "'s")
def test_the_quick_way_for_ascii_is_the_same(text: str) -> None:
    assert forms(text) == ([token.form for token in tokenise(text)], [])


@given(st.text(max_size=100))
def test_tokens_lie_in_order_and_their_forms_have_no_space(text: str) -> None:
    end = 0
    for token in tokenise(text):
        assert end <= token.start < token.end <= len(text)
        end = token.end
        assert token.form
        assert not any(character.isspace() for character in token.form)
    words, runs = forms(text)
    assert words == [token.form for token in tokenise(text) if token.kind == "word"]
    assert runs == [token.form for token in tokenise(text) if token.kind == "run"]


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_long_words_are_cut_and_long_runs_are_not() -> None:
    assert normal_form("x" * 500) == "x" * MAX_WORD
    assert forms("東" * 500)[1] == ["東" * 500]


def test_grams_are_characters_and_pairs() -> None:
    assert list(grams("東京都")) == [(0, "東"), (1, "東京"), (2, "京"), (3, "京都"), (4, "都")]
    assert list(grams("")) == []


def test_stems() -> None:
    assert {stem(word) for word in ("connect", "connected", "connection", "connections")} == {"connect"}
    assert stem("東京") == "東京"
