"""Scoring posts: each enabled policy's scorer sees every post once in its present content.

What most scorers need is there after an import: texts and their vectors. So an import scores what it brought; what
loads a model or opens the pictures anew is the job ``moderate``'s work. Each chunk is one transaction: a job that is
killed goes on after its last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.database.connection import first_row
from core.database.moderation import note_scored, store_scores
from core.jobs.runner import utc_now
from core.moderation.policies import list_policies, scorer_key

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace

CHUNK = 4096
Scores: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pending:
    """Posts to score, in rising row. ``contents`` is what their scores rest on: hashes of text and pictures."""

    rows: NDArray[np.int64]
    texts: tuple[str, ...]
    langs: tuple[str | None, ...]
    text_hashes: tuple[str, ...]
    contents: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Scored:
    """What a scorer says of a chunk: by policy the scores (n,), NaN where it says nothing; ``notes`` why not."""

    by_policy: dict[str, Scores]
    notes: tuple[str | None, ...]
    model_id: str


Score: TypeAlias = Callable[[Pending], Scored]

# A post's content for its scorers: its text and its pictures, in their order.
_CONTENT = (
    "p.text_hash || coalesce((SELECT ':' || string_agg(m.sha256, ',' ORDER BY m.position) FROM media m"
    " WHERE m.post_row = p.row AND m.path IS NOT NULL), '')"
)


def run(context: JobContext) -> dict[str, Any]:
    """The job ``moderate``: scores what was not scored yet, with the param ``again`` everything. Gives counts."""
    workspace = context.workspace
    if context.params.get("again") and not context.checkpoint.get("forgotten"):
        with workspace.transaction() as cursor:
            cursor.execute("DELETE FROM scored")
            context.save_checkpoint(cursor, {"forgotten": True})
    return {"scored": score_pending(context, slow=True)}


def score_pending(context: JobContext, *, slow: bool = False) -> dict[str, int]:
    """Scores what waits, by scorer; gives how many posts each has scored. ``slow`` runs those scorers too that have to
    load a model first or to open the pictures."""
    from core.moderation.scorers.loading import load_scorers

    workspace = context.workspace
    counts: dict[str, int] = {}
    for scorer in load_scorers(workspace, context, slow=slow):
        counts[scorer.key] = _run_scorer(context, scorer.key, scorer.title, scorer.model_id, scorer.score)
    return counts


def _run_scorer(context: JobContext, key: str, title: str, model_id: str, score: Score) -> int:
    workspace = context.workspace
    total = done = 0
    above: dict[str, list[float]] = {}
    for chunk in pending(workspace, key, model_id):
        if not total:
            total = len(chunk) if len(chunk) < CHUNK else count_pending(workspace, key, model_id)
        context.report(title, done, total)
        scored = score(chunk)
        store(workspace, key, chunk, scored)
        done += len(chunk)
        for policy, scores in scored.by_policy.items():
            known = scores[~np.isnan(scores)]
            above.setdefault(policy, []).extend(known.tolist())
    _note_history(workspace, model_id, above)
    if total:
        context.report(title, done, total)
    return done


def _note_history(workspace: Workspace, model_id: str, scores: dict[str, list[float]]) -> None:
    """Remembers how high this run's scores were, so that a drift shows."""
    thresholds = {policy.id: policy.threshold for policy in list_policies(workspace)}
    with workspace.transaction() as cursor:
        for policy, values in scores.items():
            if values and policy in thresholds:
                flagged = sum(value >= thresholds[policy] for value in values)
                cursor.execute(
                    "INSERT INTO score_history VALUES (?, ?, ?, ?, ?, ?)",
                    [policy, model_id, utc_now(), len(values), float(np.mean(values)), flagged],
                )


def _pending_sql() -> str:
    return (
        f"SELECT p.row, p.text, p.lang, p.text_hash, {_CONTENT} AS content FROM posts p"
        " WHERE p.row > $after AND NOT EXISTS (SELECT 1 FROM scored s WHERE s.scorer = $key AND s.post_row = p.row"
        f" AND s.model_id = $model AND s.content_hash = {_CONTENT})"
        " AND NOT EXISTS (SELECT 1 FROM standings t WHERE t.noun = 'post' AND t.post_row = p.row"
        " AND t.state = 'locked')"
    )


def count_pending(workspace: Workspace, key: str, model_id: str) -> int:
    found = workspace.cursor().execute(
        f"SELECT count(*) FROM ({_pending_sql()})", {"after": -1, "key": key, "model": model_id}
    )
    (count,) = first_row(found) or (0,)
    return int(count)


def pending(workspace: Workspace, key: str, model_id: str) -> Iterator[Pending]:
    """Chunks of the posts that a scorer has not seen in their present content, locked ones left out."""
    after = -1
    while True:
        rows = (
            workspace.cursor()
            .execute(
                f"{_pending_sql()} ORDER BY p.row LIMIT $limit",
                {"after": after, "key": key, "model": model_id, "limit": CHUNK},
            )
            .fetchall()
        )
        if not rows:
            return
        after = rows[-1][0]
        numbers, texts, langs, hashes, contents = zip(*rows, strict=True)
        yield Pending(np.array(numbers, np.int64), texts, langs, hashes, contents)
        if len(rows) < CHUNK:  # asking costs a pass over the workspace: not once more for nothing
            return


def store(workspace: Workspace, key: str, chunk: Pending, scored: Scored) -> None:
    """Writes a chunk's scores, in one transaction with the note that it was scored."""
    now = utc_now()
    with workspace.transaction() as cursor:
        for policy, scores in scored.by_policy.items():
            known = np.flatnonzero(~np.isnan(scores))
            # Those without a score now may have had one of an earlier model or text.
            cursor.execute(
                "DELETE FROM scores WHERE policy = ? AND post_row IN (SELECT unnest(?::BIGINT[]))",
                [policy, chunk.rows.tolist()],
            )
            store_scores(
                cursor, policy, chunk.rows[known], [chunk.text_hashes[at] for at in known], scores[known],
                model_id=scored.model_id, now=now,
            )  # fmt: skip
        note_scored(cursor, key, chunk.rows, chunk.contents, scored.notes, scored.model_id)


def unscored(workspace: Workspace) -> dict[str, int]:
    """How many posts no scorer of the present kind has seen yet, by scorer key; for the page. Counts by content alone,
    so that it needs no model."""
    keys = {scorer_key(policy): policy for policy in list_policies(workspace, enabled=True)}
    counts = {}
    banks = {one for (one,) in workspace.cursor().execute("SELECT DISTINCT policy FROM bank_entries").fetchall()}
    if "words" in keys and workspace.settings.scorer != "packaged":
        keys["classifier"] = keys.pop("words")
    for key, policy in keys.items():
        if policy.scorer == "bank" and policy.id not in banks:
            continue
        only = " AND p.pictures > 0" if policy.scorer == "picture" else ""
        (count,) = first_row(
            workspace.cursor().execute(
                f"SELECT count(*) FROM posts p WHERE NOT EXISTS (SELECT 1 FROM scored s WHERE s.scorer = ?"
                f" AND s.post_row = p.row){only}",
                [key],
            )
        ) or (0,)
        counts[key] = int(count)
    return counts


def notes_of(workspace: Workspace, post_row: int) -> list[tuple[str, str]]:
    """(scorer, why it gave no score) of a post."""
    return (
        workspace.cursor()
        .execute("SELECT scorer, note FROM scored WHERE post_row = ? AND note IS NOT NULL ORDER BY 1", [post_row])
        .fetchall()
    )
