"""Recommenders that know items by their content alone, so that they can rank what nobody has acted on yet."""

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


class ContentKNN:
    """The mean cosine of an item's content with that of the history's ``neighbours`` most alike items."""

    name = "content-knn"
    defaults: ClassVar[dict[str, Any]] = {"neighbours": 20}

    def __init__(self, **settings: Any) -> None:
        self.settings = settings_of(self.name, self.defaults, settings)
        self._content: Matrix = np.empty((0, 0), np.float32)

    def fit(self, training: Training) -> None:
        check_training(training)
        self._content = unit_rows(content_of(training, self.name))

    def score(self, histories: sp.csr_matrix, users: Users | None = None) -> Scores:
        scores = np.zeros((histories.shape[0], len(self._content)), np.float32)
        most = int(self.settings["neighbours"])
        for row in range(histories.shape[0]):
            own = histories.indices[histories.indptr[row] : histories.indptr[row + 1]]
            if len(own):
                cosines = self._content @ self._content[own].T
                if len(own) > most:
                    cosines = -np.partition(-cosines, most - 1, axis=1)[:, :most]
                scores[row] = cosines.mean(axis=1)
        return scores

    def save(self, folder: Path) -> None:
        save_model(folder, self.name, self.settings, {"content": self._content})

    @classmethod
    def load(cls, folder: Path) -> Self:
        settings, arrays = load_model(folder, cls.name)
        model = cls(**settings)
        model._content = arrays["content"]
        return model


class ContentRidge:
    """A ridge regression a user, from content to whether the user acted on the item, over the items that anybody did.

    All users share one solve: scores = content (X'X + lambda I)^-1 X' y, with y the user's history.
    """

    name = "content-ridge"
    defaults: ClassVar[dict[str, Any]] = {"regularization": 100.0}

    def __init__(self, **settings: Any) -> None:
        self.settings = settings_of(self.name, self.defaults, settings)
        self._content: Matrix = np.empty((0, 0), np.float32)
        self._solved: Matrix = np.empty((0, 0), np.float32)

    def fit(self, training: Training) -> None:
        check_training(training)
        content = content_of(training, self.name)
        content = np.hstack([content, np.ones((len(content), 1), np.float32)])
        known = np.bincount(training.matrix.indices, minlength=len(content)) > 0
        inside = (content * known[:, None]).astype(np.float64)
        gram = inside.T @ inside + float(self.settings["regularization"]) * np.eye(content.shape[1])
        self._content = content
        self._solved = np.linalg.solve(gram, inside.T).astype(np.float32)

    def score(self, histories: sp.csr_matrix, users: Users | None = None) -> Scores:
        return np.asarray((histories @ self._solved.T) @ self._content.T, np.float32)

    def save(self, folder: Path) -> None:
        save_model(folder, self.name, self.settings, {"content": self._content, "solved": self._solved})

    @classmethod
    def load(cls, folder: Path) -> Self:
        settings, arrays = load_model(folder, cls.name)
        model = cls(**settings)
        model._content, model._solved = arrays["content"], arrays["solved"]
        return model


def content_of(training: Training, name: str) -> Matrix:
    """Raises ModelError where there is no content, or it is not finite or of another number of items."""
    content = training.content
    if content is None:
        raise ModelError(f"{name} needs the items' content: give --items FILE.")
    if content.shape[0] != training.matrix.shape[1] or not np.isfinite(content).all():
        raise ModelError("The items' content must be finite numbers, a row an item.")
    return content


def unit_rows(matrix: Matrix) -> Matrix:
    """Rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: Matrix = (matrix / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit
