"""What each page's URL says, as frozen dataclasses: the one place that knows a URL.

Each link writes itself as query parameters (``params``) and as a relative URL (``url``), and is read back by ``read``,
which never raises: a value that can't be used is left out and named in a notice for the reader of the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import ClassVar, Literal, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from core.types import MODES, Filters, Mode, Query, QueryPart

Params: TypeAlias = dict[str, str | list[str]]
Given: TypeAlias = Mapping[str, list[str]]
By: TypeAlias = Literal["both", "words", "picture"]
Sort: TypeAlias = Literal["best", "newest", "liked"]
SpaceName: TypeAlias = Literal["text", "dual"]
T = TypeVar("T")

PAGE_SIZE = 24
MAX_HITS = 1000
MAX_PAGE = -(-MAX_HITS // PAGE_SIZE)
MAX_CHARS = 2000
MAX_LIST = 20
NOT_WEIGHT = -0.5
"""How strongly "not this" pushes away, beside the 1.0 of what is asked for."""


class _Reader:
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
                self.notices.append(f"The address says {name}={_short(value)}, which can't be used: it is left out.")


def _short(value: str) -> str:
    return value if len(value) <= 40 else value[:40] + "…"


def _words(value: str) -> str:
    value = value.strip()
    if not value or len(value) > MAX_CHARS:
        raise ValueError
    return value


def _name(value: str) -> str:
    """An id, or a value of a column: taken as it is, spaces included."""
    if not value or len(value) > MAX_CHARS:
        raise ValueError
    return value


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError
        return value

    return parse


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,13}", value) or not least <= int(value) <= most:
            raise ValueError
        return int(value)

    return parse


def _share(value: str) -> float:
    if not re.fullmatch(r"[01](\.[0-9]{1,4})?", value) or float(value) > 1:
        raise ValueError
    return float(value)


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError
    return value


def _day(value: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError
    return date.fromisoformat(value)


def _yes_no(value: str) -> bool:
    return _choice("yes", "no")(value) == "yes"


def _pair(value: str) -> tuple[str, str]:
    """``column=value``, both percent-encoded, since a column's name may hold any sign."""
    column, equals, wanted = value.partition("=")
    if not equals or not column:
        raise ValueError
    return unquote(column, errors="strict"), unquote(wanted, errors="strict")


def _written(pair: tuple[str, str]) -> str:
    """What _pair reads."""
    return "=".join(quote(side, safe="") for side in pair)


@dataclass(frozen=True, slots=True)
class Link:
    """What all links share."""

    page: ClassVar[str]

    def params(self) -> Params:
        raise NotImplementedError

    def url(self) -> str:
        """Relative to the app, ``./search?q=cat``: each page is one level deep, so it holds from all of them."""
        query = urlencode(self.params(), doseq=True)
        return f"./{self.page}?{query}" if query else f"./{self.page}"


@dataclass(frozen=True, slots=True)
class OverviewLink(Link):
    page: ClassVar[str] = ""

    def params(self) -> Params:
        return {}

    @classmethod
    def read(cls, given: Given) -> tuple[OverviewLink, tuple[str, ...]]:
        return cls(), ()


