"""Waves: many posts of the same kind from several hands in a short time, as campaigns of spam are.

Two posts belong to the same wave where they link to the same site (digits left out, since senders number their copies)
or say the same (but for signs and digits), within DAYS of each other. Where everybody links to, as to a shortener, the
whole address must be the same. A group is a wave where at least LEAST_POSTS come from LEAST_AUTHORS authors, of whom
half or more are new: their account, or their first post here, is younger than NEW_DAYS.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from core.workspace import Workspace

DAYS = 7
NEW_DAYS = 14
LEAST_POSTS = 4
LEAST_AUTHORS = 3
LEAST_LETTERS = 24
COMMON_AUTHORS, COMMON_SHARE = 50, 0.2
"""A site that more authors, and a larger share of all, link to is no campaign's own."""

# fmt: off
_EVERYBODYS = frozenset((
    "t.co", "bit.ly", "tinyurl.com", "ow.ly", "buff.ly", "goo.gl", "dlvr.it", "lnkd.in", "fb.me", "wp.me", "is.gd",
    "ift.tt", "trib.al", "youtu.be", "youtube.com", "m.youtube.com", "twitter.com", "x.com", "mobile.twitter.com",
    "facebook.com", "instagram.com", "tiktok.com", "vm.tiktok.com", "reddit.com", "redd.it", "i.redd.it",
    "v.redd.it", "imgur.com", "i.imgur.com", "t.me", "telegram.me", "linkedin.com", "bsky.app", "threads.net",
    "medium.com", "google.com", "news.google.com", "amazon.com", "amzn.to", "apple.com", "spotify.com",
    "open.spotify.com", "wikipedia.org", "en.wikipedia.org", "github.com",
))
# fmt: on
_SITE = re.compile(r"(?:https?://|\bwww\.)(?:www\.)?([^\s/?#\"'<>]{4,100})([^\s\"'<>]{0,200})", re.IGNORECASE)
_LETTERS = re.compile(r"[^\w]|[\d_]")
_LINK = re.compile(r"https?://|\bwww\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a post was posted: the number of ``posts`` and ``authors`` of its wave (0: none), the account's age in days
    when it was posted (None: unknown), and how many links it has."""

    posts: int
    authors: int
    account_days: float | None
    links: int

    @property
    def score(self) -> float:
        """0 to 1, by rules that are written here and not learned: each sign takes away a part of what is left."""
        left = 1.0
        if self.posts:
            left *= 1 - min(0.85, 0.16 * np.log2(1 + self.posts))
        if self.account_days is not None:
            left *= 0.6 if self.account_days < 3 else 0.8 if self.account_days < NEW_DAYS else 1
        if self.links:
            left *= 0.75 if self.links >= 3 else 0.88
        return float(1 - left)

    def reasons(self) -> list[str]:
        """In words, for the desk."""
        said = []
        if self.posts:
            said.append(f"One of {self.posts} posts of the same kind by {self.authors} authors")
        if self.account_days is not None and self.account_days < NEW_DAYS:
            days = round(self.account_days)
            said.append(f"The account was {days} {'day' if days == 1 else 'days'} old")
        if self.links:
            said.append(f"{self.links} links" if self.links > 1 else "It holds a link")
        return said


def behaviours(workspace: Workspace) -> dict[int, Behaviour]:
    """By post row, of the posts that have a link or belong to a wave; one pass over the workspace."""
    return _kept(workspace)[0]


def wave_of(workspace: Workspace, row: int) -> NDArray[np.int64]:
    """Rising rows of the post's wave, itself among them; empty where it is in none."""
    _, wave_by_row, members = _kept(workspace)
    wave = wave_by_row.get(row)
    return np.empty(0, np.int64) if wave is None else members[wave]


def site_of(text: str) -> str | None:
    """The first linked site, small and without digits; where everybody links to, the whole address."""
    match = _SITE.search(text)
    if match is None:
        return None
    site = match.group(1).lower().rstrip(".")
    return site + match.group(2) if site in _EVERYBODYS else re.sub(r"\d", "", site)


_Found = tuple[dict[int, Behaviour], dict[int, int], list[NDArray[np.int64]]]
_known: WeakKeyDictionary[Workspace, tuple[int, _Found]] = WeakKeyDictionary()
_lock = threading.Lock()


def _kept(workspace: Workspace) -> _Found:
    with _lock:
        known = _known.get(workspace)
        if known is None or known[0] != workspace.generation:
            known = (workspace.generation, _find(workspace))
            _known[workspace] = known
        return known[1]


def _find(workspace: Workspace) -> _Found:
    cursor = workspace.cursor()
    rows = cursor.execute(
        """
        SELECT p.row, left(p.text, 2000), p.user_id, epoch(p.created_at) / 86400.0,
            epoch(p.created_at) / 86400.0
                - epoch(coalesce(u.created_at, min(p.created_at) OVER (PARTITION BY p.user_id))) / 86400.0,
            u.created_at IS NOT NULL
        FROM posts p LEFT JOIN users u ON u.id = p.user_id
        WHERE p.user_id IS NOT NULL AND p.created_at IS NOT NULL AND p.text <> ''
        """
    ).fetchall()
    same: dict[str, list[int]] = defaultdict(list)
    for at, (_, text, *_) in enumerate(rows):
        linked = site_of(text) if _LINK.search(text) else None
        if linked:
            same[f"site {linked}"].append(at)
        if linked or len(text) >= LEAST_LETTERS:
            said = _LETTERS.sub("", _SITE.sub("", text)).lower()[:200]
            if len(said) >= LEAST_LETTERS:
                same[said].append(at)
    parent: dict[int, int] = {}

    def root(at: int) -> int:
        while parent.setdefault(at, at) != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    common = max(COMMON_AUTHORS, COMMON_SHARE * len({user for _, _, user, *_ in rows}))
    for key, group in same.items():
        if len(group) < 2 or (key.startswith("site ") and len({rows[at][2] for at in group}) > common):
            continue
        group.sort(key=lambda at: rows[at][3])
        for first, second in pairwise(group):
            if rows[second][3] - rows[first][3] <= DAYS:
                parent[root(second)] = root(first)
    groups: dict[int, list[int]] = defaultdict(list)
    for at in parent:
        groups[root(at)].append(at)
    waves = [group for group in groups.values() if _is_wave([rows[at] for at in group])]
    members = [np.array(sorted(rows[at][0] for at in group), np.int64) for group in waves]
    wave_by_row = {int(row): number for number, found in enumerate(members) for row in found}
    authors = [len({rows[at][2] for at in group}) for group in waves]
    found = {}
    for row, text, _, _, age, account_known in rows:
        wave = wave_by_row.get(row)
        links = len(_LINK.findall(text))
        if wave is not None or links:
            found[row] = Behaviour(
                0 if wave is None else len(members[wave]),
                0 if wave is None else authors[wave],
                float(age) if account_known and age is not None else None,
                links,
            )
    return found, wave_by_row, members


def _is_wave(posts: list[tuple[int, str, str, float, float, bool]]) -> bool:
    if len(posts) < LEAST_POSTS:
        return False
    youngest: dict[str, float] = {}
    for _, _, user, _, age, _ in posts:
        youngest[user] = min(age, youngest.get(user, age))
    new = sum(age < NEW_DAYS for age in youngest.values())
    return len(youngest) >= LEAST_AUTHORS and 2 * new >= len(youngest)
