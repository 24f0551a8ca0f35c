"""X, once Twitter: its account archive, version 2 of its API, and the objects of its web pages.

Shapes: the archive's own README (data/tweets.js, data/like.js, data/account.js, data/tweets_media/); the data
dictionary of API v2 at docs.x.com; the pages' GraphQL as modules/x.js of digitalmethodsinitiative/zeeschuimer
collects it.
A retweet gives the original post and an act. In the archive a retweet names no original, unless its picture does; it
stays a post there that says ``is_retweet``.
"""

from __future__ import annotations

import re

from core.ingest.readers.exports import BESIDE, QUOTE_OF, Act, Export, Made, at, dicts, embedded, first, words
from core.ingest.readers.json_objects import Row
from core.ingest.readers.markup import resolved

_V2_FIELDS = ("edit_history_tweet_ids", "public_metrics", "referenced_tweets", "author_id", "conversation_id")
_LINK = re.compile(r"</?a\b[^<>]*>")


def is_archived(item: Row) -> bool:
    """Whether this is an entry of tweets.js or like.js."""
    tweet = item.get("tweet")
    return (isinstance(tweet, dict) and "id_str" in tweet and ("full_text" in tweet or "text" in tweet)) or (
        isinstance(item.get("like"), dict) and "tweetId" in item["like"]  # type: ignore[operator]
    )


def is_page(item: Row) -> bool:
    """Whether this is an answer of API v2: tweets with what they refer to beside them."""
    data = item.get("data")
    found = dicts(data) if isinstance(data, list) else [data] if isinstance(data, dict) else []
    return bool(found) and all(_is_v2(tweet) for tweet in found)


def _is_v2(item: Row) -> bool:
    return "id" in item and "text" in item and sum(field in item for field in _V2_FIELDS) >= 2


def is_graphql(item: Row) -> bool:
    """Whether this is a tweet of the web pages: with ``legacy`` inside."""
    return isinstance(item.get("legacy"), dict) and ("rest_id" in item or item.get("type") == "adaptive")


def read_archived(item: Row) -> Made:
    account = at(item, BESIDE, "account")
    owner: Row = {
        "user_id": at(account, "accountId"),
        "user_handle": at(account, "username"),
        "user_name": at(account, "accountDisplayName"),
        "user_created_at": at(account, "createdAt"),
    }
    like = item.get("like")
    if isinstance(like, dict):
        id_ = like.get("tweetId")
        made: list[Row | Act] = []
        if like.get("fullText"):
            made.append({"id": id_, "text": resolved(like["fullText"]), "url": like.get("expandedUrl")})
        if owner["user_id"]:
            made.append(Act("like", {**owner, "post_id": id_}))
        return made
    tweet = item.get("tweet")
    if not is_archived(item) or not isinstance(tweet, dict):
        return None
    row = _legacy(tweet, owner, f"tweets_media/{tweet.get('id_str')}-")
    text = row["text"]
    if isinstance(text, str) and text.startswith("RT @"):
        original = next((at(one, "source_status_id_str") for one in _media(tweet)), None)
        if original and owner["user_id"]:
            return [Act("repost", {**owner, "post_id": original, "created_at": tweet.get("created_at")})]
        row["is_retweet"] = True
    return [row]


