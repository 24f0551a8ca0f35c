"""Reads values out of query parameters. Each parser raises ValueError for a value that can't be used."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from urllib.parse import quote, unquote

MAX_CHARS = 2000


def words(value: str) -> str:
    value = value.strip()
    if not value or len(value) > MAX_CHARS:
        raise ValueError
    return value


def name(value: str) -> str:
    """An id, or a value of a column: taken as it is, spaces included."""
    if not value or len(value) > MAX_CHARS:
        raise ValueError
    return value


def choice(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError
        return value

    return parse


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,13}", value) or not least <= int(value) <= most:
            raise ValueError
        return int(value)

    return parse


def share(value: str) -> float:
    if not re.fullmatch(r"[01](\.[0-9]{1,4})?", value) or float(value) > 1:
        raise ValueError
    return float(value)


def sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError
    return value


def day(value: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError
    return date.fromisoformat(value)


def yes_no(value: str) -> bool:
    return choice("yes", "no")(value) == "yes"


def pair(value: str) -> tuple[str, str]:
    """``column=value``, both percent-encoded, since a column's name may hold any sign."""
    column, equals, wanted = value.partition("=")
    if not equals or not column:
        raise ValueError
    return unquote(column, errors="strict"), unquote(wanted, errors="strict")


def written(pair: tuple[str, str]) -> str:
    """What pair reads."""
    return "=".join(quote(side, safe="") for side in pair)
