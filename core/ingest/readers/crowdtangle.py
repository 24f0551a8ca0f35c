"""The tables of CrowdTangle: posts of Facebook pages and groups, and of Instagram.

Shape: the required columns that the CrowdTangle import of digitalmethodsinitiative/4cat names. Times end in the zone of
the dashboard's owner (``EST``); reactions are counted one by one, and ``Total Interactions`` has thousands separators.
"""

from __future__ import annotations

import re

from core.ingest.readers.exports import Export, Made, first, rest
from core.ingest.readers.json_objects import Row

_ZONES = {
    "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00",
    "PST": "-08:00", "PDT": "-07:00", "BST": "+01:00", "CET": "+01:00", "CEST": "+02:00", "EET": "+02:00",
    "EEST": "+03:00", "WET": "+00:00", "WEST": "+01:00", "GMT": "+00:00", "UTC": "+00:00",
}  # fmt: skip
_ZONE = re.compile(r"\s([A-Z]{3,4})$")
_USED = frozenset(
    ("Message", "Description", "Title", "Page Name", "Group Name", "Account", "User Name", "Facebook Id",
     "Page Description", "Page Created", "Followers at Posting",
     "Post Created", "Created", "Likes", "Comments", "Shares", "URL", "Photo")
)  # fmt: skip


def is_row(item: Row) -> bool:
    names = item.keys()
    return "URL" in names and ("Post Created" in names or "Created" in names) and "Followers at Posting" in names


def read(item: Row) -> Made:
    if not is_row(item):
        return None
    url = str(item.get("URL") or "").rstrip("/")
    instagram = "instagram.com/" in url
    account = first(item.get("Facebook Id"), item.get("User Name"), item.get("Account"))
    tail = url.split("?")[0].rpartition("/")[2]
    return [
        {
            "id": tail if instagram or not item.get("Facebook Id") else f"{item['Facebook Id']}_{tail}",
            "text": item.get("Description") if instagram else item.get("Message"),
            "title": item.get("Title") if instagram else None,
            "user_id": account,
            "user_name": first(item.get("Page Name"), item.get("Group Name"), item.get("Account")),
            "user_handle": item.get("User Name"),
            "user_description": item.get("Page Description"),
            "user_created_at": _time(item.get("Page Created")),
            "user_followers": item.get("Followers at Posting"),
            "created_at": _time(first(item.get("Post Created"), item.get("Created"))),
            "likes": item.get("Likes"),
            "reposts": item.get("Shares"),
            "replies": item.get("Comments"),
            "url": item.get("URL"),
            "pictures": item.get("Photo"),
            "source": "instagram" if instagram else "facebook",
            "card_text": None if instagram else item.get("Description"),
            **rest(item, _USED),
        }
    ]


def _time(value: object) -> object:
    """The time with its zone as hours from UTC."""
    zone = _ZONE.search(value) if isinstance(value, str) else None
    if zone is None or zone[1] not in _ZONES or not isinstance(value, str):
        return value
    return value[: zone.start()] + _ZONES[zone[1]]


EXPORT = Export("crowdtangle", "a table of CrowdTangle", is_row, read)
