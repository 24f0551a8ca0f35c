"""In the child process: fits recommenders and judges them. Arrays come and go by file; the database stays closed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import ModelError, SettingError
from core.recommend import interactions
from core.recommend.metrics import Judged, judge, summarise
from core.recommend.models import make_model
from core.recommend.models.popularity import check_training
from core.recommend.models.two_tower import TwoTower
from core.recommend.protocol import Training

CHILD = "core.recommend.child:serve"
K = 20
LEAST_HELD = 20
"""With fewer acts after the cut the figures would say nothing, and there are none."""


def serve(params: dict[str, Any], report: Callable[[int, int], None]) -> dict[str, Any]:
    """Fits the model ``model`` on arrays.npz in ``folder`` and saves it below ``out``.

    First on what was before the cut in time, judged on what came after; then on everything, which is what serves. The
    two towers choose when to stop on a seeded part of what was before. Raises ModelError.
    """
    folder, name, threads = Path(params["folder"]), str(params["model"]), int(params["threads"])
    with np.load(folder / "arrays.npz", allow_pickle=False) as found:
        arrays = {key: found[key] for key in found.files}
    whole, days, late = _matrix(arrays), arrays["age_days"], arrays["late"]
    content = arrays["content"] if arrays["content"].size else None
    settings = dict(params.get("settings") or {})
    seed = int(params.get("seed", 0))
    begun = time.perf_counter()
    fits = 3 if name == "two-tower" else 2
    done = 0

    def training(matrix: sp.csr_matrix, own_days: NDArray[np.float32], held: sp.csr_matrix | None = None) -> Training:
        def tell(phase: str, at: int, of: int | None) -> None:
            if of:
                report(round(1000 * (done + at / of) / fits), 1000)

        return Training(matrix, own_days, content, held, seed=seed, threads=threads, report=tell)

    check_training(Training(whole))
    early, held = _part(whole, ~late), _part(whole, late)
    figures: dict[str, Any] = {}
    curve: list[dict[str, float]] = []
    if early.nnz and held.nnz >= LEAST_HELD:
        if name == "two-tower":
            settings, curve = _choose_epochs(training, early, days[~late], settings, seed)
            done = 1
        model = make_model(name, **settings)
        model.fit(training(early, days[~late]))
        judged = judge(model, early, held, k=K, known_users=name == "bpr")
        figures = summarise(judged, early, held, seed=seed)
        figures["by_age"] = _by_age(judged, held, arrays["post_age"])
        figures["split"] = interactions.split_hash(early, held)
        figures["cut"] = str(params["cut"])
    done = fits - 1
    model = make_model(name, **settings)
    model.fit(training(whole, days))
    if isinstance(model, TwoTower):
        model.curve = curve or model.curve
        curve = model.curve
    model.save(Path(params["out"]))
    return {"figures": figures, "curve": curve, "settings": model.settings, "seconds": time.perf_counter() - begun}


def _choose_epochs(
    training: Callable[..., Training], early: sp.csr_matrix, days: NDArray[np.float32], settings: dict[str, Any],
    seed: int,
) -> tuple[dict[str, Any], list[dict[str, float]]]:  # fmt: skip
    try:
        split = interactions.hold_out(early, seed=seed)
    except SettingError:  # nobody has enough: the settings' epochs it is
        return settings, []
    model = TwoTower(**settings)
    try:
        model.fit(training(split.train, np.zeros(split.train.nnz, np.float32), split.held))
    except ModelError:
        return settings, []
    return {**settings, "epochs": model.settings["epochs"]}, model.curve


def _matrix(arrays: dict[str, NDArray[Any]]) -> sp.csr_matrix:
    return sp.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), tuple(arrays["shape"]))


def _part(matrix: sp.csr_matrix, use: NDArray[np.bool_]) -> sp.csr_matrix:
    """The entries of ``matrix`` that a mask over its data names."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return sp.csr_matrix((matrix.data[use], (rows[use], matrix.indices[use])), matrix.shape)


def _by_age(judged: Judged, held: sp.csr_matrix, post_age: NDArray[np.float32]) -> list[dict[str, Any]]:
    """The share of held acts that were found, by how old the post was at the cut; what came after it is new."""
    wanted = held[judged.users]
    rows = np.repeat(np.arange(len(judged.users)), np.diff(wanted.indptr))
    found = (judged.lists[rows] == wanted.indices[:, None]).any(axis=1)
    age = post_age[wanted.indices]
    groups = (("new", age < 0), ("up to a week", (age >= 0) & (age <= 7)), ("older", age > 7))
    return [
        {"age": name, "interactions": int(inside.sum()), "recall": float(found[inside].mean())}
        for name, inside in groups
        if inside.any()
    ]
