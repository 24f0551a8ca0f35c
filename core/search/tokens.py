"""What counts as a word: the one place where texts, queries and marks are cut up alike.

Words are runs of letters, marks and digits, brought to one form: compatibility forms and full width undone (Unicode
NFKC), case folded, accents dropped from Latin and Greek, vowel points from Hebrew and Arabic, invisible characters
removed. Emoji are words of their own. Scripts that write no spaces between words (and Hangul, which glues particles to
them) are indexed as characters and pairs of characters, as search engines have done since the 1990s.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import tantivy

MAX_WORD = 64
"""Longer words are cut to this many characters, in texts and queries alike."""

_SPACELESS = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59\u0e81-\u0edf"  # Thai, Lao
    "\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17e0-\u17e9"  # Myanmar, Khmer
    "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7fb\uffa1-\uffdc"  # Hangul
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana, Katakana
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_EMOJI = "\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"


def _marks() -> str:
    """The combining marks of scripts with spaces, as the inside of a character class."""
    candidates = [
        chr(code) for first, end in ((0x300, 0x1E00), (0x20D0, 0x2E00), (0xA66F, 0xAC00)) for code in range(first, end)
    ]
    spaceless = re.compile(f"[{_SPACELESS}]")
    return "".join(c for c in candidates if unicodedata.category(c)[0] == "M" and not spaceless.match(c))


_LETTER = rf"[^\W_{_SPACELESS}]"
_INSIDE = f"[{_marks()}{_INVISIBLE}]"
# The endings after an apostrophe belong to the English word before: "don't", "cat's"; "l'amour" is two words.
_ENDING = rf"(?:['’](?i:s|t|re|ve|ll|d|m)(?!{_LETTER}))?"
TOKEN = re.compile(
    f"(?P<word>{_LETTER}+(?:{_INSIDE}+{_LETTER}*)*{_ENDING})"
    f"|(?P<run>[{_SPACELESS}][{_SPACELESS}{_INVISIBLE}]*)"
    f"|(?P<emoji>[\U0001f1e6-\U0001f1ff]{{2}}|[{_EMOJI}])"
)
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'(?:s|t|re|ve|ll|d|m)(?![a-z0-9]))?")
_TAG = re.compile(rf"(?<![\w&/])(?:[#＃](?P<hash>(?:\w|{_INSIDE})+)|[@＠](?P<mention>\w(?:[\w.-]*\w)?))")
_DROPPED = re.compile(f"[{_INVISIBLE}'’\\s]")
_FOLDED_MARKS = re.compile(
    "(?<=[a-z\u0370-\u03ff\u1f00-\u1fff])[\u0300-\u036f]+|[\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]"
)


def _analyzer(last: tantivy.Filter) -> tantivy.TextAnalyzer:
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(last).build()


_FOLD = _analyzer(tantivy.Filter.ascii_fold())
STEMMER = _analyzer(tantivy.Filter.stemmer("english"))
"""The Snowball stemmer for English; words of other languages mostly pass unchanged."""


class Token(NamedTuple):
    """One piece of a text: ``text[start:end]`` and its form in the index.

    ``kind`` is ``word`` (also an emoji) or ``run`` (characters of scripts without spaces).
    """

    kind: Literal["word", "run"]
    form: str
    start: int
    end: int


def tokenise(text: str) -> Iterator[Token]:
    """The words and runs of a text, in order. An emoji is a word."""
    for match in TOKEN.finditer(text):
        if match.lastgroup == "run":
            yield Token("run", folded(match.group()), match.start(), match.end())
        elif form := normal_form(match.group()):
            yield Token("word", form, match.start(), match.end())


def forms(text: str) -> tuple[list[str], list[str]]:
    """The normal forms of a text's words and of its runs, for the index."""
    if text.isascii():  # the same, several times quicker
        return [word[:MAX_WORD].replace("'", "") for word in _ASCII_WORD.findall(text.lower())], []
    words: list[str] = []
    runs: list[str] = []
    for token in tokenise(text):
        (words if token.kind == "word" else runs).append(token.form)
    return words, runs


def tags(text: str) -> Iterator[Token]:
    """The hashtags and mentions of a text, as ``#form`` and ``@form``."""
    for match in _TAG.finditer(text):
        sign = "#" if match.lastgroup == "hash" else "@"
        form = normal_form(match.group(match.lastgroup or 0))
        if form:
            yield Token("word", sign + form, match.start(), match.end())


@lru_cache(maxsize=65_536)
def normal_form(word: str) -> str:
    """The form of a word that is indexed and compared. May be empty, and has no white space in it."""
    return folded(word[:MAX_WORD])


def folded(text: str) -> str:
    if text.isascii():
        return text.lower().replace("'", "")
    text = _DROPPED.sub("", unicodedata.normalize("NFKC", text)).casefold()
    text = unicodedata.normalize("NFC", _FOLDED_MARKS.sub("", unicodedata.normalize("NFD", text)))
    return "".join(_FOLD.analyze(text))


@lru_cache(maxsize=65_536)
def stem(form: str) -> str:
    """The English stem of a word's normal form."""
    return "".join(STEMMER.analyze(form))


def grams(run: str) -> Iterator[tuple[int, str]]:
    """(position, gram) of a run's characters and pairs of characters, two positions a character.

    A phrase of the grams at even or odd positions is a search for the run as it is written.
    """
    for at, character in enumerate(run):
        yield 2 * at, character
        if at + 1 < len(run):
            yield 2 * at + 1, run[at : at + 2]
