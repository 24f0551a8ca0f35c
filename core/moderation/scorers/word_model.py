"""The classifier of texts: two simple models over what is known of a text, and one that weighs them.

``linear`` is a logistic regression over the hashed n-grams and the sentence vector together; ``network`` has one hidden
layer over the sentence vector alone. ``blend`` is a logistic regression over the logarithms of what both say for texts
that they were not fitted on (stacking, Wolpert 1992), so that its probabilities are calibrated as well. ``tuned_blend``
does the same where the second look (:mod:`core.moderation.scorers.tuned`) has read the text too. Fitting needs
scikit-learn and torch, applying NumPy and SciPy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

NGRAM_SCALE = 8.0
VECTOR_SCALE = 8.0
FOLDS = 4
HIDDEN = 96
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Recipe:
    """``linear_c`` is the inverse regularisation of the linear part; ``epochs`` and ``decay`` are the network's."""

    linear_c: float = 0.05
    epochs: int = 8
    decay: float = 0.1
    rate: float = 5e-4
    networks: int = 1


@dataclass(frozen=True, slots=True)
class WordModel:
    """Weights for K classes (K >= 2).

    ``ngrams`` (buckets, K) and ``vectors`` (d, K) with ``bias`` (K,) are the linear part. The network standardises by
    ``mean`` and ``scale`` (d,), then ``hidden`` (m, d, h) with ``hidden_bias`` (m, h), ReLU, ``out`` (m, h, K) with
    ``out_bias`` (m, K), mean of the m networks' probabilities. ``blend`` (2K, K) and ``blend_bias`` (K,) weigh the log
    probabilities of both; ``tuned_blend`` (2K + T, K) and ``tuned_bias`` (K,) those and the second look's T, of no rows
    where there was none. ``offsets`` (K,) are added to the log probabilities to decide on one class.
    """

    ngrams: Floats
    vectors: Floats
    bias: Floats
    mean: Floats
    scale: Floats
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats
    blend: Floats
    blend_bias: Floats
    tuned_blend: Floats
    tuned_bias: Floats
    offsets: Floats

    @property
    def classes(self) -> int:
        return len(self.bias)

    def parts(self, vectors: Floats, ngrams: csr_matrix) -> Floats:
        """(n, 2K) log probabilities of the two parts, of sentence vectors (n, d) and n-grams (n, buckets)."""
        linear = np.asarray(ngrams @ self.ngrams) + vectors @ self.vectors + self.bias
        standard = (vectors - self.mean) * self.scale
        network = np.zeros((len(vectors), self.classes), np.float32)
        for at in range(len(self.hidden)):
            inner = np.maximum(standard @ self.hidden[at] + self.hidden_bias[at], 0)
            network += softmax(inner @ self.out[at] + self.out_bias[at])
        return np.concatenate([_log(softmax(linear)), _log(network / len(self.hidden))], axis=1)

    def predict(self, vectors: Floats, ngrams: csr_matrix, tuned: Floats | None = None) -> Floats:
        """(n, K) calibrated probabilities; ``tuned`` (n, T) are the second look's log probabilities, if it looked."""
        parts = self.parts(vectors, ngrams)
        if tuned is None or not len(self.tuned_blend):
            return softmax(parts @ self.blend + self.blend_bias)
        return softmax(np.concatenate([parts, tuned], axis=1) @ self.tuned_blend + self.tuned_bias)

    def decide(self, probabilities: Floats) -> Labels:
        """(n,) the class that each text is put into, of its probabilities (n, K)."""
        found: Labels = (_log(probabilities) + self.offsets).argmax(1)
        return found


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, and its probabilities (n, K) for the texts it was fitted on, each by parts that had not seen it; by the
    second look where it gave one."""

    model: WordModel
    unseen: Floats


def fit_word_model(
    vectors: Floats,
    ngrams: csr_matrix,
    labels: Labels,
    classes: int,
    *,
    tuned: Floats | None = None,
    weights: Floats | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    report: Callable[[int, int], None] | None = None,
) -> Fitted:
    """Fits on sentence vectors (n, d), n-grams (n, buckets) and labels (n,), 0 to ``classes`` - 1; ``weights`` (n,) are
    the samples'. The blend is fitted on FOLDS parts that the models for them have not seen.

    ``tuned`` (n, T) are the second look's log probabilities, NaN for texts that it was trained on: its blend is fitted
    on the others.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    recipe = recipe or Recipe()
    weights = np.ones(len(labels), np.float32) if weights is None else weights
    unseen = np.zeros((len(labels), 2 * classes), np.float32)
    parts = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(vectors, labels))
    for number, (train, rest) in enumerate(parts):
        if report is not None:
            report(number, FOLDS + 1)
        part = _fit_parts(vectors[train], ngrams[train], labels[train], classes, weights[train], recipe, seed)
        unseen[rest] = part.parts(vectors[rest], ngrams[rest])
    if report is not None:
        report(FOLDS, FOLDS + 1)
    model = _fit_parts(vectors, ngrams, labels, classes, weights, recipe, seed)
    blend = LogisticRegression(C=1.0, max_iter=1000).fit(unseen, labels, sample_weight=weights)
    matrix, bias = _both_classes(blend.coef_, blend.intercept_, classes)
    found = softmax(unseen @ matrix + bias)
    model = replace(model, blend=matrix, blend_bias=bias)
    looked = np.zeros(len(labels), np.bool_) if tuned is None else ~np.isnan(tuned).any(1)
    if tuned is not None and len(np.unique(labels[looked])) == classes:
        given = np.concatenate([unseen, tuned], axis=1)[looked]
        blend = LogisticRegression(C=1.0, max_iter=1000).fit(given, labels[looked], sample_weight=weights[looked])
        matrix, bias = _both_classes(blend.coef_, blend.intercept_, classes)
        found[looked] = softmax(given @ matrix + bias)
        model = replace(model, tuned_blend=matrix, tuned_bias=bias)
    rated = looked if looked.any() else ~looked
    return Fitted(replace(model, offsets=_offsets(found[rated], labels[rated], classes)), found)


