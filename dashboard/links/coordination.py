"""The address of the coordination page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from dashboard.links import parse
from dashboard.links.base import Given, Link, Params, Reader


@dataclass(frozen=True, slots=True)
class CoordinationLink(Link):
    """Accounts that post the same at the same time: waves of at least ``accounts`` accounts; ``wave`` the group that is
    shown (its number), ``number`` the shown page of waves (from 1)."""

    page: ClassVar[str] = "coordination"

    accounts: int = 3
    wave: int | None = None
    number: int = 1

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            accounts=reader.one("accounts", parse.whole(2, 1000), 3),
            wave=reader.one("wave", parse.whole(0, 10**9), None),
            number=reader.one("page", parse.whole(1, 10**6), 1),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given = {
            "accounts": str(self.accounts) if self.accounts != 3 else "",
            "wave": "" if self.wave is None else str(self.wave),
            "page": str(self.number) if self.number > 1 else "",
        }
        return {name: value for name, value in given.items() if value}
