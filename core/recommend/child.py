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
from core.recommend.models.two_tower import CONTENT_PHASE, TwoTower
from core.recommend.protocol import Training

CHILD = "core.recommend.child:serve"
K = 20
_CONTENT_FROM = 0.8
"""How far the two towers are when they begin to learn content by itself."""
LEAST_HELD = 20
"""With fewer acts after the cut the figures would say nothing, and there are none."""


def serve(params: dict[str, Any], report: Callable[[int, int], None]) -> dict[str, Any]:
    """Fits the model ``model`` on arrays.npz in ``folder`` and saves it below ``out``.

    First on what was before the cut in time, judged on what came after; then on everything, which is what serves. The
    two towers choose when to stop on a seeded part of what was before; where each of these stands is kept below
    ``unfinished``, so that a call that was killed goes on. Raises ModelError.
    """
    folder, name = Path(params["folder"]), str(params["model"])
    with np.load(folder / "arrays.npz", allow_pickle=False) as found:
        arrays = {key: found[key] for key in found.files}
    work = _Work(name, arrays, params, report)
    begun = time.perf_counter()
    check_training(Training(work.whole))
    early, held = _part(work.whole, ~work.late), _part(work.whole, work.late)
    settings = dict(params.get("settings") or {})
    figures: dict[str, Any] = {}
    curve: list[dict[str, float]] = []
    if early.nnz and held.nnz >= LEAST_HELD:
        if name == "two-tower":
            settings, curve = _choose_epochs(work, early, settings)
            work.done = 1
        model = make_model(name, **settings)
        model.fit(work.training("judged", early, work.days[~work.late]))
        judged = judge(model, early, held, k=K, known_users=name in ("bpr", "two-tower"))
        figures = summarise(judged, early, held, seed=work.seed)
        figures["by_age"] = _by_age(judged, held, arrays["post_age"])
        figures["split"] = interactions.split_hash(early, held)
        figures["cut"] = str(params["cut"])
        figures["seed"] = work.seed
    work.done = work.fits - 1
    model = make_model(name, **settings)
    model.fit(work.training("whole", work.whole, work.days))
    if isinstance(model, TwoTower):
        model.curve = curve or model.curve
        curve = model.curve
    model.save(Path(params["out"]))
    return {"figures": figures, "curve": curve, "settings": model.settings, "seconds": time.perf_counter() - begun}


class _Work:
    """One call: what is learnt from, and how far it is."""

    def __init__(
        self, name: str, arrays: dict[str, NDArray[Any]], params: dict[str, Any], report: Callable[[int, int], None]
    ) -> None:
        # The two towers learn from histories as they are served: old acts count less.
        weights = arrays["faded" if name == "two-tower" else "data"]
        self.whole = sp.csr_matrix((weights, arrays["indices"], arrays["indptr"]), tuple(arrays["shape"]))
        self.days, self.late = arrays["age_days"], arrays["late"]
        self.seed, self.fits, self.done = int(params.get("seed", 0)), 3 if name == "two-tower" else 2, 0
        self._content = arrays["content"] if arrays["content"].size else None
        self._profile = arrays["profile"] if arrays["profile"].size else None
        self._content_from = _CONTENT_FROM if name == "two-tower" and self._content is not None else 1.0
        self._threads, self._unfinished, self._report = int(params["threads"]), Path(params["unfinished"]), report

    def training(
        self, stage: str, matrix: sp.csr_matrix, days: NDArray[np.float32] | None, held: sp.csr_matrix | None = None
    ) -> Training:
        def tell(phase: str, at: int, of: int | None) -> None:
            if of:
                share = self._content_from * at / of
                if phase == CONTENT_PHASE:
                    share = self._content_from + (1 - self._content_from) * at / of
                self._report(round(1000 * (self.done + share) / self.fits), 1000)

        return Training(
            matrix, days, self._content, self._profile, held, seed=self.seed, threads=self._threads, report=tell,
            checkpoint=self._unfinished / f"{stage}.safetensors",
        )  # fmt: skip


def _choose_epochs(
    work: _Work, early: sp.csr_matrix, settings: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    try:
        split = interactions.hold_out(early, seed=work.seed)
    except SettingError:  # nobody has enough: the settings' epochs it is
        return settings, []
    model = TwoTower(**settings)
    try:
        model.fit(work.training("epochs", split.train, None, split.held))
    except ModelError:
        return settings, []
    return {**settings, "epochs": model.settings["epochs"]}, model.curve


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
