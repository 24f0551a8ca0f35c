"""The address of the recommendations of a user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, Literal, Self, cast

from dashboard.links import parse
from dashboard.links.base import MAX_LIST, Given, Link, Params, Reader

Tab = Literal["list", "compare", "people", "exposure", "models"]
TABS: tuple[Tab, ...] = ("list", "compare", "people", "exposure", "models")
DIVERSITY, CAP = 0.2, 3


@dataclass(frozen=True, slots=True)
class RecommendLink(Link):
    """What ``user`` would be shown by ``model`` (empty: the first there is), ``beside`` another.

    ``why`` is the post to explain. What if: ``without`` and ``added`` are posts taken out of the history and put in, at
    most MAX_LIST each, ``at`` the end of a day. The knobs of re-ranking follow. ``segment`` is whom exposure compares
    with: a name of core.recommend.interests or the id of a collection of users; empty: everybody.
    """

    page: ClassVar[str] = "recommendations"

    user: str = ""
    tab: Tab = "list"
    model: str = ""
    beside: str = ""
    why: str = ""
    without: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    at: date | None = None
    diversity: float = DIVERSITY
    freshness: float = 0.0
    cap: int = CAP
    hide_flagged: bool = False
    viewed_again: bool = False
    segment: str = ""

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            user=reader.one("user", parse.name, ""),
            tab=cast(Tab, reader.one("tab", parse.choice(*TABS), "list")),
            model=reader.one("model", parse.name, ""),
            beside=reader.one("beside", parse.name, ""),
            why=reader.one("why", parse.name, ""),
            without=reader.many("without", parse.name),
            added=reader.many("added", parse.name),
            at=reader.one("at", parse.day, None),
            diversity=reader.one("diversity", parse.share, DIVERSITY),
            freshness=reader.one("freshness", parse.share, 0.0),
            cap=reader.one("cap", parse.whole(0, 50), CAP),
            hide_flagged=reader.one("flagged", parse.choice("hide"), "") == "hide",
            viewed_again=reader.one("viewed", parse.choice("again"), "") == "again",
            segment=reader.one("segment", parse.name, ""),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given: dict[str, str | list[str]] = {
            "user": self.user,
            "tab": self.tab if self.tab != "list" else "",
            "model": self.model,
            "beside": self.beside,
            "why": self.why,
            "without": list(self.without),
            "added": list(self.added),
            "at": self.at.isoformat() if self.at else "",
            "diversity": f"{self.diversity:.2f}" if self.diversity != DIVERSITY else "",
            "freshness": f"{self.freshness:.2f}" if self.freshness else "",
            "cap": str(self.cap) if self.cap != CAP else "",
            "flagged": "hide" if self.hide_flagged else "",
            "viewed": "again" if self.viewed_again else "",
            "segment": self.segment,
        }
        return {name: value for name, value in given.items() if value}

    def is_what_if(self) -> bool:
        """Whether anything differs from the history and the knobs as they are."""
        return self != replace(self.as_it_is(), why=self.why)

    def as_it_is(self) -> RecommendLink:
        """Without any what-if."""
        return RecommendLink(user=self.user, tab=self.tab, model=self.model, beside=self.beside, segment=self.segment)

    def take_out(self, post: str) -> RecommendLink:
        if post in self.added:
            return replace(self, added=tuple(one for one in self.added if one != post))
        return replace(self, without=tuple(dict.fromkeys([*self.without, post]))[-MAX_LIST:])

    def put_back(self, post: str) -> RecommendLink:
        return replace(self, without=tuple(one for one in self.without if one != post))

    def add(self, post: str) -> RecommendLink:
        return replace(self, added=tuple(dict.fromkeys([*self.added, post]))[-MAX_LIST:])
