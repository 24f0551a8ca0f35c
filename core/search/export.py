"""Hits as files for the next tool: CSV and JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from core.types import Hit, Post, Scalar

COLUMNS = (
    "rank", "score", "found_by", "post_id", "user_id", "created_at", "lang", "text", "likes", "reposts", "replies",
    "source", "url", "reply_to", "repost_of", "pictures",
)  # fmt: skip


def hits_csv(hits: Iterable[Hit], posts: dict[str, Post]) -> str:
    """One line a hit, with the columns COLUMNS and one for each imported extra column (``extra.NAME``)."""
    found = [(hit, posts[hit.post_id]) for hit in hits if hit.post_id in posts]
    extras = sorted({name for _, post in found for name in post.extra})
    rows = ([*_values(hit, post), *(post.extra.get(name) for name in extras)] for hit, post in found)
    return csv_text([*COLUMNS, *(f"extra.{name}" for name in extras)], rows)


def hits_jsonl(hits: Iterable[Hit], posts: dict[str, Post]) -> str:
    """One JSON object a line: the post with its media and extra columns, and the hit with its legs."""
    lines = []
    for hit in hits:
        post = posts.get(hit.post_id)
        if post is not None:
            value = {"rank": hit.rank, "score": hit.score, "legs": [asdict(leg) for leg in hit.legs], **asdict(post)}
            value["created_at"] = post.created_at.isoformat() if post.created_at else None
            lines.append(json.dumps(value, ensure_ascii=False))
    return "".join(line + "\n" for line in lines)


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Scalar]]) -> str:
    """CSV with a byte order mark, so that spreadsheets read it as UTF-8, and with no cell that they would run."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")  # RFC 4180; and so a lone \r in a text is quoted
    writer.writerow([_defused(name) for name in head])
    writer.writerows([_defused(value) for value in row] for row in rows)
    return "\ufeff" + file.getvalue()


def _defused(value: Scalar) -> Scalar:
    """A text that a spreadsheet would take for a formula, with an apostrophe before it (OWASP, CSV injection)."""
    if isinstance(value, str):
        value = value.replace("\x00", "")
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    return value


def _values(hit: Hit, post: Post) -> list[Scalar]:
    legs = ", ".join(f"{leg.leg} {leg.rank}" for leg in hit.legs)
    return [
        hit.rank, hit.score, legs, post.id, post.user_id, post.created_at.isoformat() if post.created_at else None,
        post.lang, post.text, post.likes, post.reposts, post.replies, post.source, post.url, post.reply_to,
        post.repost_of, " ".join(item.name for item in post.media),
    ]  # fmt: skip