def read_graphql(item: Row) -> Made:
    """A tweet of the web pages, and those that it repeats or quotes."""
    inner = item.get("tweet")
    tweet = inner if isinstance(inner, dict) else item
    if not is_graphql(tweet):
        return None
    legacy = tweet["legacy"]
    assert isinstance(legacy, dict)
    user = _graphql_user(first(at(tweet, "core", "user_results", "result"), tweet.get("user")))
    user["user_id"] = first(user["user_id"], legacy.get("user_id_str"))
    original = first(at(legacy, "retweeted_status_result", "result"), at(tweet, "retweeted_status_result", "result"))
    if isinstance(original, dict):
        made = embedded(read_graphql(original))
        post_id = first(at(original, "rest_id"), at(original, "tweet", "rest_id"))
        return [*made, Act("repost", {**user, "post_id": post_id, "created_at": legacy.get("created_at")})]
    row = _legacy({**legacy, "id_str": first(tweet.get("rest_id"), legacy.get("id_str"))}, user, None)
    note = at(tweet, "note_tweet", "note_tweet_results", "result", "text")
    if isinstance(note, str):
        row["text"] = resolved(note)
    row["views"] = first(at(tweet, "views", "count"), at(tweet, "ext_views", "count"))
    row["application"] = _plain(first(tweet.get("source"), legacy.get("source")))
    row["promoted"] = tweet.get("promoted")
    quoted = at(tweet, "quoted_status_result", "result")
    return [row, *(embedded(read_graphql(quoted)) if isinstance(quoted, dict) else [])]


def _graphql_user(user: object) -> Row:
    old = first(at(user, "legacy"), user)
    return {
        "user_id": first(at(user, "rest_id"), at(user, "id_str")),
        "user_handle": first(at(old, "screen_name"), at(user, "core", "screen_name")),
        "user_name": first(at(old, "name"), at(user, "core", "name")),
        "user_description": at(old, "description"),
        "user_location": first(at(user, "location", "location"), at(old, "location")),
        "user_created_at": first(at(old, "created_at"), at(user, "core", "created_at")),
        "user_followers": at(old, "followers_count"),
        "user_following": at(old, "friends_count"),
        "user_verified": first(at(user, "is_blue_verified"), at(old, "verified")),
    }


def _legacy(tweet: Row, user: Row, media_prefix: str | None) -> Row:
    """A tweet in the layout of version 1.1; ``media_prefix`` is where an archive keeps the tweet's pictures."""
    id_ = first(tweet.get("id_str"), tweet.get("id"))
    handle = user.get("user_handle")
    found: list[Row] = []
    for one in _media(tweet):
        url = first(one.get("media_url_https"), one.get("media_url"))
        if one.get("type", "photo") == "photo" and isinstance(url, str):
            picture: Row = {"media_url_https": url, "alt": one.get("ext_alt_text")}
            if media_prefix is not None:
                picture["file"] = media_prefix + url.rpartition("/")[2]
            found.append(picture)
    films = [str(at(one, "expanded_url")) for one in _media(tweet) if one.get("type") in ("video", "animated_gif")]
    entities = tweet.get("entities")
    return {
        "id": id_,
        "text": resolved(first(tweet.get("full_text"), tweet.get("text"))),
        **user,
        "created_at": tweet.get("created_at"),
        "lang": tweet.get("lang"),
        "url": f"https://x.com/{handle or 'i/web'}/status/{id_}",
        "reply_to": first(tweet.get("in_reply_to_status_id_str"), tweet.get("in_reply_to_status_id")),
        QUOTE_OF: tweet.get("quoted_status_id_str"),
        "likes": tweet.get("favorite_count"),
        "reposts": tweet.get("retweet_count"),
        "replies": tweet.get("reply_count"),
        "quotes": tweet.get("quote_count"),
        "bookmarks": tweet.get("bookmark_count"),
        "pictures": found or None,
        "videos": ",".join(films) or None,
        "thread": tweet.get("conversation_id_str"),
        "reply_to_user": tweet.get("in_reply_to_screen_name"),
        "hashtags": words(at(entities, "hashtags"), "text"),
        "mentions": words(at(entities, "user_mentions"), "screen_name"),
        "links": words(at(entities, "urls"), "expanded_url"),
        "place": at(tweet, "place", "full_name"),
        "possibly_sensitive": tweet.get("possibly_sensitive"),
        "withheld": tweet.get("withheld_scope"),
        "application": _plain(tweet.get("source")),
    }


def _media(tweet: Row) -> list[Row]:
    return dicts(at(tweet, "extended_entities", "media")) or dicts(at(tweet, "entities", "media"))


def _plain(markup: object) -> str | None:
    return _LINK.sub("", markup).strip() if isinstance(markup, str) else None


