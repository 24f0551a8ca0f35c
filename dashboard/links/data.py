"""The address of the data page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from dashboard.links import parse
from dashboard.links.base import Given, Link, Params, Reader


@dataclass(frozen=True, slots=True)
class DataLink(Link):
    """What the workspace holds, and the import form.

    ``path`` is a path on the server or an upload (see ``core.ingest.places``), ``format`` the reader's name (empty:
    recognised), ``columns`` pairs fields with columns where they are not found by name, ``job`` an import to show.
    """

    page: ClassVar[str] = "data"

    path: str = ""
    format: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    job: int | None = None

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            path=reader.one("path", parse.words, ""),
            format=reader.one("format", parse.words, ""),
            columns=reader.many("map", parse.pair),
            job=reader.one("job", parse.whole(1, 10**12), None),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given: dict[str, str | list[str]] = {
            "path": self.path,
            "format": self.format,
            "map": [parse.written(pair) for pair in self.columns],
            "job": str(self.job) if self.job else "",
        }
        return {name: value for name, value in given.items() if value}
