"""Trains the word scorer from the labelled sets, start to finish: ``python -m core moderate train``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import SettingError
from core.moderation.policies import ATTRIBUTES
from core.moderation.scorers.features import ngram_features
from core.moderation.scorers.sets import CLASS_NAMES, CLASS_SET, SETS, read_set
from core.moderation.scorers.tuned import TunedReader, TunedRecipe, tune
from core.moderation.scorers.word_model import Floats, Labels, Recipe, WordModel, fit_word_model
from core.moderation.scorers.words import (
    CLASSES,
    LIKELY,
    SECOND_LOOK,
    WordScorer,
    read_word_scorer,
    save_word_scorer,
    text_hashes,
)

Report = Callable[[str, int, int | None], None]
Tuned = tuple[dict[str, Floats], Floats, Floats]

ENCODED = 2048
"""Texts that are encoded at a time, and kept."""

HELD_OUT = 10
"""One text in so many of CLASS_SET is kept from the second look, for fitting how much it counts."""

BINS = 10


def train_words(
    folder: Path, out: Path, *, without: Sequence[str] = (), cache: Path | None = None, recipe: Recipe | None = None,
    second_look: bool = True, tuned: Tuned | None = None, seed: int = 0, report: Report,
) -> dict[str, Any]:  # fmt: skip
    """Trains a model for each attribute of which the sets say something, and one over the classes of CLASS_SET, and
    writes them to ``out``. Sets named in ``without`` are left out. ``second_look`` tunes MiniLM's upper layers too,
    unless ``tuned`` brings them. Gives the counts and how well calibrated each is on texts not fitted on, scored as
    posts are: by the second look too where the first finds them likely.

    Vectors and the second look's progress are kept in the folder ``cache``, by default beside ``out``: a run that was
    stopped goes on there, and so does one without some of the sets.

    Raises ImportFailed where a file is missing, SettingError for a set that does not exist.
    """
    cache = cache or out.with_suffix(".parts")
    unknown = [name for name in without if name not in SETS]
    if unknown:
        raise SettingError(f"There is no set {unknown[0]!r}; there are {', '.join(SETS)}.")
    texts: list[str] = []
    labels: list[tuple[str, str]] = []
    for name in SETS:
        if name not in without:
            found, said = read_set(folder, name)
            texts += found
            labels += [(name, label) for label in said]
    vectors = sentence_vectors(texts, cache, report)
    if second_look and tuned is None and CLASS_SET not in without:
        tuned = _tune(texts, labels, seed, cache, report)
    reader = TunedReader(*tuned) if tuned else None
    own = np.array([name == CLASS_SET for name, _ in labels])
    tuned_on = own & ~held_out(texts) if tuned else np.zeros(len(texts), np.bool_)
    looked = None
    if reader is not None:  # NaN for all but what it is at home with and was not trained on: there its weight is fitted
        looked = _look(reader, texts, np.flatnonzero(own & ~tuned_on), report)
    report("hashing words", 0, None)
    ngrams = ngram_features(texts)
    models: dict[str, WordModel] = {}
    counts: dict[str, dict[str, float]] = {}
    reliability: dict[str, list[tuple[float, float, int]]] = {}
    tasks = [*ATTRIBUTES, *([CLASSES] if CLASS_SET not in without else [])]
    for number, task in enumerate(tasks):
        report("training", number, len(tasks))
        rated = [_rating(name, label, task) for name, label in labels]
        rows = np.array([row for row, rating in enumerate(rated) if rating is not None], np.int64)
        known: Labels = np.array([rating for rating in rated if rating is not None], np.int64)
        if len(np.unique(known)) < 2:
            continue
        classes = len(CLASS_NAMES) if task == CLASSES else 2
        second = looked[rows] if looked is not None and (task == CLASSES or task in SECOND_LOOK) else None
        fitted = fit_word_model(vectors[rows], ngrams[rows], known, classes, tuned=second, recipe=recipe, seed=seed)
        models[task] = fitted.model
        counts[task] = {"texts": len(rows), "positive": int((known > 0).sum())}
        if task != CLASSES:
            unseen = ~tuned_on[rows] if second is not None else np.ones(len(rows), np.bool_)
            scores, truth = fitted.first[unseen, 1], known[unseen] == 1
            if second is not None and reader is not None:
                scores = _as_used(fitted.model, fitted.first[unseen], reader, texts, rows[unseen], report)
            reliability[task] = reliability_bins(scores, truth)
            counts[task]["ece"] = round(calibration_error(scores, truth), 4)
    about = {
        "sets": [name for name in SETS if name not in without],
        "counts": counts,
        "reliability": reliability,
        "seed": seed,
        "recipe": asdict(recipe or Recipe()),
        "second_look": asdict(TunedRecipe()) if tuned else None,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    hashes = text_hashes(texts)
    seen = np.unique(hashes), np.unique(hashes[tuned_on])
    save_word_scorer(out, WordScorer(models, CLASS_NAMES, about, "", None, *seen), tuned)
    return {"out": str(out), "bytes": out.stat().st_size, "model_id": read_word_scorer(out).model_id, **about}


def _rating(name: str, label: str, task: str) -> int | None:
    if task == CLASSES:
        return CLASS_NAMES.index(label) if name == CLASS_SET else None
    return SETS[name].says.get(label, {}).get(task)


def held_out(texts: Sequence[str]) -> NDArray[np.bool_]:
    """(n,) which texts the second look is not trained on, by their hash: equal texts are on the same side."""
    found: NDArray[np.bool_] = text_hashes(texts) % HELD_OUT == 0
    return found


def _tune(texts: Sequence[str], labels: Sequence[tuple[str, str]], seed: int, keep: Path, report: Report) -> Tuned:
    rows = [row for row, (name, _) in enumerate(labels) if name == CLASS_SET]
    held = held_out([texts[row] for row in rows])
    rows = [row for row, out in zip(rows, held, strict=True) if not out]
    truth = np.array([CLASS_NAMES.index(labels[row][1]) for row in rows], np.int64)
    report("tuning the second look", 0, None)
    return tune(
        [texts[row] for row in rows], truth, len(CLASS_NAMES), seed=seed, keep=keep,
        report=lambda done, total: report("tuning the second look", done, total),
    )  # fmt: skip


def _look(reader: TunedReader, texts: Sequence[str], rows: Labels, report: Report) -> Floats:
    """(n, K) log probabilities of the second look for the texts ``rows``, NaN for all others."""
    found = np.full((len(texts), reader.classes), np.nan, np.float32)
    found[rows] = reader.read([texts[row] for row in rows], lambda done, total: report("second look", done, total))
    return found


def _as_used(
    model: WordModel, first: Floats, reader: TunedReader, texts: Sequence[str], rows: Labels, report: Report
) -> Floats:
    """(n,) scores of the texts ``rows`` as posts get them: by the second look too where the first one, (n, 2), finds
    them likely."""
    scores = first[:, 1].copy()
    likely = np.flatnonzero(scores >= LIKELY)
    again = _look(reader, texts, rows[likely], report)[rows[likely]]
    scores[likely] = model.look_again(first[likely], again)[:, 1]
    return scores


def calibration_error(scores: Floats, truth: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error (Naeini et al., 2015) over bins of equal width: the mean distance between what was
    said and what was so, weighted by how many texts each bin has."""
    points = reliability_bins(scores, truth, bins)
    return sum(abs(mean - so) * count for mean, so, count in points) / max(1, len(scores))


