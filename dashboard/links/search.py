"""The address of a search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import ClassVar, Literal, Self, TypeAlias, cast

from core.types import MODES, Filters, Mode, Query, QueryPart
from dashboard.links import parse
from dashboard.links.base import MAX_LIST, Given, Link, Params, Reader

Sort: TypeAlias = Literal["best", "newest", "liked", "disagree"]

PAGE_SIZE = 24
MAX_HITS = 1000
MAX_PAGE = -(-MAX_HITS // PAGE_SIZE)
NOT_WEIGHT = -0.5
"""How strongly "not this" pushes away, beside the 1.0 of what is asked for."""


@dataclass(frozen=True, slots=True)
class SearchLink(Link):
    """A search: what is looked for, what is filtered, in which order, and the shown page (from 1).

    ``picture`` is the sha256 of an uploaded picture that the workspace keeps. ``until`` is the last day that counts,
    unlike ``Filters.until``, which is the first moment that does not.
    ``blend`` is that of a :class:`core.types.Query`.
    """

    page: ClassVar[str] = "search"

    words: str = ""
    avoid: str = ""
    picture: str | None = None
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    mode: Mode = "hybrid"
    blend: float = 0.5
    users: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    langs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    has_picture: bool | None = None
    min_likes: int | None = None
    extra: tuple[tuple[str, str], ...] = ()
    sort: Sort = "best"
    number: int = 1

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            words=reader.one("q", parse.words, ""),
            avoid=reader.one("not", parse.words, ""),
            picture=reader.one("picture", parse.sha256, None),
            like=reader.many("like", parse.name),
            unlike=reader.many("unlike", parse.name),
            mode=cast(Mode, reader.one("mode", parse.choice(*MODES), "hybrid")),
            blend=reader.one("blend", parse.share, 0.5),
            users=reader.many("user", parse.name),
            since=reader.one("since", parse.day, None),
            until=reader.one("until", parse.day, None),
            langs=reader.many("lang", parse.name),
            sources=reader.many("source", parse.name),
            has_picture=reader.one("pictures", parse.yes_no, None),
            min_likes=reader.one("likes", parse.whole(0, 10**12), None),
            extra=reader.many("where", parse.pair),
            sort=cast(Sort, reader.one("sort", parse.choice("best", "newest", "liked", "disagree"), "best")),
            number=reader.one("page", parse.whole(1, MAX_PAGE), 1),
        )
        if link.since and link.until and link.since > link.until:
            reader.notices.append("The address asks for a time that ends before it begins: it is left out.")
            link = replace(link, since=None, until=None)
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given: dict[str, str | list[str] | None] = {
            "q": self.words,
            "not": self.avoid,
            "picture": self.picture,
            "like": list(self.like),
            "unlike": list(self.unlike),
            "mode": self.mode if self.mode != "hybrid" else None,
            "blend": f"{self.blend:.2f}" if self.blend != 0.5 else None,
            "user": list(self.users),
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "lang": list(self.langs),
            "source": list(self.sources),
            "pictures": None if self.has_picture is None else "yes" if self.has_picture else "no",
            "likes": None if self.min_likes is None else str(self.min_likes),
            "where": [parse.written(pair) for pair in self.extra],
            "sort": self.sort if self.sort != "best" else None,
            "page": str(self.number) if self.number > 1 else None,
        }
        return {name: value for name, value in given.items() if value}

    def filters(self) -> Filters:
        midnight = time()
        return Filters(
            user_ids=self.users,
            since=datetime.combine(self.since, midnight) if self.since else None,
            until=datetime.combine(self.until + timedelta(days=1), midnight)
            if self.until and self.until < date.max
            else None,
            langs=self.langs,
            sources=self.sources,
            has_picture=self.has_picture,
            min_likes=self.min_likes,
            extra=self.extra,
        )

    def query(self, picture: bytes | None) -> Query:
        """``picture`` is the file that ``self.picture`` names, None where there is none or where it is gone."""
        parts: list[QueryPart] = []
        if self.words:
            parts.append(QueryPart("text", self.words))
        if picture:
            parts.append(QueryPart("picture", picture))
        parts += [QueryPart("post", post_id) for post_id in self.like]
        if self.avoid:
            parts.append(QueryPart("text", self.avoid, NOT_WEIGHT))
        parts += [QueryPart("post", post_id, NOT_WEIGHT) for post_id in self.unlike]
        return Query(parts=tuple(parts), filters=self.filters(), k=MAX_HITS, mode=self.mode, blend=self.blend)

    def is_empty(self) -> bool:
        """Nothing is asked: no words, no picture, no post, no filter."""
        return not (self.words or self.avoid or self.picture or self.like or self.unlike or self.filters())

    def more_like(self, post_id: str) -> SearchLink:
        return self._example(post_id, like=True)

    def less_like(self, post_id: str) -> SearchLink:
        return self._example(post_id, like=False)

    def _example(self, post_id: str, *, like: bool) -> SearchLink:
        liked = tuple(other for other in self.like if other != post_id)
        unliked = tuple(other for other in self.unlike if other != post_id)
        if like:
            liked = (*liked, post_id)[-MAX_LIST:]
        else:
            unliked = (*unliked, post_id)[-MAX_LIST:]
        return replace(self, like=liked, unlike=unliked, number=1)
