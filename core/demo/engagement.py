"""Who saw, liked and shared what: chance, led by hidden interests, by who follows whom and by how good a post is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from core.demo.cast import Person, draw
from core.demo.compose import Draft
from core.demo.timeline import later
from core.types import Interaction

_TYPICAL_WAIT = timedelta(hours=3)


def engage(
    drafts: Sequence[Draft], ids: Mapping[Draft, str], people: Sequence[Person], rng: Random
) -> list[Interaction]:
    """Every view, like, repost and reply, in the order of time.

    A person views a post before liking or sharing it, and does each at most once a post. Each reply and each quote
    among the posts is an act as well: a ``reply`` on the post answered, a ``repost`` of the post quoted.
    """
    crowd = [person for person in people if person.voice not in ("office", "spam")]
    spammers = [person for person in people if person.voice == "spam"]
    answered: dict[Draft, list[Draft]] = {}
    for draft in drafts:
        for target in (draft.parent, draft.quoted):
            if target is not None:
                answered.setdefault(target, []).append(draft)
    acts: list[Interaction] = []
    for draft in drafts:
        audience = spammers if draft.spam and rng.random() < 0.5 else crowd
        acts += _acts_on(draft, ids[draft], audience, answered.get(draft, []), rng)
    return sorted(acts, key=lambda act: (act.created_at, act.post_id, act.user_id, act.kind))


def _acts_on(
    draft: Draft, post_id: str, audience: Sequence[Person], answers: Sequence[Draft], rng: Random
) -> list[Interaction]:
    appeal = rng.gauss(0.0, 1.1) + draft.buzz + (0.35 if draft.pictures else 0.0) - (0.9 if draft.spam else 0.0)
    viewers = _viewers(draft, audience, appeal, rng)
    acts: dict[tuple[str, str], datetime] = {}
    for answer in answers:
        acts[answer.author.id, "view"] = draft.moment + (answer.moment - draft.moment) * 0.8
    for person in viewers:
        seen = acts.setdefault((person.id, "view"), later(rng, draft.moment, typical=_TYPICAL_WAIT))
        if rng.random() < _chance(-2.3 + _liking(person, draft) + 0.7 * appeal):
            acts[person.id, "like"] = seen + timedelta(seconds=rng.randrange(2, 40))
            if rng.random() < _chance(-2.9 + 0.6 * appeal + 0.5 * _liking(person, draft)):
                acts[person.id, "repost"] = seen + timedelta(seconds=rng.randrange(40, 90))
    made = [Interaction(user_id, post_id, kind, moment) for (user_id, kind), moment in acts.items()]
    for answer in answers:
        if answer.parent is draft:
            made.append(Interaction(answer.author.id, post_id, "reply", answer.moment))
        elif (answer.author.id, "repost") not in acts:
            made.append(Interaction(answer.author.id, post_id, "repost", answer.moment))
    return made


def _viewers(draft: Draft, audience: Sequence[Person], appeal: float, rng: Random) -> list[Person]:
    """Reach is log-normal; whom a post reaches follows interests, follows and language."""
    size = 3.9 * math.sqrt(draft.author.charm) * math.exp(0.85 * appeal)
    if draft.parent is not None:
        size *= 0.45
    others = [person for person in audience if person is not draft.author]
    pull = [person.activity**0.6 * math.exp(0.9 * _liking(person, draft)) for person in others]
    return draw(rng, others, pull, min(len(others), max(1, round(size))))


def _liking(person: Person, draft: Draft) -> float:
    """How much a person cares for a post: its topic above all, then its author, in a language that the person reads."""
    liking = 5.0 * person.interests.get(draft.topic, 0.0)
    if draft.author.id in person.follows:
        liking += 1.0
    if draft.lang != person.lang:
        liking -= 0.4 if draft.lang == "en" else 2.5
    if draft.rude and person.voice != "blunt":
        liking -= 1.0
    if draft.spam and person.voice != "spam":
        liking -= 3.0
    return liking


def _chance(utility: float) -> float:
    return 1.0 / (1.0 + math.exp(-utility))
