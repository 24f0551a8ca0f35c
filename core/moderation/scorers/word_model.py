"""The classifier of texts: a linear model, calibrated on texts that it was not fitted on.

A logistic regression over the hashed n-grams and the sentence vector together, by averaged stochastic gradient descent
(Bottou, 2010): seconds where a quasi-Newton method takes a minute, and as good here. ``blend``, a logistic regression
over the logarithms of what it says (vector scaling, Guo et al. 2017), is fitted on parts that it had not
seen. ``tuned_blend`` does the same where the second look (:mod:`core.moderation.scorers.tuned`) has read the text too:
stacking (Wolpert, 1992). Fitting needs scikit-learn, applying NumPy and SciPy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

NGRAM_SCALE = 8.0
VECTOR_SCALE = 8.0
"""How strong both kinds of features are before regularisation, at unit length."""

FOLDS = 3
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Recipe:
    """``linear_c`` is the inverse regularisation of the linear model."""

    linear_c: float = 0.03
    epochs: int = 10


@dataclass(frozen=True, slots=True)
class WordModel:
    """Weights for K classes (K >= 2).

    ``ngrams`` (buckets, K), ``vectors`` (d, K) and ``bias`` (K,) are the linear model. ``blend`` (K, K) and
    ``blend_bias`` (K,) calibrate its log probabilities; ``tuned_blend`` (K + T, K) and ``tuned_bias`` (K,) weigh the
    calibrated ones with the second look's T, of no rows where there was none. ``offsets`` (K,) are added to the log
    probabilities to decide on one class.
    """

    ngrams: Floats
    vectors: Floats
    bias: Floats
    blend: Floats
    blend_bias: Floats
    tuned_blend: Floats
    tuned_bias: Floats
    offsets: Floats

    @property
    def classes(self) -> int:
        return len(self.bias)

    def linear(self, vectors: Floats, ngrams: csr_matrix) -> Floats:
        """(n, K) log probabilities of the linear model, of sentence vectors (n, d) and n-grams (n, buckets)."""
        return _log(softmax(np.asarray(ngrams @ self.ngrams) + vectors @ self.vectors + self.bias))

    def predict(self, vectors: Floats, ngrams: csr_matrix, tuned: Floats | None = None) -> Floats:
        """(n, K) calibrated probabilities; ``tuned`` (n, T) are the second look's log probabilities, if it looked."""
        first = softmax(self.linear(vectors, ngrams) @ self.blend + self.blend_bias)
        return first if tuned is None else self.look_again(first, tuned)

    def look_again(self, first: Floats, tuned: Floats) -> Floats:
        """(n, K) calibrated probabilities of those of the first look (n, K) and the second look's log probabilities
        (n, T); the first ones where there was no second look to weigh."""
        if not len(self.tuned_blend):
            return first
        return softmax(np.concatenate([_log(first), tuned], axis=1) @ self.tuned_blend + self.tuned_bias)

    def decide(self, probabilities: Floats) -> Labels:
        """(n,) the class that each text is put into, of its probabilities (n, K)."""
        found: Labels = (_log(probabilities) + self.offsets).argmax(1)
        return found


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, and its probabilities (n, K) for the texts it was fitted on, each by parts that had not seen it: those
    of the ``first`` look, and ``unseen`` by the second look where it gave one."""

    model: WordModel
    first: Floats
    unseen: Floats


def fit_word_model(
    vectors: Floats,
    ngrams: csr_matrix,
    labels: Labels,
    classes: int,
    *,
    tuned: Floats | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    report: Callable[[int, int], None] | None = None,
) -> Fitted:
    """Fits on sentence vectors (n, d), n-grams (n, buckets) and labels (n,), 0 to ``classes`` - 1.

    ``tuned`` (n, T) are the second look's log probabilities, NaN for texts that it was trained on: its blend is fitted
    on the others.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    recipe = recipe or Recipe()
    logs = np.zeros((len(labels), classes), np.float32)
    for number, (train, rest) in enumerate(
        StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(vectors, labels)
    ):
        if report is not None:
            report(number, FOLDS + 1)
        part = _fit_linear(vectors[train], ngrams[train], labels[train], classes, recipe, seed)
        logs[rest] = part.linear(vectors[rest], ngrams[rest])
    if report is not None:
        report(FOLDS, FOLDS + 1)
    model = _fit_linear(vectors, ngrams, labels, classes, recipe, seed)
    blend = LogisticRegression(C=1.0, max_iter=1000).fit(logs, labels)
    matrix, bias = _both_classes(blend.coef_, blend.intercept_, classes)
    first = softmax(logs @ matrix + bias)
    found = first.copy()
    model = replace(model, blend=matrix, blend_bias=bias)
    looked = np.zeros(len(labels), np.bool_) if tuned is None else ~np.isnan(tuned).any(1)
    if tuned is not None and len(np.unique(labels[looked])) == classes:
        given = np.concatenate([_log(first), tuned], axis=1)[looked]
        blend = LogisticRegression(C=1.0, max_iter=1000).fit(given, labels[looked])
        matrix, bias = _both_classes(blend.coef_, blend.intercept_, classes)
        found[looked] = softmax(given @ matrix + bias)
        model = replace(model, tuned_blend=matrix, tuned_bias=bias)
    rated = looked if looked.any() else ~looked
    return Fitted(replace(model, offsets=_offsets(found[rated], labels[rated], classes)), first, found)


