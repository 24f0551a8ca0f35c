"""Casts the authored texts: who wrote which, when, in answer to what."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from core.demo.cast import SPAM_DAYS, SPAM_SITE, Person, draw
from core.demo.script import TEXTS, Block, Line, read_blocks, read_lines
from core.demo.timeline import later, pick_time
from core.demo.voices import in_voice

SPAM_POSTS = 108
_SOLEMN = re.compile(
    r"\b(?:died|dead|funeral|hospital|lost|stolen|stole|cried|operation|storm|sorry|missing|quilt|gone|blind|adopt)",
    re.I,
)
_GRAVE_TOPICS = frozenset({"weather", "town", "transit", "smallads", "spam", "space"})


@dataclass(slots=True, eq=False)
class Draft:
    """A post before it has an id: ``parent`` is what it replies to, ``quoted`` what it quotes, ``buzz`` how much more
    (or less) than others it is talked about."""

    author: Person
    text: str
    topic: str
    moment: datetime
    lang: str = "en"
    pictures: tuple[str, ...] = ()
    parent: Draft | None = None
    quoted: Draft | None = None
    rude: bool = False
    spam: bool = False
    buzz: float = 0.0

    @property
    def root(self) -> Draft:
        """The first post of its thread."""
        draft = self
        while draft.parent is not None:
            draft = draft.parent
        return draft


def compose(people: Sequence[Person], rng: Random) -> list[Draft]:
    """Every post of the network in the order of time, replies after what they answer."""
    desk = _Desk(people, rng)
    for block in read_blocks():
        desk.stage(block)
    for series in tomllib.loads((TEXTS / "series.toml").read_text(encoding="utf-8"))["series"]:
        desk.run_series(series)
    desk.add_remarks(read_lines("replies.txt"), read_lines("quotes.txt"))
    desk.spread_spam(read_lines("spam.txt"))
    return sorted(desk.drafts, key=lambda draft: draft.moment)


class _Desk:
    """Hands the texts out to the people."""

    def __init__(self, people: Sequence[Person], rng: Random) -> None:
        self.rng = rng
        self.by_handle = {person.handle: person for person in people}
        self.writers = [person for person in people if person.voice not in ("office", "spam")]
        self.spammers = [person for person in people if person.voice == "spam"]
        self.written = dict.fromkeys((person.id for person in people), 0)
        self.drafts: list[Draft] = []

    def stage(self, block: Block) -> None:
        """Casts one block."""
        first = block[0]
        author = self.by_handle[first.by] if first.by else self.pick_author(first)
        root = self.write(first, author, pick_time(self.rng, on=first.on, at=first.at, minute=first.minute))
        newest, seen = root, {author.id}
        for line in block[1:]:
            newest = self.follow_up(line, root, newest, seen)
            seen.add(newest.author.id)

    def follow_up(self, line: Line, root: Draft, newest: Draft, seen: set[str]) -> Draft:
        parent = newest if line.relation in ("more", "nested", "answer") else root
        if line.relation in ("more", "answer"):
            author = root.author
        else:
            author = self.by_handle[line.by] if line.by else self.pick_author(line, seen)
        minutes = {"more": 2, "answer": 30, "nested": 35, "reply": 50, "quote": 240}[line.relation]
        moment = later(self.rng, parent.moment, typical=timedelta(minutes=minutes))
        if line.relation == "quote":
            return self.write(line, author, moment, quoted=root)
        return self.write(line, author, moment, parent=parent)

    def write(
        self, line: Line, author: Person, moment: datetime, *, parent: Draft | None = None, quoted: Draft | None = None
    ) -> Draft:
        text = line.text if line.raw else in_voice(self.rng, line, author.voice)
        draft = Draft(author, text, line.topic, moment, line.lang, line.pictures, parent, quoted, line.rude)
        draft.buzz = 0.9 if line.on and "-" in line.on and parent is None else 0.0
        self.written[author.id] += 1
        self.drafts.append(draft)
        return draft

    def pick_author(self, line: Line, seen: Iterable[str] = ()) -> Person:
        """Somebody who writes the language, likelier one who cares for the topic and has not written much yet."""
        speakers = [person for person in self.writers if person.lang == line.lang and person.id not in set(seen)]
        if not speakers:
            speakers = [person for person in self.writers if person.id not in set(seen)]
        eager = 0.25 if line.relation in ("reply", "nested", "quote") else 0.02
        weights = []
        for person in speakers:
            weight = (
                person.activity * (eager + person.interests.get(line.topic, 0.0)) / (1 + self.written[person.id] / 12)
            )
            if line.rude:
                weight *= 12.0 if person.voice == "blunt" else 1.0
            elif person.voice == "blunt":
                weight *= 0.15
            weights.append(weight)
        return self.rng.choices(speakers, weights)[0]

    def run_series(self, series: dict[str, Any]) -> None:
        """A regular column: ``count`` posts of one account, at most one a day."""
        author = self.by_handle[series["by"]]
        slots = re.findall(r"{(\w+)}", series["pattern"])
        decks = {slot: _Deck(series[slot], self.rng) for slot in slots if slot in series}
        taken: set[date] = set()
        told: set[tuple[str, ...]] = set()
        columns: list[tuple[datetime, dict[str, str], tuple[str, ...]]] = []
        for _ in range(series["count"]):
            entries = {slot: deck.take() for slot, deck in decks.items()}
            while tuple(entries.values()) in told and len(decks) > 1:
                entries = {slot: deck.take() for slot, deck in decks.items()}
            told.add(tuple(entries.values()))
            notes = dict(note for entry in entries.values() for note in _notes(entry))
            on = notes.get("on", series.get("on"))
            for _ in range(40):
                moment = pick_time(self.rng, on=on, at=series["at"])
                if moment.date() not in taken:
                    break
            taken.add(moment.date())
            words = {slot: _NOTE.sub("", entry) for slot, entry in entries.items()}
            columns.append((moment, words, tuple(filter(None, [notes.get("pic")]))))
        since = date.fromisoformat(f"2026-{series['since']}") if "since" in series else None
        for number, (moment, words, pictures) in enumerate(sorted(columns, key=lambda column: column[0]), start=1):
            words["number"] = str(number)
            words["day"] = str((moment.date() - since).days) if since else ""
            line = Line(series["pattern"].format(**words), series["topic"], pictures=pictures, raw=True)
            self.write(line, author, moment).buzz = -0.6

    def add_remarks(self, replies: Sequence[str], quotes: Sequence[str]) -> None:
        """Short replies and quotes that fit any light-hearted post: each is used once."""
        light = [draft for draft in self.drafts if _is_light(draft)]
        charm = [draft.author.charm + 0.5 for draft in light]
        targets = draw(self.rng, light, charm, len(replies) + len(quotes))
        for text, target in zip([*replies, *quotes], targets, strict=True):
            line = Line(text, target.topic, "reply" if text in replies else "quote")
            self.follow_up(line, target, target, {target.author.id})

    def spread_spam(self, patterns: Sequence[str]) -> None:
        """The wave: a dozen new accounts, two days, a handful of texts with small changes."""
        victims = [person.handle for person in self.writers]
        popular = [
            draft for draft in self.drafts if draft.parent is None and f"{draft.moment:%m-%d}" in SPAM_DAYS.split("/")
        ]
        for count in range(SPAM_POSTS):
            author = self.spammers[count % len(self.spammers)]
            text = self.rng.choice(patterns).format(
                site=SPAM_SITE if self.rng.random() < 0.7 else SPAM_SITE.replace("-", f"{self.rng.randrange(2, 9)}-"),
                code="".join(self.rng.choices("abcdefghjkmnpqrstuvwxyz23456789", k=6)),
                hours=self.rng.randrange(2, 9),
                victim=self.rng.choice(victims),
                amount=f"{self.rng.randrange(9, 60) * 100:,}",
            )
            text = self.disguise(text)
            moment = max(pick_time(self.rng, on=SPAM_DAYS), author.joined + timedelta(minutes=30 + count))
            parent = None
            if popular and self.rng.random() < 0.25:
                parent = self.rng.choice(popular)
                moment = max(moment, parent.moment + timedelta(minutes=self.rng.randrange(1, 9)))
            self.drafts.append(Draft(author, text, "spam", moment, parent=parent, spam=True))

    def disguise(self, text: str) -> str:
        """A small change, as senders of spam make them to get past a filter for equal texts."""
        match self.rng.randrange(6):
            case 0:
                return text.replace("TideCoin", "T1deCoin").replace("TIDE", "T!DE")
            case 1:
                return text + " " + "🔥" * self.rng.randrange(1, 4)
            case 2:
                return text.replace("!", "!!!", 1)
            case 3:
                return text.upper() if "http" not in text else text.replace(" ", "  ", 1)
            case 4:
                return text + " " + self.rng.choice(["100% legit", "no scam", "trust me", "hurry"])
            case _:
                return text


class _Deck:
    """Deals a list's entries in shuffled order, all of them before any comes again."""

    def __init__(self, entries: Sequence[str], rng: Random) -> None:
        self.entries, self.rng, self.left = list(entries), rng, list[str]()

    def take(self) -> str:
        if not self.left:
            self.left = self.rng.sample(self.entries, len(self.entries))
        return self.left.pop()


_NOTE = re.compile(r" @(pic|on)=(\S+)")


def _notes(entry: str) -> list[tuple[str, str]]:
    return _NOTE.findall(entry)


def _is_light(draft: Draft) -> bool:
    """Whether a passing joke beneath a post would hurt nobody."""
    return (
        draft.parent is None
        and draft.quoted is None
        and draft.lang == "en"
        and not draft.rude
        and draft.author.voice != "office"
        and draft.topic not in _GRAVE_TOPICS
        and not draft.text.rstrip().endswith("?")
        and len(draft.text) > 60
        and not _SOLEMN.search(draft.text)
    )
