"""Bluesky: posts as the app view gives them, feeds, plain records, and the lines of Jetstream.

Shapes: the lexicons app.bsky.feed.post, app.bsky.feed.defs (postView, feedViewPost), app.bsky.embed.* of
bluesky-social/atproto; Jetstream as its README describes the events. Some tools write the keys with underscores (the
Python SDK, 4CAT); both spellings are read. A post's time is ``createdAt``; ``indexedAt`` stands in where that is
missing.
"""

from __future__ import annotations

from core.ingest.readers.exports import QUOTE_OF, Act, Export, Made, at, dicts, embedded, first
from core.ingest.readers.json_objects import Row

_POST = "app.bsky.feed.post"
_ACTS = {"app.bsky.feed.like": "like", "app.bsky.feed.repost": "repost"}
_MAX_PARTS = 100


def is_post(item: Row) -> bool:
    return _is_view(item) or _is_view(item.get("post")) or is_event(item) or _is_record(item)


def is_event(item: Row) -> bool:
    """Whether this is a line of Jetstream."""
    return isinstance(item.get("did"), str) and "time_us" in item and item.get("kind") in (
        "commit", "identity", "account",
    )  # fmt: skip


def _is_view(item: object) -> bool:
    uri = at(item, "uri")
    return (
        isinstance(uri, str)
        and uri.startswith("at://")
        and isinstance(first(at(item, "record"), at(item, "value")), dict)
    )


def _is_record(item: Row) -> bool:
    return _kind(item) in (_POST, *_ACTS)


def _kind(record: object) -> object:
    return first(at(record, "$type"), at(record, "py_type"))


def read(item: Row) -> Made:
    """A post, a post with the reason why it is in a feed (a repost gives an act), or an event."""
    if is_event(item):
        return _read_event(item)
    post = item.get("post")
    if isinstance(post, dict) and _is_view(post):
        made = [*_read_view(post)]
        above = {str(at(one, "uri")): one for one in (at(item, "reply", "root"), at(item, "reply", "parent"))}
        for one in above.values():
            if isinstance(one, dict) and _is_view(one):
                made += embedded(_read_view(one))
        by = at(item, "reason", "by")
        if isinstance(by, dict):
            when = first(at(item, "reason", "indexedAt"), at(item, "reason", "indexed_at"))
            made.append(Act("repost", {**_author(by), "post_id": post.get("uri"), "created_at": when}))
        return made
    if _is_view(item):
        return _read_view(item)
    if _is_record(item):
        return _read_record(item, None, None)
    return None


def _read_event(event: Row) -> Made:
    did, commit = event.get("did"), event.get("commit")
    if event["kind"] == "identity":
        handle = at(event, "identity", "handle")
        return [Act("identity", {"user_id": did, "user_handle": handle})] if handle else []
    record = at(commit, "record")
    if not isinstance(record, dict):
        return []  # a deletion, or an account that was switched off
    collection = at(commit, "collection")
    uri = f"at://{did}/{collection}/{at(commit, 'rkey')}"
    made = _read_record({"$type": collection, **record}, uri, did)
    return [] if made is None else made  # follows, blocks, lists, profiles


def _read_record(record: Row, uri: object, did: object) -> Made:
    kind = _kind(record)
    when = first(record.get("createdAt"), record.get("created_at"))
    if kind == _POST:
        return [{"id": uri, "user_id": did, **_post(record, uri)}]
    if isinstance(kind, str) and kind in _ACTS:
        return [Act(_ACTS[kind], {"user_id": did, "post_id": at(record, "subject", "uri"), "created_at": when})]
    return None


def _read_view(view: Row) -> list[Row | Act]:
    record = first(view.get("record"), view.get("value"))
    assert isinstance(record, dict)
    uri = str(view.get("uri"))
    author = view.get("author")
    user = _author(author) if isinstance(author, dict) else {"user_id": uri.split("/")[2]}
    post = _post(record, uri)
    row: Row = {
        "id": uri,
        **user,
        **post,
        "created_at": first(post["created_at"], view.get("indexedAt"), view.get("indexed_at")),
        "likes": first(view.get("likeCount"), view.get("like_count")),
        "reposts": first(view.get("repostCount"), view.get("repost_count")),
        "replies": first(view.get("replyCount"), view.get("reply_count")),
        "quotes": first(view.get("quoteCount"), view.get("quote_count")),
        "labels": ",".join(str(label.get("val")) for label in dicts(view.get("labels"))) or post["labels"],
        "pictures": _view_pictures(view.get("embed")) or post["pictures"],
    }
    quoted = _quoted_view(view.get("embed"))
    return [row, *([] if quoted is None else embedded(_read_view(quoted)))]


