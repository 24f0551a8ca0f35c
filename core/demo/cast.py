"""The people of the demo network, their hidden interests, and who follows whom."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from core.demo.script import read_rows
from core.demo.timeline import FIRST_DAY
from core.types import User

Item = TypeVar("Item")

SPAM_SITE = "tidecoin-claim.example"
_SPAMMERS = (
    ("tidecoin_official_", "TideCoin Official"),
    ("luna_wins77", "Luna W."),
    ("crypto_benno_x", "Benno Profits"),
    ("claimdesk_24", "Claim Desk"),
    ("rich.by.friday", "Rich By Friday"),
    ("tide_rewards_01", "TIDE Rewards"),
    ("tide_rewards_02", "TIDE Rewards"),
    ("marga_invest", "Marga Invest"),
    ("wallet_helper9", "Wallet Helper"),
    ("easy_coins_now", "Easy Coins"),
    ("presale_alerts", "Presale Alerts"),
    ("thankful_tim88", "Thankful Tim"),
)
SPAM_DAYS = "07-22/07-23"


@dataclass(slots=True)
class Person:
    """An account. ``voice`` is how it writes; ``interests`` is a mixture over topics (sums to 1); ``activity`` and
    ``charm`` are relative rates of posting and of being liked."""

    id: str
    handle: str
    name: str
    bio: str
    place: str
    voice: str
    interests: dict[str, float]
    lang: str
    activity: float
    charm: float
    joined: datetime
    follows: set[str] = field(default_factory=set)


def gather_cast(rng: Random) -> list[Person]:
    """Everybody, in a fixed order; the spam wave's accounts come last and joined just before it."""
    people = []
    for number, (handle, name, bio, place, voice, topics, lang) in enumerate(read_rows("users.psv"), start=1):
        office = voice == "office"
        joined = datetime.combine(FIRST_DAY, datetime.min.time()) - timedelta(minutes=rng.randrange(60 * 24 * 900))
        people.append(
            Person(
                id=f"u{number:03}",
                handle=handle,
                name=name,
                bio=bio,
                place="Saltmarrow, " + place if place not in ("Dunmere", "Castle Pell", "On the road") else place,
                voice=voice,
                interests=_mixture(topics),
                lang=lang,
                activity=1.0 if office else min(rng.paretovariate(1.3), 12.0),
                charm=rng.lognormvariate(0.5 if office else 0.0, 0.7),
                joined=joined,
            )
        )
    _follow(people, rng)
    wave = datetime(2026, 7, 20, 9, 0)
    for number, (handle, name) in enumerate(_SPAMMERS, start=len(people) + 1):
        joined = wave + timedelta(minutes=rng.randrange(60 * 40))
        bio = "Ask me how I got rich 💸" if number % 2 else ""
        person = Person(f"u{number:03}", handle, name, bio, "", "spam", {"spam": 1.0}, "en", 1.0, 0.05, joined)
        person.follows = {other.id for other in rng.sample(people, rng.randrange(30, 90))}
        people.append(person)
    return people


def as_users(people: list[Person]) -> list[User]:
    """What the network tells of its people; followers and following are counted within it."""
    followers = {person.id: 0 for person in people}
    for person in people:
        for followed in person.follows:
            followers[followed] += 1
    return [
        User(
            id=person.id,
            name=person.name,
            handle=person.handle,
            description=person.bio or None,
            location=person.place or None,
            created_at=person.joined,
            followers=followers[person.id],
            following=len(person.follows),
        )
        for person in people
    ]


def closeness(one: Person, other: Person) -> float:
    """How far two people's interests overlap, 0 to 1."""
    return sum(min(weight, other.interests.get(topic, 0.0)) for topic, weight in one.interests.items())


def _mixture(topics: str) -> dict[str, float]:
    """``cats:4 books`` -> {cats: 0.8, books: 0.2}."""
    weights = {}
    for topic in topics.split():
        name, _, weight = topic.partition(":")
        weights[name] = float(weight or 1)
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _follow(people: list[Person], rng: Random) -> None:
    """Each follows some: the charming, the like-minded, and those who share a language."""
    for person in people:
        if person.voice == "office":
            continue
        others = [other for other in people if other is not person]
        pull = [
            (0.15 + 3.0 * closeness(person, other)) * other.charm * (2.0 if other.lang == person.lang else 0.5)
            for other in others
        ]
        wanted = min(len(others) - 1, 4 + round(rng.lognormvariate(2.4, 0.6)))
        person.follows = {other.id for other in draw(rng, others, pull, wanted)}


def draw(rng: Random, items: list[Item], weights: list[float], count: int) -> list[Item]:
    """``count`` different items, likelier by weight, none of weight 0 (Efraimidis and Spirakis, 2006)."""
    keyed = sorted(
        (-math.log(1.0 - rng.random()) / weight, place) for place, weight in enumerate(weights) if weight > 0
    )
    return [items[place] for _, place in keyed[:count]]
