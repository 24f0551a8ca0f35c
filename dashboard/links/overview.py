"""The address of the overview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from dashboard.links.base import Given, Link, Params


@dataclass(frozen=True, slots=True)
class OverviewLink(Link):
    page: ClassVar[str] = ""

    def params(self) -> Params:
        return {}

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        return cls(), ()
