"""Choosing settings: every model gets the same number of trials from its own grid, judged on what is held out."""

from __future__ import annotations

import itertools
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from core.errors import ModelError
from core.recommend.findings import Findings
from core.recommend.metrics import judge
from core.recommend.models import make_model
from core.recommend.protocol import Recommender, Training

GRIDS: dict[str, dict[str, list[Any]]] = {
    "popularity": {},
    "recent-popularity": {"half_life": [7.0, 1.0, 3.0, 14.0, 30.0]},
    "item-knn": {"neighbours": [200, 50, 1000], "similarity": ["cosine", "tfidf", "bm25"]},
    "ials": {"alpha": [30.0, 3.0, 10.0, 100.0], "regularization": [0.1, 1.0, 10.0], "iterations": [15]},
    "bpr": {"learning_rate": [0.05, 0.1], "regularization": [0.001, 0.01, 0.0001], "iterations": [200, 500]},
    "ease": {"regularization": [250.0, 50.0, 100.0, 500.0, 1000.0, 2000.0]},
    "content-knn": {"neighbours": [20, 5, 100]},
    "content-ridge": {"regularization": [100.0, 1.0, 10.0, 1000.0, 10000.0]},
    "two-tower": {"temperature": [0.0, 0.07, 0.15, 0.25], "keep": [0.5, 0.7], "attention": [True, False]},
}
"""The first value of each is the default."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting and what it came to on the held-out part. ``chosen`` are all settings of the fitted model, with the
    epoch at which it stopped. ``problem`` where it could not be fitted."""

    settings: dict[str, Any]
    recall: float
    ndcg: float
    seconds: float
    problem: str = ""
    chosen: dict[str, Any] = field(default_factory=dict)


def settings_to_try(name: str, trials: int, seed: int, given: dict[str, Any]) -> list[dict[str, Any]]:
    """The default first, then others of the grid in a seeded order; ``given`` settings stay as they are."""
    grid = {key: values for key, values in GRIDS[name].items() if key not in given}
    all_of = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    order = [0, *(1 + np.random.default_rng(seed).permutation(len(all_of) - 1))] if len(all_of) > 1 else [0]
    return [{**all_of[at], **given} for at in order[: max(1, trials)]]


def choose(
    name: str,
    training: Training,
    *,
    trials: int,
    given: dict[str, Any],
    findings: Findings | None = None,
    keep_model: bool = False,
) -> tuple[dict[str, Any], Recommender | None, list[Trial]]:
    """Fits each setting on ``training``; gives the settings with the best NDCG@20 on ``training.held``, the model that
    came of them and all trials. What ``findings`` know of is not fitted again; the model is None where only the
    settings were kept, as they are without ``keep_model``.

    Raises ModelError where none could be fitted.
    """
    assert training.held is not None
    findings = findings or Findings()
    best: Recommender | None = None
    done: list[Trial] = []
    for number, settings in enumerate(settings_to_try(name, trials, training.seed, given), start=1):
        kept = findings.trial(name, settings)
        if kept is not None:
            done.append(Trial(**kept))
            continue
        said = f"trial {number}: " if trials > 1 else ""

        def tell(phase: str, at: int, of: int | None, said: str = said) -> None:
            training.report(said + phase, at, of)

        own = replace(training, report=tell, checkpoint=findings.checkpoint(name, "trial"))
        model = make_model(name, **settings)
        begun = time.perf_counter()
        try:
            model.fit(own)
        except ModelError as error:
            trial = Trial(settings, -1.0, -1.0, time.perf_counter() - begun, str(error))
        else:
            seconds = time.perf_counter() - begun
            found = judge(model, training.matrix, training.held, ranks=False)
            trial = Trial(
                settings, float(found.recall.mean()), float(found.ndcg.mean()), seconds, chosen=dict(model.settings)
            )
            if trial.ndcg > max((other.ndcg for other in done), default=-1.0):
                best = model
                if keep_model:
                    findings.keep_model(model)
        done.append(trial)
        findings.keep_trial(name, settings, asdict(trial))
    winner = max(done, key=lambda trial: trial.ndcg)
    if winner.problem:
        raise ModelError(winner.problem)
    if keep_model and (best is None or best.settings != winner.chosen):
        best = findings.model(name, winner.chosen)
    elif best is not None and best.settings != winner.chosen:
        best = None
    return winner.chosen, best, done
