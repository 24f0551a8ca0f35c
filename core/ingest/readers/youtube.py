"""The tables of YouTube Data Tools: lists of videos, and the comments of a video.

Shape: mod_videos_list.php and mod_video_info.php of bernorieder/YouTube-Data-Tools, .csv or .tab. What a comment
answers stands in isReplyTo.
"""

from __future__ import annotations

from core.ingest.readers.exports import Export, Made, first, rest
from core.ingest.readers.json_objects import Row
from core.ingest.readers.markup import plain_text

_VIDEO = frozenset(("videoId", "videoTitle", "channelId"))
_COMMENT = frozenset(("id", "authorName", "text", "publishedAt", "isReply"))
_VIDEO_USED = frozenset(
    ("videoId", "videoTitle", "videoDescription", "channelId", "channelTitle", "publishedAt", "publishedAtSQL",
     "likeCount", "commentCount", "defaultLanguage", "defaultLAudioLanguage", "defaultAudioLanguage",
     "thumbnail_maxres")
)  # fmt: skip
_COMMENT_USED = frozenset(
    (
        "id",
        "text",
        "authorName",
        "authorChannelId",
        "publishedAt",
        "likeCount",
        "replyCount",
        "isReplyTo",
        "isReplyToId",
    )
)


def is_row(item: Row) -> bool:
    return item.keys() >= _VIDEO or item.keys() >= _COMMENT


def read(item: Row) -> Made:
    if item.keys() >= _VIDEO:
        return [_video(item)]
    return [_comment(item)] if item.keys() >= _COMMENT else None


def _video(item: Row) -> Row:
    return {
        "id": item.get("videoId"),
        "title": item.get("videoTitle"),
        "text": item.get("videoDescription"),
        "user_id": item.get("channelId"),
        "user_name": item.get("channelTitle"),
        "created_at": first(item.get("publishedAt"), item.get("publishedAtSQL")),
        "likes": item.get("likeCount"),
        "replies": item.get("commentCount"),
        "lang": first(item.get("defaultLanguage"), item.get("defaultAudioLanguage"), item.get("defaultLAudioLanguage")),
        "url": f"https://www.youtube.com/watch?v={item.get('videoId')}",
        "pictures": item.get("thumbnail_maxres"),
        "kind": "video",
        **rest(item, _VIDEO_USED),
    }


def _comment(item: Row) -> Row:
    return {
        "id": item.get("id"),
        "text": plain_text(item.get("text")),
        "user_id": first(item.get("authorChannelId"), item.get("authorName")),
        "user_name": item.get("authorName"),
        "created_at": item.get("publishedAt"),
        "likes": item.get("likeCount"),
        "replies": item.get("replyCount"),
        "reply_to": first(item.get("isReplyToId"), item.get("isReplyTo")),
        "kind": "comment",
        **rest(item, _COMMENT_USED),
    }


EXPORT = Export("youtube", "a table of YouTube Data Tools", is_row, read)
