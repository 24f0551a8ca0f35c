"""What all links share: how one is written, and how the parts of one are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, TypeAlias, TypeVar
from urllib.parse import urlencode

Params: TypeAlias = dict[str, str | list[str]]
Given: TypeAlias = Mapping[str, list[str]]
T = TypeVar("T")

MAX_LIST = 20


class Reader:
    """Takes values out of query parameters and notes the ones that can't be used."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.notices: list[str] = []

    def one(self, name: str, parse: Callable[[str], T], otherwise: T) -> T:
        values = self.given.get(name, [])
        return next(iter(self._parsed(name, values[:1], parse)), otherwise)

    def many(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        values = self.given.get(name, [])
        if len(values) > MAX_LIST:
            self.notices.append(f"The address names more than {MAX_LIST} values of “{name}”: the rest is left out.")
        return tuple(dict.fromkeys(self._parsed(name, values[:MAX_LIST], parse)))

    def _parsed(self, name: str, values: Iterable[str], parse: Callable[[str], T]) -> Iterable[T]:
        for value in values:
            try:
                yield parse(value)
            except ValueError:
                self.notices.append(f"The address says {name}={short(value)}, which can't be used: it is left out.")


def short(value: str) -> str:
    return value if len(value) <= 40 else value[:40] + "…"


@dataclass(frozen=True, slots=True)
class Link:
    """What all links share."""

    page: ClassVar[str]

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        """The link that query parameters say, with a notice for each that can't be used. Never raises."""
        raise NotImplementedError

    def params(self) -> Params:
        raise NotImplementedError

    def url(self) -> str:
        """Relative to the app, ``./search?q=cat``: each page is one level deep, so it holds from all of them."""
        query = urlencode(self.params(), doseq=True)
        return f"./{self.page}?{query}" if query else f"./{self.page}"
