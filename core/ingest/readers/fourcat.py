"""The tables of 4CAT, separated by commas, and of Zeeschuimer, separated by semicolons: the columns are the same.

Shape: the ``map_item`` of each datasources/*/search_*.py of digitalmethodsinitiative/4cat. Core columns are id,
thread_id, author, body, timestamp and unix_timestamp. Known traps: Bluesky's ``timestamp`` is a number and its date is
``created_at``; truth values are yes and no; several pictures share a cell, joined by commas; an X retweet is a row that
names no original.
"""

from __future__ import annotations

import re
from functools import lru_cache

from core.ingest.readers.exports import QUOTE_OF, Export, Made, first
from core.ingest.readers.json_objects import Row
from core.ingest.readers.markup import plain_text, resolved

_CORE = frozenset(("id", "thread_id", "body", "timestamp"))
_AUTHORS = ("author", "account_username", "author_id", "account_id")

_FIELDS: dict[str, tuple[str, ...]] = {
    "id": ("id",),
    "text": ("body",),
    "title": ("subject",),
    "user_id": ("author_id", "account_id", "author", "account_username"),
    "user_name": (
        "author_fullname", "author_full", "author_display_name", "author_name", "account_display_name",
        "author_full_name",
    ),
    "user_handle": ("author_username", "account_username", "author"),
    "user_description": ("account_note", "author_bio"),
    "user_created_at": ("author_created_at",),
    "user_followers": ("author_followers", "account_followers", "account_followers_count"),
    "user_following": ("author_following", "account_following", "account_following_count"),
    "created_at": ("unix_timestamp", "created_at", "timestamp"),
    "likes": ("like_count", "likes", "num_likes", "amount_likes", "reaction_count", "favourites_count", "upvotes",
              "score"),
    "reposts": ("retweet_count", "repost_count", "reposts", "reposts_count", "reblogs_count", "shares", "amount_shares",
                "forwards"),
    "replies": ("reply_count", "replies", "num_comments", "comments", "replies_count", "amount_comments"),
    "views": ("impression_count", "views", "plays", "amount_plays"),
    "lang": ("language_guess", "languages", "language"),
    "url": ("link", "url", "tiktok_url", "post_url"),
    "pictures": ("images", "image_urls", "image_url", "thumbnail_url", "attachment_filename"),
    "alt": ("alt_text",),
    "reply_to": ("reply_to", "in_reply_to_id", "parent_id"),
    "thread": ("thread_id",),
}  # fmt: skip
_USED = frozenset(column for columns in _FIELDS.values() for column in columns)
_TRUTH = re.compile(r"(?:is|has|possibly|replies|account|author)_")
_BSKY_POST = re.compile(r"https://bsky\.app/profile/(did:[^/]+)/post/([^/]+)")


def is_row(item: Row) -> bool:
    return item.keys() >= _CORE and any(name in item for name in _AUTHORS)


def read(item: Row) -> Made:
    if not is_row(item):
        return None
    platform = _platform(item)
    fields, others = _plan(tuple(item))
    row: Row = {}
    for field, columns in fields:
        for column in columns:
            value = item[column]
            if value is not None and value != "":
                row[field] = value
                break
        else:
            row[field] = None
    row["source"] = platform
    for column, name, may_be_truth in others:
        value = item[column]
        if value is not None and value != "" and row.get(name) is None:
            row[name] = value == "yes" if may_be_truth and value in ("yes", "no") else value
    _fix(row, item, platform)
    return [row]


@lru_cache(maxsize=64)
def _plan(columns: tuple[str, ...]) -> tuple[list[tuple[str, list[str]]], list[tuple[str, str, bool]]]:
    """For a header, each field's columns, best first; and of the others the name that they get, and whether they may
    hold yes or no. ``author_forwarded_from_name`` tells of the message, and what X calls the source is the app."""
    fields = [(field, [name for name in names if name in columns]) for field, names in _FIELDS.items()]
    others = [
        (
            column,
            "application" if column == "source" else column.replace("author_forwarded", "forwarded"),
            _TRUTH.match(column) is not None,
        )
        for column in columns
        if column not in _USED
    ]
    return fields, others


def _platform(item: Row) -> str | None:
    id_ = item.get("id")
    if "tiktok_url" in item:
        return "tiktok"
    if "is_retweet" in item and "retweet_count" in item:
        return "x"
    if isinstance(id_, str) and id_.startswith("at://"):
        return "bluesky"
    if "chat" in item and "attachment_type" in item:
        return "telegram"
    if "reblogs_count" in item:
        return "truthsocial"
    if "reaction_count" in item and "group_id" in item:
        return "gab"
    url = str(item.get("url", ""))
    if "author_is_verified" in item and "threads." in url:
        return "threads"
    return "instagram" if "num_media" in item or "instagram.com/" in url else None


def _fix(row: Row, item: Row, platform: str | None) -> None:
    """What a platform's columns mean beside their names."""
    body = row["text"]
    if platform in ("truthsocial", "gab"):
        row["text"] = plain_text(body)
    elif platform == "x":
        row["text"] = resolved(body)
    if platform == "bluesky":
        row["created_at"] = first(item.get("created_at"), item.get("timestamp"))
        row["reply_to"] = _bsky_uri(item.get("replied_to_post"))
        row[QUOTE_OF] = _bsky_uri(item.get("quoted_post"))
        languages = str(row["lang"] or "")
        row["lang"] = languages if "," not in languages and languages != "N/A" else None
    elif platform == "telegram":
        chat = item.get("thread_id")
        row["id"], row["reply_to"] = (_in_chat(chat, row[field]) for field in ("id", "reply_to"))
        if item.get("attachment_type") != "photo":
            row["pictures"] = None
        row["user_handle"] = item.get("author_username")  # the author is a number
    elif platform == "truthsocial":
        row["pictures"] = item.get("media_url" if item.get("media_type") == "image" else "media_preview_url")
    elif platform == "instagram" and row["reply_to"] == row["id"]:
        row["reply_to"] = None
    if row["thread"] == row["id"]:
        row["thread"] = None


def _in_chat(chat: object, number: object) -> object:
    """A message's number counts within its chat."""
    return f"{chat}/{number}" if chat and isinstance(number, (str, int)) and str(number).isdecimal() else number


def _bsky_uri(link: object) -> str | None:
    """A link names the post for good where it names the author by DID; a handle can change hands."""
    match = _BSKY_POST.fullmatch(link) if isinstance(link, str) else None
    return f"at://{match[1]}/app.bsky.feed.post/{match[2]}" if match else None


TABLE = Export("4cat", "a table of 4CAT", is_row, read)
SEMICOLONS = Export("zeeschuimer", "a table of Zeeschuimer", is_row, read)
