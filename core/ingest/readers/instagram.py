"""Instagram and Threads, as their web pages hand out posts.

Shapes: datasources/instagram and datasources/threads of digitalmethodsinitiative/4cat, which name the fields of the
item lists (``code``, ``taken_at``, ``caption.text``) and of the older graph nodes (``shortcode``,
``edge_media_to_caption``).
"""

from __future__ import annotations

import re

from core.ingest.readers.exports import QUOTE_OF, Made, at, dicts, first
from core.ingest.readers.json_objects import Row

_HASHTAG = re.compile(r"#([^\s!@#$%^&*()_+{}:\"|<>?\[\];'\\,./`~]+)")
_KINDS = {1: "photo", 2: "video", 8: "carousel"}


def read_instagram(item: Row) -> Made:
    if "shortcode" in item:
        return [_node(item)]
    return [_item(item, "https://www.instagram.com/p/{code}")] if "code" in item and "taken_at" in item else None


def read_threads(item: Row) -> Made:
    """A post of Threads; a repost gives the original alone, since the pages do not say when it was repeated."""
    if "code" not in item or "taken_at" not in item:
        return None
    info = item.get("text_post_app_info")
    row = _item(item, "https://www.threads.com/@{user}/post/{code}")
    quoted = at(info, "share_info", "quoted_post")
    return [
        {
            **row,
            "reposts": at(info, "repost_count"),
            "replies": at(info, "direct_reply_count"),
            "quotes": at(info, "quote_count"),
            QUOTE_OF: at(quoted, "code"),
            "card_url": at(info, "link_preview_attachment", "url"),
            "reply_to_user": at(info, "reply_to_author", "username"),
        }
    ]


def _item(item: Row, url: str) -> Row:
    code = item.get("code")
    user = first(item.get("user"), item.get("owner"))
    caption = at(item, "caption", "text")
    slides = dicts(item.get("carousel_media")) or [item]
    kind = item.get("media_type")
    return {
        "id": code,
        "text": caption,
        "user_id": first(at(user, "username"), at(user, "pk"), at(user, "id")),
        "user_handle": at(user, "username"),
        "user_name": at(user, "full_name"),
        "user_verified": at(user, "is_verified"),
        "created_at": item.get("taken_at"),
        "url": url.format(code=code, user=at(user, "username")),
        "likes": item.get("like_count"),
        "replies": item.get("comment_count"),
        "pictures": [shown for slide in slides if (shown := _picture(slide))] or None,
        "views": first(item.get("play_count"), item.get("view_count")),
        "kind": _KINDS.get(kind) if isinstance(kind, int) else None,
        "hashtags": _hashtags(caption),
        "location": at(item, "location", "name"),
        "is_paid_partnership": item.get("is_paid_partnership"),
    }


def _picture(slide: Row) -> Row | None:
    best = next(iter(dicts(at(slide, "image_versions2", "candidates"))), None)
    alt = slide.get("accessibility_caption")
    return {"path": best["url"], "alt": alt} if best and best.get("url") else None


def _node(node: Row) -> Row:
    captions = dicts(at(node, "edge_media_to_caption", "edges"))
    caption = at(captions[0], "node", "text") if captions else None
    owner = first(node.get("owner"), node.get("user"))
    slides = [at(edge, "node") for edge in dicts(at(node, "edge_sidecar_to_children", "edges"))] or [node]
    return {
        "id": node.get("shortcode"),
        "text": caption,
        "user_id": first(at(owner, "username"), at(owner, "id")),
        "user_handle": at(owner, "username"),
        "user_name": at(owner, "full_name"),
        "created_at": node.get("taken_at_timestamp"),
        "url": f"https://www.instagram.com/p/{node.get('shortcode')}",
        "likes": first(at(node, "edge_media_preview_like", "count"), at(node, "edge_liked_by", "count")),
        "replies": first(at(node, "edge_media_preview_comment", "count"), at(node, "edge_media_to_comment", "count")),
        "pictures": [
            {"path": at(slide, "display_url"), "alt": at(slide, "accessibility_caption")}
            for slide in slides
            if at(slide, "display_url")
        ]
        or None,
        "views": node.get("video_view_count"),
        "kind": node.get("__typename"),
        "hashtags": _hashtags(caption),
        "location": at(node, "location", "name"),
    }


def _hashtags(caption: object) -> str | None:
    return ",".join(_HASHTAG.findall(caption)) or None if isinstance(caption, str) else None
