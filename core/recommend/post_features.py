"""What a post is, as features of the post tower: words, pictures, author, hashtags, language, when it was written."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.recommend.features import Block, Matrix, bumps, fit_block, one_hot
from core.recommend.stored import load_model, save_model

if TYPE_CHECKING:
    from core.workspace import Workspace

Rows = NDArray[np.int64]

_MOST_WORDS = {"author": 2000, "hashtags": 300, "lang": 30}
_TAG = re.compile(r"#[\w]{2,50}")
_PERIODS = 8
_NAME = "post-features"
_AT_A_TIME = 20_000


@dataclass
class Recipe:
    """How posts become features, learnt from the posts of a training. ``models`` names the encoders' spaces: another
    model's vectors mean something else."""

    blocks: list[Block] = field(default_factory=list)
    vocabularies: dict[str, list[str]] = field(default_factory=dict)
    periods: list[float] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)

    def features(self, workspace: Workspace, rows: Rows) -> Matrix:
        """(n, features) float32 of posts. Raises ModelError where the encoders are not those of the training."""
        parts = []
        for start in range(0, max(len(rows), 1), _AT_A_TIME):
            raw = _raw(workspace, rows[start : start + _AT_A_TIME], self)
            parts.append(np.hstack([block.features(*raw[block.name]) for block in self.blocks]))
        return np.vstack(parts).astype(np.float32)

    def save(self, folder: Path) -> None:
        arrays: dict[str, Any] = {}
        for block in self.blocks:
            arrays[f"{block.name}.mean"], arrays[f"{block.name}.axes"] = block.mean, block.axes
        about = {"blocks": [b.name for b in self.blocks], "vocabularies": self.vocabularies, "periods": self.periods,
                 "models": self.models}  # fmt: skip
        save_model(folder, _NAME, about, arrays)

    @classmethod
    def load(cls, folder: Path) -> Recipe:
        """Raises ModelError."""
        about, arrays = load_model(folder, _NAME)
        blocks = [Block(name, arrays[f"{name}.mean"], arrays[f"{name}.axes"]) for name in about["blocks"]]
        return cls(blocks, about["vocabularies"], about["periods"], about["models"])


def learn_recipe(workspace: Workspace, rows: Rows) -> tuple[Recipe, Matrix]:
    """A recipe from the posts ``rows``, and their features."""
    recipe = Recipe(
        models={kind: space.model_id for kind in ("text", "dual") if (space := workspace.indexes.space(kind))}
    )
    about = _about(workspace, rows)
    for name, most in _MOST_WORDS.items():
        counts = Counter(word for words in about[name] for word in set(words))
        recipe.vocabularies[name] = [word for word, n in counts.most_common(most) if n > 1]
    moments = about["moment"][np.isfinite(about["moment"])]
    if len(moments) > 1 and moments.max() > moments.min():
        recipe.periods = np.linspace(moments.min(), moments.max(), _PERIODS).tolist()
    raw = _raw(workspace, rows, recipe, about)
    recipe.blocks = [fit_block(name, *given) for name, given in raw.items()]
    return recipe, np.hstack([block.features(*raw[block.name]) for block in recipe.blocks]).astype(np.float32)


def _raw(
    workspace: Workspace, rows: Rows, recipe: Recipe, about: dict[str, Any] | None = None
) -> dict[str, tuple[Matrix, NDArray[np.bool_] | None]]:
    """Values and which posts have them, by the block's name."""
    about = about or _about(workspace, rows)
    found: dict[str, tuple[Matrix, NDArray[np.bool_] | None]] = {}
    for kind, model in recipe.models.items():
        vectors, there = _vectors(workspace, kind, rows, model)
        if vectors.shape[1]:
            found[kind] = (vectors, there)
    for name in _MOST_WORDS:
        if recipe.vocabularies.get(name):
            found[name] = (one_hot(about[name], recipe.vocabularies[name]), None)
    if recipe.periods:
        centres = np.array(recipe.periods)
        width = float(centres[1] - centres[0])
        moments = np.clip(about["moment"], centres[0], centres[-1])  # what is newer counts as the newest
        found["period"] = (bumps(moments, centres, width), np.isfinite(moments))
    return found


def _about(workspace: Workspace, rows: Rows) -> dict[str, Any]:
    found = {
        row: (author, lang, text, moment)
        for row, author, lang, text, moment in workspace.cursor()
        .execute(
            "SELECT row, user_id, lang, left(text, 2000), epoch(created_at) FROM posts"
            " WHERE row IN (SELECT unnest(?::BIGINT[]))",
            [rows.tolist()],
        )
        .fetchall()
    }
    each = [found.get(row, (None, None, "", None)) for row in rows.tolist()]
    return {
        "author": [[author] if author else [] for author, *_ in each],
        "lang": [[lang] if lang else [] for _, lang, *_ in each],
        "hashtags": [_TAG.findall(text.lower()) for _, _, text, _ in each],
        "moment": np.array([np.nan if moment is None else float(moment) for *_, moment in each]),
    }


def _vectors(workspace: Workspace, kind: str, rows: Rows, model: str) -> tuple[Matrix, NDArray[np.bool_]]:
    """The posts' vectors of words, or the mean of their pictures', and which posts have one."""
    from core.errors import ModelError

    indexes = workspace.indexes
    space = indexes.space(kind)
    if space is None or space.model_id != model:
        raise ModelError(
            f"The recommender learnt from vectors of {model}, which this workspace does not use now: train it again."
        )
    vectors, there = np.zeros((len(rows), space.dim), np.float32), np.zeros(len(rows), bool)
    order = np.argsort(rows)
    if kind == "text":
        found, values = indexes.stored("text", rows)
        at = order[np.searchsorted(rows[order], found)]
        vectors[at], there[at] = values, True
        return vectors, there
    pictures = indexes.pictures()
    media, values = indexes.stored("dual", pictures.of_posts(rows))
    posts, known = pictures.posts_of(media)
    at = order[np.searchsorted(rows[order], posts)] if len(posts) else np.empty(0, np.int64)
    np.add.at(vectors, at, values[known])
    there[at] = True
    counts = np.bincount(at, minlength=len(rows))
    vectors /= np.maximum(counts, 1)[:, None]
    return vectors, there