def _fit_linear(
    vectors: Floats, ngrams: csr_matrix, labels: Labels, classes: int, recipe: Recipe, seed: int
) -> WordModel:
    from scipy.sparse import csr_matrix as sparse
    from scipy.sparse import hstack
    from sklearn.linear_model import SGDClassifier

    both = hstack([ngrams * NGRAM_SCALE, sparse(vectors * VECTOR_SCALE)], format="csr")
    linear = SGDClassifier(
        loss="log_loss", alpha=1 / (recipe.linear_c * len(labels)), max_iter=recipe.epochs, tol=None, average=True,
        random_state=seed,
    ).fit(both, labels)  # fmt: skip
    matrix, bias = _both_classes(linear.coef_, linear.intercept_, classes)
    size = ngrams.shape[1]
    nothing = np.zeros(classes, np.float32)
    return WordModel(
        matrix[:size] * NGRAM_SCALE, matrix[size:] * VECTOR_SCALE, bias, np.eye(classes, dtype=np.float32), nothing,
        np.zeros((0, classes), np.float32), nothing, nothing,
    )  # fmt: skip


def _offsets(probabilities: Floats, labels: Labels, classes: int) -> Floats:
    """What to add to the log probabilities for the best macro-F1, by coordinate search; on texts not fitted on."""
    logs = _log(probabilities)
    best, offsets = -1.0, np.zeros(classes, np.float32)
    for _ in range(2):
        for at in range(1, classes):
            for step in np.linspace(-1, 1, 41):
                tried = offsets.copy()
                tried[at] = step
                found = macro_f1(labels, (logs + tried).argmax(1), classes)
                if found > best + 1e-9:
                    best, offsets = found, tried
    return offsets


def macro_f1(truth: Labels, found: Labels, classes: int) -> float:
    """The mean over classes of 2 true positives / (found + there), 0 for a class that is neither."""
    table = np.bincount(truth * classes + found, minlength=classes * classes).reshape(classes, classes)
    whole = table.sum(0) + table.sum(1)
    return float(np.where(whole > 0, 2 * np.diag(table) / np.maximum(whole, 1), 0).mean())


def softmax(values: NDArray[np.floating]) -> Floats:
    shifted = np.exp(values - values.max(1, keepdims=True))
    found: Floats = (shifted / shifted.sum(1, keepdims=True)).astype(np.float32)
    return found


def _log(probabilities: NDArray[np.floating]) -> Floats:
    found: Floats = np.log(np.maximum(probabilities, TINY)).astype(np.float32)
    return found


def _both_classes(matrix: NDArray[np.floating], bias: NDArray[np.floating], classes: int) -> tuple[Floats, Floats]:
    """scikit-learn's (K, d) and (K,), or (1, d) and (1,) for two classes, as (d, K) and (K,)."""
    if classes == 2:
        matrix, bias = np.stack([-matrix[0] / 2, matrix[0] / 2]), np.array([-bias[0] / 2, bias[0] / 2])
    return np.ascontiguousarray(matrix.T, np.float32), np.asarray(bias, np.float32)
