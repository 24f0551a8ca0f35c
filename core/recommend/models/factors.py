"""Matrix factorisation by ``implicit``: iALS (Hu, Koren and Volinsky, 2008) and BPR (Rendle et al., 2009)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import ModelError
from core.recommend.models.popularity import check_training
from core.recommend.protocol import Scores, Training, Users
from core.recommend.stored import load_model, save_model, settings_of

Matrix = NDArray[np.float32]


class Factors:
    """A vector a user and one an item, (n, d); the score is their inner product."""

    name: str
    defaults: ClassVar[dict[str, Any]]

    def __init__(self, **settings: Any) -> None:
        self.settings = settings_of(self.name, self.defaults, settings)
        self._users: Matrix = np.empty((0, 0), np.float32)
        self._items: Matrix = np.empty((0, 0), np.float32)

    def fit(self, training: Training) -> None:
        check_training(training)
        self._users, self._items = self._learn(training)
        if not (np.isfinite(self._users).all() and np.isfinite(self._items).all()):
            raise ModelError(f"{self.name} diverged: its vectors are not finite. Give it more regularization.")

    def _learn(self, training: Training) -> tuple[Matrix, Matrix]:
        raise NotImplementedError

    def _fold_in(self, histories: sp.csr_matrix) -> Matrix:
        """Vectors of users who were not there in training."""
        raise NotImplementedError

    def user_vectors(self, histories: sp.csr_matrix, users: Users | None = None) -> Matrix:
        known = np.full(histories.shape[0], -1) if users is None else users
        vectors = np.empty((histories.shape[0], self._items.shape[1]), np.float32)
        vectors[known >= 0] = self._users[known[known >= 0]]
        new = np.flatnonzero(known < 0)
        if len(new):
            vectors[new] = self._fold_in(histories[new])
        return vectors

    def item_vectors(self) -> Matrix:
        return self._items

    def score(self, histories: sp.csr_matrix, users: Users | None = None) -> Scores:
        scores: Scores = self.user_vectors(histories, users) @ self._items.T
        return scores

    def save(self, folder: Path) -> None:
        save_model(folder, self.name, self.settings, {"users": self._users, "items": self._items})

    @classmethod
    def load(cls, folder: Path) -> Self:
        settings, arrays = load_model(folder, cls.name)
        model = cls(**settings)
        model._users, model._items = arrays["users"], arrays["items"]
        return model


class IALS(Factors):
    """``alpha`` is the weight of an interaction where that of none is 1."""

    name = "ials"
    defaults: ClassVar[dict[str, Any]] = {"factors": 64, "alpha": 30.0, "regularization": 0.1, "iterations": 15}

    def _learn(self, training: Training) -> tuple[Matrix, Matrix]:
        from implicit.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(**self.settings, num_threads=training.threads, random_state=training.seed)
        rounds = int(self.settings["iterations"])
        _fit(model, training, lambda done: training.report("iALS", done, rounds))
        return np.asarray(model.user_factors), np.asarray(model.item_factors)

    def _fold_in(self, histories: sp.csr_matrix) -> Matrix:
        """The least squares of one user against fixed items, exactly."""
        items = self._items.astype(np.float64)
        alpha, factors = float(self.settings["alpha"]), items.shape[1]
        shared = items.T @ items + float(self.settings["regularization"]) * np.eye(factors)
        vectors = np.zeros((histories.shape[0], factors), np.float32)
        for row in range(histories.shape[0]):
            at = slice(histories.indptr[row], histories.indptr[row + 1])
            own, weight = items[histories.indices[at]], alpha * histories.data[at].astype(np.float64)
            if len(own):
                gram = shared + (own * (weight - 1.0)[:, None]).T @ own
                vectors[row] = np.linalg.solve(gram, own.T @ weight)
        return vectors


class BPR(Factors):
    """A pair of an item that the user acted on and a random one, ranked by a logistic loss."""

    name = "bpr"
    defaults: ClassVar[dict[str, Any]] = {
        "factors": 64,
        "learning_rate": 0.05,
        "regularization": 0.001,
        "iterations": 200,
    }

    def _learn(self, training: Training) -> tuple[Matrix, Matrix]:
        from implicit.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(
            **self.settings, num_threads=training.threads, random_state=training.seed, verify_negative_samples=True
        )
        rounds = int(self.settings["iterations"])
        _fit(model, training, lambda done: training.report("BPR", done, rounds))
        return np.asarray(model.user_factors), np.asarray(model.item_factors)

    def _fold_in(self, histories: sp.csr_matrix) -> Matrix:
        """The mean of the history's items, with the 1 that meets an item's bias."""
        counts = np.maximum(np.diff(histories.indptr), 1)[:, None]
        vectors: Matrix = np.asarray((histories != 0).astype(np.float32) @ self._items, np.float32) / counts
        vectors[:, -1] = 1.0
        return vectors


def _fit(model: Any, training: Training, report: Any) -> None:
    """Runs implicit's fit, which counts its rounds from 0, with its thread and BLAS warnings left to the log."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # as implicit asks: its own threads and those of BLAS hinder each other
        model.fit(training.matrix, show_progress=False, callback=lambda done, *_: report(done + 1))
