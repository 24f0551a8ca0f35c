"""Trains the word scorer from the labelled sets, start to finish: ``python -m core moderate train``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import SettingError
from core.moderation.policies import ATTRIBUTES
from core.moderation.scorers.features import ngram_features
from core.moderation.scorers.sets import CLASS_NAMES, CLASS_SET, SETS, read_set
from core.moderation.scorers.word_model import Floats, Recipe, WordModel, fit_word_model
from core.moderation.scorers.words import CLASSES, save_word_scorer

Report = Callable[[str, int, int | None], None]
ENCODED = 1024
"""Texts that are encoded at a time."""


def train_words(
    folder: Path, out: Path, *, without: Sequence[str] = (), cache: Path | None = None, recipe: Recipe | None = None,
    seed: int = 0, report: Report,
) -> dict[str, Any]:  # fmt: skip
    """Trains a model for each attribute of which the sets say something, and one over the classes of CLASS_SET, and
    writes them to ``out``. Sets named in ``without`` are left out. Gives the counts.

    Raises ImportFailed where a file is missing, SettingError for a set that does not exist.
    """
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
    report("hashing words", 0, None)
    ngrams = ngram_features(texts)
    models: dict[str, WordModel] = {}
    counts: dict[str, dict[str, int]] = {}
    tasks = [*ATTRIBUTES, *([CLASSES] if CLASS_SET not in without else [])]
    for number, task in enumerate(tasks):
        report("training", number, len(tasks))
        if task == CLASSES:
            rated = [CLASS_NAMES.index(label) if name == CLASS_SET else None for name, label in labels]
        else:
            rated = [SETS[name].says.get(label, {}).get(task) for name, label in labels]
        rows = np.array([row for row, rating in enumerate(rated) if rating is not None], np.int64)
        known = np.array([rating for rating in rated if rating is not None], np.int64)
        if len(np.unique(known)) < 2:
            continue
        classes = len(CLASS_NAMES) if task == CLASSES else 2
        models[task] = fit_word_model(vectors[rows], ngrams[rows], known, classes, recipe=recipe, seed=seed)
        counts[task] = {"texts": len(rows), "positive": int((known > 0).sum())}
    about = {"sets": [name for name in SETS if name not in without], "counts": counts, "seed": seed,
             "recipe": asdict(recipe or Recipe())}  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    save_word_scorer(out, models, CLASS_NAMES, about)
    return {"out": str(out), "bytes": out.stat().st_size, **about}


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
        report("encoding texts", start, len(texts))
        vectors[start : start + ENCODED] = model.encode([*texts[start : start + ENCODED]])
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, vectors)
    return vectors
