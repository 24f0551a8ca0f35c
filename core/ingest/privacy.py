"""Importing less than a file holds: users under pseudonyms, columns left out.

A pseudonym is the HMAC-SHA256 of an id under a key (RFC 2104), 24 hex digits of it. The key is made once and lies
beside the workspace's folder, never in it, so that whoever is given the workspace can't try ids; whoever holds the key
can, and imports with it go on to meet the same users. Handles in texts, addresses and whatever columns tell of the
author go as well. This hides names, not people: what somebody writes may tell who they are.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from core.errors import ImportFailed
from core.ingest.mapping import ALIASES, fold
from core.ingest.records import ActRecord, PostRecord
from core.types import Interaction, Post, Scalar, User

DIGITS = 24
_MENTION = re.compile(r"(?<![\w&/.])[@＠](\w[\w.-]*\w|\w)")
_ADDRESS = re.compile(r"[/@]|did:")
_ABOUT_USER = frozenset(
    name for field in ALIASES if field.startswith("user_") for name in ALIASES[field]
)  # "followers" and the like go as well: few accounts have just so many
_WORDS_ABOUT_USER = ("user", "author", "account", "profile", "screenname", "handle", "owner", "creator", "did", "actor")
_POST_FIELDS = {field.name for field in fields(Post)} - {"id", "text", "extra", "media"}
Item = TypeVar("Item")


def key_file(workspace: Path) -> Path:
    """Where a workspace's key lies."""
    return workspace.with_name(f"{workspace.name}.pseudonyms.key")


def read_key(workspace: Path, *, create: bool) -> bytes:
    """The key. Raises ImportFailed where there is none and none may be made, since other pseudonyms would be given."""
    path = key_file(workspace)
    if not path.exists():
        if not create:
            raise ImportFailed(
                f"This workspace keeps its users under pseudonyms, and their key is not at {path}. Bring it back, or"
                " import into another workspace."
            )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
    return bytes.fromhex(path.read_text().strip())


class Privacy:
    """What an import leaves out. ``key`` is None where users keep their names; ``drop`` are columns, or fields as
    mappings name them. ``dropped`` counts the cells that were left out, by column."""

    def __init__(self, key: bytes | None, drop: Sequence[str] = ()) -> None:
        for name in drop:
            if fold(name) in ("id", "text"):
                raise ImportFailed(f"{name} can't be dropped: a post is nothing without it.")
        self._key = key
        self._drop = {fold(name): name for name in drop}
        self.dropped: Counter[str] = Counter()
        self.pseudonym = lru_cache(maxsize=100_000)(self._pseudonym)

    @property
    def pseudonymises(self) -> bool:
        return self._key is not None

    def __bool__(self) -> bool:
        return self._key is not None or bool(self._drop)

    def applied(self, item: Item) -> Item:
        """A post, an act, a user or an interaction as it may be stored; anything else as it is."""
        if isinstance(item, PostRecord):
            return replace(
                item,
                post=self._post(item.post),
                user=item.user and self._user(item.user),
                interactions=tuple(map(self._act, item.interactions)),
            )
        if isinstance(item, ActRecord):
            return replace(
                item, user=item.user and self._user(item.user), interactions=tuple(map(self._act, item.interactions))
            )
        if isinstance(item, User):
            return self._user(item)  # type: ignore[return-value]
        if isinstance(item, Interaction):
            return self._act(item)  # type: ignore[return-value]
        return item

    def _pseudonym(self, id_: str, sign: str = "u") -> str:
        assert self._key is not None
        digest = hmac.new(self._key, id_.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"{sign}_{digest[:DIGITS]}"

    def _reference(self, id_: str | None) -> str | None:
        """A post's id; one that is an address may name its author and is replaced, each time by the same."""
        if id_ is None or self._key is None or not _ADDRESS.search(id_):
            return id_
        return self.pseudonym(id_, "p")

    def _post(self, post: Post) -> Post:
        changed: dict[str, object] = {}
        for name in _POST_FIELDS:
            if fold(name) in self._drop and getattr(post, name) is not None:
                changed[name] = None
                self.dropped[self._drop[fold(name)]] += 1
        extra = self._extra(post.extra)
        if self._key is None:
            return replace(post, extra=extra, **changed)  # type: ignore[arg-type]
        return replace(
            post,
            **{
                "id": self._reference(post.id),
                "text": _MENTION.sub(lambda match: f"@{self.pseudonym(match[1].casefold())}", post.text),
                "user_id": post.user_id and self.pseudonym(post.user_id),
                "reply_to": self._reference(post.reply_to),
                "repost_of": self._reference(post.repost_of),
                "url": None,
                "extra": {name: value for name, value in extra.items() if not _tells_user(name)},
                **changed,
            },  # type: ignore[arg-type]
        )

    def _extra(self, extra: object) -> dict[str, Scalar]:
        kept: dict[str, Scalar] = {}
        for name, value in dict(extra).items():  # type: ignore[call-overload]
            if fold(name) in self._drop:
                self.dropped[self._drop[fold(name)]] += 1
            else:
                kept[name] = value
        return kept

    def _user(self, user: User) -> User:
        if self._key is not None:
            kept = {} if "usercreatedat" in self._drop else {"created_at": user.created_at}
            return User(self.pseudonym(user.id), **kept)  # type: ignore[arg-type]
        changed: dict[str, object] = {}
        for name in ("name", "handle", "description", "location", "created_at", "followers", "following"):
            if fold(f"user_{name}") in self._drop and getattr(user, name) is not None:
                changed[name] = None
                self.dropped[self._drop[fold(f"user_{name}")]] += 1
        return replace(user, extra=self._extra(user.extra), **changed)  # type: ignore[arg-type]

    def _act(self, act: Interaction) -> Interaction:
        if self._key is None:
            return act
        target = self.pseudonym(act.post_id) if act.kind == "follow" else self._reference(act.post_id)
        return replace(act, user_id=self.pseudonym(act.user_id), post_id=target or act.post_id)

    def unused(self) -> list[str]:
        """The columns to drop that no row had."""
        return [name for name in self._drop.values() if not self.dropped[name]]


@lru_cache(maxsize=4096)
def _tells_user(column: str) -> bool:
    folded = fold(column)
    return folded in _ABOUT_USER or any(word in folded for word in _WORDS_ABOUT_USER)
