"""The same list for everybody: what most people acted on, ever or lately."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import ModelError
from core.recommend.protocol import Scores, Training, Users
from core.recommend.stored import load_model, save_model, settings_of


class Popularity:
    """Counts interactions by weight."""

    name = "popularity"
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, **settings: Any) -> None:
        self.settings = settings_of(self.name, self.defaults, settings)
        self._counts: NDArray[np.float32] = np.empty(0, np.float32)

    def fit(self, training: Training) -> None:
        check_training(training)
        weights = training.matrix.data * self._fading(training)
        self._counts = np.bincount(training.matrix.indices, weights, training.matrix.shape[1]).astype(np.float32)

    def _fading(self, training: Training) -> NDArray[np.float32] | float:
        return 1.0

    def score(self, histories: sp.csr_matrix, users: Users | None = None) -> Scores:
        return np.repeat(self._counts[None], histories.shape[0], 0)

    def save(self, folder: Path) -> None:
        save_model(folder, self.name, self.settings, {"counts": self._counts})

    @classmethod
    def load(cls, folder: Path) -> Self:
        settings, arrays = load_model(folder, cls.name)
        model = cls(**settings)
        model._counts = arrays["counts"]
        return model


class RecentPopularity(Popularity):
    """The same, with a weight that halves every ``half_life`` days. Without times it is popularity."""

    name = "recent-popularity"
    defaults: ClassVar[dict[str, Any]] = {"half_life": 7.0}

    def _fading(self, training: Training) -> NDArray[np.float32] | float:
        if training.days is None:
            return 1.0
        fading: NDArray[np.float32] = np.exp2(-training.days / np.float32(self.settings["half_life"]))
        return fading


def check_training(training: Training) -> None:
    """Raises ModelError where there is nothing to learn from, or it is not finite."""
    if not training.matrix.nnz:
        raise ModelError("There are no interactions to learn from: import likes, reposts or replies with the posts.")
    if not np.isfinite(training.matrix.data).all():
        raise ModelError("The interactions hold weights that are not finite numbers: mend them and import again.")
