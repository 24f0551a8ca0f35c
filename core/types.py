"""The nouns of Feedscope: what a post, a user, a hit, a query is, with shapes and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
"""A value that an imported extra column may hold."""

LegName: TypeAlias = Literal["lexical", "text", "image"]
Mode: TypeAlias = Literal["hybrid", "lexical", "text", "image"]
PartKind: TypeAlias = Literal["text", "picture", "post"]
Noun: TypeAlias = Literal["post", "user"]

MODES: tuple[Mode, ...] = ("hybrid", "lexical", "text", "image")


@dataclass(frozen=True, slots=True)
class Media:
    """One picture of a post, as the workspace keeps it.

    ``sha256`` is the hex digest of the original bytes; ``path`` is relative to the workspace's ``media/`` folder and is
    None where the picture is missing or could not be decoded, in which case ``error`` says why. ``pdq`` is the 256-bit
    PDQ hash as 64 hex digits (Facebook, 2019) and ``pdq_quality`` its quality, 0 to 100. Width and height are in pixels
    after EXIF rotation.
    """

    row: int
    post_id: str
    position: int
    name: str
    sha256: str | None = None
    path: str | None = None
    width: int | None = None
    height: int | None = None
    pdq: str | None = None
    pdq_quality: int | None = None
    alt: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One post: a text, pictures, or both. Author and time may be unknown.

    ``created_at`` is naive UTC. Counts are None where the source does not say. ``lang`` is an ISO 639 code, as the
    source gave it or as it was guessed from the text. ``source`` names where the post came from (a file's name unless
    the data says better); ``extra`` holds every other imported column.
    """

    id: str
    text: str = ""
    user_id: str | None = None
    created_at: datetime | None = None
    lang: str | None = None
    url: str | None = None
    reply_to: str | None = None
    repost_of: str | None = None
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    source: str | None = None
    media: tuple[Media, ...] = ()
    extra: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class User:
    """An account. ``id`` is what posts name in ``user_id``; ``created_at`` is naive UTC."""

    id: str
    name: str | None = None
    handle: str | None = None
    description: str | None = None
    location: str | None = None
    created_at: datetime | None = None
    followers: int | None = None
    following: int | None = None
    extra: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interaction:
    """One act of a user on a post: ``kind`` is like, repost, reply, view, ...; ``weight`` is 1 unless the data says.

    Of an ``impression``, a post that a recommender showed, the weight is the rank at which it was shown, from 1.
    """

    user_id: str
    post_id: str
    kind: str
    created_at: datetime | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of posts or users that any page can make, show, compare or export.

    ``members`` are ids in the order in which they were added; lists of collections leave them out, and ``size`` is
    their number either way. Times are naive UTC.
    """

    id: str
    name: str
    noun: Noun
    members: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""
    created_at: datetime | None = None
    changed_at: datetime | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors are comparable only inside one space.

    ``name`` is ``text`` (what a post says) or ``dual`` (words and pictures together); ``model_id`` names model and
    weights, so that another model is another space. ``dim`` is the vectors' length; ``metric`` is ``ip``: inner product
    of unit vectors, which is the cosine, -1 to 1.
    """

    name: str
    model_id: str
    dim: int
    metric: Literal["ip"] = "ip"


@dataclass(frozen=True, slots=True)
class QueryPart:
    """One part of a query.

    ``value`` is the words (``text``), the bytes of an uploaded file (``picture``) or a post's id (``post``).
    ``weight`` is signed: a negative part pushes away ("not this").
    """

    kind: PartKind
    value: str | bytes
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Filters:
    """What a post must be before it is ranked. Empty or None means no condition; conditions are joined by and.

    ``since`` is inclusive and ``until`` exclusive, naive UTC. ``extra`` pairs an imported column with the value it must
    have, compared as text.
    """

    user_ids: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    langs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    has_picture: bool | None = None
    min_likes: int | None = None
    extra: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, slots=True)
class Query:
    """A search: at least one part, or filters alone (newest first). ``k`` is 1 to 10,000.

    ``blend`` says in the mode hybrid how much pictures count against what posts say, from 0 (not at all) to 1 (alone);
    in the middle each leg has the weight that was measured to serve best.
    """

    parts: tuple[QueryPart, ...] = ()
    filters: Filters = Filters()
    k: int = 10
    mode: Mode = "hybrid"
    blend: float = 0.5


@dataclass(frozen=True, slots=True)
class LegHit:
    """Where one leg found a post: ``rank`` counts from 1; ``score`` is BM25 for lexical, cosine for text and image."""

    leg: LegName
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A found post. ``rank`` counts from 1, ``score`` is the fused score (see ``core.search``)."""

    post_id: str
    score: float
    rank: int
    legs: tuple[LegHit, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits in rank order. ``considered`` counts the posts that passed the filters; ``notes`` are sentences for the user
    (a leg that could not run, and why); ``encode_ms`` is the part of ``elapsed_ms`` spent encoding the query."""

    hits: tuple[Hit, ...]
    considered: int
    elapsed_ms: float
    encode_ms: float
    notes: tuple[str, ...] = ()
