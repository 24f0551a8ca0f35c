"""The scorers of a workspace's policies, ready to be run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ModelError
from core.moderation.policies import Policy, list_policies, scorer_key
from core.moderation.scorers.classifier import is_packaged
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
    beside = ""
    if words and slow and not is_packaged(workspace.settings):
        classifier, words = _classifier(workspace, context, words)
        scorers.append(classifier)
        beside = f" beside {classifier.model_id}"
    if words and (slow or is_packaged(workspace.settings)):
        if (scorer := _words(workspace, words, slow=slow, beside=beside)) is not None:
            scorers.append(scorer)
        if slow and (second := _second_look(workspace, words, beside)) is not None:
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


def _classifier(workspace: Workspace, context: JobContext, policies: list[Policy]) -> tuple[Scorer, list[Policy]]:
    """The classifier that the settings name, and the policies that it has no label for. Raises ModelError and
    SettingError."""
    from core.moderation.scorers.classifier import child_params, knows_language
    from core.moderation.scorers.words import NOTE_CLASSIFIER_LANGUAGE, NOTE_EMPTY, reason_not_to_score

    settings = workspace.settings
    source = workspace.path / "tmp" / f"classifier-{context.id}.json"
    target = "core.moderation.scorers.classifier:score_file"
    with context.child(target) as child:
        about = child.call(child_params(settings))
    attributes: list[str] = about["attributes"]
    own = [policy for policy in policies if policy.attribute in attributes]

    def note_of(text: str, lang: str | None) -> str | None:
        if reason_not_to_score(text, lang) == NOTE_EMPTY:
            return NOTE_EMPTY
        return None if knows_language(settings, lang) else NOTE_CLASSIFIER_LANGUAGE

    def score(chunk: Pending) -> Scored:
        notes = tuple(map(note_of, chunk.texts, chunk.langs))
        known = np.flatnonzero([note is None for note in notes])
        found = np.zeros((0, len(attributes)), np.float32)
        if len(known):
            source.write_text(json.dumps([chunk.texts[at] for at in known]), encoding="utf-8")
            try:
                with context.child(target) as child:
                    answer = child.call(
                        {**child_params(settings), "texts": str(source)},
                        lambda done, total: context.report("scoring words", done, total),
                    )
            finally:
                source.unlink(missing_ok=True)
            found = np.array(answer["scores"], np.float32)
        by_policy: dict[str, Scores] = {}
        for policy in own:
            by_policy[policy.id] = np.full(len(chunk), np.nan, np.float32)
            by_policy[policy.id][known] = found[:, attributes.index(policy.attribute)]
        return Scored(by_policy, notes, about["model_id"])

    rest = [policy for policy in policies if policy.attribute not in attributes]
    return Scorer("classifier", "scoring words", about["model_id"], score), rest


def _words(workspace: Workspace, policies: list[Policy], *, slow: bool, beside: str) -> Scorer | None:
    """The packaged scorer. Where the texts were encoded by another model, the packaged encoder reads them once more,
    which takes ``slow``."""
    from core.encoders.minilm import DIM, load_minilm
    from core.moderation.scorers.words import PACKAGED, load_word_scorer, reason_not_to_score

    stored = _holds_minilm(workspace)
    if not PACKAGED.exists() or not (stored or slow):
        return None
    scorer = load_word_scorer()
    model_id = f"{scorer.model_id}{beside}"

    def score(chunk: Pending) -> Scored:
        notes = tuple(map(reason_not_to_score, chunk.texts, chunk.langs))
        readable = np.array([note is None for note in notes], np.bool_)
        if stored:
            vectors = aligned(workspace, "text", chunk.rows, DIM)
        else:
            vectors = np.full((len(chunk), DIM), np.nan, np.float32)
            vectors[readable] = load_minilm().encode([chunk.texts[at] for at in np.flatnonzero(readable)])
        known = np.flatnonzero(readable & ~np.isnan(vectors[:, 0]))
        found = scorer.score([chunk.texts[at] for at in known], vectors[known])
        by_policy: dict[str, Scores] = {}
        for policy in policies:
            if policy.attribute in scorer.attributes:
                scores = np.full(len(chunk), np.nan, np.float32)
                scores[known] = found[:, scorer.attributes.index(policy.attribute)]
                by_policy[policy.id] = scores
        return Scored(by_policy, notes, model_id)

    return Scorer("words", "scoring words", model_id, score)


def _holds_minilm(workspace: Workspace) -> bool:
    """Whether the stored vectors of texts are the packaged encoder's, which the packaged scorer reads."""
    from core.encoders.minilm import MINILM_ID

    space = workspace.indexes.space("text")
    return space is not None and space.model_id == MINILM_ID


def _second_look(workspace: Workspace, policies: list[Policy], beside: str) -> Scorer | None:
    """Reads again, in the order of their words, the posts that the first look finds likely enough."""
    from core.encoders.minilm import DIM, load_minilm
    from core.moderation.scorers.words import LIKELY, SECOND_LOOK, load_word_scorer

    scorer = load_word_scorer()
    tuned = scorer.tuned
    policies = [one for one in policies if one.attribute in SECOND_LOOK]
    if tuned is None or not policies:
        return None
    model_id = f"{scorer.model_id}+second-look{beside}"
    encode = None if _holds_minilm(workspace) else load_minilm().encode

    def score(chunk: Pending) -> Scored:
        first = _stored_scores(workspace, policies, chunk.rows)
        likely = np.flatnonzero((np.nan_to_num(first) >= LIKELY).any(axis=0))
        by_policy: dict[str, Scores] = {one.id: scores for one, scores in zip(policies, first, strict=True)}
        if len(likely):
            texts = [chunk.texts[at] for at in likely]
            vectors = aligned(workspace, "text", chunk.rows, DIM)[likely] if encode is None else encode(texts)
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
    found = {row: one.score for row, one in behaviours(workspace).items()}
    model_id = "behaviour-1"
    _forget_changed(workspace, policy, found)

    def score(chunk: Pending) -> Scored:
        scores = np.array([found.get(row, 0.0) for row in chunk.rows.tolist()], np.float32)
        return Scored({policy.id: scores}, (None,) * len(chunk), model_id)

    return Scorer(scorer_key(policy), f"scoring {policy.name}", model_id, score)


def _forget_changed(workspace: Workspace, policy: Policy, found: dict[int, float]) -> None:
    """A wave grows: those of its earlier posts that an import gave another score are scored again, and no others."""
    stored = workspace.cursor().execute("SELECT post_row, score FROM scores WHERE policy = ?", [policy.id]).fetchnumpy()
    rows = np.asarray(stored["post_row"], np.int64)
    now = np.array([found.get(row, 0.0) for row in rows.tolist()], np.float32)
    changed = rows[now != np.asarray(stored["score"], np.float32)]
    if len(changed):
        with workspace.transaction() as cursor:
            cursor.execute(
                "DELETE FROM scored WHERE scorer = ? AND post_row IN (SELECT unnest(?::BIGINT[]))",
                [scorer_key(policy), changed.tolist()],
            )


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
