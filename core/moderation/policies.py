"""Policies: what a post must not be, which scorer looks for it, from which score on, and what is done by default."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np

from core.errors import ModerationError
from core.jobs.runner import utc_now
from core.moderation.roles import Person

if TYPE_CHECKING:
    from core.database.moderation import Cursor
    from core.workspace import Workspace

ScorerKind: TypeAlias = Literal["words", "picture", "described", "bank", "behaviour"]
SCORERS: tuple[ScorerKind, ...] = ("words", "picture", "described", "bank", "behaviour")
SCORER_NAMES: dict[ScorerKind, str] = {
    "words": "Trained word scorer",
    "picture": "Nudity in pictures (Open NSFW)",
    "described": "A sentence and example posts",
    "bank": "Known content",
    "behaviour": "How it is posted",
}
PostAction: TypeAlias = Literal["keep", "remove", "label", "limit", "escalate"]
POST_ACTIONS: tuple[PostAction, ...] = ("keep", "remove", "label", "limit", "escalate")

ATTRIBUTES = ("TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "SPAM")
"""Of the packaged scorer, as the Perspective API names them, and spam. The data that could be had hold no labels for
SEVERE_TOXICITY, THREAT and SEXUALLY_EXPLICIT: threats and sexual words are policies by description until decisions
teach them."""
PERSPECTIVE = (*ATTRIBUTES, "SEVERE_TOXICITY", "THREAT", "SEXUALLY_EXPLICIT")
"""What a policy over words may be about; the last three need another classifier (FEEDSCOPE_SCORER)."""

THREAT = """I will kill you
I am going to beat you up
someone should shoot them all
you will regret this, I know where you live
they deserve to be hanged"""
SEXUAL = """I want to have sex with you
send me nude pictures
watch my explicit video, link in bio
describes oral sex in detail"""

MAX_POLICIES = 50
MAX_NAME = 60
MAX_DESCRIPTION = 2000
MAX_EXAMPLES = 200


@dataclass(frozen=True, slots=True)
class Policy:
    """``threshold`` is the calibrated score, 0 to 1, from which a post is flagged; ``action`` what the desk proposes.

    ``about`` is what the scorer needs: ``attribute`` for words; ``words`` and ``examples`` (post ids) for described.
    """

    id: str
    name: str
    description: str
    scorer: ScorerKind
    threshold: float
    action: PostAction
    enabled: bool = True
    position: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def attribute(self) -> str:
        return str(self.about.get("attribute", ""))


DEFAULTS: tuple[Policy, ...] = (
    Policy("hate", "Hate", "Attacks people for what they are: origin, faith, sex, orientation, disability.", "words",
           0.6, "remove", about={"attribute": "IDENTITY_ATTACK"}),
    Policy("insult", "Insults", "Insults somebody, or is rude enough to drive others away.", "words", 0.6, "label",
           about={"attribute": "INSULT"}),
    Policy("toxicity", "Rude or hateful", "Anything from coarse to hateful: the widest net for words.", "words",
           0.85, "limit", enabled=False, about={"attribute": "TOXICITY"}),
    Policy("profanity", "Swearing", "Coarse words, whoever they are meant for.", "words", 0.9, "label", enabled=False,
           about={"attribute": "PROFANITY"}),
    Policy("threat", "Threats", "Says or wishes that harm be done to somebody. Measured only once you decide.",
           "described", 0.6, "escalate", about={"words": THREAT, "pictures": False}),
    Policy("sexual", "Sexual words", "Describes sexual acts, or asks for them. Measured only once you decide.",
           "described", 0.6, "label", about={"words": SEXUAL, "pictures": False}),
    Policy("spam", "Spam and scams", "Prizes, quick money, and unasked advertising.", "words", 0.6, "remove",
           about={"attribute": "SPAM"}),
    Policy("nudity", "Nudity", "Pictures that show nudity or sex.", "picture", 0.6, "label"),
    Policy("waves", "Waves", "The same from many hands: bursts of near-equal posts, new accounts, the same links.",
           "behaviour", 0.6, "remove"),
    Policy("known", "Known content", "Pictures and texts that were decided before, here or elsewhere.", "bank", 0.5,
           "remove"),
)  # fmt: skip
"""What a new workspace begins with."""


def list_policies(workspace: Workspace, *, enabled: bool | None = None) -> tuple[Policy, ...]:
    """In the order in which they are shown. A workspace that has none yet gets the defaults."""
    found = _read(workspace.cursor())
    if not found:
        with workspace.transaction() as cursor:
            if not _read(cursor):
                for position, policy in enumerate(DEFAULTS):
                    _write(cursor, replace(policy, position=position))
        found = _read(workspace.cursor())
    return tuple(policy for policy in found if enabled is None or policy.enabled == enabled)


def get_policy(workspace: Workspace, id_: str) -> Policy:
    """Raises ModerationError for one that is not there."""
    for policy in list_policies(workspace):
        if policy.id == id_:
            return policy
    raise ModerationError(f"There is no policy {id_!r}; there are {', '.join(p.id for p in list_policies(workspace))}.")


def save_policy(workspace: Workspace, policy: Policy, *, by: Person) -> Policy:
    """Adds a policy, or changes the one with this id; scores of another scorer or other examples are forgotten.

    Raises RoleError, and ModerationError for values that can't be used.
    """
    by.require("policies")
    known = {one.id: one for one in list_policies(workspace)}
    _check(policy)
    if policy.id not in known and len(known) >= MAX_POLICIES:
        raise ModerationError(f"A workspace has at most {MAX_POLICIES} policies.")
    before = known.get(policy.id)
    policy = replace(policy, position=before.position if before else len(known))
    with workspace.transaction() as cursor:
        _write(cursor, policy)
        if before is not None and (before.scorer, dict(before.about)) != (policy.scorer, dict(policy.about)):
            cursor.execute("DELETE FROM scores WHERE policy = ?", [policy.id])
        if before is None or (before.scorer, dict(before.about)) != (policy.scorer, dict(policy.about)):
            cursor.execute(
                "DELETE FROM scored WHERE scorer = ? OR (scorer IN ('second-look', 'classifier') AND ? = 'words')",
                [scorer_key(policy), scorer_key(policy)],
            )
    return policy


def scorer_key(policy: Policy) -> str:
    """What ``scored`` calls the scorer: all policies over trained words are scored in one go."""
    return "words" if policy.scorer == "words" else f"{policy.scorer}:{policy.id}"


def new_id(name: str, taken: set[str]) -> str:
    """A short id from a name."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "policy"
    return next(id_ for n in range(1, 1000) if (id_ := stem if n == 1 else f"{stem}-{n}") not in taken)