def _fit_parts(
    vectors: Floats, ngrams: csr_matrix, labels: Labels, classes: int, weights: Floats, recipe: Recipe, seed: int
) -> WordModel:
    from scipy.sparse import csr_matrix as sparse
    from scipy.sparse import hstack
    from sklearn.linear_model import LogisticRegression

    both = hstack([ngrams * NGRAM_SCALE, sparse(vectors * VECTOR_SCALE)], format="csr")
    linear = LogisticRegression(C=recipe.linear_c, max_iter=60, tol=1e-3).fit(both, labels, sample_weight=weights)
    matrix, bias = _both_classes(linear.coef_, linear.intercept_, classes)
    mean = vectors.mean(0)
    scale = (1 / (vectors.std(0) + 1e-3)).astype(np.float32)
    networks = [
        _fit_network((vectors - mean) * scale, labels, classes, weights, recipe, seed + at)
        for at in range(recipe.networks)
    ]
    hidden, hidden_bias, out, out_bias = (np.stack(arrays) for arrays in zip(*networks, strict=True))
    size = ngrams.shape[1]
    nothing = np.zeros(classes, np.float32)
    halves = np.concatenate([np.eye(classes)] * 2).astype(np.float32) / np.float32(2)
    return WordModel(
        matrix[:size] * NGRAM_SCALE, matrix[size:] * VECTOR_SCALE, bias, mean, scale, hidden, hidden_bias, out,
        out_bias, halves, nothing, np.zeros((0, classes), np.float32), nothing, nothing,
    )  # fmt: skip


def _fit_network(
    standard: Floats, labels: Labels, classes: int, weights: Floats, recipe: Recipe, seed: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """One hidden layer by Adam with decoupled decay and a cosine rate, dropout on input and hidden layer."""
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(seed)
    x, y, w = torch.from_numpy(standard.astype(np.float32)), torch.from_numpy(labels), torch.from_numpy(weights)

    def start(rows: int, columns: int) -> Any:
        return (torch.randn(rows, columns, generator=generator) * (2 / rows) ** 0.5).requires_grad_()

    hidden, out = start(x.shape[1], HIDDEN), start(HIDDEN, classes)
    hidden_bias, out_bias = torch.zeros(HIDDEN, requires_grad=True), torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.AdamW([hidden, hidden_bias, out, out_bias], lr=recipe.rate, weight_decay=recipe.decay)
    size = 128
    steps = recipe.epochs * -(-len(x) // size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(x), generator=generator).split(size):  # type: ignore[no-untyped-call]
            kept = (torch.rand(len(batch), x.shape[1], generator=generator) > 0.2) / 0.8
            inner = functional.relu((x[batch] * kept) @ hidden + hidden_bias)
            kept = (torch.rand(inner.shape, generator=generator) > 0.4) / 0.6
            losses = functional.cross_entropy((inner * kept) @ out + out_bias, y[batch], reduction="none")
            optimiser.zero_grad()
            (losses * w[batch]).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return tuple(one.detach().numpy() for one in (hidden, hidden_bias, out, out_bias))  # type: ignore[return-value]


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
