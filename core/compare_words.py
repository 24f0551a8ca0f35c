"""Counts the words of many texts as numbers, so that counting and finding examples are work for arrays."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.search import tokens

Kind = Literal["words", "pairs"]
KINDS: tuple[Kind, ...] = ("words", "pairs")
_NO_WORDS = re.compile(r"(?:https?://|www\.)\S+|[@＠#＃][\w.-]+|&\w+;")
_BEGINNING = 60


@dataclass(frozen=True, slots=True)
class Text:
    """A post's text, and the ISO 639 code of its language."""

    id: str
    text: str
    lang: str


@dataclass(frozen=True, slots=True)
class _Found:
    """What the texts of a side hold: the features of all of them, each once a text, text after text, as numbers; and
    where each text's begin."""

    features: NDArray[np.int64]
    starts: NDArray[np.int64]

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(features, rising; how many texts have each)."""
        found, count = np.unique(self.features, return_counts=True)
        return found, count.astype(np.int64)

    def texts_with(self, feature: int) -> NDArray[np.int64]:
        """Positions of the texts that have a feature, rising."""
        return np.searchsorted(self.starts, np.flatnonzero(self.features == feature), side="right") - 1


class WordCounts:
    """The words and pairs of words of the texts of two sides, ``here`` and ``there``."""

    def __init__(self, here: Sequence[Text], there: Sequence[Text]) -> None:
        self._numbers: dict[str, int] = {}
        self._texts = (here, there)
        self._found = tuple(self._read(texts) for texts in self._texts)
        self._names = list(self._numbers)

    def _read(self, texts: Sequence[Text]) -> Mapping[Kind, _Found]:
        numbers = self._numbers
        flat: dict[Kind, list[int]] = {"words": [], "pairs": []}
        starts: dict[Kind, list[int]] = {"words": [], "pairs": []}
        for text in texts:
            single, double = words_of(text)
            starts["words"].append(len(flat["words"]))
            starts["pairs"].append(len(flat["pairs"]))
            flat["words"] += [numbers.setdefault(word, len(numbers)) for word in single]
            flat["pairs"] += [numbers[one] << 32 | numbers[two] for one, two in double]
        return {kind: _Found(np.array(flat[kind], np.int64), np.array(starts[kind], np.int64)) for kind in KINDS}

    def counts(self, kind: Kind, least: int) -> dict[str, tuple[int, int]]:
        """In how many texts here and there each feature is that ``least`` texts of a side have."""
        (ours, our_counts), (theirs, their_counts) = (side[kind].counts() for side in self._found)
        every = np.union1d(ours[our_counts >= least], theirs[their_counts >= least])
        columns = [_at(every, *given) for given in ((ours, our_counts), (theirs, their_counts))]
        return {
            self._name(feature, kind): (here, there)
            for feature, here, there in zip(every.tolist(), *(column.tolist() for column in columns), strict=True)
        }

    def examples(self, name: str, kind: Kind, side: int, most: int) -> tuple[tuple[str, ...], str]:
        """(ids of the first texts of a side, 0 here and 1 there, that have a feature, the feature as most of them write
        it). Copies of one text are one example."""
        texts, said = self._texts[side], set()
        chosen: list[str] = []
        written: Counter[str] = Counter()
        for at in self._found[side][kind].texts_with(self._feature(name, kind)).tolist():
            text = texts[at]
            beginning = text.text[:_BEGINNING].casefold()
            if beginning in said:
                continue
            said.add(beginning)
            chosen.append(text.id)
            written[_as_written(name, _written_forms(text.text))] += 1
            if len(chosen) == most:
                break
        return tuple(chosen), written.most_common(1)[0][0] if written else name

    def _name(self, feature: int, kind: Kind) -> str:
        if kind == "words":
            return self._names[feature]
        return f"{self._names[feature >> 32]} {self._names[feature & 0xFFFFFFFF]}"

    def _feature(self, name: str, kind: Kind) -> int:
        if kind == "words":
            return self._numbers[name]
        one, _, two = name.partition(" ")
        return self._numbers[one] << 32 | self._numbers[two]


def _at(wanted: NDArray[np.int64], found: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The count of each wanted feature, 0 where it was not found."""
    if not len(found):
        return np.zeros(len(wanted), np.int64)
    at = np.minimum(np.searchsorted(found, wanted), len(found) - 1)
    return np.where(found[at] == wanted, counts[at], 0)


def words_of(text: Text) -> tuple[set[str], set[tuple[str, str]]]:
    """The words of a text that are no stop words of its language, and the pairs of such that follow each other. Of
    scripts without spaces, pairs of characters stand for words."""
    words, runs = tokens.forms(_NO_WORDS.sub(" ", text.text))
    stop = stop_words(text.lang)
    kept = ["" if word in stop or word.isdecimal() or (len(word) < 2 and word.isascii()) else word for word in words]
    single = set(kept)
    single.update(_pairs_of_characters(runs, stop))
    single.discard("")
    return single, {(one, two) for one, two in pairwise(kept) if one and two}


def _pairs_of_characters(runs: Sequence[str], stop: frozenset[str]) -> Iterator[str]:
    return (gram for run in runs for _, gram in tokens.grams(run) if len(gram) == 2 and gram not in stop)


@lru_cache(maxsize=64)
def stop_words(lang: str) -> frozenset[str]:
    """The stop words of a language by its ISO 639 code, in the form of :mod:`core.search.tokens` (stopwords-iso)."""
    import stopwordsiso

    lang = lang.split("-", maxsplit=1)[0].lower()
    known = stopwordsiso.stopwords(lang) if stopwordsiso.has_lang(lang) else ()
    return frozenset(tokens.folded(word) for word in known)


def _written_forms(text: str) -> dict[str, str]:
    forms: dict[str, str] = {}
    for token in tokens.tokenise(text):
        forms.setdefault(token.form, text[token.start : token.end])
    return forms


def _as_written(name: str, forms: Mapping[str, str]) -> str:
    return " ".join(forms.get(word, word) for word in name.split(" "))
