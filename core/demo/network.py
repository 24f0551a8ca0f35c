"""Writes the demo network as a plain folder that any import could take: ``posts.jsonl``, ``users.jsonl``,
``interactions.jsonl`` and ``pictures/``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from core.demo.cast import Person, as_users, gather_cast
from core.demo.compose import Draft, compose
from core.demo.engagement import engage
from core.demo.pictures import Picture, Report, draw_pictures
from core.demo.subjects import read_subjects, shows_held_out
from core.types import Interaction, Post, User

NAME = "Larkspur"
_SEED = 20260930
_APPS = ("Larkspur for phones", "Larkspur for phones", "Larkspur on the web", "Tern", "Ledger")


@dataclass(frozen=True, slots=True)
class Network:
    """The whole demo before its pictures are drawn.

    ``posts`` are in the order of time; ``pictures`` are a post's, by its id, in their order; ``alts`` the descriptions
    that some of them have, by file. What follows is the truth behind the posts, which no file tells: ``topics`` by post
    id, and the ids of ``rude`` posts and of the ``spam`` wave.
    """

    posts: tuple[Post, ...]
    users: tuple[User, ...]
    interactions: tuple[Interaction, ...]
    pictures: dict[str, tuple[Picture, ...]]
    alts: dict[str, str]
    topics: dict[str, str]
    rude: frozenset[str]
    spam: frozenset[str]


def write_demo(folder: Path, *, report: Report | None = None) -> None:
    """Writes the demo network into ``folder``: the same bytes each time, about 2,000 posts and 450 pictures.

    ``report(done, total, note)`` is called as the pictures are drawn, which takes nearly all of the time. Files of an
    earlier run are written over.
    """
    write_network(plan_network(), folder, report=report)


def write_network(network: Network, folder: Path, *, report: Report | None = None) -> None:
    """Draws a network's pictures and writes its lines; ``posts.jsonl`` comes last, once all else is there."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_pictures([picture for several in network.pictures.values() for picture in several], folder, report)
    _write_lines(folder / "users.jsonl", (_line(user) for user in network.users))
    _write_lines(folder / "interactions.jsonl", (_act_line(act) for act in network.interactions))
    _write_lines(folder / "posts.jsonl", _post_lines(network))


def plan_network() -> Network:
    """The same network each time; a second's work."""
    rng = Random(_SEED)
    people = gather_cast(rng)
    drafts = compose(people, rng)
    ids = {draft: f"p{number:04}" for number, draft in enumerate(drafts, start=1)}
    acts = engage(drafts, ids, people, rng)
    counts = Counter((act.post_id, act.kind) for act in acts)
    pictures = _name_pictures(drafts, ids)
    return Network(
        posts=tuple(_post(draft, ids, counts, rng) for draft in drafts),
        users=tuple(as_users(people)),
        interactions=tuple(acts),
        pictures=pictures,
        alts=_describe(pictures, rng),
        topics={ids[draft]: draft.topic for draft in drafts},
        rude=frozenset(ids[draft] for draft in drafts if draft.rude),
        spam=frozenset(ids[draft] for draft in drafts if draft.spam),
    )


def picture_subjects() -> dict[str, str]:
    """What each picture of the demo shows, in words, by its file below the demo's folder."""
    return {picture.file: picture.subject for several in plan_network().pictures.values() for picture in several}


def _post(draft: Draft, ids: dict[Draft, str], counts: Counter[tuple[str, str]], rng: Random) -> Post:
    id_ = ids[draft]
    extra = {"app": _app(draft.author)}
    if draft.author.voice != "spam" and rng.random() < 0.25:
        extra["place"] = draft.author.place
    return Post(
        id=id_,
        text=draft.text,
        user_id=draft.author.id,
        created_at=draft.moment,
        lang=draft.lang,
        url=f"https://larkspur.example/@{draft.author.handle}/{id_}",
        reply_to=ids[draft.parent] if draft.parent else None,
        repost_of=ids[draft.quoted] if draft.quoted else None,
        likes=counts[id_, "like"],
        reposts=counts[id_, "repost"],
        replies=counts[id_, "reply"],
        source=f"{NAME} (fictional demo)",
        extra=extra,
    )


def _app(person: Person) -> str:
    return "Larkspur API" if person.voice in ("office", "spam") else _APPS[int(person.id[1:]) % len(_APPS)]


def _name_pictures(drafts: Iterable[Draft], ids: dict[Draft, str]) -> dict[str, tuple[Picture, ...]]:
    """File names tell nothing of what is shown; every ninth picture is a PNG."""
    turns: Counter[str] = Counter()
    named = {}
    for draft in drafts:
        several = []
        for position, name in enumerate(draft.pictures, start=1):
            ending = "png" if turns.total() % 9 == 4 and not name.startswith("photo:") else "jpg"
            several.append(Picture(f"pictures/{ids[draft]}-{position}.{ending}", name, turns[name]))
            turns[name] += 1
        if several:
            named[ids[draft]] = tuple(several)
    return named


def _describe(pictures: dict[str, tuple[Picture, ...]], rng: Random) -> dict[str, str]:
    """Not quite half of the pictures have a description, and none that has to be found by its looks."""
    subjects = read_subjects()
    return {
        picture.file: f"A drawing of {subjects[picture.name].phrase}."
        for several in pictures.values()
        for picture in several
        if picture.name in subjects and not shows_held_out([picture.name]) and rng.random() < 0.45
    }


def _post_lines(network: Network) -> Iterator[dict[str, Any]]:
    """Each post as its line of ``posts.jsonl``."""
    for post in network.posts:
        media = []
        for picture in network.pictures.get(post.id, ()):
            alt = network.alts.get(picture.file)
            media.append({"file": picture.file, "alt": alt} if alt else {"file": picture.file})
        line = _line(post)
        yield {**line, "media": media} if media else line


def _act_line(act: Interaction) -> dict[str, Any]:
    line = _line(act)
    del line["weight"]
    return line


def _line(noun: Post | User | Interaction) -> dict[str, Any]:
    """The fields that hold something, times as ISO 8601 in UTC."""
    values = {name: getattr(noun, name) for name in noun.__slots__}
    return {
        name: f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None and value not in ((), {})
    }


def _write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """JSON lines in UTF-8."""
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