def _check(policy: Policy) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,47}", policy.id):
        raise ModerationError(f"{policy.id!r} is no id of a policy: use small letters, digits and hyphens.")
    if not policy.name.strip() or len(policy.name) > MAX_NAME or len(policy.description) > MAX_DESCRIPTION:
        raise ModerationError(
            f"A policy has a name of up to {MAX_NAME} characters and a description of up to {MAX_DESCRIPTION}."
        )
    if policy.scorer not in SCORERS:
        raise ModerationError(f"There is no scorer {policy.scorer!r}; there are {', '.join(SCORERS)}.")
    if policy.action not in POST_ACTIONS:
        raise ModerationError(f"There is no action {policy.action!r}; there are {', '.join(POST_ACTIONS)}.")
    if not (np.isfinite(policy.threshold) and 0 <= policy.threshold <= 1):
        raise ModerationError("A threshold is a number from 0 to 1.")
    if policy.scorer == "words" and policy.attribute not in PERSPECTIVE:
        raise ModerationError(f"There is no attribute {policy.attribute!r}; there are {', '.join(PERSPECTIVE)}.")
    if policy.scorer == "described":
        words, examples = policy.about.get("words", ""), policy.about.get("examples", [])
        if not isinstance(words, str) or len(words) > MAX_DESCRIPTION:
            raise ModerationError(f"The sentence of a policy has up to {MAX_DESCRIPTION} characters.")
        if not isinstance(examples, list | tuple) or len(examples) > MAX_EXAMPLES:
            raise ModerationError(f"A policy has up to {MAX_EXAMPLES} example posts.")
        if not words.strip() and not examples:
            raise ModerationError("A policy by description needs a sentence, or a post as an example.")


def _write(cursor: Cursor, policy: Policy) -> None:
    cursor.execute(
        "INSERT OR REPLACE INTO policies (id, name, description, scorer, about, threshold, action, enabled, position,"
        " changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            policy.id, policy.name.strip(), policy.description.strip(), policy.scorer, json.dumps(dict(policy.about)),
            float(policy.threshold), policy.action, policy.enabled, policy.position, utc_now(),
        ],
    )  # fmt: skip


def _read(cursor: Cursor) -> list[Policy]:
    rows = cursor.execute(
        "SELECT id, name, description, scorer, threshold, action, enabled, position, about FROM policies"
        " ORDER BY position, id"
    ).fetchall()
    return [
        Policy(id_, name, description, cast(ScorerKind, scorer), threshold, cast(PostAction, action), enabled, position,
               json.loads(about))
        for id_, name, description, scorer, threshold, action, enabled, position, about in rows
    ]  # fmt: skip
