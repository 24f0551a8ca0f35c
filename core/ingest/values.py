"""Parsing of single cells: texts, times, counts, truth values, lists. A cell that can't be understood gives None."""

from __future__ import annotations

import ast
import html
import json
import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from core.types import Scalar

EARLIEST = datetime(1990, 1, 1)
"""Times before this are taken for damage: no social network is that old."""

MAX_COUNT = 10**15
MAX_ID_CHARS = 500
MAX_LIST_CHARS = 20_000
MAX_NESTING = 50

_EPOCH = datetime(1970, 1, 1)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_MISSING = frozenset(("", "nan", "NaN", "None", "null", "NULL", "<NA>", "NaT"))


def clean(text: str) -> str:
    """The text without NUL and lone surrogates, which no database stores, and without space at its ends. Zero-width
    and right-to-left marks stay as they are."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii() or "\x00" in text:
        text = _UNSTORABLE.sub("", text)
    return text.strip()


def unescape(text: str) -> str:
    """HTML entities that end in a semicolon, unescaped once. (html.unescape alone would also turn the ``&copy=`` of an
    address into a sign.)"""
    if "&" not in text:
        return text
    return _ENTITY.sub(_resolve, text)


def _resolve(match: re.Match[str]) -> str:
    return _resolved(match.group())


@lru_cache(maxsize=1024)
def _resolved(entity: str) -> str:
    return html.unescape(entity)


def parse_string(raw: object) -> str | None:
    """A cleaned string; None for what exports write where there is nothing (empty, nan, None, null)."""
    if raw is None or isinstance(raw, (list, dict, bytes)):
        return None
    text = clean(raw if isinstance(raw, str) else str(raw))
    return None if text in _MISSING else text


_SCIENTIFIC = re.compile(r"[+-]?\d[.,]\d+[eE][+-]?\d+|[+-]?\d[eE]\+\d+")
_WHOLE_FLOAT = re.compile(r"(\d{1,15})\.0")


def parse_id(raw: object) -> str | None:
    """An id as a string. Whole floats lose their ``.0``; ``1.34E+18``, which a spreadsheet leaves of a long id, names
    many posts at once and gives None, as do lists and ids longer than 500 characters."""
    if isinstance(raw, str) and raw.isalnum() and len(raw) <= MAX_ID_CHARS and raw not in _MISSING:
        return raw  # as most ids are: none of what follows can change it
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int) and -(2**64) < raw < 2**64:
        return str(raw)
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 2**53:
        raw = int(raw)
    text = parse_string(raw)
    if text is None or len(text) > MAX_ID_CHARS or text[0] in "[{" or _SCIENTIFIC.fullmatch(text):
        return None
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole.group(1) if whole else text


_COUNT = re.compile(r"([+-]?)(\d{1,3}(?:[ ,_'\u00a0\u202f]\d{3})+|\d+)(\.\d+)?\s*([kKmMbB]?)")
_FACTOR = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}


def parse_count(raw: object) -> int | None:
    """A whole number from ``12``, ``12.0``, ``1,234``, ``1.2K``; None for anything else and beyond ±10^15."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str):
        if raw.isdecimal() and raw.isascii() and len(raw) <= 15:
            return int(raw)
        match = _COUNT.fullmatch(raw.strip()) if len(raw) <= 40 else None
        if match is None:
            return None
        sign, digits, fraction, unit = match.groups()
        raw = Decimal(sign + re.sub(r"\D", "", digits) + (fraction or "")) * _FACTOR[unit.lower()]
    if isinstance(raw, int):
        return raw if abs(raw) <= MAX_COUNT else None
    if isinstance(raw, (float, Decimal)) and math.isfinite(raw) and abs(float(raw)) <= MAX_COUNT and raw == int(raw):
        return int(raw)
    return None


_TRUTH = {"true": True, "t": True, "yes": True, "y": True, "1": True, "1.0": True}
_TRUTH |= {"false": False, "f": False, "no": False, "n": False, "0": False, "0.0": False}


def parse_bool(raw: object) -> bool | None:
    if isinstance(raw, bool):
        return raw
    return _TRUTH.get(str(raw).strip().lower()) if isinstance(raw, (str, int, float)) else None


_LANG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8})*")


