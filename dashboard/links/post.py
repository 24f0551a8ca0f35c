"""The address of a post."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeAlias, cast

from dashboard.links import parse
from dashboard.links.base import Given, Link, Params, Reader

By: TypeAlias = Literal["both", "words", "picture"]


@dataclass(frozen=True, slots=True)
class PostLink(Link):
    """One post with its neighbours: ``by`` which vectors, from which similarity (a cosine, 0 to 1)."""

    page: ClassVar[str] = "post"

    id: str = ""
    by: By = "both"
    least: float = 0.0

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            id=reader.one("id", parse.name, ""),
            by=cast(By, reader.one("by", parse.choice("both", "words", "picture"), "both")),
            least=reader.one("least", parse.share, 0.0),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given = {
            "id": self.id,
            "by": self.by if self.by != "both" else "",
            "least": f"{self.least:g}" if self.least else "",
        }
        return {name: value for name, value in given.items() if value}
