"""Reddit: submissions and comments as the API and the monthly dumps (Pushshift, Arctic Shift; .zst) give them.

Shapes: github.com/reddit-archive/reddit/wiki/JSON and the dumps' own fields. Ids are full names (``t3_`` a submission,
``t1_`` a comment), so that ``parent_id`` and ``link_id`` point at posts. ``created_utc`` is a number or a string. What
was removed keeps the label that says by whom.
"""

from __future__ import annotations

import html

from core.ingest.readers.exports import QUOTE_OF, Export, Made, at, dicts, first
from core.ingest.readers.json_objects import Row
from core.ingest.readers.markup import resolved

_REMOVED = ("[removed]", "[deleted]", "[deleted by user]", "[ Removed by Reddit ]")
_KEPT = (
    "subreddit", "subreddit_id", "domain", "link_flair_text", "author_flair_text", "over_18", "spoiler", "stickied",
    "locked", "distinguished", "edited", "gilded", "upvote_ratio", "num_crossposts", "controversiality", "is_submitter",
    "removed_by_category", "removal_reason", "removed_by", "banned_by", "collapsed_reason", "post_hint", "retrieved_on",
    "is_self", "is_video", "is_gallery", "total_awards_received", "view_count",
)  # fmt: skip


def is_thing(item: Row) -> bool:
    data = _data(item)
    return "author" in data and "created_utc" in data and ("subreddit" in data or "subreddit_id" in data)


def _data(item: Row) -> Row:
    """The fields of a thing; the API wraps them as ``{"kind": "t3", "data": {...}}``."""
    inner = item.get("data")
    return inner if item.get("kind") in ("t1", "t3") and isinstance(inner, dict) else item


def read(item: Row) -> Made:
    """A submission or a comment. A crosspost is a post that quotes."""
    thing = _data(item)
    if not is_thing(thing):
        return None
    comment = "body" in thing
    body = thing.get("body" if comment else "selftext")
    removed = body if isinstance(body, str) and body.strip() in _REMOVED else None
    url = thing.get("url")
    name = first(thing.get("name"), _full_name("t1" if comment else "t3", thing.get("id")))
    link = thing.get("permalink")
    row: Row = {
        "id": name,
        "text": "" if removed and not comment else resolved(body),
        "title": resolved(thing.get("title")),
        "user_id": thing.get("author"),
        "user_handle": thing.get("author"),
        "created_at": thing.get("created_utc"),
        "url": f"https://www.reddit.com{link}" if isinstance(link, str) and link.startswith("/") else link,
        "reply_to": _parent(thing.get("parent_id")) if comment else None,
        QUOTE_OF: thing.get("crosspost_parent"),
        "likes": first(thing.get("score"), thing.get("ups")),
        "replies": thing.get("num_comments"),
        "reposts": thing.get("num_crossposts"),
        "pictures": None if comment else _pictures(thing, url),
        "kind": "comment" if comment else "submission",
        "thread": _parent(thing.get("link_id")),
        "link": url if not thing.get("is_self") else None,
        "removed": removed,
        "author_fullname": thing.get("author_fullname"),
        **{key: thing[key] for key in _KEPT if key in thing and thing[key] not in ("", None, [], {})},
    }
    if row["user_id"] in ("[deleted]", "[removed]"):
        row["user_id"] = row["user_handle"] = None
        row["author"] = "[deleted]"
    return [row]


def _full_name(kind: str, id_: object) -> object:
    return f"{kind}_{id_}" if isinstance(id_, str) and id_ else None


def _parent(value: object) -> object:
    """Old dumps hold a comment's parent as a number in base 36 without its kind: that names nothing."""
    return value if isinstance(value, str) and value.startswith(("t1_", "t3_")) else None


def _pictures(thing: Row, url: object) -> list[Row] | None:
    gallery = [
        at(thing, "media_metadata", str(one.get("media_id"))) for one in dicts(at(thing, "gallery_data", "items"))
    ]
    found: list[Row] = [{"path": html.unescape(u)} for one in gallery if isinstance(u := at(one, "s", "u"), str)]
    if found:
        return found
    pictured = isinstance(url, str) and url.split("?")[0].lower().endswith((".jpg", ".jpeg", ".png", ".gif", ".webp"))
    return [{"path": url}] if pictured or thing.get("post_hint") == "image" else None


EXPORT = Export(
    "reddit",
    "submissions or comments of Reddit",
    is_thing,
    read,
    arrays=("children",),
)
