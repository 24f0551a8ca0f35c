"""What a reader yields: one record a post, or one failure a row that could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.types import Interaction, Post, User


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A picture that a post names: ``name`` as the source wrote it, and where its bytes are.

    ``path`` is an existing file inside the imported folder; ``data`` the bytes themselves. Both are None where the
    picture is missing or may not be read, and ``error`` then says why.
    """

    name: str
    path: Path | None = None
    data: bytes | None = None
    alt: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PostRecord:
    """One post as read, with its author and pictures. ``post.media`` is empty: the pipeline fills it.

    ``where`` names the place in the source, for messages: ``posts.csv line 12``. ``position`` is the count of rows read
    from the source before this one, for progress. ``embedded`` says that another post shows this one, perhaps in part:
    it is stored where nothing better is, and never takes the place of what is.
    """

    post: Post
    where: str
    position: int = 0
    user: User | None = None
    pictures: tuple[PictureSource, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class ActRecord:
    """A row that is no post but says what a user did to one, such as a boost or a like, or only who a user is."""

    where: str
    position: int = 0
    user: User | None = None
    interactions: tuple[Interaction, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that could not be read, and why, in a sentence for the user."""

    where: str
    reason: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder recognised as posts.

    ``format`` names the reader; ``rows`` is the number of rows, or None where counting would mean reading it all;
    ``mapping`` tells which column became which field of Post (canonical field -> column), for the preview; ``columns``
    are all that a plain table has, as far as its first rows tell.
    """

    path: Path
    format: str
    rows: int | None
    mapping: Mapping[str, str]
    columns: tuple[str, ...] = ()


class Reader(Protocol):
    """Reads one format. Streams: memory does not grow with the file."""

    format: str

    def recognise(self, path: Path) -> Source | None:
        """The source, or None where this is not the reader's format. Reads at most the first 64 KiB."""
        ...

    def read(self, source: Source) -> Iterator[PostRecord | ActRecord | Failure]:
        """Yields in the order of the file. Raises ImportFailed only where nothing can be read at all."""
        ...