def reliability_bins(scores: Floats, truth: NDArray[np.bool_], bins: int = BINS) -> list[tuple[float, float, int]]:
    """(mean score, share that was so, texts) of each bin that has any, in rising score."""
    at = np.minimum((scores * bins).astype(int), bins - 1)
    return [
        (round(float(scores[at == one].mean()), 4), round(float(truth[at == one].mean()), 4), int((at == one).sum()))
        for one in range(bins)
        if (at == one).any()
    ]


def sentence_vectors(texts: Sequence[str], cache: Path | None, report: Report) -> Floats:
    """The packaged encoder's vectors, (n, 384), of any texts; kept in the folder ``cache`` where one is given."""
    from core.encoders.minilm import DIM, MINILM_ID, load_minilm

    digest = hashlib.sha256("\x00".join([MINILM_ID, *texts]).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    kept = cache / f"{digest}.npy" if cache is not None else None
    if kept is not None and kept.exists():
        found: Floats = np.load(kept, allow_pickle=False)
        return found
    model = load_minilm()
    vectors = np.empty((len(texts), DIM), np.float32)
    for start in range(0, len(texts), ENCODED):
        part = None if cache is None else cache / f"{digest}-{start}.npy"
        if part is not None and part.exists():
            vectors[start : start + ENCODED] = np.load(part, allow_pickle=False)
            continue
        report("encoding texts", start, len(texts))
        vectors[start : start + ENCODED] = model.encode([*texts[start : start + ENCODED]])
        if part is not None:
            _save(part, vectors[start : start + ENCODED])
    if cache is not None and kept is not None:
        _save(kept, vectors)
        for part in cache.glob(f"{digest}-*.npy"):
            part.unlink()
    return vectors


def _save(path: Path, values: Floats) -> None:
    """Writes beside and swaps in, so that a kill leaves no half of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        np.save(file, values)
    os.replace(beside, path)
