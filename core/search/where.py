"""Filters as KEY=VALUE words, the way the command line and the URL write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from core.errors import QueryError
from core.types import Filters

KEYS = "user, since, until, lang, source, picture (yes or no), min_likes, or the name of an imported column"


def parse_where(conditions: Sequence[str]) -> Filters:
    """Filters from ``["lang=de", "min_likes=10", "subreddit=aww"]``. Repeating user, lang or source means any of them.

    Times are ISO 8601 dates or times in UTC. Raises QueryError naming the condition that can't be used.
    """
    several: dict[str, list[str]] = {"user": [], "lang": [], "source": []}
    since = until = None
    has_picture: bool | None = None
    min_likes: int | None = None
    extra: list[tuple[str, str]] = []
    for condition in conditions:
        key, equals, value = condition.partition("=")
        key = key.strip()
        if not equals or not key:
            raise QueryError(f"{condition!r} is not KEY=VALUE. Keys are {KEYS}.")
        if key in several:
            several[key].append(value)
        elif key == "since":
            since = _time(condition, value)
        elif key == "until":
            until = _time(condition, value)
        elif key == "picture":
            if value not in ("yes", "no"):
                raise QueryError(f"{condition!r}: picture is yes or no.")
            has_picture = value == "yes"
        elif key == "min_likes":
            if not value.isdecimal() or len(value) > 18:
                raise QueryError(f"{condition!r}: min_likes is a whole number.")
            min_likes = int(value)
        else:
            extra.append((key, value))
    return Filters(
        user_ids=tuple(several["user"]),
        since=since,
        until=until,
        langs=tuple(several["lang"]),
        sources=tuple(several["source"]),
        has_picture=has_picture,
        min_likes=min_likes,
        extra=tuple(extra),
    )


def _time(condition: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise QueryError(f"{condition!r}: give a date like 2026-09-30 or a time like 2026-09-30T12:00.") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment
