"""Mastodon and what is built like it: statuses of its API, the account archive, Truth Social and Gab.

Shapes: docs.joinmastodon.org/entities/Status and /Account; the archive as app/services/backup_service.rb of
mastodon/mastodon writes it (outbox.json, likes.json and actor.json, media_attachments/); Truth Social and Gab as the
modules truth.js and gab.js of digitalmethodsinitiative/zeeschuimer hand them on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from core.ingest.readers.exports import BESIDE, QUOTE_OF, Act, Export, Made, at, dicts, embedded, first, words
from core.ingest.readers.json_objects import Row
from core.ingest.readers.markup import plain_text

_ATTACHMENTS = 50
_PICTURE_KINDS = ("image", "gifv", "photo", "unknown")
_NOTES = ("Note", "Question", "Article", "Page")


def is_status(item: Row) -> bool:
    counts = ("reblogs_count", "favourites_count", "replies_count", "reaction_count", "reposts_count")
    return "content" in item and isinstance(at(item, "account"), dict) and any(count in item for count in counts)


def is_activity(item: Row) -> bool:
    return item.get("type") in ("Create", "Announce", "Like") and "actor" in item and "object" in item


def read_status(item: Row) -> Made:
    """A status, and what it quotes. A boost gives the boosted status and an act, no copy."""
    if not is_status(item):
        return None
    account = _account(item.get("account"))
    created_at = item.get("created_at")
    boosted = first(item.get("reblog"), item.get("repost"))
    if isinstance(boosted, dict) and is_status(boosted):
        original = embedded(read_status(boosted))
        post_id = boosted.get("id")
        return [*original, Act("repost", {**account, "post_id": post_id, "created_at": created_at})]
    quoted = first(at(item, "quote", "quoted_status"), item.get("quote"))
    quoted_id = first(at(quoted, "id"), at(item, "quote", "quoted_status_id"), item.get("quote_id"))
    content = item.get("content")
    warning = item.get("spoiler_text")
    row: Row = {
        "id": item.get("id"),
        "text": plain_text(content),
        "title": warning if isinstance(warning, str) and warning else None,
        **account,
        "created_at": created_at,
        "lang": item.get("language"),
        "url": first(item.get("url"), item.get("uri")),
        "reply_to": item.get("in_reply_to_id"),
        QUOTE_OF: quoted_id,
        "likes": first(item.get("favourites_count"), item.get("reaction_count")),
        "reposts": first(item.get("reblogs_count"), item.get("reposts_count")),
        "replies": item.get("replies_count"),
        "pictures": _pictures(item.get("media_attachments")),
        "uri": item.get("uri"),
        "visibility": item.get("visibility"),
        "sensitive": item.get("sensitive"),
        "hashtags": words(item.get("tags"), "name"),
        "mentions": words(item.get("mentions"), "acct"),
        "application": at(item, "application", "name"),
        "card_url": at(item, "card", "url"),
        "quotes": item.get("quotes_count"),
        "edited_at": item.get("edited_at"),
        "group": first(at(item, "group", "title"), at(item, "group", "display_name")),
        "poll": words(at(item, "poll", "options"), "title"),
    }
    return [row, *(embedded(read_status(quoted)) if isinstance(quoted, dict) else [])]


def read_activity(item: Row) -> Made:
    """An entry of the archive's outbox.json; ``_beside`` may hold actor.json."""
    if not is_activity(item):
        return None
    actor = item.get("actor")
    user: Row = {"user_id": actor, **_actor(at(item, BESIDE, "actor"), actor)}
    thing = item.get("object")
    if item["type"] != "Create":
        kind = "repost" if item["type"] == "Announce" else "like"
        post_id = first(at(thing, "id"), thing if isinstance(thing, str) else None)
        return [Act(kind, {**user, "post_id": post_id, "created_at": item.get("published")})]
    if not isinstance(thing, dict) or thing.get("type") not in _NOTES:
        return None
    content = thing.get("content")
    languages = at(thing, "contentMap")
    audience = [one for key in ("to", "cc") for one in _strings(first(thing.get(key), item.get(key)))]
    return [
        {
            "id": thing.get("id"),
            "text": plain_text(content),
            "title": first(thing.get("summary"), thing.get("name")),
            **user,
            "created_at": first(thing.get("published"), item.get("published")),
            "lang": next(iter(languages), None) if isinstance(languages, dict) and len(languages) == 1 else None,
            "url": first(thing.get("url"), thing.get("id")),
            "reply_to": thing.get("inReplyTo"),
            QUOTE_OF: first(thing.get("quote"), thing.get("quoteUrl"), thing.get("quoteUri")),
            "likes": at(thing, "likes", "totalItems"),
            "reposts": at(thing, "shares", "totalItems"),
            "pictures": _pictures(thing.get("attachment")),
            "sensitive": thing.get("sensitive"),
            "visibility": "public" if any(one.endswith("#Public") for one in audience) else "private",
            "hashtags": words([tag for tag in dicts(thing.get("tag")) if tag.get("type") == "Hashtag"], "name"),
            "mentions": words([tag for tag in dicts(thing.get("tag")) if tag.get("type") == "Mention"], "name"),
        }
    ]


