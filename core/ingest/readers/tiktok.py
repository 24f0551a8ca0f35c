"""TikTok, as its web pages hand out films. Their covers are the pictures.

Shape: the fields that datasources/tiktok-urls and the TikTok import of digitalmethodsinitiative/4cat read.
"""

from __future__ import annotations

from core.ingest.readers.exports import QUOTE_OF, Made, at, dicts, first, words
from core.ingest.readers.json_objects import Row


def read(item: Row) -> Made:
    if "id" not in item or "createTime" not in item:
        return None
    author = item.get("author")
    handle = first(at(author, "uniqueId"), author if isinstance(author, str) else None)
    stats = first(item.get("stats"), item.get("statsV2"))
    about = first(item.get("authorStats"), item.get("authorStatsV2"))
    duet = first(at(item, "duetInfo", "duetFromId"))
    images = dicts(at(item, "imagePost", "images"))
    slides = [urls[0] for one in images if isinstance(urls := at(one, "imageURL", "urlList"), list) and urls]
    cover = first(at(item, "video", "cover"), at(item, "video", "originCover"))
    return [
        {
            "id": item.get("id"),
            "text": item.get("desc"),
            "user_id": first(handle, at(author, "id")),
            "user_handle": handle,
            "user_name": first(at(author, "nickname"), item.get("nickname")),
            "user_description": at(author, "signature"),
            "user_followers": at(about, "followerCount"),
            "user_following": at(about, "followingCount"),
            "user_verified": at(author, "verified"),
            "created_at": item.get("createTime"),
            "lang": item.get("textLanguage"),
            "url": f"https://www.tiktok.com/@{handle}/video/{item.get('id')}",
            QUOTE_OF: duet if duet != "0" else None,
            "likes": at(stats, "diggCount"),
            "reposts": at(stats, "shareCount"),
            "replies": at(stats, "commentCount"),
            "views": at(stats, "playCount"),
            "pictures": [{"path": one} for one in slides or [cover] if isinstance(one, str) and one] or None,
            "music": at(item, "music", "title"),
            "music_author": at(item, "music", "authorName"),
            "hashtags": words(item.get("textExtra"), "hashtagName") or words(item.get("challenges"), "title"),
            "is_duet": bool(duet and duet != "0"),
            "is_ad": item.get("isAd"),
            "location": first(item.get("locationCreated")),
        }
    ]
