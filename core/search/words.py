"""Which characters of a text a query's words match, and the part of a long text to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from core.search.query_words import Item, parse
from core.search.tokens import TOKEN, folded, normal_form, stem, tags

Span = tuple[int, int]
"""Start and end in a text, as in ``text[start:end]``."""

MAX_MARKED_CHARS = 100_000
MAX_SPANS = 1_000

# fmt: off
_SAYS_LITTLE = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "had", "has", "have", "he", "her", "his",
    "i", "if", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "she", "so", "that", "the",
    "their", "them", "they", "this", "to", "was", "we", "were", "will", "with", "you", "your",
))
# fmt: on
"""Marked only where a query has nothing else: an excerpt that begins at the first "the" shows the wrong part."""

_ELLIPSIS = "…"
_LONGEST_GRAPHEME = 64


def marked_spans(text: str, query: str) -> list[Span]:
    """Where ``text`` has what ``query`` asks for, as the lexical index understands both: rising, apart from each other.

    Words are marked with all forms of the same stem, phrases as a whole, tags with their sign. Looks at the first
    MAX_MARKED_CHARS characters and gives at most MAX_SPANS spans.
    """
    wanted = parse(query).wanted
    if not wanted:
        return []
    text = text[:MAX_MARKED_CHARS]
    spans = [*_word_spans(text, wanted), *_phrase_spans(text, wanted), *_tag_spans(text, wanted)]
    return _merged(spans)[:MAX_SPANS]


def excerpt(text: str, spans: list[Span], length: int = 280) -> tuple[str, list[Span]]:
    """About ``length`` characters of ``text`` around the first span, and the spans within them.

    Cuts between words where there are spaces, else between graphemes, and shows an ellipsis where it cut. A text that
    is short enough comes back whole.
    """
    if len(text) <= length:
        return text, list(spans)
    first = spans[0][0] if spans else 0
    start = max(0, min(first - length // 4, len(text) - length))
    start = _boundary(text, start, range(start, min(first, start + 40)))
    end = min(len(text), start + length)
    end = _boundary(text, end, range(end, max(start, end - 40), -1))
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    before, after = _ELLIPSIS if start > 0 else "", _ELLIPSIS if end < len(text) else ""
    shift = len(before) - start
    kept = [
        (max(left, start) + shift, min(right, end) + shift) for left, right in spans if left < end and right > start
    ]
    return before + text[start:end] + after, kept


def _word_spans(text: str, wanted: tuple[Item, ...]) -> Iterator[Span]:
    words = {item.terms[0] for item in wanted if item.kind == "word"}
    words = words - _SAYS_LITTLE or words
    stems = {stem(word) for word in words}
    prefixes = tuple(item.terms[0] for item in wanted if item.kind == "prefix")
    runs = [item for item in wanted if item.kind == "run"]
    verdicts: dict[str, bool] = {}
    for match in TOKEN.finditer(text):
        piece = match.group()
        if match.lastgroup == "run":
            yield from _run_spans(piece, match.start(), runs)
            continue
        verdict = verdicts.get(piece)
        if verdict is None:
            form = normal_form(piece)
            verdict = form in words or stem(form) in stems or (form != "" and form.startswith(prefixes))
            verdicts[piece] = verdict
        if verdict:
            yield match.span()


def _run_spans(piece: str, offset: int, runs: list[Item]) -> Iterator[Span]:
    """Pairs of characters of a run that is asked for, or the run as a whole where it was quoted."""
    form = folded(piece) if runs else ""
    for item in runs:
        run = item.terms[0]
        sought = [run] if item.required or len(run) == 1 else [run[at : at + 2] for at in range(len(run) - 1)]
        for gram in sought:
            for match in re.finditer(f"(?={re.escape(gram)})", form):
                if len(form) == len(piece):
                    yield offset + match.start(), offset + match.start() + len(gram)
                else:  # Folding joined characters, so that places no longer correspond.
                    yield offset, offset + len(piece)
                    break


def _phrase_spans(text: str, wanted: tuple[Item, ...]) -> Iterator[Span]:
    phrases = [item.terms for item in wanted if item.kind == "phrase"]
    if not phrases:
        return
    found = [match for match in TOKEN.finditer(text) if match.lastgroup != "run"]
    forms = [normal_form(match.group()) for match in found]
    for phrase in phrases:
        for at in range(len(forms) - len(phrase) + 1):
            if forms[at] == phrase[0] and tuple(forms[at : at + len(phrase)]) == phrase:
                yield found[at].start(), found[at + len(phrase) - 1].end()


def _tag_spans(text: str, wanted: tuple[Item, ...]) -> Iterator[Span]:
    sought = {item.terms[0] for item in wanted if item.kind == "tag"}
    if not sought:
        return
    for token in tags(text):
        if token.form in sought or token.form.split(".")[0] in sought:
            yield token.start, token.end


def _merged(spans: list[Span]) -> list[Span]:
    """Spans that overlap or touch become one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _boundary(text: str, at: int, places: range) -> int:
    """The first of ``places`` between a space and a word, or else the grapheme boundary at or before ``at``."""
    for place in places:
        if 0 < place < len(text) and text[place - 1].isspace() != text[place].isspace():
            return place
    for _ in range(_LONGEST_GRAPHEME):
        if not 0 < at < len(text) or not _inside_grapheme(text, at):
            break
        at -= 1
    return at


def _inside_grapheme(text: str, at: int) -> bool:
    """Whether a cut before ``text[at]`` would part one character that a reader sees (the main rules of UAX 29)."""
    before, after = text[at - 1], text[at]
    if unicodedata.category(after)[0] == "M" or after in "\u200d\u200c" or before == "\u200d":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f" or before + after == "\r\n":
        return True
    if "\u1160" <= after <= "\u11ff":  # the vowels and finals of Hangul syllables written in parts
        return True
    if _is_regional(before) and _is_regional(after):
        flags = 0
        while flags < at and _is_regional(text[at - 1 - flags]):
            flags += 1
        return flags % 2 == 1
    return False


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
