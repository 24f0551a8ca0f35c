"""How well moderation goes, from the log: precision, agreement, volumes, waiting, drift, fairness."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from core.database.connection import first_row
from core.jobs.runner import utc_now
from core.moderation.agreement import cohen_kappa, krippendorff_alpha, wilson
from core.moderation.identity_terms import IDENTITY_TERMS, group_pattern
from core.moderation.policies import list_policies
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

# First decisions that stand: not taken back, and made by people.
_STANDS = (
    "d.noun = 'post' AND d.review = 'first' AND d.action NOT IN ('undo', 'erase')"
    " AND d.id NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``count``, with the 95 % interval (Wilson) of their share."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        return self.hits / self.count if self.count else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.count)


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the posts that a policy flagged, as a model of then scored them, those on which something was done."""

    policy: str
    model_id: str
    acted: Share


def precision_of_scorers(workspace: Workspace, *, by: Person = ALONE) -> list[Precision]:
    """By policy and model, from what the reviewers were shown at each decision. Raises RoleError."""
    by.require("insights")
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for action, raw in _decisions(workspace):
        seen = json.loads(raw)
        for policy, score in seen.get("scores", {}).items():
            threshold = seen.get("thresholds", {}).get(policy)
            if threshold is not None and score >= threshold:
                one = found[policy, seen.get("models", {}).get(policy, "")]
                one[0] += action != "keep"
                one[1] += 1
    return [Precision(policy, model, Share(*counts)) for (policy, model), counts in sorted(found.items())]


def _decisions(workspace: Workspace) -> list[tuple[str, str]]:
    return workspace.cursor().execute(f"SELECT d.action, d.seen FROM decisions d WHERE {_STANDS}").fetchall()


@dataclass(frozen=True, slots=True)
class Agreement:
    """``name`` is a policy's id or a pair of reviewers; ``items`` were rated twice; ``same`` of them alike."""

    name: str
    items: int
    same: Share
    kappa: float
    alpha: float


def agreement(workspace: Workspace, *, by: Person = ALONE) -> tuple[list[Agreement], list[Agreement]]:
    """(by policy, all first; by pair of reviewers) of the blind second reviews against the first ones."""
    by.require("insights")
    rows = (
        workspace.cursor()
        .execute(
            f"""
            SELECT coalesce(d.policy, ''), d.reviewer, d.action, e.reviewer, e.action FROM decisions d
            JOIN decisions e ON e.subject = d.subject AND e.noun = 'post' AND e.review = 'second' AND e.id > d.id
            WHERE {_STANDS} AND e.id NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL)
                AND e.action <> 'undo'
                AND NOT EXISTS (SELECT 1 FROM decisions f WHERE f.subject = d.subject AND f.noun = 'post'
                    AND f.review = 'first' AND f.id > d.id AND f.id < e.id AND f.action <> 'undo')
            """
        )
        .fetchall()
    )
    policies: dict[str, list[tuple[str, str]]] = defaultdict(list)
    reviewers: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for policy, first, action, second, other in rows:
        policies["all"].append((action, other))
        policies[policy or "no policy"].append((action, other))
        pair = (action, other) if first <= second else (other, action)
        reviewers[" and ".join(sorted((first, second)))].append(pair)
    return _agreements(policies), _agreements(reviewers)


