"""When posts are written: five months up to 30 September 2026, with a daily and a weekly rhythm."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random

FIRST_DAY = date(2026, 5, 1)
LAST_DAY = date(2026, 9, 30)
END = datetime(2026, 9, 30, 21, 30)
"""No post and no act is later (naive UTC)."""

_DAYS = tuple(FIRST_DAY + timedelta(days=count) for count in range((LAST_DAY - FIRST_DAY).days + 1))
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY_WEIGHTS = (1.0, 0.95, 0.95, 1.0, 1.1, 1.3, 1.35)
_HOUR_WEIGHTS = (3, 1, 1, 1, 2, 4, 12, 22, 30, 24, 20, 21, 30, 24, 18, 19, 22, 28, 34, 40, 42, 36, 22, 9)


def days_of(when: str | None) -> tuple[date, ...]:
    """The days that a tag allows, in order; all of them for None.

    ``when`` is a list with commas of weekdays (``sat``), months (``07``), days (``07-16``) and spans (``07-16/07-18``).
    """
    if when is None:
        return _DAYS
    parts = when.split(",")
    return tuple(day for day in _DAYS if any(_allows(part, day) for part in parts))


def pick_time(rng: Random, *, on: str | None = None, at: int | None = None, minute: int | None = None) -> datetime:
    """A time for a post: a day that ``on`` allows, livelier ones likelier, in the hour ``at`` or by the day's rhythm,
    in the given minute or any.

    Raises ValueError where ``on`` allows no day.
    """
    days = days_of(on)
    if not days:
        raise ValueError(f"no day between {FIRST_DAY} and {LAST_DAY} is {on!r}")
    day = rng.choices(days, [_weight(day) for day in days])[0]
    hour = at if at is not None else rng.choices(range(24), _HOUR_WEIGHTS)[0]
    # a fifth of the hour is kept free at its end, so that an hour's posts come before the next hour's first replies
    within = rng.randrange(48) if minute is None else minute
    moment = datetime.combine(day, time(hour, within, rng.randrange(60)))
    return min(moment, END - timedelta(hours=6, seconds=rng.randrange(3600)))


def later(rng: Random, moment: datetime, *, typical: timedelta) -> datetime:
    """A time after ``moment``, log-normal about ``typical``, never past the end of the network's time."""
    wait = timedelta(seconds=round(typical.total_seconds() * rng.lognormvariate(0.0, 0.9)) + 1)
    room = END - moment
    if wait >= room:
        wait = timedelta(seconds=max(1, int(room.total_seconds() * rng.uniform(0.05, 0.9))))
    return moment + wait


def _allows(part: str, day: date) -> bool:
    if part in _WEEKDAYS:
        return _WEEKDAYS[day.weekday()] == part
    if "/" in part:
        first, _, last = part.partition("/")
        return first <= f"{day:%m-%d}" <= last
    return f"{day:%m-%d}".startswith(part)


def _weight(day: date) -> float:
    """Weekends are livelier, and the network grows a little from month to month."""
    return _WEEKDAY_WEIGHTS[day.weekday()] * (1.0 + 0.3 * (day - FIRST_DAY).days / len(_DAYS))
