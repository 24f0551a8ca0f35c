"""Feedscope's own format: a folder with ``posts.jsonl`` and, beside it, ``users.jsonl``, ``interactions.jsonl`` and the
pictures. Keys are the field names of :mod:`core.types`; ``media`` is a list of ``{"file": ..., "alt": ...}``.

A post may carry its author as ``user`` and acts on it as ``interactions``, in the form of those files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from core.ingest.readers.json_lines import iterate_lines, read_samples
from core.ingest.readers.json_objects import TOO_DEEP, Row
from core.ingest.readers.named_pictures import MAX_PICTURES, PictureFolder
from core.ingest.readers.rows import MAX_KEY_CHARS, MAX_VALUE_CHARS, NEITHER, Extra, latest_time, read_web_address
from core.ingest.records import Failure, PostRecord, Source
from core.ingest.values import clean, parse_count, parse_id, parse_lang, parse_string, parse_time
from core.types import Interaction, Post, User

POST_KEYS = frozenset(field.name for field in fields(Post)) | {"user", "interactions"}
USER_KEYS = frozenset(field.name for field in fields(User))

Noun = TypeVar("Noun", User, Interaction)


def posts_file(folder: Path) -> Path | None:
    """The folder's ``posts.jsonl`` where its first objects have an id and no keys but ours."""
    path = folder / "posts.jsonl"
    if not path.is_file():
        return None
    _, objects, _ = read_samples(path)
    ours = objects and all("id" in item and item.keys() <= POST_KEYS for item in objects)
    return path if ours else None


def read_posts(
    path: Path, source_name: str, pictures: PictureFolder, *, max_text_chars: int
) -> Iterator[PostRecord | Failure]:
    """The file's posts in order; texts are taken as they are, without unescaping."""
    encoding, _, _ = read_samples(path)
    latest = latest_time()
    has_users = (path.parent / "users.jsonl").is_file()
    for item, where, position in iterate_lines(path, encoding):
        if isinstance(item, str):
            yield Failure(where, item, position)
            continue
        try:
            post = _post(item, source_name, latest, max_text_chars)
            if isinstance(post, str):
                yield Failure(where, post, position)
                continue
            named = pictures.pictures(item.get("media"))[:MAX_PICTURES]
            user = _inline_user(item.get("user"), post.user_id, latest, has_users)
            acts = tuple(_inline_interactions(item.get("interactions"), post.id, latest))
        except RecursionError:
            yield Failure(where, TOO_DEEP, position)
            continue
        if post.text or named:
            yield PostRecord(post, where, position, user=user, pictures=tuple(named), interactions=acts)
        else:
            yield Failure(where, NEITHER, position)


def read_users(source: Source) -> Iterator[User | Failure]:
    """The accounts of ``users.jsonl`` beside the posts; nothing where there is no such file."""
    yield from _read_file(source, "users.jsonl", _user)


def read_interactions(source: Source) -> Iterator[Interaction | Failure]:
    """The acts of ``interactions.jsonl`` beside the posts; nothing where there is no such file."""
    yield from _read_file(source, "interactions.jsonl", _interaction)


def _read_file(source: Source, name: str, parse: Callable[[Row, datetime], Noun | str]) -> Iterator[Noun | Failure]:
    path = source.path / name
    if source.format != "feedscope" or not path.is_file():
        return
    encoding, _, _ = read_samples(path)
    latest = latest_time()
    for item, where, position in iterate_lines(path, encoding):
        try:
            parsed = item if isinstance(item, str) else parse(item, latest)
        except RecursionError:
            parsed = TOO_DEEP
        yield Failure(where, parsed, position) if isinstance(parsed, str) else parsed


def _post(item: Row, source_name: str, latest: datetime, max_text_chars: int) -> Post | str:
    post_id = parse_id(item.get("id"))
    if post_id is None:
        return "the post has no id"
    extra = Extra()
    own = item.get("extra")
    for key, value in [*(own.items() if isinstance(own, dict) else ()), *_unknown(item, POST_KEYS)]:
        extra.add(key, value)
    text = item.get("text")
    text = clean(text) if isinstance(text, str) else ""
    if len(text) > max_text_chars:
        extra.note(f"text: cut from {len(text):,} to {max_text_chars:,} characters")
    return Post(
        id=post_id,
        text=text[:max_text_chars],
        user_id=parse_id(item.get("user_id")),
        created_at=_time(item, latest, extra),
        lang=parse_lang(item.get("lang")),
        url=read_web_address(item.get("url")),
        reply_to=parse_id(item.get("reply_to")),
        repost_of=parse_id(item.get("repost_of")),
        likes=parse_count(item.get("likes")),
        reposts=parse_count(item.get("reposts")),
        replies=parse_count(item.get("replies")),
        source=(parse_string(item.get("source")) or source_name)[:MAX_KEY_CHARS],
        extra=extra.values(),
    )


def _user(item: Row, latest: datetime) -> User | str:
    user_id = parse_id(item.get("id"))
    if user_id is None:
        return "the user has no id"
    extra = Extra()
    own = item.get("extra")
    for key, value in [*(own.items() if isinstance(own, dict) else ()), *_unknown(item, USER_KEYS)]:
        extra.add(key, value)
    name, handle = parse_string(item.get("name")), parse_string(item.get("handle"))
    description, location = parse_string(item.get("description")), parse_string(item.get("location"))
    return User(
        id=user_id,
        name=name[:MAX_KEY_CHARS] if name else None,
        handle=handle[:MAX_KEY_CHARS] if handle else None,
        description=description[:MAX_VALUE_CHARS] if description else None,
        location=location[:MAX_KEY_CHARS] if location else None,
        created_at=_time(item, latest, extra),
        followers=parse_count(item.get("followers")),
        following=parse_count(item.get("following")),
        extra=extra.values(),
    )


def _interaction(item: Row, latest: datetime) -> Interaction | str:
    user_id, post_id = parse_id(item.get("user_id")), parse_id(item.get("post_id"))
    kind = parse_string(item.get("kind"))
    if user_id is None or post_id is None or kind is None:
        return "an interaction needs user_id, post_id and kind"
    weight = item.get("weight")
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
        weight = 1.0
    created_at = parse_time(item.get("created_at"), latest=latest)
    return Interaction(user_id, post_id, kind[:MAX_KEY_CHARS], created_at, float(weight))


def _inline_user(item: object, user_id: str | None, latest: datetime, has_users: bool) -> User | None:
    """The author as the post tells; else, where no users.jsonl does, all that is known: the id."""
    if isinstance(item, dict):
        user = _user(item, latest)
        return None if isinstance(user, str) else user
    return User(user_id) if user_id and not has_users else None


def _inline_interactions(items: object, post_id: str, latest: datetime) -> Iterator[Interaction]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            parsed = _interaction({"post_id": post_id, **item}, latest)
            if not isinstance(parsed, str):
                yield parsed


def _time(item: Row, latest: datetime, extra: Extra) -> datetime | None:
    raw = item.get("created_at")
    time = parse_time(raw, latest=latest)
    if time is None:
        extra.unusable("created_at", raw, "not a usable time")
    return time


def _unknown(item: Row, known: frozenset[str]) -> list[tuple[str, object]]:
    return [(key, value) for key, value in item.items() if key not in known]
