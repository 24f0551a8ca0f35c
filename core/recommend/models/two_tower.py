"""Two towers in PyTorch: a history becomes a vector, an item becomes a vector, their cosine ranks.

The user tower pools the history by attention (:mod:`core.recommend.models.attention`): each item of it has an input
vector, whose length is how much it counts for everybody, and it counts by how near it is to the user's main direction.
What the profile tells is added. So a user is encoded from the history as it is now, known or new. The item
tower is an id vector, where there is enough history for one, plus a linear map of the content.

Learning hides a part of each history and asks for it back (as Mult-DAE does, Liang et al., 2018). The loss is a sampled
softmax over the batch's hidden items and uniformly drawn ones (mixed negatives, Yang et al., 2020), each corrected by
the log of how likely it is among the candidates (log-Q, Yi et al., 2019), on cosines over a temperature. The id vectors
begin as the truncated SVD of the degree-normalised interactions, which is most of the way at no cost. ``loss`` =
"logistic" is the textbook's alternative: each hidden item against random ones by a logistic loss.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import ModelError
from core.recommend.models import attention
from core.recommend.models.content import unit_rows
from core.recommend.models.popularity import check_training
from core.recommend.protocol import Scores, Training, Users
from core.recommend.stored import load_model, save_model, settings_of

Matrix = NDArray[np.float32]

CONTENT_PHASE = "learning content"
"""What is reported as the phase in which content is learnt by itself, after all else."""


class TwoTower:
    """``item_vectors`` are unit vectors (items, factors); ``user_vectors`` of any histories likewise.

    ``temperature`` divides the cosines of the loss; 0 has it follow the density of the data.
    ``keep`` is the share of a history that is shown in learning; ``negatives`` are drawn uniformly a batch of
    ``batch`` users. ``least_history``: an item with fewer interactions has no id vector where it has content.
    ``id_dropout``: how often an item must do without its id vector, so that content alone learns to do. ``attention``:
    whether items count by how near they are to the user's main direction. Learning ends
    after ``epochs``, in which the rate falls to a tenth, or ``patience`` evaluations without a better NDCG@20 where
    something is held out to judge by.
    """

    name = "two-tower"
    defaults: ClassVar[dict[str, Any]] = {
        "factors": 64, "temperature": 0.0, "keep": 0.5, "learning_rate": 0.003, "negatives": 8192, "batch": 512,
        "epochs": 20, "patience": 4, "pooling": 0.5, "loss": "softmax", "least_history": 1, "id_dropout": 0.3,
        "attention": True,
    }  # fmt: skip

    def __init__(self, **settings: Any) -> None:
        self.settings = settings_of(self.name, self.defaults, settings)
        self.curve: list[dict[str, float]] = []
        """An entry an evaluation: epoch, loss, seconds, and recall and ndcg where something was held out."""
        self.item_in: Matrix = np.empty((0, 0), np.float32)
        self.item_out: Matrix = np.empty((0, 0), np.float32)
        self.content_in: Matrix = np.empty((0, 0), np.float32)
        self.content_out: Matrix = np.empty((0, 0), np.float32)
        self.sharpness: Matrix = np.zeros(1, np.float32)
        self.profile_in: Matrix = np.empty((0, 0), np.float32)
        self._profile: Matrix | None = None

    def fit(self, training: Training) -> None:
        from core.recommend.models.two_tower_training import ARRAYS, learn

        check_training(training)
        if not self.settings["temperature"]:
            self.settings = {**self.settings, "temperature": temperature_by_density(training.matrix)}
        learnt = learn(training, self.settings)
        for name in ARRAYS:
            setattr(self, name, getattr(learnt, name))
        self._profile = training.profile
        self.curve = learnt.curve
        if training.held is not None:  # so that a fit on everything takes as many
            self.settings = {**self.settings, "epochs": learnt.epochs}

    def item_vectors(self) -> Matrix:
        return self.item_out

    def user_vectors(self, histories: sp.csr_matrix, users: Users | None = None) -> Matrix:
        """(n, factors) unit vectors; zeros for an empty history. Profiles count of users of the training alone, and
        before the model was saved; see ``told`` for others."""
        told = None
        if self._profile is not None and users is not None and self.profile_in.size:
            told = self.told(self._profile[np.maximum(users, 0)]) * (users >= 0)[:, None]
        return self.pool_histories(histories, self.item_in, told)

    def pool_histories(self, histories: sp.csr_matrix, inputs: Matrix, told: Matrix | None = None) -> Matrix:
        """(n, factors) unit vectors of (n, items) CSR histories over items with such input vectors."""
        sharpness, pooling = float(self.sharpness[0]), float(self.settings["pooling"])
        return attention.pool_histories(histories, inputs, sharpness, told, pooling)

    def pool(self, weights: Matrix, inputs: Matrix, told: Matrix | None = None) -> Matrix:
        """(m, factors) unit vectors of ``m`` variants, (m, n) weights, of a history with (n, factors) input vectors."""
        return attention.pool(weights, inputs, float(self.sharpness[0]), told, float(self.settings["pooling"]))

    def told(self, profile: Matrix) -> Matrix:
        """(n, factors): what profiles, (n, features), add to users. Raises ModelError for other features."""
        if profile.shape[-1] != len(self.profile_in):
            raise ModelError(
                f"The two towers know {len(self.profile_in)} features of a profile, and {profile.shape[-1]} are given:"
                " train them again."
            )
        found: Matrix = profile @ self.profile_in
        return found

    def score(self, histories: sp.csr_matrix, users: Users | None = None) -> Scores:
        scores: Scores = self.user_vectors(histories, users) @ self.item_out.T
        return scores

    def encode_items(self, content: Matrix) -> tuple[Matrix, Matrix]:
        """(input vectors, unit output vectors) of items that training did not know, by their content, (n, features).

        Raises ModelError where the model has learnt from no content, or from another number of features.
        """
        if content.ndim != 2 or content.shape[1] != len(self.content_out):
            raise ModelError(
                f"The two towers know {len(self.content_out)} features of content, and {content.shape[-1]} are given:"
                " train them again."
            )
        return content @ self.content_in, unit_rows(content @ self.content_out)

    def save(self, folder: Path) -> None:
        from core.recommend.models.two_tower_training import ARRAYS

        arrays = {name: getattr(self, name) for name in ARRAYS}
        save_model(folder, self.name, {**self.settings, "curve": self.curve}, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        settings, arrays = load_model(folder, cls.name)
        curve = settings.pop("curve", [])
        model = cls(**settings)
        model.curve = curve
        for name in _NEEDED:
            if name not in arrays:
                raise ModelError(f"The model in {folder} lacks {name}: train it again with 'recommend train'.")
        for name, array in arrays.items():
            setattr(model, name, array)
        return model


def temperature_by_density(matrix: sp.csr_matrix) -> float:
    """From 0.1 where people acted on one item in 1,500 or fewer, to 0.2 where on one in 30: in dense data more of what
    counts as a negative would be liked too, and telling it apart sharply does harm. Chosen on held-out parts of Gowalla
    (.15: NDCG@20 .1102, .1: .1236, .07: .1194) and MovieLens-1M (.1: .1946, .15: .1987, .2: .1996, .25: .1966).
    """
    density = matrix.nnz / max(1, matrix.shape[0] * matrix.shape[1])
    sparse, dense = 1 / 1500, 1 / 30
    share = np.log(max(density, sparse) / sparse) / np.log(dense / sparse)
    return round(float(0.1 + 0.1 * min(1.0, share)), 3)


_NEEDED = ("item_in", "item_out", "content_in", "content_out")
"""A model of before there was attention, or profiles, has no more."""
