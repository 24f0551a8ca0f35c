"""How well a word scorer does on labelled texts: ``python -m core moderate evaluate``.

Intervals are 95 % percentile bootstraps over the texts. A text that was trained on is no test of anything: how many of
a file's texts were is part of the answer, and a cross-validation that the second look would leak into goes without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ImportFailed, SettingError
from core.moderation.policies import ATTRIBUTES, DEFAULTS
from core.moderation.scorers.features import ngram_features
from core.moderation.scorers.normalise import spoken
from core.moderation.scorers.sets import read_columns
from core.moderation.scorers.training import calibration_error, held_out, reliability_bins, sentence_vectors
from core.moderation.scorers.tuned import TunedReader, TunedRecipe, tune
from core.moderation.scorers.word_model import Floats, Labels, WordModel, fit_word_model, macro_f1
from core.moderation.scorers.words import PACKAGED, WordScorer, read_word_scorer

Report = Callable[[str, int, int | None], None]
Truth = NDArray[np.bool_]

RESAMPLES = 400
FOLD_EPOCHS = 1
"""Of a second look that is tuned in a fold: it begins where the packaged one ended."""

LEAKS = 0.02
"""From this share of texts on that were trained on, a cross-validation goes without the second look."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a scorer says of texts: ``scores`` (n,) of the positive class, ``threshold`` from which they count (n,), and
    where classes are judged their ``probabilities`` (n, K) and the ``decided`` one (n,)."""

    scores: Floats
    threshold: Floats
    probabilities: Floats | None
    decided: Labels | None


def evaluate_words(
    path: Path, text: str, label: str, positive: Sequence[str], policy: str, *, classes: bool = False,
    cross_validate: int = 0, weights: Path | None = None, cache: Path | None = None, threshold: float | None = None,
    tune_folds: bool = False, seed: int = 0, report: Report,
) -> dict[str, Any]:  # fmt: skip
    """Judges the packaged scorer, or the one in ``weights``, or with ``cross_validate`` one that is refitted in each
    fold on the other folds, its threshold too. ``tune_folds`` tunes a second look in each fold as well, minutes a
    fold, which is kept in ``cache`` so that a stopped run goes on. ``policy`` is the id of a default policy over words,
    or an attribute.

    Raises ImportFailed for a file, a column or labels that can't be used, SettingError for an unknown policy.
    """
    attribute, usual = _attribute(policy)
    _, texts, found = read_columns(path, text, label)
    labels = [values[0] for values in found]
    names = sorted(set(labels))
    absent = [one for one in positive if one not in names]
    if absent or not positive:
        raise ImportFailed(f"{path.name} has no label {absent[0] if absent else ''!r}; it has {', '.join(names[:20])}.")
    truth: Truth = np.isin(labels, list(positive))
    if truth.all():
        raise ImportFailed(f"All of {path.name} is positive: there is nothing to tell apart.")
    scorer = read_word_scorer(weights or PACKAGED)
    seen = float(scorer.seen(texts).mean())
    vectors = sentence_vectors(texts, cache, report)
    leaks = bool(cross_validate) and float(scorer.tuned_seen(texts).mean()) >= LEAKS
    looked = scorer.tuned is not None and not leaks
    tuning = _Tuning(scorer.tuned if looked else None, cache) if cross_validate and tune_folds else None
    second = None
    if looked and scorer.tuned is not None and tuning is None:
        second = scorer.tuned.read(texts, lambda done, total: report("second look", done, total))
    if classes and not cross_validate:
        names = _known_names(scorer, names, path)
    elif len(names) == 2:  # the second of two classes is the one that is asked for
        names.sort(key=lambda one: one in positive)
    codes: Labels = np.array([names.index(one) for one in labels], np.int64)
    wanted = [names.index(one) for one in positive]
    if cross_validate:
        judged = _cross_validated(
            vectors, texts, second, codes, len(names), wanted, classes, cross_validate, seed, tuning, report
        )
    else:
        judged = _packaged(
            scorer, attribute, texts, vectors, second, classes, usual if threshold is None else threshold
        )
    result: dict[str, Any] = {
        "file": path.name, "texts": len(texts), "positive": int(truth.sum()), "policy": policy, "attribute": attribute,
        "model": scorer.model_id if not cross_validate else f"refitted in {cross_validate} folds",
        "second_look": "tuned in each fold" if tuning is not None else looked,
        "seen_in_training": round(seen, 4) if not cross_validate else 0.0,
        **_figures(judged, truth, seed),
    }  # fmt: skip
    if classes and judged.probabilities is not None and judged.decided is not None:
        result |= _class_figures(judged.probabilities, judged.decided, codes, names, seed)
    return result


def _attribute(policy: str) -> tuple[str, float]:
    """The attribute that a policy is over, and its usual threshold."""
    by_id = {one.id: one for one in DEFAULTS if one.scorer == "words"}
    if policy in by_id:
        return by_id[policy].attribute, by_id[policy].threshold
    if policy.upper() in ATTRIBUTES:
        return policy.upper(), 0.5
    known = ", ".join([*by_id, *ATTRIBUTES])
    raise SettingError(f"There is no word policy {policy!r}; there are {known}.")


def _known_names(scorer: WordScorer, names: list[str], path: Path) -> list[str]:
    if set(names) - set(scorer.class_names):
        raise ImportFailed(
            f"The scorer knows the classes {', '.join(scorer.class_names)}; {path.name} has {', '.join(names[:20])}."
            " With --cross-validate 5 a model for these is fitted."
        )
    return list(scorer.class_names)


def _packaged(
    scorer: WordScorer, attribute: str, texts: Sequence[str], vectors: Floats, second: Floats | None, classes: bool,
    threshold: float,
) -> Judged:  # fmt: skip
    column = scorer.attributes.index(attribute)
    scores = scorer.score(texts, vectors, second)[:, column]
    limits = np.full(len(texts), threshold, np.float32)
    if not classes:
        return Judged(scores, limits, None, None)
    probabilities, decided = scorer.classes(texts, vectors, second)
    return Judged(scores, limits, probabilities, decided)


@dataclass(frozen=True, slots=True)
class _Tuning:
    """Where the second look of a fold begins, and the folder that keeps it."""

    start: TunedReader | None
    keep: Path | None

    def look(self, texts: Sequence[str], codes: Labels, count: int, train: Labels, seed: int, report: Report) -> Floats:
        """(n, count) what a second look that was tuned on ``train`` says of all texts, NaN for those it was tuned on:
        a part of ``train`` is held out, for fitting how much it counts."""
        said = [spoken(text) for text in texts]
        own = train[~held_out([texts[row] for row in train])]
        tuned = tune(
            [said[row] for row in own], codes[own], count, recipe=TunedRecipe(epochs=FOLD_EPOCHS), seed=seed,
            start=self.start, keep=self.keep, report=lambda done, total: report("tuning a second look", done, total),
        )  # fmt: skip
        found = np.full((len(texts), count), np.nan, np.float32)
        rest = np.setdiff1d(np.arange(len(texts)), own)
        found[rest] = TunedReader(*tuned).read([said[row] for row in rest])
        return found


def _cross_validated(
    vectors: Floats, texts: Sequence[str], second: Floats | None, codes: Labels, count: int, wanted: list[int],
    classes: bool, folds: int, seed: int, tuning: _Tuning | None, report: Report,
) -> Judged:  # fmt: skip
    from sklearn.model_selection import StratifiedKFold

    ngrams = ngram_features(texts)
    binary: Labels = np.isin(codes, wanted).astype(np.int64)
    scores = np.zeros(len(codes), np.float32)
    limits = np.zeros(len(codes), np.float32)
    probabilities, decided = np.zeros((len(codes), count), np.float32), np.zeros(len(codes), np.int64)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(vectors, codes)
    for number, (train, rest) in enumerate(parts):
        report("fitting folds", number, folds)
        given = second if tuning is None else tuning.look(texts, codes, count, train, seed, report)

        def fit(
            labels: Labels, classes: int, train: Labels = train, given: Floats | None = given
        ) -> tuple[WordModel, float]:
            fitted = fit_word_model(
                vectors[train], ngrams[train], labels[train], classes,
                tuned=None if given is None else given[train], seed=seed,
            )  # fmt: skip
            rated = slice(None) if given is None else ~np.isnan(given[train]).any(1)
            return fitted.model, _best_threshold(fitted.unseen[rated, 1], (labels[train] == 1)[rated])

        looked = None if given is None else given[rest]
        if count > 2 or not classes:
            model, limit = fit(binary, 2)
            scores[rest] = model.predict(vectors[rest], ngrams[rest], looked)[:, 1]
            limits[rest] = limit
        if classes:
            model, limit = fit(codes, count)
            probabilities[rest] = model.predict(vectors[rest], ngrams[rest], looked)
            decided[rest] = model.decide(probabilities[rest])
            if count == 2:  # the two classes are the question itself
                scores[rest] = probabilities[rest, 1]
                limits[rest] = limit
    return Judged(scores, limits, probabilities if classes else None, decided if classes else None)


def _best_threshold(scores: Floats, truth: Truth) -> float:
    """The threshold of the best F1, on texts that the model was not fitted on."""
    order = np.argsort(-scores)
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + truth.sum())
    best = int(f1.argmax())
    after = scores[order[min(best + 1, len(order) - 1)]]
    return float((scores[order[best]] + after) / 2)


def _figures(judged: Judged, truth: Truth, seed: int) -> dict[str, Any]:
    scores, flagged = judged.scores, judged.scores >= judged.threshold
    measures: dict[str, Callable[[NDArray[np.int64]], float]] = {
        "roc_auc": lambda at: roc_auc(truth[at], scores[at]),
        "average_precision": lambda at: average_precision(truth[at], scores[at]),
        "f1": lambda at: _f1(truth[at], flagged[at]),
        "precision": lambda at: _share(truth[at], flagged[at]),
        "recall": lambda at: _share(flagged[at], truth[at]),
    }
    return {
        **_with_intervals(measures, len(truth), seed),
        "threshold": round(float(judged.threshold.mean()), 4),
        "ece": round(calibration_error(scores, truth), 4),
        "brier": round(float(((scores - truth) ** 2).mean()), 4),
        "reliability": reliability_bins(scores, truth),
    }


def _class_figures(
    probabilities: Floats, decided: Labels, codes: Labels, names: Sequence[str], seed: int
) -> dict[str, Any]:
    count = len(names)
    measures: dict[str, Callable[[NDArray[np.int64]], float]] = {
        "macro_f1": lambda at: macro_f1(codes[at], decided[at], count),
        "auroc_ovo": lambda at: auroc_ovo(codes[at], probabilities[at]),
        "accuracy": lambda at: float((codes[at] == decided[at]).mean()),
    }
    by_class = {
        name: {"texts": int((codes == at).sum()), "f1": round(_f1(codes == at, decided == at), 4)}
        for at, name in enumerate(names)
    }
    return {**_with_intervals(measures, len(codes), seed), "classes": by_class}


def _with_intervals(measures: dict[str, Callable[[NDArray[np.int64]], float]], count: int, seed: int) -> dict[str, Any]:
    """Each measure over all texts, and as ``..._ci`` its 95 % interval over resamples of them."""
    generator = np.random.default_rng(seed)
    every = np.arange(count)
    resamples = [generator.integers(0, count, count) for _ in range(RESAMPLES)]
    found: dict[str, Any] = {}
    for name, measure in measures.items():
        values = np.array([measure(at) for at in resamples])
        low, high = np.nanpercentile(values, [2.5, 97.5])
        found[name] = round(measure(every), 4)
        found[f"{name}_ci"] = [round(float(low), 4), round(float(high), 4)]
    return found


def roc_auc(truth: Truth, scores: Floats) -> float:
    """The chance that a positive text has a higher score than another, ties half; NaN where one kind is missing."""
    positive = int(truth.sum())
    if positive in (0, len(truth)):
        return float("nan")
    _, at, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[at]  # the mean rank of equal scores, from 1
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))


def average_precision(truth: Truth, scores: Floats) -> float:
    """The mean precision at each recall step, as scikit-learn's average_precision_score."""
    if not truth.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # equal scores count together
    hits = np.cumsum(truth[order])[last]
    precision = hits / (last + 1)
    return float((np.diff(np.append(0, hits)) * precision).sum() / truth.sum())


def auroc_ovo(codes: Labels, probabilities: Floats) -> float:
    """The mean over all pairs of classes of how well each is told from the other (Hand and Till, 2001), as
    scikit-learn's roc_auc_score(multi_class="ovo")."""
    classes = probabilities.shape[1]
    pairs = []
    for a in range(classes):
        for b in range(a + 1, classes):
            some = (codes == a) | (codes == b)
            pairs += [roc_auc(codes[some] == one, probabilities[some, one]) for one in (a, b)]
    return float(np.mean(pairs))


def _f1(truth: Truth, flagged: Truth) -> float:
    whole = int(truth.sum()) + int(flagged.sum())
    return 2 * int((truth & flagged).sum()) / whole if whole else 0.0


def _share(hits: Truth, among: Truth) -> float:
    return float(hits[among].mean()) if among.any() else 0.0
