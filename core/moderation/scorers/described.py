"""A policy by description: sentences and example posts, compared with what a post says and shows.

A post's similarity is the highest cosine to any of the sentences and examples, by words in the space of texts, by
picture in the space of pictures, where sentences lie too. Until enough was decided under the policy the score is a
fixed curve over the similarity, which ranks and is not calibrated. From LEAST_DECISIONS decisions on it is learned: a
logistic regression on the vectors of what was decided, calibrated (Platt) on parts that it was not fitted on.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.database.posts import rows_of

if TYPE_CHECKING:
    from core.moderation.policies import Policy
    from core.workspace import Workspace

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

TEXT_CURVE = (0.47, 16.0)
"""Middle and steepness over the cosine of MiniLM's vectors: paraphrases lie at 0.6 and more, unlike texts near 0.1."""
PICTURE_CURVE = (0.6, 14.0)
"""Over the cosine of the packaged dual encoder, where 0.5 is often chance: few pictures are flagged by words alone."""

EXAMPLE_CURVE = (0.62, 14.0)
"""Pictures are nearer to each other than to words."""

LEAST_DECISIONS = 24
LEAST_EACH = 6


@dataclass(frozen=True, slots=True)
class Described:
    """What a policy is compared with, unit vectors: ``text`` (n, d) in the space of texts, ``words`` and ``pictures``
    (n, e) in the space of pictures. ``learned`` is (weights (d,), bias) over text vectors, where enough was decided."""

    text: Vectors
    words: Vectors
    pictures: Vectors
    learned: tuple[Vectors, float] | None
    model_id: str
    decisions: int

    def score_texts(self, vectors: Vectors) -> NDArray[np.float32]:
        """(n,) scores, 0 to 1, of text vectors (n, d)."""
        if self.learned is not None:
            weights, bias = self.learned
            return _sigmoid(np.asarray(vectors @ weights + bias, np.float32))
        return _curve(vectors, self.text, TEXT_CURVE)

    def score_pictures(self, vectors: Vectors) -> NDArray[np.float32]:
        """(n,) scores, 0 to 1, of picture vectors (n, e)."""
        by_words = _curve(vectors, self.words, PICTURE_CURVE)
        return np.maximum(by_words, _curve(vectors, self.pictures, EXAMPLE_CURVE))


def read_described(workspace: Workspace, policy: Policy) -> Described:
    """Encodes a policy's sentences, a line each, and takes the vectors of its examples. Raises ModelError."""
    lines = [line.strip() for line in str(policy.about.get("words", "")).splitlines() if line.strip()]
    examples = [str(id_) for id_ in policy.about.get("examples", [])]
    rows = np.array(sorted(rows_of(workspace.cursor(), examples).values()), np.int64)
    indexes = workspace.indexes
    text = [vectors for _, vectors in [indexes.stored("text", rows)] if len(vectors)]
    if lines and indexes.space("text") is not None:
        text.append(workspace.encoder("text").encode_queries(lines))
    pictures = (
        [v for _, v in [indexes.stored("dual", indexes.pictures().of_posts(rows))] if len(v)] if len(rows) else []
    )
    sees = bool(lines) and policy.about.get("pictures", True) and indexes.space("dual") is not None
    words = [workspace.encoder("dual").encode_queries(lines)] if sees else []
    learned, count = _learn(workspace, policy)
    said = json.dumps([lines, examples, count if learned else 0])
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return Described(_stacked(text), _stacked(words), _stacked(pictures), learned, f"described-{digest}", count)


def _learn(workspace: Workspace, policy: Policy) -> tuple[tuple[Vectors, float] | None, int]:
    """Weights over text vectors from what was decided under the policy, and how many decisions there are."""
    found = (
        workspace.cursor()
        .execute(
            "SELECT t.post_row, t.state <> 'kept' FROM standings t"
            " WHERE t.noun = 'post' AND t.policy = ? AND t.state <> 'locked' AND t.post_row IS NOT NULL ORDER BY 1",
            [policy.id],
        )
        .fetchall()
    )
    rows, vectors = workspace.indexes.stored("text", np.array([row for row, _ in found], np.int64))
    truth = dict(found)
    labels = np.array([truth[int(row)] for row in rows], np.bool_)
    if len(labels) < LEAST_DECISIONS or min(labels.sum(), (~labels).sum()) < LEAST_EACH:
        return None, len(labels)
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    # Unit vectors of 384 dimensions and tens of cases: strong regularisation, as in few-shot classification.
    model = LogisticRegression(C=10.0, max_iter=500)
    parts = StratifiedKFold(min(5, LEAST_EACH), shuffle=True, random_state=0)
    margins = cross_val_predict(model, vectors, labels, cv=parts, method="decision_function")
    platt = LogisticRegression(C=1.0).fit(margins[:, None], labels)
    model.fit(vectors, labels)
    slope, shift = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    weights = (model.coef_[0] * slope).astype(np.float32)
    return (weights, float(model.intercept_[0] * slope + shift)), len(labels)


def _curve(vectors: Vectors, prototypes: Vectors, curve: tuple[float, float]) -> NDArray[np.float32]:
    if not len(prototypes) or not len(vectors) or prototypes.shape[1] != vectors.shape[1]:
        return np.zeros(len(vectors), np.float32)
    middle, steepness = curve
    return _sigmoid(steepness * ((vectors @ prototypes.T).max(1) - middle))


def _sigmoid(values: NDArray[np.floating]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (1 / (1 + np.exp(-np.clip(values, -30, 30)))).astype(np.float32)
    return found


def _stacked(parts: list[Vectors]) -> Vectors:
    return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)
