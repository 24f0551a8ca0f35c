"""Texts as the word scorers read them: one form for what is written in many ways, tricks undone.

Undone are invisible characters inside words, letters of other scripts that look like Latin ones, digits and signs that
stand for letters ("h4te", "$cam"), letters set apart ("f o o l") and letters drawn out ("soooo"). Names, links and
numbers become one word each, so that scorers learn from what is said and not from whom.
"""

from __future__ import annotations

import html
import re
import unicodedata

MAX_CHARACTERS = 5000
"""Of a text so much is read: the scorers' sentence vector sees no more of it either."""

_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
                        "\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]")  # fmt: skip
_MARKS = re.compile("[\u0300-\u036f\u0489\u20d0-\u20ff]")
# Letters of Cyrillic and Greek that are drawn like Latin ones (Unicode's confusables, those in use).
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһӏԛԝьгпкмтвнАВЕКМНОРСТУХІЈЅαβεικνορτυχηωγ",
    "aeopcyxijsdhlqwbrnkmtbhABEKMHOPCTYXIJSabeiknoptuxnwy",
)
_MIXED = re.compile("[A-Za-z][\u0370-\u052f]|[\u0370-\u052f][A-Za-z]")
_LEET = str.maketrans("@4301!$57|+", "aaeoiisstlt")
_LEET_WORD = re.compile(r"(?<![\w@#$!|+])(?=[\w@$!|+]*[A-Za-z])(?=[\w@$!|+]*[@$!|+\d])[\w@$!|+]{3,}")
# Of digits only those between letters: "7th", "80s" and "iphone6" are what they are.
_LEET_INSIDE = re.compile(r"[A-Za-z][@4301!$57|+]{1,2}[A-Za-z]|^[@$][A-Za-z]{2}|[A-Za-z]{2}[$@]$")
_STARTS_WITH_DIGIT = re.compile(r"\d")
_APART = re.compile(r"(?<!\w)(?:[A-Za-z@$!013457][ .\-_*]{1,2}){3,}[A-Za-z@$!013457](?!\w)")
_LONG = re.compile(r"([A-Za-z])\1{2,}")
_LINK = re.compile(r"(?:https?://|www\.)\S+|\bURL\b|<url>", re.IGNORECASE)
_NAME = re.compile(r"(?<!\w)@(?=[A-Za-z_])\w+|<user>")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.\w{2,}")
_NUMBER = re.compile(r"<number>|\b\d{5,}\b")
_RETWEET = re.compile(r"^[\W_]*RT\b[\s:]*")
_HASHTAG = re.compile(r"#(\w+)")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)")
_SPACE = re.compile(r"\s+")


def normalise(text: str) -> str:
    """One line in small letters with the tricks undone. Never raises; a text without a letter may come out empty."""
    text = text[:MAX_CHARACTERS]
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = _readable(text)
    text = _RETWEET.sub("", text)
    text = _LINK.sub(" xlinkx ", text)
    text = _NAME.sub(" xnamex ", text)
    text = _LEET_WORD.sub(_unleet, text)
    text = _APART.sub(lambda match: " " + re.sub(r"[ .\-_*]", "", match.group()).translate(_LEET) + " ", text)
    text = _NUMBER.sub(" xnumberx ", text)
    text = _LONG.sub(r"\1\1", text.lower())
    return _SPACE.sub(" ", text).strip()


def spoken(text: str) -> str:
    """A text as a reader of words in their order has most of it: emoji by their names, hashtags as words, names of
    people and links left out."""
    text = html.unescape(text[:MAX_CHARACTERS])
    text = _LINK.sub(" ", _NAME.sub(" ", text))
    text = _HASHTAG.sub(lambda match: " " + _HUMP.sub(" ", match.group(1)).replace("_", " ") + " ", text)
    if not text.isascii():
        text = "".join(_named(sign) for sign in text)
    return _SPACE.sub(" ", text).strip()


def _named(sign: str) -> str:
    if sign in "\ufe0f\u200d":
        return ""
    return f" {unicodedata.name(sign, '').lower()} " if sign > "\u2190" and unicodedata.category(sign) == "So" else sign


def is_disguised(text: str) -> bool:
    """Whether letters were hidden by invisible characters, look-alikes, or signs in their place."""
    plain = _MAIL.sub(" ", text[:MAX_CHARACTERS])
    return (
        bool(re.search("[A-Za-z][\u00ad\u200b\u200c\u2060\ufeff]+[A-Za-z]", plain))
        or bool(_MIXED.search(plain))
        or any(_unleet(match) != match.group() for match in _LEET_WORD.finditer(_NAME.sub(" ", _LINK.sub(" ", plain))))
        or bool(_APART.search(plain))
    )


def _readable(text: str) -> str:
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    if _MIXED.search(text):  # one mixed word betrays the others, which may be look-alikes as a whole
        text = text.translate(_LOOKALIKES)
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))


def _unleet(match: re.Match[str]) -> str:
    word = match.group()
    core = word.rstrip("!")
    if _STARTS_WITH_DIGIT.match(core) or not _LEET_INSIDE.search(core):
        return word
    return core.translate(_LEET) + word[len(core) :]