def read_lists(folder: Path, *, limit: int) -> Iterator[tuple[Act | str, str]]:
    """(act or what is wrong, place) of the posts that the archive's owner liked or bookmarked: lists of addresses."""
    for name, kind in (("likes.json", "like"), ("bookmarks.json", "bookmark")):
        path = folder / name
        if not path.is_file() or path.is_symlink():
            continue
        if path.stat().st_size > limit:
            yield f"larger than {limit >> 20} MB", name
            continue
        try:
            owner = at(json.loads((folder / "actor.json").read_bytes()[:limit]), "id")
            listed = at(json.loads(path.read_bytes()), "orderedItems")
        except (OSError, ValueError, RecursionError) as error:
            yield f"can't be read, or actor.json beside it can't: {error}", name
            continue
        for number, address in enumerate(_strings(listed), start=1):
            yield Act(kind, {"user_id": owner, "post_id": address}), f"{name} item {number}"


def _strings(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _account(account: object) -> Row:
    note = at(account, "note")
    return {
        "user_id": first(at(account, "id"), at(account, "acct"), at(account, "username")),
        "user_name": at(account, "display_name"),
        "user_handle": first(at(account, "acct"), at(account, "username")),
        "user_description": plain_text(note),
        "user_location": at(account, "location"),
        "user_created_at": at(account, "created_at"),
        "user_followers": at(account, "followers_count"),
        "user_following": at(account, "following_count"),
        "user_posts": at(account, "statuses_count"),
        "user_bot": at(account, "bot"),
        "user_verified": first(at(account, "verified"), at(account, "is_verified")),
    }


def _actor(actor: object, id_: object) -> Row:
    if at(actor, "id") != id_:
        return {}
    summary = at(actor, "summary")
    return {
        "user_name": at(actor, "name"),
        "user_handle": at(actor, "preferredUsername"),
        "user_description": plain_text(summary),
        "user_created_at": at(actor, "published"),
    }


def _pictures(attachments: object) -> list[Row] | None:
    """Pictures with their alternative texts; of films the still picture. Paths of the archive have no host."""
    found: list[Row] = []
    for one in dicts(attachments)[:_ATTACHMENTS]:
        kind = first(one.get("mediaType"), one.get("type"))
        if not isinstance(kind, str):
            continue
        film = kind in ("video", "audio") or kind.startswith(("video/", "audio/"))
        url = first(one.get("preview_url")) if film else first(one.get("url"), one.get("remote_url"))
        if isinstance(url, str) and (film or kind in _PICTURE_KINDS or kind.startswith("image/")):
            alt = first(one.get("description"), one.get("name"))
            found.append({"path": url if "://" in url else url.lstrip("/"), "alt": alt})
    return found or None


STATUSES = Export(
    "mastodon",
    "statuses of Mastodon, Truth Social or Gab",
    is_status,
    read_status,
    arrays=("statuses",),
)
OUTBOX = Export(
    "mastodon-archive",
    "the outbox.json of a Mastodon account archive",
    is_activity,
    read_activity,
    arrays=("orderedItems",),
)
