"""The address of a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from dashboard.links import parse
from dashboard.links.base import Given, Link, Params, Reader


@dataclass(frozen=True, slots=True)
class UserLink(Link):
    """One user: their posts, where they lie on a map, their words, users alike."""

    page: ClassVar[str] = "user"

    id: str = ""
    layout: str = ""

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        return cls(reader.one("id", parse.name, ""), reader.one("layout", parse.words, "")), tuple(reader.notices)

    def params(self) -> Params:
        return {name: value for name, value in (("id", self.id), ("layout", self.layout)) if value}
