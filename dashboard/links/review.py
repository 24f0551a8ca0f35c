"""The addresses of the review desk and of how moderation goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeAlias, cast

from core.moderation.queue import KINDS, ORDERS, Kind, Order, QueueFilter
from dashboard.links import parse
from dashboard.links.base import Given, Link, Params, Reader

ReviewView: TypeAlias = Literal["desk", "sheet", "log", "policies", "banks", "accounts"]
VIEWS: tuple[ReviewView, ...] = ("desk", "sheet", "log", "policies", "banks", "accounts")


@dataclass(frozen=True, slots=True)
class ReviewLink(Link):
    """The review desk: a queue, and how it is looked at.

    ``kind`` is open, appeals, second or locked; ``policy`` the id of one policy (empty: all); ``langs`` and
    ``has_picture`` narrow it, ``reported`` leaves what people sent. ``view`` desk shows an item at a time, sheet many.
    ``id`` is the policy or the account that the views policies and accounts are about, in the log a post or an account;
    there ``who`` is a reviewer and ``did`` a decision. ``number`` is the shown page.
    """

    page: ClassVar[str] = "review"

    view: ReviewView = "desk"
    kind: Kind = "open"
    policy: str = ""
    order: Order = "priority"
    langs: tuple[str, ...] = ()
    has_picture: bool | None = None
    reported: bool = False
    id: str = ""
    who: str = ""
    did: str = ""
    number: int = 1

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            view=cast(ReviewView, reader.one("view", parse.choice(*VIEWS), "desk")),
            kind=cast(Kind, reader.one("queue", parse.choice(*KINDS), "open")),
            policy=reader.one("policy", parse.name, ""),
            order=cast(Order, reader.one("order", parse.choice(*ORDERS), "priority")),
            langs=reader.many("lang", parse.name),
            has_picture=reader.one("picture", parse.yes_no, None),
            reported=reader.one("reported", parse.yes_no, False),
            id=reader.one("id", parse.name, ""),
            who=reader.one("who", parse.name, ""),
            did=reader.one("did", parse.name, ""),
            number=reader.one("page", parse.whole(1, 10**6), 1),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        picture = "" if self.has_picture is None else "yes" if self.has_picture else "no"
        given: dict[str, str | list[str]] = {
            "view": self.view if self.view != "desk" else "",
            "queue": self.kind if self.kind != "open" else "",
            "policy": self.policy,
            "order": self.order if self.order != "priority" else "",
            "lang": list(self.langs),
            "picture": picture,
            "reported": "yes" if self.reported else "",
            "id": self.id,
            "who": self.who,
            "did": self.did,
            "page": str(self.number) if self.number > 1 else "",
        }
        return {name: value for name, value in given.items() if value}

    def wanted(self) -> QueueFilter:
        """What the link asks of the queue."""
        return QueueFilter(self.kind, self.policy or None, self.langs, self.has_picture, self.reported, self.order)


@dataclass(frozen=True, slots=True)
class InsightsLink(Link):
    """How well moderation goes; ``policy`` is the one whose threshold is tried at ``threshold`` (0 to 1)."""

    page: ClassVar[str] = "insights"

    policy: str = ""
    threshold: float | None = None
    days: int = 30

    @classmethod
    def read(cls, given: Given) -> tuple[Self, tuple[str, ...]]:
        reader = Reader(given)
        link = cls(
            policy=reader.one("policy", parse.name, ""),
            threshold=reader.one("threshold", parse.share, None),
            days=reader.one("days", parse.whole(1, 3650), 30),
        )
        return link, tuple(reader.notices)

    def params(self) -> Params:
        given = {
            "policy": self.policy,
            "threshold": f"{self.threshold:g}" if self.threshold is not None else "",
            "days": str(self.days) if self.days != 30 else "",
        }
        return {name: value for name, value in given.items() if value}
