"""Fits recommenders on one file and judges them on another: no choice is made on the file that judges."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import ModelError, SettingError
from core.recommend import interactions
from core.recommend.findings import Findings
from core.recommend.metrics import interval, judge, summarise
from core.recommend.models import MODELS, make_model
from core.recommend.protocol import Recommender, Report, Training, silent
from core.recommend.trials import GRIDS, Trial, choose

KEPT_SHARE = 0.03
"""Holding out less than this for choosing costs the two towers less than the noise between two seeds."""


@dataclass(frozen=True)
class Request:
    """What to measure. ``cold`` holds that share of the items out of training whole, to be ranked among themselves.

    ``given`` are settings by hand, which are not chosen. ``trials`` is how many settings each model may try.
    What is found is written to ``out`` as it comes, and a request that asks the same goes on from there.
    """

    train: Path
    test: Path
    valid: Path | None = None
    items: Path | None = None
    models: Sequence[str] = ("two-tower",)
    trials: int = 1
    seed: int = 0
    k: int = 20
    cold: float = 0.0
    threads: int = 1
    command: str = ""
    out: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Data:
    """``choose`` is what settings are chosen on, ``final`` what is learnt from in the end and judged on.

    ``keeps_chosen``: so little was held out for choosing that the two towers, which take minutes to learn and encode a
    user from the whole history anyway, are not fitted once more.
    """

    choose: interactions.Split
    final: interactions.Split
    content: NDArray[np.float32] | None
    cold: NDArray[np.int64]
    about: dict[str, Any]
    keeps_chosen: bool = False


def evaluate(request: Request, report: Report = silent) -> list[dict[str, Any]]:
    """A JSON-able document a model, in the order asked for. A model that can't learn from this data has ``problem``
    in place of its figures where others were asked for too.

    Raises ImportFailed for files that can't be read, SettingError and ModelError.
    """
    for name in request.models:
        if name not in MODELS:
            raise SettingError(f"There is no recommender {name!r}; there are {', '.join(MODELS)}.")
        make_model(name, **request.given)  # says which setting it does not know
    data = _read(request, report)
    findings = Findings(request.out, _question(data, request))
    found = []
    for name in request.models:
        figures = findings.figures(name, request.trials)
        if figures is None:
            try:
                figures = _evaluate_one(name, data, request, findings, report)
            except ModelError as error:
                if len(request.models) == 1:
                    raise
                found.append({"model": name, "problem": str(error), **data.about})
                continue
            findings.keep_figures(name, request.trials, figures)
        found.append(figures)
    return found


def _question(data: _Data, request: Request) -> dict[str, Any]:
    """What findings are of: with another of these they are of no use."""
    content = "" if data.content is None else hashlib.sha256(data.content.tobytes()).hexdigest()[:12]
    return {
        "chosen_on": interactions.split_hash(data.choose.train, data.choose.held), "split": data.about["split"],
        "content": content, "seed": request.seed, "k": request.k, "cold": request.cold,
        "given": dict(request.given),
    }  # fmt: skip


def _read(request: Request, report: Report) -> _Data:
    report("reading", 0, None)
    paths = [request.train, request.test, *([request.valid] if request.valid else [])]
    train, test, *rest = interactions.read_matrices(*paths)
    content = None
    if request.items is not None:
        from core.recommend.item_file import read_content

        content = read_content(request.items, train.shape[1], report)
        if len(content) > train.shape[1]:  # items that nobody acted on
            wide = (train.shape[0], len(content))
            for matrix in (train, test, *rest):
                matrix.resize(wide)
    cold = np.empty(0, np.int64)
    if request.cold:
        split, cold = interactions.hold_out_items(train, seed=request.seed, share=request.cold)
        train, test = split.train, split.held
        rest = [_without_items(matrix, cold) for matrix in rest]
    learnt = interactions.union(train, rest[0]) if rest else train
    test = interactions.without(test, learnt)
    if rest:
        to_choose, how = interactions.Split(train, interactions.without(rest[0], train)), f"chosen on {request.valid}"
        how += "; the final fit is on both files"
        keeps_chosen = False
    else:
        to_choose = interactions.hold_out(train, seed=request.seed)
        share = to_choose.held.nnz / train.nnz
        how = f"chosen on {share:.1%} of the train file, held out with the seed"
        keeps_chosen = share < KEPT_SHARE
        how += "; the two towers are not fitted again on the rest" if keeps_chosen else ""
    counts = np.bincount(learnt.indices, minlength=learnt.shape[1])
    about = {
        "data": {
            "train": str(request.train), "test": str(request.test),
            "valid": str(request.valid) if request.valid else None,
            "items": str(request.items) if request.items else None,
            "users": int((np.diff(learnt.indptr) > 0).sum()), "items_known": int((counts > 0).sum()),
            "train_interactions": int(learnt.nnz), "test_interactions": int(test.nnz),
        },
        "split": interactions.split_hash(learnt, test), "choice": how, "seed": request.seed,
        "command": request.command, "machine": f"{platform.machine()}, {request.threads} threads",
    }  # fmt: skip
    unseen = np.flatnonzero((counts == 0) & (np.bincount(test.indices, minlength=test.shape[1]) > 0))
    return _Data(
        to_choose, interactions.Split(learnt, test), content, cold if len(cold) else unseen, about, keeps_chosen
    )


def _without_items(matrix: sp.csr_matrix, items: NDArray[np.int64]) -> sp.csr_matrix:
    mask = np.ones(matrix.shape[1], np.float32)
    mask[items] = 0.0
    left = (matrix @ sp.diags_array(mask)).tocsr().astype(np.float32)
    left.eliminate_zeros()
    return sp.csr_matrix(left)


def _evaluate_one(name: str, data: _Data, request: Request, findings: Findings, report: Report) -> dict[str, Any]:
    training = Training(
        data.choose.train, content=data.content, held=data.choose.held, seed=request.seed, threads=request.threads,
        report=lambda phase, done, total: report(f"{name}: {phase}", done, total),
    )  # fmt: skip
    chooses = request.trials > 1 or name == "two-tower"  # the latter chooses when to stop
    keeps_chosen = data.keeps_chosen and name == "two-tower"
    settings = dict(request.given)
    trials: list[Trial] = []
    model: Recommender | None = None
    if chooses:
        settings, model, trials = choose(
            name, training, trials=request.trials, given=settings, findings=findings, keep_model=keeps_chosen
        )
    if keeps_chosen and model is not None:
        fit_seconds = next(trial.seconds for trial in trials if trial.chosen == settings)
    else:
        begun = time.perf_counter()
        model = make_model(name, **settings)
        final = replace(training, checkpoint=findings.checkpoint(name, "final"))
        # Where the chosen one was to be kept and is lost, it is learnt again as it was.
        model.fit(final if keeps_chosen else replace(final, matrix=data.final.train, held=None))
        fit_seconds = time.perf_counter() - begun
    return {
        "model": name,
        **_figures(model, data, request, report),
        "fit_seconds": round(fit_seconds, 2),
        "choose_seconds": round(sum(trial.seconds for trial in trials), 2),
        "curve": getattr(model, "curve", []),
        "settings": model.settings,
        "trials": [asdict(trial) for trial in trials],
        "grid": GRIDS[name] if request.trials > 1 else {},
        **data.about,
    }


def _figures(model: Recommender, data: _Data, request: Request, report: Report) -> dict[str, Any]:
    seen, held = data.final.train, data.final.held
    if not request.cold:
        judged = judge(model, seen, held, k=request.k, report=report)
        figures = summarise(judged, seen, held, seed=request.seed)
        return {**figures, "cold": _cold(model, data, request, report)} if len(data.cold) else figures
    cold = _cold(model, data, request, report)
    return {f"recall@{request.k}": cold[f"recall@{request.k}"], f"ndcg@{request.k}": cold[f"ndcg@{request.k}"],
            "users": cold["users"], "cold": cold}  # fmt: skip


def _cold(model: Recommender, data: _Data, request: Request, report: Report) -> dict[str, Any]:
    """Items that training knows nothing of, ranked among themselves. ``chance`` is what a random order comes to."""
    seen, k = data.final.train, request.k
    mask = np.zeros(seen.shape[1], bool)
    mask[data.cold] = True
    others = np.flatnonzero(~mask)
    held = _without_items(data.final.held, others)
    judged = judge(model, seen, held, k=k, candidates=mask, ranks=False, report=report)
    return {
        "items": len(data.cold),
        "users": len(judged.users),
        f"recall@{k}": float(judged.recall.mean()),
        f"recall@{k}_ci": interval(judged.recall, request.seed),
        f"ndcg@{k}": float(judged.ndcg.mean()),
        "chance": min(1.0, k / len(data.cold)),
    }
