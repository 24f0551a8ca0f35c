"""The address of the index page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeAlias, cast

from dashboard.links import parse
from dashboard.links.base import Given, Link, Params, Reader

SpaceName: TypeAlias = Literal["text", "dual"]


@dataclass(frozen=True, slots=True)
class IndexLink(Link):
    """The vector indexes: ``space`` is the one that the lab works on, ``run`` a lab run (a job) to show, ``number`` the
    shown page of near-duplicate groups (from 1)."""

    page: ClassVar[str] = "index"

    space: SpaceName = "text"
    run: int | None = None
    number: int = 1

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            space=cast(SpaceName, reader.one("space", parse.choice("text", "dual"), "text")),
            run=reader.one("run", parse.whole(1, 10**12), None),
            number=reader.one("page", parse.whole(1, 10**6), 1),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given = {
            "space": self.space if self.space != "text" else "",
            "run": str(self.run) if self.run else "",
            "page": str(self.number) if self.number > 1 else "",
        }
        return {name: value for name, value in given.items() if value}
