"""Items that the same people acted on (Sarwar et al., 2001), by ``implicit``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp

from core.recommend.models.popularity import check_training
from core.recommend.protocol import Scores, Training, Users
from core.recommend.stored import load_model, save_model, settings_of


class ItemKNN:
    """Scores an item by its similarity to those of the history, each item keeping its ``neighbours`` nearest.

    ``similarity``: cosine of the items' users; tfidf and bm25 weigh users down who act on much.
    """

    name = "item-knn"
    defaults: ClassVar[dict[str, Any]] = {"neighbours": 200, "similarity": "cosine"}

    def __init__(self, **settings: Any) -> None:
        self.settings = settings_of(self.name, self.defaults, settings)
        self._similar: sp.csr_matrix = sp.csr_matrix((0, 0), dtype=np.float32)

    def fit(self, training: Training) -> None:
        from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender

        check_training(training)
        kinds = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}
        kind = kinds[self.settings["similarity"]]
        # An item's nearest is itself, and says nothing.
        model = kind(K=int(self.settings["neighbours"]) + 1, num_threads=training.threads)
        with warnings.catch_warnings():  # tfidf and bm25 hand a COO matrix on, and implicit warns of itself
            warnings.simplefilter("ignore")
            model.fit(training.matrix.astype(np.float64), show_progress=False)
        similar = model.similarity.tocsr().astype(np.float32)
        similar.setdiag(0)
        similar.eliminate_zeros()
        self._similar = similar

    def score(self, histories: sp.csr_matrix, users: Users | None = None) -> Scores:
        scores: Scores = (histories @ self._similar).toarray().astype(np.float32, copy=False)
        return scores

    def save(self, folder: Path) -> None:
        similar = self._similar
        save_model(
            folder, self.name, self.settings,
            {"data": similar.data, "indices": similar.indices, "indptr": similar.indptr},
        )  # fmt: skip

    @classmethod
    def load(cls, folder: Path) -> Self:
        settings, arrays = load_model(folder, cls.name)
        model = cls(**settings)
        items = len(arrays["indptr"]) - 1
        model._similar = sp.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), (items, items))
        return model
