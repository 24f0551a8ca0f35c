"""The review desk: an item, what is beside it, and the keys to decide. Drawn by assets/js/desk.js.

The browser shows the next item the moment a key is pressed, and sends what was decided. Each decision has a token that
the browser made: it is sent again until the page says that it has it, and the core makes one decision of one token. So
quick keys lose nothing and decide nothing twice.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from core.database.moderation import Decision
from core.errors import FeedscopeError
from core.jobs.runner import utc_now
from core.moderation.accounts import STRIKES
from core.moderation.alike import CONTRADICTS
from core.moderation.decisions import REASONS, USUAL_REASONS, decide, undo
from core.moderation.desk import OpenItem, waited
from core.moderation.policies import Policy
from core.moderation.queue import QueueFilter, release, snooze
from core.moderation.roles import Person
from core.moderation.why import why
from core.types import Post
from dashboard import resources
from dashboard.components.cards import Thumbnail, author_name, counts, hue, short_time
from dashboard.components.frontend import component, follow_click, keep_click
from dashboard.components.text import clean
from dashboard.links import MapLink, PostLink, ReviewLink, SearchLink

_desk = component("desk")

SHOWN_CHARS = 4000
SHOWN_GROUP = 120
FULL = 0.1
"""How far a score falls at least without the word that is drawn in full colour."""

STRONG = 0.9
"""From this score of a word policy on the text is folded until it is asked for."""

LOCKED_PICTURES = "Its pictures are not shown, since it is locked as possibly illegal."

_TOKEN = re.compile(r"[0-9a-f]{16,40}")
_ACKED = "desk.acked"
_REFUSED = "desk.refused"
_SKIPPED = "desk.skipped"
_UNDO = "desk.undo"
_SHIFT = "desk.shift"
_WHY = "desk.why"
_RESTS = "desk.rests"
MAX_ACKS = 500


def draw_desk(items: Sequence[OpenItem], wanted: QueueFilter, person: Person, policies: Sequence[Policy], *, waits: int,
              oldest: datetime | None, thumbnail: Thumbnail) -> None:  # fmt: skip
    """Draws the first item, and has the others at hand; ``oldest`` is since when the queue's first one waits (None: not
    known). Decisions are made in the callback, before the page is."""
    shift = st.session_state.get(_SHIFT, {})
    undoable = st.session_state.get(_UNDO, [])
    data = {
        "waits": waits,
        "oldest": waited(oldest, utc_now()) if oldest else "",
        "review": {"second": "second", "appeals": "appeal"}.get(wanted.kind, "first"),
        "me": {"unlock": person.may("unlock")},
        "items": [
            _item(one, thumbnail, locked=wanted.kind == "locked", blind=wanted.kind == "second") for one in items
        ],
        "policies": [
            {"id": one.id, "name": clean(one.name), "reason": USUAL_REASONS.get(one.id, "")} for one in policies
        ],
        "reasons": [[code, said] for code, said in REASONS.items()],
        "acks": list(st.session_state.get(_ACKED, []))[-MAX_ACKS:],
        "refused": list(st.session_state.get(_REFUSED, [])),
        "undo": undoable[-1]["said"] if undoable else "",
        "why": st.session_state.get(_WHY),
        "fold": bool(st.session_state.get("desk.fold", True)),
        "shift": {"decided": shift.get("decided", 0), "graphic": round(shift.get("graphic", 0.0))},
    }
    follow_click()
    _desk(data=data, key="desk", on_acts_change=lambda: _receive(person), on_go_change=lambda: keep_click("desk"))


def _receive(person: Person) -> None:
    """Makes the decisions that the browser sent and that were not made yet."""
    state = st.session_state.get("desk") or {}
    receive(person, state.get("acts"))


def receive(person: Person, acts: object) -> None:
    """Takes a list of acts as desk.js sends them; what can't be read is left out."""
    acked: list[str] = st.session_state.setdefault(_ACKED, [])
    st.session_state[_REFUSED] = []
    for act in acts if isinstance(acts, list) else []:
        token = act.get("token") if isinstance(act, Mapping) else None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or token in acked:
            continue
        handle = _ACTS.get(str(act.get("do")))
        if handle is None:
            continue
        try:
            handle(person, token, act)
        except FeedscopeError as error:
            st.session_state[_REFUSED].append({"token": token, "post": str(act.get("post", "")), "said": str(error)})
        acked.append(token)
    del acked[:-MAX_ACKS]


