"""The address of a map."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from dashboard.links import parse
from dashboard.links.base import Given, Link, Params, Reader

Corner = tuple[float, float]
MAX_CORNERS = 48


def polygon(value: str) -> tuple[Corner, ...]:
    """``123.456_789.12``: corners in ten-thousandths of the map's square."""
    if not re.fullmatch(r"-?\d{1,5}\.-?\d{1,5}(_-?\d{1,5}\.-?\d{1,5}){2,47}", value):
        raise ValueError
    corners = [corner.split(".") for corner in value.split("_")]
    return tuple((int(x) / 10_000, int(y) / 10_000) for x, y in corners)


def cluster(value: str) -> tuple[int, int]:
    if not re.fullmatch(r"\d\.\d{1,4}", value):
        raise ValueError
    level, number = value.split(".")
    return int(level), int(number)


def span(value: str) -> tuple[int, int]:
    """``1700000000.1700600000``: from and to, seconds since 1970."""
    if not re.fullmatch(r"-?\d{1,12}\.-?\d{1,12}", value):
        raise ValueError
    start, end = (int(part) for part in value.split("."))
    if start >= end:
        raise ValueError
    return start, end


@dataclass(frozen=True, slots=True)
class MapLink(Link):
    """A map: ``layout`` its id (empty: the first), ``beside`` another to its side (or the same: the time before beside
    ``times``), ``colour`` what its points are coloured by, ``level`` of which clusters, ``times`` from and to, in
    seconds since 1970.

    What lights up: the posts of a ``collection`` (its id), of a ``search`` (a SearchLink's URL), of a ``user``, or some
    ``posts`` (ids). What is chosen: a ``polygon`` in unit coordinates, or a ``cluster`` (level, number).
    """

    page: ClassVar[str] = "map"

    layout: str = ""
    beside: str = ""
    colour: str = "cluster"
    level: int = 0
    contours: bool = False
    names: bool = True
    times: tuple[int, int] | None = None
    collection: str = ""
    search: str = ""
    user: str = ""
    posts: tuple[str, ...] = ()
    polygon: tuple[Corner, ...] = ()
    cluster: tuple[int, int] | None = None

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            layout=reader.one("layout", parse.words, ""),
            beside=reader.one("beside", parse.words, ""),
            colour=reader.one("colour", parse.name, "cluster"),
            level=reader.one("level", parse.whole(0, 9), 0),
            contours=reader.one("contours", parse.yes_no, False),
            names=reader.one("names", parse.yes_no, True),
            times=reader.one("times", span, None),
            collection=reader.one("collection", parse.name, ""),
            search=reader.one("search", parse.name, ""),
            user=reader.one("user", parse.name, ""),
            posts=reader.many("post", parse.name),
            polygon=reader.one("area", polygon, ()),
            cluster=reader.one("cluster", cluster, None),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        area = "_".join(f"{round(x * 10_000)}.{round(y * 10_000)}" for x, y in self.polygon[:MAX_CORNERS])
        given: dict[str, str | list[str]] = {
            "layout": self.layout,
            "beside": self.beside,
            "colour": self.colour if self.colour != "cluster" else "",
            "level": str(self.level) if self.level else "",
            "contours": "yes" if self.contours else "",
            "names": "" if self.names else "no",
            "times": f"{self.times[0]}.{self.times[1]}" if self.times else "",
            "collection": self.collection,
            "search": self.search,
            "user": self.user,
            "post": list(self.posts),
            "area": area,
            "cluster": f"{self.cluster[0]}.{self.cluster[1]}" if self.cluster else "",
        }
        return {name: value for name, value in given.items() if value}