@dataclass(frozen=True, slots=True)
class SearchLink(Link):
    """A search: what is looked for, what is filtered, in which order, and the shown page (from 1).

    ``picture`` is the sha256 of an uploaded picture that the workspace keeps. ``until`` is the last day that counts,
    unlike ``Filters.until``, which is the first moment that does not.
    """

    page: ClassVar[str] = "search"

    words: str = ""
    avoid: str = ""
    picture: str | None = None
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    mode: Mode = "hybrid"
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
    def read(cls, given: Given) -> tuple[SearchLink, tuple[str, ...]]:
        reader = _Reader(given)
        link = cls(
            words=reader.one("q", _words, ""),
            avoid=reader.one("not", _words, ""),
            picture=reader.one("picture", _sha256, None),
            like=reader.many("like", _name),
            unlike=reader.many("unlike", _name),
            mode=cast(Mode, reader.one("mode", _choice(*MODES), "hybrid")),
            users=reader.many("user", _name),
            since=reader.one("since", _day, None),
            until=reader.one("until", _day, None),
            langs=reader.many("lang", _name),
            sources=reader.many("source", _name),
            has_picture=reader.one("pictures", _yes_no, None),
            min_likes=reader.one("likes", _whole(0, 10**12), None),
            extra=reader.many("where", _pair),
            sort=cast(Sort, reader.one("sort", _choice("best", "newest", "liked"), "best")),
            number=reader.one("page", _whole(1, MAX_PAGE), 1),
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
            "user": list(self.users),
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "lang": list(self.langs),
            "source": list(self.sources),
            "pictures": None if self.has_picture is None else "yes" if self.has_picture else "no",
            "likes": None if self.min_likes is None else str(self.min_likes),
            "where": [_written(pair) for pair in self.extra],
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
        return Query(parts=tuple(parts), filters=self.filters(), k=MAX_HITS, mode=self.mode)

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


@dataclass(frozen=True, slots=True)
class PostLink(Link):
    """One post with its neighbours: ``by`` which vectors, from which similarity (a cosine, 0 to 1)."""

    page: ClassVar[str] = "post"

    id: str = ""
    by: By = "both"
    least: float = 0.0

    @classmethod
    def read(cls, given: Given) -> tuple[PostLink, tuple[str, ...]]:
        reader = _Reader(given)
        link = cls(
            id=reader.one("id", _name, ""),
            by=cast(By, reader.one("by", _choice("both", "words", "picture"), "both")),
            least=reader.one("least", _share, 0.0),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given = {
            "id": self.id,
            "by": self.by if self.by != "both" else "",
            "least": f"{self.least:g}" if self.least else "",
        }
        return {name: value for name, value in given.items() if value}


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
    def read(cls, given: Given) -> tuple[DataLink, tuple[str, ...]]:
        reader = _Reader(given)
        link = cls(
            path=reader.one("path", _words, ""),
            format=reader.one("format", _words, ""),
            columns=reader.many("map", _pair),
            job=reader.one("job", _whole(1, 10**12), None),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given: dict[str, str | list[str]] = {
            "path": self.path,
            "format": self.format,
            "map": [_written(pair) for pair in self.columns],
            "job": str(self.job) if self.job else "",
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class IndexLink(Link):
    """The vector indexes: ``space`` is the one that the lab works on, ``run`` a lab run (a job) to show, ``number`` the
    shown page of near-duplicate groups (from 1)."""

    page: ClassVar[str] = "index"

    space: SpaceName = "text"
    run: int | None = None
    number: int = 1

    @classmethod
    def read(cls, given: Given) -> tuple[IndexLink, tuple[str, ...]]:
        reader = _Reader(given)
        link = cls(
            space=cast(SpaceName, reader.one("space", _choice("text", "dual"), "text")),
            run=reader.one("run", _whole(1, 10**12), None),
            number=reader.one("page", _whole(1, 10**6), 1),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given = {
            "space": self.space if self.space != "text" else "",
            "run": str(self.run) if self.run else "",
            "page": str(self.number) if self.number > 1 else "",
        }
        return {name: value for name, value in given.items() if value}


AnyLink: TypeAlias = OverviewLink | SearchLink | PostLink | DataLink | IndexLink
LINKS: dict[str, type[OverviewLink] | type[SearchLink] | type[PostLink] | type[DataLink] | type[IndexLink]] = {
    kind.page: kind for kind in (OverviewLink, SearchLink, PostLink, DataLink, IndexLink)
}


def parse_url(url: str) -> AnyLink | None:
    """The link that a URL of ours says, or None for any other: what comes back from a browser is not to be trusted."""
    try:
        parts = urlsplit(url)
        given = parse_qs(parts.query, keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return None
    kind = LINKS.get(parts.path.removeprefix("./"))
    if kind is None or not url.startswith("./"):
        return None
    return kind.read(given)[0]