def _decide(person: Person, token: str, act: Mapping[str, Any]) -> None:
    post = str(act.get("post", ""))
    group = [str(one) for one in act.get("group") or [] if isinstance(one, str)]
    seconds = _seconds(act, "seconds")
    action, standing = str(act.get("action", "")), act.get("standing")
    made = decide(
        resources.workspace(),
        [post, *group],
        action,
        policy=str(act["policy"]) if act.get("policy") else None,
        by=person,
        label=str(act["label"])[:80] if act.get("label") else None,
        reason=str(act["reason"]) if act.get("reason") else None,
        note=str(act.get("note") or "")[:4000],
        review=str(act.get("review") or "first"),
        token=token,
        seen={"revealed": bool(act.get("revealed")), "similarity": act.get("similarity")},
        seconds=seconds,
        standing_seen=standing if act.get("review") == "first" and isinstance(standing, int) else None,
    )
    shift = st.session_state.setdefault(_SHIFT, {"decided": 0, "graphic": 0.0})
    shift["decided"] += max(1, len(made.ids))
    shift["graphic"] += _seconds(act, "graphic")
    if made.ids:
        more = f" and {len(made.ids) - 1} more" if len(made.ids) > 1 else ""
        st.session_state.setdefault(_UNDO, []).append({"id": made.ids[0], "said": f"{action}{more}", "post": post})
    if made.left_out:
        st.session_state[_REFUSED].append(
            {"token": "", "post": "", "said": f"{len(made.left_out)} of the group are open at somebody else's or locked"
             " and were left out."}
        )  # fmt: skip


def _seconds(act: Mapping[str, Any], name: str) -> float:
    """How long something took, an hour at most; 0 where no number was sent."""
    value = act.get(name)
    return min(max(float(value), 0.0), 3600.0) if isinstance(value, int | float) else 0.0


def _skip(person: Person, token: str, act: Mapping[str, Any]) -> None:
    skipped: list[str] = st.session_state.setdefault(_SKIPPED, [])
    skipped.append(str(act.get("post", "")))
    del skipped[:-200]


def _snooze(person: Person, token: str, act: Mapping[str, Any]) -> None:
    snooze(resources.workspace(), str(act.get("post", "")), 24, by=person)


def _rest(person: Person, token: str, act: Mapping[str, Any]) -> None:
    release(resources.workspace(), by=person)
    st.session_state[_RESTS] = True


def _undo(person: Person, token: str, act: Mapping[str, Any]) -> None:
    made = st.session_state.get(_UNDO, [])
    if made:
        undo(resources.workspace(), made[-1]["id"], by=person, token=token)
        made.pop()


def _why(person: Person, token: str, act: Mapping[str, Any]) -> None:
    post, policy = str(act.get("post", "")), str(act.get("policy") or "")
    found = why(resources.workspace(), post, policy, by=person)
    most = max((fall for _, fall in found.pieces), default=0.0)
    st.session_state[_WHY] = {
        "post": post,
        "policy": policy,
        "score": found.score,
        "pieces": [[clean(piece), fall / max(most, FULL)] for piece, fall in found.pieces],
        "swaps": [[clean(one.word), one.by, one.score] for one in found.swaps],
        "picture": found.picture.clip(0).tolist() if found.picture is not None else None,
        "said": ""
        if found.pieces or found.picture is not None
        else "It is no single word that carries it: this policy looks at more than the text.",
    }


_ACTS: dict[str, Callable[[Person, str, Mapping[str, Any]], None]] = {
    "decide": _decide,
    "skip": _skip,
    "snooze": _snooze,
    "rest": _rest,
    "undo": _undo,
    "why": _why,
}


def rests() -> bool:
    """Whether the reviewer takes a break: nothing is open at them until they go on."""
    return bool(st.session_state.get(_RESTS))


def go_on() -> None:
    st.session_state[_RESTS] = False


def skipped() -> tuple[str, ...]:
    return tuple(st.session_state.get(_SKIPPED, ()))


def forget_skipped() -> None:
    st.session_state[_SKIPPED] = []