def _post(record: Row, uri: object) -> Row:
    languages = record.get("langs")
    features = [one for facet in dicts(record.get("facets"))[:_MAX_PARTS] for one in dicts(facet.get("features"))]
    tags = [str(one["tag"]) for one in features if "tag" in one]
    outer = record.get("tags")
    tags += [tag for tag in outer if isinstance(tag, str)] if isinstance(outer, list) else []
    parts = uri.split("/") if isinstance(uri, str) else []
    return {
        "text": record.get("text"),
        "created_at": first(record.get("createdAt"), record.get("created_at")),
        "lang": languages if isinstance(languages, list) and len(languages) == 1 else None,
        "url": f"https://bsky.app/profile/{parts[2]}/post/{parts[-1]}" if len(parts) == 5 else None,
        "reply_to": at(record, "reply", "parent", "uri"),
        QUOTE_OF: _quoted(record.get("embed")),
        "pictures": _record_pictures(record.get("embed"), parts[2] if len(parts) == 5 else None),
        "thread": at(record, "reply", "root", "uri"),
        "langs": languages if isinstance(languages, list) and len(languages) > 1 else None,
        "hashtags": ",".join(tags) or None,
        "links": ",".join(str(one["uri"]) for one in features if "uri" in one) or None,
        "mentions": ",".join(str(one["did"]) for one in features if "did" in one) or None,
        "card_url": at(_media(record.get("embed")), "external", "uri"),
        "labels": ",".join(str(one.get("val")) for one in dicts(at(record, "labels", "values"))) or None,
    }


def _author(author: Row) -> Row:
    return {
        "user_id": author.get("did"),
        "user_handle": author.get("handle"),
        "user_name": first(author.get("displayName"), author.get("display_name")),
        "user_description": author.get("description"),
        "user_created_at": first(author.get("createdAt"), author.get("created_at")),
        "user_followers": first(author.get("followersCount"), author.get("followers_count")),
        "user_following": first(author.get("followsCount"), author.get("follows_count")),
    }


def _media(embed: object) -> object:
    """The pictures' part of an embed: a quote with pictures holds them one level deeper."""
    return first(at(embed, "media"), embed)


def _quoted(embed: object) -> object:
    uri = first(at(embed, "record", "record", "uri"), at(embed, "record", "uri"))
    return uri if isinstance(uri, str) and f"/{_POST}/" in uri else None


def _quoted_view(embed: object) -> Row | None:
    """The quoted post where the view shows it whole, as a post's view would."""
    for shown in (at(embed, "record", "record"), at(embed, "record")):
        if isinstance(shown, dict) and _is_view(shown) and isinstance(shown.get("author"), dict):
            embeds = dicts(shown.get("embeds"))
            return {**shown, "embed": embeds[0] if embeds else None} if _quoted({"record": shown}) else None
    return None


def _view_pictures(embed: object) -> list[Row] | None:
    media = _media(embed)
    found: list[Row] = [
        {"path": first(one.get("fullsize"), one.get("thumb")), "alt": one.get("alt")}
        for one in dicts(at(media, "images"))
    ]
    still = at(media, "thumbnail")
    return found or ([{"path": still, "alt": at(media, "alt")}] if still else None)


def _record_pictures(embed: object, did: str | None) -> list[Row] | None:
    """A record names its pictures by the hash of their bytes; the author's server, or the network's, gives them."""
    found: list[Row] = []
    for one in dicts(at(_media(embed), "images")):
        link = first(at(one, "image", "ref", "$link"), at(one, "image", "ref", "link"), at(one, "image", "cid"))
        if isinstance(link, str) and did:
            found.append({"path": f"https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{link}", "alt": one.get("alt")})
    return found or None


EXPORT = Export(
    "bluesky",
    "posts of Bluesky: views, feeds, records or Jetstream lines",
    is_post,
    read,
    arrays=("feed", "posts", "records"),
)
