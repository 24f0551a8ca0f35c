"""What is given out of the log: the newest entries, all of it as CSV, and the statement of reasons of one decision.

The statement has the facts that article 17 of the EU's Digital Services Act (2022/2065) asks for: the restriction, its
scope and time, the facts and whether they were found by automated means, the ground, and how to appeal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.database.moderation import Decision, latest_batches, read_decisions
from core.errors import ModerationError
from core.export.cells import csv_text
from core.moderation.decisions import REASONS
from core.moderation.policies import list_policies
from core.moderation.roles import ALONE, Person
from core.types import Scalar

if TYPE_CHECKING:
    from core.workspace import Workspace

COLUMNS = (
    "id", "made_at", "reviewer", "noun", "subject", "author", "policy", "action", "label", "reason", "note", "review",
    "undoes", "batch", "seconds", "seen",
)  # fmt: skip
RESTRICTIONS = {
    "remove": "The post was removed.",
    "label": "The post is shown with a label.",
    "limit": "The post's reach was limited.",
    "escalate": "The post was locked, as possibly illegal.",
    "warn": "The account was warned.",
    "suspend": "The account was suspended.",
    "keep": "The post was looked at and stays.",
    "restore": "The account's restriction was lifted.",
}


LOCKED = "locked"
"""Stands in the log for the id of a locked post, for those who may not see it."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries: ``about`` is the id of a post or an account (of its posts too), ``reviewer`` who decided; what is
    empty is not asked for."""

    about: str = ""
    policy: str = ""
    reviewer: str = ""
    action: str = ""

    def condition(self) -> tuple[str, list[str]]:
        """SQL over ``decisions``, and its values."""
        asked = {"policy": self.policy, "reviewer": self.reviewer, "action": self.action}
        parts = [f"{column} = ?" for column, value in asked.items() if value]
        values = [value for value in asked.values() if value]
        if self.about:
            parts.append("(subject = ? OR author = ?)")
            values += [self.about, self.about]
        return " AND ".join(parts) or "TRUE", values


def recent_decisions(
    workspace: Workspace, limit: int, *, before: int | None = None, wanted: LogFilter | None = None, by: Person = ALONE
) -> list[tuple[Decision, int]]:
    """The log, newest first, before the entry of that id: of what was decided together the first entry, which was
    looked at, and how many there are. Raises RoleError."""
    by.require("review")
    hidden = _locked(workspace, by)
    condition, values = (wanted or LogFilter()).condition()
    found = latest_batches(workspace.cursor(), limit, before=before, condition=condition, values=values)
    return [
        (replace(entry, subject=LOCKED) if entry.noun == "post" and entry.subject in hidden else entry, entries)
        for entry, entries in found
    ]


def reviewers(workspace: Workspace, *, by: Person = ALONE) -> list[str]:
    """Who has decided anything, by name. Raises RoleError."""
    by.require("review")
    found = workspace.cursor().execute("SELECT DISTINCT reviewer FROM decisions ORDER BY 1").fetchall()
    return [name for (name,) in found]


def _locked(workspace: Workspace, by: Person) -> set[str]:
    """Ids of the locked posts that somebody may not see."""
    if by.may("see locked"):
        return set()
    found = workspace.cursor().execute("SELECT subject FROM standings WHERE noun = 'post' AND state = 'locked'")
    return {id_ for (id_,) in found.fetchall()}


def log_csv(workspace: Workspace, *, by: Person = ALONE) -> str:
    """Every entry, oldest first. Locked posts' ids are left to those who may see them. Raises RoleError."""
    by.require("export")
    hidden = _locked(workspace, by)
    rows: list[list[Scalar]] = []
    for entry in read_decisions(workspace.cursor()):
        subject = LOCKED if entry.noun == "post" and entry.subject in hidden else entry.subject
        rows.append(
            [
                entry.id, entry.made_at.isoformat(), entry.reviewer, entry.noun, subject, entry.author, entry.policy,
                entry.action, entry.label, entry.reason, entry.note, entry.review, entry.undoes, entry.batch,
                entry.seconds, json.dumps(entry.seen, ensure_ascii=False),
            ]
        )  # fmt: skip
    return csv_text(COLUMNS, rows)


def statement_json(workspace: Workspace, decision: int, *, by: Person = ALONE) -> str:
    """The statement of reasons of a decision, a JSON document. The reviewer's name is not in it. Raises RoleError, and
    ModerationError for an unknown or a taken-back decision, or a locked post."""
    by.require("export")
    found = read_decisions(workspace.cursor(), "id = ?", [decision])
    if not found or found[0].action not in RESTRICTIONS:
        raise ModerationError(f"There is no decision {decision} that has a statement of reasons.")
    entry = found[0]
    if entry.action == "escalate":
        raise ModerationError("No statement is given out of a post that is locked as possibly illegal.")
    undone = workspace.cursor().execute("SELECT 1 FROM decisions WHERE undoes = ?", [decision]).fetchall()
    policies = {policy.id: policy for policy in list_policies(workspace)}
    policy = policies.get(entry.policy or "")
    score = (entry.seen.get("scores") or {}).get(entry.policy or "")
    threshold = (entry.seen.get("thresholds") or {}).get(entry.policy or "")
    flagged = score is not None and threshold is not None and score >= threshold
    document = {
        "decision": entry.id,
        "made_at": entry.made_at.isoformat() + "Z",
        "concerns": {
            "kind": "account" if entry.noun == "user" else "post",
            "id": entry.subject,
            "author": entry.author,
        },
        "restriction": entry.action if entry.action != "keep" else None,
        "said": RESTRICTIONS[entry.action] + (f" Label: {entry.label}." if entry.label else ""),
        "scope": {"territory": "everywhere", "duration": "until it is decided otherwise"},
        "ground": {
            "kind": "illegal content" if entry.reason == "illegal" else "terms of service",
            "policy": policy.name if policy else entry.policy,
            "policy_text": policy.description if policy else None,
            "category": REASONS.get(entry.reason or "") or None,
        },
        "facts": entry.note or None,
        "automated_detection": bool(flagged),
        "automated_decision": False,
        "detected_by": {"model": (entry.seen.get("models") or {}).get(entry.policy or ""), "score": score}
        if flagged
        else None,
        "taken_back": bool(undone),
        "redress": "The decision can be appealed: another reviewer looks at it.",
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