def read_v2(item: Row) -> Made:
    """An answer of API v2 with its includes, or one tweet of it, as twarc writes them one a line."""
    if _is_v2(item):
        return _read_tweet(item, {}, {})
    if not is_page(item):
        return None
    data = item["data"]
    tweets = dicts(data) if isinstance(data, list) else [data]
    users = {str(one.get("id")): one for one in dicts(at(item, "includes", "users"))}
    media = {str(one.get("media_key")): one for one in dicts(at(item, "includes", "media"))}
    beside = [one for one in dicts(at(item, "includes", "tweets")) if "id" in one and "text" in one]
    own = [made for tweet in tweets if isinstance(tweet, dict) for made in _read_tweet(tweet, users, media)]
    return [*own, *embedded(made for tweet in beside for made in _read_tweet(tweet, users, media))]


def _read_tweet(tweet: Row, users: dict[str, Row], media: dict[str, Row]) -> list[Row | Act]:
    id_ = tweet.get("id")
    user = _v2_user(tweet, users)
    referred = {str(one.get("type")): one for one in dicts(tweet.get("referenced_tweets"))}
    flattened = [one for one in referred.values() if "text" in one]  # as twarc's flatten lays them in
    others = embedded(made for one in flattened for made in _read_tweet(one, users, media))
    if "retweeted" in referred:
        act = Act("repost", {**user, "post_id": referred["retweeted"].get("id"), "created_at": tweet.get("created_at")})
        return [*others, act]
    keys = at(tweet, "attachments", "media_keys")
    shown = [media[str(key)] for key in keys if str(key) in media] if isinstance(keys, list) else []
    shown = shown or dicts(at(tweet, "attachments", "media"))
    metrics = tweet.get("public_metrics")
    entities = tweet.get("entities")
    row: Row = {
        "id": id_,
        "text": resolved(first(at(tweet, "note_tweet", "text"), tweet.get("text"))),
        **user,
        "created_at": tweet.get("created_at"),
        "lang": tweet.get("lang"),
        "url": f"https://x.com/{user.get('user_handle') or 'i/web'}/status/{id_}",
        "reply_to": at(referred.get("replied_to"), "id"),
        QUOTE_OF: at(referred.get("quoted"), "id"),
        "likes": at(metrics, "like_count"),
        "reposts": at(metrics, "retweet_count"),
        "replies": at(metrics, "reply_count"),
        "quotes": at(metrics, "quote_count"),
        "views": at(metrics, "impression_count"),
        "bookmarks": at(metrics, "bookmark_count"),
        "pictures": [
            {"path": one["url"], "alt": one.get("alt_text")}
            for one in shown
            if one.get("type") == "photo" and "url" in one
        ]
        or None,
        "thread": tweet.get("conversation_id"),
        "hashtags": words(at(entities, "hashtags"), "tag"),
        "mentions": words(at(entities, "mentions"), "username"),
        "links": words(at(entities, "urls"), "expanded_url"),
        "possibly_sensitive": tweet.get("possibly_sensitive"),
        "application": tweet.get("source"),
        "reply_settings": tweet.get("reply_settings"),
    }
    return [row, *others]


def _v2_user(tweet: Row, users: dict[str, Row]) -> Row:
    id_ = tweet.get("author_id")
    inside = tweet.get("author")
    user = inside if isinstance(inside, dict) else users.get(str(id_))
    return {
        "user_id": first(id_, at(user, "id")),
        "user_handle": at(user, "username"),
        "user_name": at(user, "name"),
        "user_description": at(user, "description"),
        "user_location": at(user, "location"),
        "user_created_at": at(user, "created_at"),
        "user_followers": at(user, "public_metrics", "followers_count"),
        "user_following": at(user, "public_metrics", "following_count"),
        "user_verified": at(user, "verified"),
    }


ARCHIVE = Export("x-archive", "the tweets.js of an X or Twitter archive", is_archived, read_archived)
API = Export("x-api", "answers of X's API, version 2", lambda item: is_page(item) or _is_v2(item), read_v2)