def _item(one: OpenItem, thumbnail: Thumbnail, *, locked: bool, blind: bool) -> dict[str, Any]:
    """What desk.js is told of an item; of a ``blind`` one no way to where its decision is shown."""
    post, user = one.post, one.user
    name = author_name(post, user)
    flagged = [(policy, score) for policy, score in one.scores if score.score >= policy.threshold]
    words = max((s.score for p, s in flagged if p.scorer in ("words", "described")), default=0.0)
    group = sorted(one.group, key=lambda member: (not member.wave, -member.similarity))
    shown = resources.posts(
        [member.post_id for member in group[:SHOWN_GROUP]] + [case.post_id for case in one.cases], hidden=True
    )
    talkers = resources.users(one.thread)
    return {
        "id": post.id,
        "url": PostLink(post.id).url(),
        "name": name,
        "initial": next((sign.upper() for sign in name if sign.isalnum()), "?"),
        "handle": f"@{clean(user.handle).removeprefix('@')}" if user and user.handle else None,
        "hue": hue(post.user_id or ""),
        "user_url": ReviewLink(view="accounts", id=post.user_id).url() if post.user_id and not blind else None,
        "time": short_time(post.created_at) if post.created_at else None,
        "lang": post.lang,
        "text": clean(post.text[:SHOWN_CHARS]) + (" …" if len(post.text) > SHOWN_CHARS else ""),
        "strong": words >= STRONG,
        "pictures": [] if locked else _pictures(post, thumbnail, 640),
        "missing": [LOCKED_PICTURES] * bool(locked and post.media)
        + [clean(one.error or f"{one.name} is missing.") for one in post.media if not one.path],
        "counts": counts(post),
        "policy": one.item.policy or (flagged[0][0].id if flagged else None),
        "action": flagged[0][0].action if flagged else "",
        "standing": one.item.decision,
        "waited": waited(one.item.since, utc_now()),
        "scores": [
            {"policy": clean(p.name), "score": s.score, "threshold": p.threshold, "flag": s.score >= p.threshold,
             "model": s.model_id}
            for p, s in one.scores[:8]
        ],
        "notes": list(one.notes),
        "signs": list(one.signs),
        "reports": [[kind, clean(policy or ""), clean(note), clean(who)] for kind, policy, note, who in one.reports],
        "thread": [
            {"name": author_name(p, talkers.get(p.user_id or "")), "text": clean(p.text[:280]),
             "current": p.id == post.id, "url": PostLink(p.id).url()}
            for p in one.thread
        ],
        "group": [
            {"id": member.post_id, "words": member.words, "picture": member.picture, "wave": member.wave,
             "state": member.state, "text": clean(shown[member.post_id].text[:160]) if member.post_id in shown else ""}
            for member in group
        ],
        "cases": [
            {"id": case.post_id, "url": PostLink(case.post_id).url(), "similarity": case.similarity,
             "near": case.similarity >= CONTRADICTS,
             "state": case.state, "policy": case.policy or "", "who": clean(case.reviewer),
             "text": clean(shown[case.post_id].text[:200]) if case.post_id in shown else ""}
            for case in one.cases
        ],
        "account": _account(one),
        "past": [_entry(entry) for entry in one.past[-5:]],
        "links": []
        if blind
        else [
            ["Post", PostLink(post.id).url()],
            ["Like this", SearchLink(like=(post.id,)).url()],
            ["On the map", MapLink(posts=(post.id,)).url()],
        ],
    }  # fmt: skip


def _account(one: OpenItem) -> dict[str, Any] | None:
    record = one.account
    if record is None:
        return None
    return {
        "posts": record.posts, "flagged": record.flagged, "decided": record.decided, "removed": record.removed,
        "strikes": record.strikes, "state": record.state, "many": record.strikes >= STRIKES,
        "latest": [_entry(entry) for entry in record.latest if entry.subject != one.post.id][:4],
    }  # fmt: skip


def _entry(entry: Decision) -> str:
    label = f" “{clean(entry.label)}”" if entry.label else ""
    return f"{short_time(entry.made_at)}: {entry.action}{label} by {clean(entry.reviewer)}"


def _pictures(post: Post, thumbnail: Thumbnail, side: int) -> list[dict[str, Any]]:
    return [
        {
            "src": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(),
            "alt": clean(item.alt or ""),
            "width": item.width,
            "height": item.height,
        }
        for item in post.media[:8]
        if item.path and (jpeg := thumbnail(item.path, side)) is not None
    ]
