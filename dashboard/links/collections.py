"""The address of the collections page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeAlias, cast

from dashboard.links import parse
from dashboard.links.base import Given, Link, Params, Reader

CollectionView: TypeAlias = Literal["grid", "table", "compare"]


@dataclass(frozen=True, slots=True)
class CollectionLink(Link):
    """One collection, or all of them where ``id`` is empty.

    ``view`` is how its members are shown, ``against`` the collection that it is compared with (empty: the rest of the
    workspace), ``number`` the shown page of members (from 1).
    """

    page: ClassVar[str] = "collections"

    id: str = ""
    view: CollectionView = "grid"
    against: str = ""
    number: int = 1

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            id=reader.one("id", parse.name, ""),
            view=cast(CollectionView, reader.one("view", parse.choice("grid", "table", "compare"), "grid")),
            against=reader.one("against", parse.name, ""),
            number=reader.one("page", parse.whole(1, 10**6), 1),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given = {
            "id": self.id,
            "view": self.view if self.view != "grid" else "",
            "against": self.against,
            "page": str(self.number) if self.number > 1 else "",
        }
        return {name: value for name, value in given.items() if value}