def parse_lang(raw: object) -> str | None:
    """The ISO 639 code of ``en``, ``pt-BR``, ``['de']``; None for ``und`` and for anything else."""
    items = parse_list(raw)
    match = _LANG.fullmatch(str(items[0]).strip()) if items else None
    code = match.group(1).lower() if match else None
    return None if code in ("und", "zxx", "nan") else code


def parse_list(raw: object) -> list[object]:
    """The items of a list, of a JSON or Python list literal, or the value alone as a list of one; empty for nothing.

    Literals longer than 20,000 characters, or nested deeper than 50, are not taken apart.
    """
    if isinstance(raw, (list, tuple)):
        return list(raw)
    if isinstance(raw, str):
        text = raw.strip()
        if text in _MISSING:
            return []
        if text[0] == "[" and text[-1] == "]":
            items = _parse_literal(text)
            return [raw] if items is None else items
    return [] if raw is None else [raw]


def _parse_literal(text: str) -> list[object] | None:
    if len(text) > MAX_LIST_CHARS or sum(map(text.count, "[{(")) > MAX_NESTING * 10 or "\x00" in text:
        return None
    parsers = (ast.literal_eval, json.loads) if text.startswith("['") else (json.loads, ast.literal_eval)
    for parse in parsers:
        try:
            items = parse(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if isinstance(items, list):
            return items
    return None


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EPOCH_NUMBER = re.compile(r"[+-]?\d{9,19}(?:\.\d*)?|\d(?:\.\d+)?[eE]\+?\d{1,2}")
_COMPACT = re.compile(r"(?:19|20)\d{12}")
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>z\b|utc|gmt|[ecmp][sd]t\b|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_AMERICAN = {  # the only names of zones that RFC 2822 (4.3) gives a meaning
    "est": "-0500", "edt": "-0400", "cst": "-0600", "cdt": "-0500",
    "mst": "-0700", "mdt": "-0600", "pst": "-0800", "pdt": "-0700",
}  # fmt: skip
_THREE_NUMBERS = re.compile(r"(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})")
_WORDED = re.compile(
    r"(?:(?P<day1>\d{1,2})(?:st|nd|rd|th)? )?(?P<month>[a-z]{3,9})\.? "
    r"(?:(?P<day2>\d{1,2})(?:st|nd|rd|th)? )?(?P<year>\d{4})"
)
_WEEKDAY = re.compile(r"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\b\.?", re.IGNORECASE)


def parse_time(raw: object, *, latest: datetime, day_first: bool | None = None) -> datetime | None:
    """The time as naive UTC; a time without a zone is taken for UTC.

    Understands datetimes, epoch seconds to nanoseconds (told apart by their size) as numbers or strings, ISO 8601,
    RFC 2822 with its American zones, Twitter's ``Wed Oct 10 20:19:24 +0000 2018``, ``Dec 20, 2020 6:06 PM``,
    ``20.12.2020 06:06`` and ``12/20/2020``. ``day_first`` decides about ``03/04/2020``; where it is None such a date
    gives None. So does any time before 1990 or after ``latest``.
    """
    try:
        time = _parse_any_time(raw, day_first)
    except (ValueError, OverflowError):
        return None
    if time is None:
        return None
    return time if EARLIEST <= time <= latest else None


def _parse_any_time(raw: object, day_first: bool | None) -> datetime | None:
    if isinstance(raw, datetime):
        return _to_utc(raw)
    if isinstance(raw, date):
        return datetime(raw.year, raw.month, raw.day)
    if isinstance(raw, (int, float, Decimal)) and not isinstance(raw, bool):
        return _from_epoch(raw)
    if not isinstance(raw, str):
        return None
    text = raw.strip()
    if not 6 <= len(text) <= 64:
        return None
    if len(text) >= 19 and text[4] == "-" and text[13] == ":":
        try:
            return _to_utc(datetime.fromisoformat(text))
        except ValueError:
            pass  # nearly ISO 8601: told apart below
    if _COMPACT.fullmatch(text):
        return datetime.strptime(text, "%Y%m%d%H%M%S")
    if _EPOCH_NUMBER.fullmatch(text):
        return _from_epoch(float(text) if "." in text or "e" in text.lower() else int(text))
    if text[:4].isdecimal():
        try:
            return _to_utc(datetime.fromisoformat(text))
        except ValueError:
            pass  # not ISO 8601: one of the looser forms below
    return _from_loose(text, day_first)


def _to_utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        return time
    return (time if time.tzinfo is UTC else time.astimezone(UTC)).replace(tzinfo=None)


def _from_epoch(value: int | float | Decimal) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, whichever gives a time between 1973 and 5138."""
    if not math.isfinite(value):
        return None
    size = abs(float(value))
    per_second = 1 if size < 10**11 else 10**3 if size < 10**14 else 10**6 if size < 10**17 else 10**9
    if isinstance(value, int):
        return _EPOCH + timedelta(microseconds=value * 10**6 // per_second)
    return _EPOCH + timedelta(seconds=float(value) / per_second)


def _from_loose(text: str, day_first: bool | None) -> datetime | None:
    clock = _CLOCK.search(text)
    rest = text if clock is None else text[: clock.start()] + " " + text[clock.end() :]
    rest = " ".join(_WEEKDAY.sub(" ", rest).replace("·", " ").replace(",", " ").split())
    day = _parse_day(rest.lower().removesuffix(" at").removesuffix(" utc").removesuffix(" t"), day_first)
    if day is None or clock is None:
        return day
    hour = int(clock["hour"])
    if clock["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if clock["half"][0] in "pP" else 0)
    micro = int((clock["fraction"] or "0").ljust(6, "0")[:6])
    time = day.replace(hour=hour, minute=int(clock["minute"]), second=int(clock["second"] or 0), microsecond=micro)
    zone = clock["zone"] or ""
    zone = _AMERICAN.get(zone.lower(), zone)
    if zone[:1] in ("+", "-"):
        digits = zone[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        time = time + offset if zone[0] == "-" else time - offset
    return time


def _parse_day(text: str, day_first: bool | None) -> datetime | None:
    numbers = _THREE_NUMBERS.fullmatch(text)
    if numbers:
        first, separator, second, third = numbers.groups()
        if len(first) == 4:
            return datetime(int(first), int(second), int(third))
        if len(third) != 4:
            return None
        a, b, year = int(first), int(second), int(third)
        if separator == "." or a > 12 or a == b:
            return datetime(year, b, a)
        if b > 12:
            return datetime(year, a, b)
        if day_first is None:
            return None
        return datetime(year, b, a) if day_first else datetime(year, a, b)
    worded = _WORDED.fullmatch(text)
    if worded and worded["month"][:3] in _MONTHS and (worded["day1"] is None) != (worded["day2"] is None):
        month = _MONTHS.index(worded["month"][:3]) + 1
        return datetime(int(worded["year"]), month, int(worded["day1"] or worded["day2"]))
    return None


_SLASHED = re.compile(r"\s*(\d{1,2})[/-](\d{1,2})[/-]\d{4}\b")


def sniff_day_first(values: list[object]) -> bool | None:
    """Whether dates like ``03/04/2020`` in one column name the day first, told by those that can mean only one thing;
    None where no date tells or they contradict each other."""
    found = set()
    for value in values:
        match = _SLASHED.match(value) if isinstance(value, str) else None
        if match:
            first, second = int(match.group(1)), int(match.group(2))
            if (first > 12) != (second > 12):
                found.add(first > 12)
    return found.pop() if len(found) == 1 else None


def to_scalar(raw: object) -> Scalar:
    """What an extra column may hold: strings cleaned, lists of plain values joined by a comma, everything nested as
    JSON; None for an empty cell and for numbers that are not finite."""
    if isinstance(raw, str):
        text = clean(raw)
        if text and text[0] == "[" and text[-1] == "]":
            items = _parse_literal(text)
            if items is not None:
                return _join(items)
        return text or None
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, int):
        return raw if abs(raw) < 2**63 else str(raw)[:1000]
    if isinstance(raw, (float, Decimal)):
        return float(raw) if math.isfinite(raw) else None
    if isinstance(raw, (datetime, date)):
        return raw.isoformat()
    if isinstance(raw, (bytes, bytearray, memoryview)):
        return f"{len(raw)} bytes"
    if isinstance(raw, (list, tuple)):
        return _join(list(raw))
    if isinstance(raw, dict):
        return clean(json.dumps(raw, ensure_ascii=False, default=str)) if raw else None
    return clean(str(raw)) or None


def _join(items: list[object]) -> str | None:
    if any(isinstance(item, (list, dict, tuple)) for item in items):
        return clean(json.dumps(items, ensure_ascii=False, default=str))
    return ", ".join(clean(str(item)) for item in items if item is not None) or None
