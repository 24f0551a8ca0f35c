"""The scorers of a workspace's policies, ready to be run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ModelError
from core.moderation.policies import Policy, list_policies, scorer_key
from core.moderation.scoring import Pending, Score, Scored, Scores
from core.moderation.waves import behaviours

if TYPE_CHECKING:
    from core.jobs.runner import JobContext
    from core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Scorer:
    """``key`` is what the table ``scored`` calls it; ``title`` is the phase that people see."""

    key: str
    title: str
    model_id: str
    score: Score


def load_scorers(workspace: Workspace, context: JobContext, *, slow: bool) -> list[Scorer]:
    """One for all policies over trained words, one for each other enabled policy. ``slow`` asks for those too that load
    a model or open the pictures. What the settings leave nothing to do is left out; raises ModelError for a scorer that
    is missing or damaged."""
    policies = list_policies(workspace)
    scorers = []
    words = [policy for policy in policies if policy.scorer == "words"]
    if words and (scorer := _words(workspace, words)) is not None:
        scorers.append(scorer)
        if slow and (second := _second_look(workspace, words)) is not None:
            scorers.append(second)
    makers: dict[str, Callable[[Workspace, Policy], Scorer | None]] = {"behaviour": _behaviour, "bank": _bank}
    if slow or (workspace.has_encoder("text") and workspace.has_encoder("dual")):
        makers["described"] = _described
    for policy in policies:
        if policy.enabled and policy.scorer in makers:
            made = makers[policy.scorer](workspace, policy)
            if made is not None:
                scorers.append(made)
        elif policy.enabled and policy.scorer == "picture" and slow:
            scorers.append(_nudity(workspace, context, policy))
    return scorers


def _words(workspace: Workspace, policies: list[Policy]) -> Scorer | None:
    from core.encoders.minilm import MINILM_ID
    from core.moderation.scorers.words import PACKAGED, load_word_scorer, reason_not_to_score

    space = workspace.indexes.space("text")
    if space is None or space.model_id != MINILM_ID or not PACKAGED.exists():
        return None  # the packaged scorer reads the vectors of the packaged encoder
    scorer = load_word_scorer()

    def score(chunk: Pending) -> Scored:
        vectors = aligned(workspace, "text", chunk.rows, space.dim)
        notes = tuple(map(reason_not_to_score, chunk.texts, chunk.langs))
        known = np.flatnonzero([note is None for note in notes] & ~np.isnan(vectors[:, 0]))
        found = scorer.score([chunk.texts[at] for at in known], vectors[known])
        by_policy: dict[str, Scores] = {}
        for policy in policies:
            if policy.attribute in scorer.attributes:
                scores = np.full(len(chunk), np.nan, np.float32)
                scores[known] = found[:, scorer.attributes.index(policy.attribute)]
                by_policy[policy.id] = scores
        return Scored(by_policy, notes, scorer.model_id)

    return Scorer("words", "scoring words", scorer.model_id, score)


LIKELY = 0.15
"""What the first look finds less likely under every policy but spam is not looked at again."""


def _second_look(workspace: Workspace, policies: list[Policy]) -> Scorer | None:
    """Reads again, in the order of their words, the posts that the first look finds likely enough."""
    from core.encoders.minilm import DIM
    from core.moderation.scorers.words import load_word_scorer

    scorer = load_word_scorer()
    tuned = scorer.tuned
    policies = [one for one in policies if one.attribute in scorer.attributes and one.attribute != "SPAM"]
    if tuned is None or not policies:
        return None
    model_id = f"{scorer.model_id}+second-look"

    def score(chunk: Pending) -> Scored:
        first = _stored_scores(workspace, policies, chunk.rows)
        likely = np.flatnonzero((np.nan_to_num(first) >= LIKELY).any(axis=0))
        by_policy: dict[str, Scores] = {one.id: scores for one, scores in zip(policies, first, strict=True)}
        if len(likely):
            texts = [chunk.texts[at] for at in likely]
            vectors = aligned(workspace, "text", chunk.rows, DIM)[likely]
            found = scorer.score(texts, vectors, tuned.read(texts))
            for one in policies:
                by_policy[one.id][likely] = found[:, scorer.attributes.index(one.attribute)]
        return Scored(by_policy, (None,) * len(chunk), model_id)

    return Scorer("second-look", "looking at likely posts again", model_id, score)


def _stored_scores(workspace: Workspace, policies: list[Policy], rows: np.ndarray) -> list[Scores]:
    """(n,) scores of each policy as they stand, NaN where there is none."""
    found = []
    for policy in policies:
        scores = np.full(len(rows), np.nan, np.float32)
        stored = (
            workspace.cursor()
            .execute(
                "SELECT post_row, score FROM scores WHERE policy = ? AND post_row IN (SELECT unnest(?::BIGINT[]))",
                [policy.id, rows.tolist()],
            )
            .fetchnumpy()
        )
        scores[np.searchsorted(rows, stored["post_row"])] = stored["score"]
        found.append(scores)
    return found


def _described(workspace: Workspace, policy: Policy) -> Scorer | None:
    from core.moderation.scorers.described import read_described

    if workspace.indexes.space("text") is None and workspace.indexes.space("dual") is None:
        return None
    described = read_described(workspace, policy)

    def score(chunk: Pending) -> Scored:
        scores = np.full(len(chunk), np.nan, np.float32)
        rows, vectors = workspace.indexes.stored("text", chunk.rows)
        if len(rows):
            scores[np.searchsorted(chunk.rows, rows)] = described.score_texts(vectors)
        pictures = workspace.indexes.pictures()
        media, vectors = workspace.indexes.stored("dual", pictures.of_posts(chunk.rows))
        if len(media):
            posts, at = pictures.posts_of(media)
            places = np.searchsorted(chunk.rows, posts)
            np.fmax.at(scores, places, described.score_pictures(vectors[at]))
        notes = tuple("There is nothing to compare yet." if np.isnan(one) else None for one in scores)
        return Scored({policy.id: scores}, notes, described.model_id)

    return Scorer(scorer_key(policy), f"scoring {policy.name}", described.model_id, score)


def _behaviour(workspace: Workspace, policy: Policy) -> Scorer:
    found = behaviours(workspace)
    # A wave grows: its earlier posts are scored again with each import that brings more of it.
    model_id = f"behaviour-1-{sum(one.posts for one in found.values())}"

    def score(chunk: Pending) -> Scored:
        scores = np.array([found[row].score if row in found else 0.0 for row in chunk.rows.tolist()], np.float32)
        return Scored({policy.id: scores}, (None,) * len(chunk), model_id)

    return Scorer(scorer_key(policy), f"scoring {policy.name}", model_id, score)


def _bank(workspace: Workspace, policy: Policy) -> Scorer | None:
    from core.moderation.scorers.banks import read_bank

    bank = read_bank(workspace, policy.id)
    if not bank:
        return None

    def score(chunk: Pending) -> Scored:
        return Scored({policy.id: bank.score(workspace, chunk.rows)}, (None,) * len(chunk), bank.model_id)

    return Scorer(scorer_key(policy), f"comparing with {policy.name}", bank.model_id, score)


def _nudity(workspace: Workspace, context: JobContext, policy: Policy) -> Scorer:
    from core.moderation.scorers.nudity import MODEL_ID, score_posts

    def score(chunk: Pending) -> Scored:
        scores, notes = score_posts(workspace, context, chunk.rows)
        return Scored({policy.id: scores}, notes, MODEL_ID)

    return Scorer(scorer_key(policy), f"looking at pictures for {policy.name}", MODEL_ID, score)


def aligned(workspace: Workspace, kind: str, rows: np.ndarray, dim: int) -> np.ndarray:
    """Stored vectors (n, dim) in the order of ``rows``; NaN where there is none."""
    found = np.full((len(rows), dim), np.nan, np.float32)
    have, vectors = workspace.indexes.stored(kind, rows)
    if len(have):
        if vectors.shape[1] != dim:
            raise ModelError(f"Vectors of {vectors.shape[1]} numbers are stored where {dim} were expected.")
        found[np.searchsorted(rows, have)] = vectors
    return found
