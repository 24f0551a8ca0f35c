"""Names for clusters: the words and word pairs that each says more than the others of its level.

Class-based TF-IDF (Grootendorst, 2022): a cluster is one document, and a term weighs by how many of the cluster's texts
hold it and how rare it is in all. A text counts a term once, so that nobody makes a name by repeating a word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.search.tokens import TOKEN, folded, normal_form, stem

TERMS = 12
NAMED_BY = 3
PAIR_BONUS = 1.6
"""A pair is rarer than its words and says more."""
LIFT = 1.5
"""A cluster is named by what it says so many times as often as all do."""
SAID_BY, SAID_IN = 0.1, 0.5
"""A word that so many of the texts of more than so many clusters hold names none of them, nor does a pair with it: in
a set about one thing, as "vaccine" in tweets about vaccination, it would stand in every name."""
READ_CHARS = 600
"""Of each text, so that one long post does not outweigh a hundred short ones."""

_LINK = re.compile(r"(?:https?://|www\.)\S+|[@＠][\w.-]+|&(?:amp|lt|gt|quot|#\d+);|\S+@\S+", re.IGNORECASE)
_GRAMMAR = re.compile(r"[\u3041-\u309f]+")
"""Two hiragana are mostly an ending or a particle."""
# What a link leaves behind, and English contractions without their apostrophe, which folding takes.
_OWN_STOPS = frozenset(
    ["amp", "rt", "via", "http", "https", "www", "com", "org", "net", "html", "gt", "lt", "im", "dont", "cant",
     "didnt", "doesnt", "isnt", "wasnt", "ive", "youre", "thats", "hes", "shes", "theyre", "weve", "wont",
     "couldnt", "wouldnt", "shouldnt", "aint", "lets", "gonna", "wanna", "removed", "deleted"]
)  # fmt: skip


@lru_cache(maxsize=64)
def stop_words(lang: str) -> frozenset[str]:
    """The stop words of a language and of English, which is mixed into every other, in the form that is compared.

    ``lang`` is an ISO 639 code, with or without a region.
    """
    import stopwordsiso

    code = re.split(r"[-_]", lang.lower())[0] or "en"
    words = set(stopwordsiso.stopwords("en"))
    if stopwordsiso.has_lang(code):
        words |= stopwordsiso.stopwords(code)
    return frozenset(folded(word) for word in words) | _OWN_STOPS


def terms_of(text: str, lang: str | None) -> Iterator[tuple[str, str]]:
    """The terms of a text as (form, as it is written): words that are no stop words, pairs of them that stand side by
    side, and pairs of characters of scripts without spaces."""
    stops = stop_words(lang or "en")
    before: tuple[str, str] | None = None
    end = 0
    text = _LINK.sub(" | ", text[:READ_CHARS])
    for match in TOKEN.finditer(text):
        written = match.group()
        if match.lastgroup == "run":
            run = folded(written)
            if len(run) == 1 or (len(run) <= 4 and run not in stops):
                yield run, run
            else:
                pairs = (run[at : at + 2] for at in range(len(run) - 1))
                yield from ((two, two) for two in pairs if two not in stops and not _GRAMMAR.fullmatch(two))
            before = None
            continue
        form = normal_form(written)
        if not form or form in stops or form.isdecimal() or (len(written) < 2 and form.isalnum()):
            before = None
            continue
        yield form, written
        if before is not None and text[end : match.start()].strip(" \n\t#'’") == "" and before[0] != form:
            yield f"{before[0]} {form}", f"{before[1]} {written}"
        before, end = (form, written), match.end()


def name_clusters(
    labels: NDArray[np.int32], texts: Sequence[tuple[int, str | None, str]], report: Callable[[int, int], None]
) -> list[list[list[tuple[str, float]]]]:
    """The terms of each cluster of each level, best first, from a sample of (position, language, text).

    ``labels`` is (levels, n). A cluster whose texts have no word in common has no terms.
    """
    from scipy.sparse import csr_matrix

    counted = _counted(texts, report)
    if counted is None:
        return [[[] for _ in range(int(of.max()) + 1)] for of in labels]
    matrix, words, forms = counted
    positions = np.array([position for position, _, _ in texts], np.int64)
    total = np.asarray(matrix.sum(axis=0)).ravel()
    named = []
    for of in labels:
        count = int(of.max()) + 1
        own = of[positions]
        kept = np.flatnonzero(own >= 0)
        member = csr_matrix((np.ones(len(kept), np.float32), (own[kept], kept)), shape=(count, len(texts)))
        sizes = np.bincount(own[kept], minlength=count)
        named.append(_best_terms((member @ matrix).tocsr(), sizes, total, words, forms))
    return named


def _counted(texts: Sequence[tuple[int, str | None, str]], report: Callable[[int, int], None]) -> Any:
    """(texts by terms, as sparse ones; how each term is mostly written; its form)."""
    from scipy.sparse import csr_matrix

    numbers: dict[str, int] = {}
    written: list[Counter[str]] = []
    indices: list[int] = []
    limits = [0]
    for at, (_, lang, text) in enumerate(texts):
        if at % 2000 == 0:
            report(at, len(texts))
        seen: dict[str, str] = {}
        for form, shown in terms_of(text, lang):
            seen.setdefault(form, shown)
        for form, shown in seen.items():
            number = numbers.setdefault(form, len(numbers))
            if number == len(written):
                written.append(Counter())
            if len(written[number]) < 8:
                written[number][shown] += 1
            indices.append(number)
        limits.append(len(indices))
    if not numbers:
        return None
    matrix = csr_matrix(
        (np.ones(len(indices), np.float32), np.array(indices), np.array(limits)), shape=(len(texts), len(numbers))
    )
    often = np.flatnonzero(np.asarray(matrix.sum(axis=0)).ravel() >= (2 if len(texts) < 20_000 else 4))
    forms = list(numbers)
    return matrix[:, often], [written[at].most_common(1)[0][0] for at in often], [forms[at] for at in often]


def _best_terms(
    inside: Any, sizes: NDArray[np.int64], total: NDArray[np.float32], words: list[str], forms: list[str]
) -> list[list[tuple[str, float]]]:
    everywhere = max(1, int(sizes.sum()))
    average = inside.sum() / max(1, inside.shape[0])
    pair = np.array([PAIR_BONUS if " " in form else 1.0 for form in forms], np.float32)
    everyones = _said_everywhere(inside, sizes, forms)
    found = []
    for row, size in enumerate(sizes.tolist()):
        start, end = inside.indptr[row], inside.indptr[row + 1]
        at, count = inside.indices[start:end], inside.data[start:end]
        share = count / max(1, size)
        least = 2 if size > 3 else 1
        good = (count >= least) & (share > LIFT * total[at] / everywhere)
        if (good & ~everyones[at]).any():
            good &= ~everyones[at]
        if not good.any():  # too few texts to have a word in common: their rarest common ones
            good = count > 0
        at, share = at[good], share[good]
        score = share * np.log1p(average / total[at]) * pair[at]
        order = np.argsort(-score, kind="stable")[:80]
        found.append(_distinct([(words[at[i]], forms[at[i]], float(score[i])) for i in order]))
    return found


def _said_everywhere(inside: Any, sizes: NDArray[np.int64], forms: list[str]) -> NDArray[np.bool_]:
    """(terms,): which of them hold a word of most clusters."""
    rows = np.repeat(np.arange(len(sizes)), np.diff(inside.indptr))
    often = inside.indices[inside.data >= SAID_BY * sizes[rows]]
    most = np.bincount(often, minlength=len(forms)) > max(2, SAID_IN * len(sizes))
    words = {forms[at] for at in np.flatnonzero(most).tolist()}
    return np.array([not words.isdisjoint(form.split()) for form in forms], np.bool_)


def _distinct(ranked: list[tuple[str, str, float]]) -> list[tuple[str, float]]:
    """Without terms that repeat a word of a better one; a pair takes the place of its word where it is nearly as
    good."""
    chosen: list[tuple[str, float, frozenset[str]]] = []
    for word, form, score in ranked:
        stems = frozenset(stem(part) for part in form.split())
        overlapping = [i for i, (_, _, others) in enumerate(chosen) if stems & others]
        if not overlapping:
            chosen.append((word, score, stems))
        elif len(overlapping) == 1 and len(stems) == 2:
            i = overlapping[0]
            if chosen[i][2] < stems and score >= 0.5 * chosen[i][1]:
                chosen[i] = (word, chosen[i][1], stems)
        if len(chosen) >= TERMS:
            break
    return [(word, round(score, 5)) for word, score, _ in chosen]


def name_of(terms: Sequence[tuple[str, float]]) -> str:
    """A cluster's name: its best terms; empty where it has none."""
    return ", ".join(term for term, _ in terms[:NAMED_BY])
