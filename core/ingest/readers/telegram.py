"""Telegram: the result.json that Telegram Desktop exports, and messages as Telethon (so 4CAT) lays them out.

Shapes: Telegram/SourceFiles/export/output/export_output_json.cpp of telegramdesktop/tdesktop; datasources/telegram of
digitalmethodsinitiative/4cat. A message's number counts within its chat, so ids are ``CHAT/NUMBER``. Forwards name whom
they come from, not the message, and stay posts that say so.
"""

from __future__ import annotations

import json
import re

from core.ingest.readers.exports import BESIDE, Export, Made, at, dicts, first
from core.ingest.readers.json_objects import Row

_HEADER = re.compile(r'"(name|type|id)"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+|null)')
_KEPT = (
    "media_type", "mime_type", "file", "duration_seconds", "sticker_emoji", "via_bot", "place_name", "address", "title",
    "performer", "game_title", "contact_information", "location_information", "self_destruct_period_seconds", "author",
)  # fmt: skip


def is_message(item: Row) -> bool:
    return _is_desktop(item) or _is_telethon(item)


def _is_desktop(item: Row) -> bool:
    return item.get("type") in ("message", "service") and "id" in item and "date" in item and "text" in item


def _is_telethon(item: Row) -> bool:
    return item.get("_type") in ("Message", "MessageService") and "id" in item and "date" in item


def read_header(text: str) -> Row:
    """The chat's name, type and id from the JSON text before its messages."""
    header: Row = {}
    for match in _HEADER.finditer(text):
        try:
            header[match[1]] = json.loads(match[2])
        except ValueError:  # an escape that JSON does not have
            continue
    return header


def read(item: Row) -> Made:
    if _is_desktop(item):
        return _read_desktop(item)
    return _read_telethon(item) if _is_telethon(item) else None


def _read_desktop(message: Row) -> Made:
    if message["type"] == "service":
        return []
    chat = message.get(BESIDE)
    number, chat_id = message.get("id"), at(chat, "id")
    reactions = dicts(message.get("reactions"))
    likes = [count for one in reactions if isinstance(count := one.get("count"), int)]
    answered = message.get("reply_to_message_id")
    elsewhere = message.get("reply_to_peer_id")
    link = first(message.get("href"), message.get("link"))
    poll = message.get("poll")
    return [
        {
            "id": _id(chat_id, number),
            "text": _text(first(message.get("text_entities"), message.get("text"))),
            "title": at(poll, "question"),
            "user_id": first(message.get("from_id"), _id(None, chat_id)),
            "user_name": first(message.get("from"), at(chat, "name")),
            "created_at": first(message.get("date_unixtime"), message.get("date")),
            "url": link,
            "reply_to": _id(first(elsewhere, chat_id), answered),
            "likes": sum(likes) if reactions else None,
            "pictures": _picture(message),
            "chat": at(chat, "name"),
            "chat_type": at(chat, "type"),
            "forwarded_from": message.get("forwarded_from"),
            "reactions": ",".join(f"{one.get('emoji', one.get('type'))} {one.get('count')}" for one in reactions)
            or None,
            "edited_at": first(message.get("edited_unixtime"), message.get("edited")),
            "poll": ",".join(str(one.get("text")) for one in dicts(at(poll, "answers"))) or None,
            **{f"{key}": message[key] for key in _KEPT if key in message and key not in ("title", "file")},
            "file": message.get("file"),
            "media_title": message.get("title"),
        }
    ]


def _read_telethon(message: Row) -> Made:
    if message["_type"] == "MessageService":
        return []
    chat = message.get("_chat")
    chat_name = first(at(chat, "username"), at(chat, "id"), at(message, "peer_id", "channel_id"))
    sender = message.get("_sender")
    number = message.get("id")
    answered = first(message.get("reply_to_msg_id"), at(message, "reply_to", "reply_to_msg_id"))
    name = " ".join(str(part) for part in (at(sender, "first_name"), at(sender, "last_name")) if part)
    handle = at(sender, "username")
    return [
        {
            "id": _id(chat_name, number),
            "text": message.get("message"),
            "user_id": first(
                at(message, "from_id", "user_id"), at(sender, "id"), at(message, "peer_id", "channel_id"), chat_name
            ),
            "user_name": name or first(at(chat, "title")),
            "user_handle": first(handle, at(chat, "username")) if not name else handle,
            "created_at": message.get("date"),
            "reply_to": _id(chat_name, answered),
            "reposts": message.get("forwards"),
            "replies": at(message, "replies", "replies"),
            "views": message.get("views"),
            "chat": chat_name,
            "forwarded_from": first(
                at(message, "fwd_from", "from_name"),
                at(message, "fwd_from", "from_id", "channel_id"),
                at(message, "fwd_from", "from_id", "user_id"),
            ),
            "edited_at": message.get("edit_date"),
            "media_type": at(message, "media", "_type"),
        }
    ]


def _id(chat: object, number: object) -> str | None:
    if number is None or number == "" or isinstance(number, (dict, list)):
        return None
    return str(number) if chat is None or chat == "" else f"{chat}/{number}"


def _text(value: object) -> object:
    """A text, or its parts: strings and ``{"type": "link", "text": ...}``; a link under words has its address added."""
    if not isinstance(value, list):
        return value
    parts: list[str] = []
    for part in value:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            href = part.get("href")
            parts.append(f"{part['text']} ({href})" if isinstance(href, str) and href != part["text"] else part["text"])
    return "".join(parts)


def _picture(message: Row) -> list[Row] | None:
    """The photo; of a sticker, a file that is a picture, or a film, what can be shown. A path in brackets says why the
    export left the file out."""
    named = [message.get("photo")]
    if str(message.get("mime_type", "")).startswith("image/") or message.get("media_type") == "sticker":
        named.append(message.get("file"))
    if not named[-1]:
        named.append(message.get("thumbnail"))
    found: list[Row] = [{"path": one} for one in named if isinstance(one, str) and one and not one.startswith("(")]
    return found[:1] or None


EXPORT = Export(
    "telegram",
    "the result.json of Telegram Desktop, or messages as 4CAT collects them",
    is_message,
    read,
    arrays=("messages",),
)