def _agreements(rated: Mapping[str, list[tuple[str, str]]]) -> list[Agreement]:
    return [
        Agreement(
            name, len(pairs), Share(sum(a == b for a, b in pairs), len(pairs)), cohen_kappa(pairs),
            krippendorff_alpha(pairs),
        )
        for name, pairs in rated.items()
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Volumes:
    """``days`` are (day, action, decisions); ``reviewers`` (name, decisions, median seconds); ``undone`` the share of
    decisions that were taken back, ``overturned`` of appeals that were decided otherwise. ``median_seconds`` is how
    long an item was open, ``median_wait`` how many seconds it had waited when it was decided on first."""

    days: tuple[tuple[date, str, int], ...]
    reviewers: tuple[tuple[str, int, float | None], ...]
    undone: Share
    overturned: Share
    median_seconds: float | None
    median_wait: float | None


def volumes(workspace: Workspace, *, days: int = 30, by: Person = ALONE) -> Volumes:
    """Of the last ``days`` days. Raises RoleError."""
    by.require("insights")
    cursor = workspace.cursor()
    since = utc_now() - timedelta(days=days)
    by_day = cursor.execute(
        "SELECT made_at::DATE, action, count(*) FROM decisions WHERE made_at >= ? GROUP BY 1, 2 ORDER BY 1, 2", [since]
    ).fetchall()
    reviewers = cursor.execute(
        "SELECT reviewer, count(*), median(seconds) FROM decisions WHERE made_at >= ? AND action <> 'undo'"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50",
        [since],
    ).fetchall()
    ((undone, made),) = cursor.execute(
        "SELECT count(*) FILTER (action = 'undo'), count(*) FILTER (action <> 'undo') FROM decisions"
        " WHERE made_at >= ?",
        [since],
    ).fetchall()
    ((overturned, appeals),) = cursor.execute(
        "SELECT count(*) FILTER (a.action = 'keep'), count(*) FROM decisions a WHERE a.review = 'appeal'"
        " AND a.action <> 'undo' AND a.made_at >= ?",
        [since],
    ).fetchall()
    ((seconds,),) = cursor.execute("SELECT median(seconds) FROM decisions WHERE made_at >= ?", [since]).fetchall()
    # Posts that were scored anew since they were decided on say nothing of how long they had waited.
    ((wait,),) = cursor.execute(
        f"""
        SELECT median(epoch(d.made_at) - epoch(w.since)) FROM decisions d JOIN (
            SELECT post_row, min(since) AS since FROM (
                SELECT s.post_row, s.scored_at AS since FROM scores s JOIN policies q ON q.id = s.policy
                    WHERE q.enabled AND s.score >= q.threshold::FLOAT
                UNION ALL SELECT post_row, made_at FROM reports WHERE kind = 'report')
            GROUP BY 1) w ON w.post_row = d.post_row
        WHERE {_STANDS} AND d.made_at >= $since AND d.made_at >= w.since
        """,
        {"since": since},
    ).fetchall()
    return Volumes(tuple(by_day), tuple(reviewers), Share(undone, made), Share(overturned, appeals), seconds, wait)


@dataclass(frozen=True, slots=True)
class ScoringRun:
    """One scoring run of a policy: how many posts, their mean score, and the share that reached the threshold."""

    policy: str
    model_id: str
    made_at: datetime
    posts: int
    mean: float
    above: Share


def drift(workspace: Workspace, *, by: Person = ALONE, limit: int = 200) -> list[ScoringRun]:
    """The newest runs, oldest first: a mean that moves without a new model says that the posts have changed."""
    by.require("insights")
    rows = (
        workspace.cursor()
        .execute(
            "SELECT policy, model_id, made_at, posts, mean, above FROM score_history ORDER BY made_at DESC LIMIT ?",
            [limit],
        )
        .fetchall()
    )
    return [ScoringRun(p, m, at, n, mean, Share(above, n)) for p, m, at, n, mean, above in reversed(rows)]


@dataclass(frozen=True, slots=True)
class Period:
    """The posts that were written from ``start`` on: their mean score, and the share that reaches the threshold."""

    start: date
    mean: float
    above: Share


PERIODS: tuple[tuple[str, int], ...] = (("day", 92), ("week", 3 * 366), ("month", 10 * 366), ("year", 1 << 30))
"""Each with the longest span in days that is cut by it."""


def scores_over_time(workspace: Workspace, policy: str, *, by: Person = ALONE) -> tuple[str, list[Period]]:
    """(day, week, month or year, each of them that has scored posts) by when posts were written, oldest first: what a
    policy finds more of, or what its scorer has not learned from. Raises RoleError."""
    by.require("insights")
    scored = "FROM scores s JOIN posts p ON p.row = s.post_row WHERE s.policy = $policy AND p.created_at IS NOT NULL"
    cursor = workspace.cursor()
    (days,) = first_row(
        cursor.execute(
            f"SELECT coalesce(date_diff('day', min(p.created_at), max(p.created_at)), 0) {scored}", {"policy": policy}
        )
    ) or (0,)
    unit = next(name for name, most in PERIODS if days <= most)
    threshold = next((one.threshold for one in list_policies(workspace) if one.id == policy), 0.5)
    rows = cursor.execute(
        f"SELECT date_trunc($unit, p.created_at)::DATE AS start, avg(s.score),"
        f" count(*) FILTER (s.score >= $threshold::FLOAT), count(*) {scored} GROUP BY 1 ORDER BY 1",
        {"policy": policy, "unit": unit, "threshold": threshold},
    ).fetchall()
    return unit, [Period(start, mean, Share(above, posts)) for start, mean, above, posts in rows]


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """How a scorer errs on a group of posts. ``flagged`` is the share of all scored posts that it flags; ``wrong`` the
    share of decided and kept posts that it had flagged; ``missed`` the share of those acted on under its policy that it
    had not."""

    name: str
    posts: int
    flagged: Share
    wrong: Share
    missed: Share


def fairness(workspace: Workspace, policy: str, *, by: Person = ALONE) -> tuple[list[GroupErrors], list[GroupErrors]]:
    """(by language, by identity terms) of a policy's scores against what was decided; all posts come first.

    What was never decided is in ``flagged`` alone. Posts that nobody flagged are seldom decided, so ``missed`` is known
    from reports and second looks only. Raises RoleError.
    """
    by.require("insights")
    threshold = next((one.threshold for one in list_policies(workspace) if one.id == policy), 0.5)
    cursor = workspace.cursor()
    base = """
        SELECT p.row, p.lang, lower(left(p.text, 2000)) AS text, s.score >= $threshold::FLOAT AS flagged,
            t.state = 'kept' OR t.policy = $policy AS decided, t.state = 'kept' AS kept
        FROM scores s JOIN posts p ON p.row = s.post_row
        LEFT JOIN standings t ON t.noun = 'post' AND t.post_row = p.row
        WHERE s.policy = $policy
    """
    figures = (
        "count(*), count(*) FILTER (flagged), count(*) FILTER (decided AND kept),"
        " count(*) FILTER (decided AND kept AND flagged), count(*) FILTER (decided AND NOT kept),"
        " count(*) FILTER (decided AND NOT kept AND NOT flagged)"
    )
    given = {"policy": policy, "threshold": threshold}
    every = cursor.execute(f"SELECT 'All posts', {figures} FROM ({base})", given).fetchall()
    langs = cursor.execute(
        f"SELECT coalesce(lang, '?'), {figures} FROM ({base}) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 12", given
    ).fetchall()
    groups = [
        (name, *row)
        for name, terms in IDENTITY_TERMS.items()
        for row in cursor.execute(
            f"SELECT {figures} FROM ({base}) WHERE regexp_matches(text, $pattern)",
            {**given, "pattern": group_pattern(terms)},
        ).fetchall()
    ]
    return [_errors(row) for row in [*every, *langs]], [_errors(row) for row in groups if row[1]]


def _errors(row: tuple[str, int, int, int, int, int, int]) -> GroupErrors:
    name, posts, flagged, kept, kept_flagged, acted, acted_missed = row
    return GroupErrors(name, posts, Share(flagged, posts), Share(kept_flagged, kept), Share(acted_missed, acted))
