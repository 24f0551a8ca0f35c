"""EASE (Steck, 2019): the linear item-to-item model of closed form, where a square of all items fits in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import ModelError
from core.recommend.models.popularity import check_training
from core.recommend.protocol import Scores, Training, Users
from core.recommend.stored import load_model, save_model, settings_of


class EASE:
    """``regularization`` is the lambda of the paper. Takes twice 4 bytes an item squared, and time that grows with the
    cube."""

    name = "ease"
    defaults: ClassVar[dict[str, Any]] = {"regularization": 250.0}

    def __init__(self, **settings: Any) -> None:
        self.settings = settings_of(self.name, self.defaults, settings)
        self._weights: NDArray[np.float32] = np.empty((0, 0), np.float32)

    def fit(self, training: Training) -> None:
        from scipy.linalg import lapack

        check_training(training)
        items = training.matrix.shape[1]
        needed, most = 8 * items**2, memory_bytes() // 3
        if needed > most:
            raise ModelError(
                f"EASE over {items:,} items needs {needed / 1e9:.1f} GB, and a third of this machine's memory is"
                f" {most / 1e9:.1f} GB: take another model."
            )
        training.report("EASE: counting", 0, None)
        gram = np.asfortranarray((training.matrix.T @ training.matrix).toarray(), np.float32)
        gram[np.diag_indices(items)] += np.float32(self.settings["regularization"])
        training.report("EASE: inverting", 0, None)
        factor, failed = lapack.spotrf(gram, overwrite_a=True)
        inverse, failed_too = lapack.spotri(factor, overwrite_c=True)
        if failed or failed_too:
            raise ModelError("EASE can't invert the items' co-occurrences: give it more regularization.")
        inverse = np.triu(inverse)
        inverse += np.triu(inverse, 1).T
        weights = inverse / -np.diag(inverse)
        weights[np.diag_indices(items)] = 0.0
        self._weights = np.ascontiguousarray(weights)

    def score(self, histories: sp.csr_matrix, users: Users | None = None) -> Scores:
        return np.asarray(histories @ self._weights, np.float32)

    def save(self, folder: Path) -> None:
        save_model(folder, self.name, self.settings, {"weights": self._weights})

    @classmethod
    def load(cls, folder: Path) -> Self:
        settings, arrays = load_model(folder, cls.name)
        model = cls(**settings)
        model._weights = arrays["weights"]
        return model


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
