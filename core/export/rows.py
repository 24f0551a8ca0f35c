"""Posts as rows of a table, batch by batch: memory does not grow with their number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from core.database.posts import get_posts
from core.database.users import get_users
from core.export.subject import Subject
from core.types import Hit, Post, Scalar, User

if TYPE_CHECKING:
    from core.workspace import Workspace

BATCH_POSTS = 1000
MAX_EXTRA_COLUMNS = 300
"""Imported columns beyond these, the rarest, go out together, as JSON in ``extra``."""

COLUMNS: Mapping[str, pa.DataType] = {
    "id": pa.string(), "user_id": pa.string(), "user_name": pa.string(), "user_handle": pa.string(),
    "created_at": pa.timestamp("us"), "lang": pa.string(), "text": pa.string(), "likes": pa.int64(),
    "reposts": pa.int64(), "replies": pa.int64(), "source": pa.string(), "url": pa.string(), "reply_to": pa.string(),
    "repost_of": pa.string(), "pictures": pa.string(),
}  # fmt: skip
HIT_COLUMNS: Mapping[str, pa.DataType] = {"rank": pa.int64(), "score": pa.float64(), "found_by": pa.string()}
PICTURES = "pictures"
"""The folder for pictures in what is given out."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some posts in order, with their authors by id."""

    posts: tuple[Post, ...]
    users: Mapping[str, User]


def batches(workspace: Workspace, subject: Subject) -> Iterator[Batch]:
    """The subject's posts that are (still) here."""
    for start in range(0, len(subject.post_ids), BATCH_POSTS):
        ids = subject.post_ids[start : start + BATCH_POSTS]
        cursor = workspace.cursor()
        posts = tuple(get_posts(cursor, ids).values())
        users = get_users(cursor, list({post.user_id for post in posts if post.user_id}))
        yield Batch(posts, users)


class RowLayout:
    """Which columns a table of some posts has, and the cells of each post."""

    def __init__(self, workspace: Workspace, subject: Subject, *, with_pictures: bool) -> None:
        self.hits = subject.hits
        self.with_pictures = with_pictures
        counts, kinds = _extra_columns(workspace, subject.post_ids)
        names = sorted(counts, key=lambda name: (-counts[name], name))
        self.extras = {name: kinds[name] for name in sorted(names[:MAX_EXTRA_COLUMNS])}
        self.has_rest = len(names) > MAX_EXTRA_COLUMNS
        self.schema = pa.schema(
            [
                *((HIT_COLUMNS if self.hits else {}).items()),
                *COLUMNS.items(),
                *((f"extra.{name}", kind) for name, kind in self.extras.items()),
                *([("extra", pa.string())] if self.has_rest else []),
            ]
        )

    def cells(self, post: Post, user: User | None) -> list[Any]:
        """The post's values in the order of ``schema``; times are datetimes."""
        hit = self.hits.get(post.id)
        cells: list[Any] = [] if not self.hits else _hit_cells(hit)
        cells += [
            post.id, post.user_id, user and user.name, user and user.handle, post.created_at, post.lang, post.text,
            post.likes, post.reposts, post.replies, post.source, post.url, post.reply_to, post.repost_of,
            " ".join(picture_names(post, self.with_pictures)) or None,
        ]  # fmt: skip
        cells += [_as(kind, post.extra.get(name)) for name, kind in self.extras.items()]
        if self.has_rest:
            rest = {name: value for name, value in post.extra.items() if name not in self.extras}
            cells.append(json.dumps(rest, ensure_ascii=False) if rest else None)
        return cells


def picture_names(post: Post, with_pictures: bool) -> list[str]:
    """Where each picture lies in what is given out, or what it is called where pictures stay behind."""
    if with_pictures:
        return [f"{PICTURES}/{picture_file(item.path)}" for item in post.media if item.path]
    return [item.name for item in post.media]


def picture_file(path: str) -> str:
    """The name of a picture of the media folder in what is given out: its digest and ending."""
    return path.rpartition("/")[2]


def _hit_cells(hit: Hit | None) -> list[Any]:
    if hit is None:
        return [None, None, None]
    return [hit.rank, hit.score, ", ".join(f"{leg.leg} {leg.rank}" for leg in hit.legs)]


def _extra_columns(workspace: Workspace, ids: Sequence[str]) -> tuple[dict[str, int], dict[str, pa.DataType]]:
    """How often each imported column has a value, and a type that holds all of them."""
    counts: dict[str, int] = {}
    kinds: dict[str, pa.DataType] = {}
    for start in range(0, len(ids), 20_000):
        some = ids[start : start + 20_000]
        found = workspace.cursor().execute(
            "SELECT extra FROM posts WHERE extra <> '{}' AND id IN (SELECT unnest(?::VARCHAR[]))", [list(some)]
        )
        while rows := found.fetchmany(BATCH_POSTS):
            for (raw,) in rows:
                for name, value in json.loads(raw).items():
                    if value is not None:
                        counts[name] = counts.get(name, 0) + 1
                        kinds[name] = _wider(kinds.get(name), value)
    return counts, kinds


def _wider(kind: pa.DataType | None, value: Scalar) -> pa.DataType:
    if isinstance(value, bool):
        own = pa.bool_()
    elif isinstance(value, int) and -(2**63) <= value < 2**63:
        own = pa.int64()
    elif isinstance(value, float):
        own = pa.float64()
    else:
        own = pa.string()
    if kind is None or kind == own:
        return own
    return pa.float64() if {str(kind), str(own)} == {"int64", "double"} else pa.string()


def _as(kind: pa.DataType, value: Scalar) -> Scalar:
    if value is None:
        return None
    if kind == pa.string():
        return value if isinstance(value, str) else json.dumps(value)
    return float(value) if kind == pa.float64() else value
