"""Guesses the language of a text where the source does not say, by py3langid's packaged model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# The languages that much is posted in. Over the model's full list, short English is taken for small languages.
# fmt: off
LANGUAGES = (
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id",
    "it", "ja", "ko", "lt", "lv", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "sw", "ta", "te",
    "th", "tr", "uk", "ur", "vi", "zh",
)
# fmt: on
LEAST_LETTERS = 12
LEAST_PROBABILITY = 0.8

_NOT_LANGUAGE = re.compile(r"https?://\S+|[@#]\w+|\bRT\b")
_LETTER = re.compile(r"[^\W\d_]")
_WIDE = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


def guess_language(text: str) -> str | None:
    """An ISO 639-1 code, or None where the text is too short or the guess too unsure. Links, mentions and hashtags are
    left out; the first 200 characters decide."""
    words = " ".join(_NOT_LANGUAGE.sub(" ", text[:1000]).split())[:200]
    # A character of a script without spaces says as much as a few letters.
    if len(_LETTER.findall(words)) + 2 * len(_WIDE.findall(words)) < LEAST_LETTERS:
        return None
    lang, probability = _identifier().classify(words)
    return str(lang) if probability >= LEAST_PROBABILITY else None
