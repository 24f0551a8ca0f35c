"""What is known of a user beside the history, as features of the user tower: description, place, how followed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.database.users import get_users
from core.recommend.features import Block, Matrix, bumps, fit_block, one_hot
from core.recommend.stored import load_model, save_model
from core.search.tokens import forms
from core.types import User

if TYPE_CHECKING:
    from core.workspace import Workspace

MOST_WORDS, MOST_DIMENSIONS = 300, 16
"""Few dimensions: with many, a profile would be a name by which histories are learnt by heart."""

_TENS = np.arange(0.0, 8.0)
"""Followers and following are told by their power of ten."""
_NAME = "profile-features"


@dataclass
class ProfileRecipe:
    """How profiles become features, learnt from the users of a training. Of a user without a profile they are 0."""

    vocabulary: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def features(self, workspace: Workspace, user_ids: Sequence[str]) -> Matrix:
        """(n, features) float32."""
        found = get_users(workspace.cursor(), user_ids)
        return self._features([found.get(id_) for id_ in user_ids])

    def _features(self, users: Sequence[User | None]) -> Matrix:
        raw = _raw(users, self.vocabulary)
        parts = [block.features(*raw[block.name]) for block in self.blocks]
        return np.hstack(parts) if parts else np.zeros((len(users), 0), np.float32)

    def save(self, folder: Path) -> None:
        arrays: dict[str, Any] = {}
        for block in self.blocks:
            arrays[f"{block.name}.mean"], arrays[f"{block.name}.axes"] = block.mean, block.axes
        save_model(folder, _NAME, {"blocks": [b.name for b in self.blocks], "vocabulary": self.vocabulary}, arrays)

    @classmethod
    def load(cls, folder: Path) -> ProfileRecipe:
        """Raises ModelError."""
        about, arrays = load_model(folder, _NAME)
        blocks = [Block(name, arrays[f"{name}.mean"], arrays[f"{name}.axes"]) for name in about["blocks"]]
        return cls(about["vocabulary"], blocks)


def learn_profiles(workspace: Workspace, user_ids: Sequence[str]) -> tuple[ProfileRecipe, Matrix] | None:
    """A recipe from these users, and their features; None where nothing is known of them that tells them apart."""
    found = get_users(workspace.cursor(), user_ids)
    users = [found.get(id_) for id_ in user_ids]
    counts = Counter(word for user in users for word in set(_words(user)))
    recipe = ProfileRecipe([word for word, n in counts.most_common(MOST_WORDS) if n > 1])
    raw = _raw(users, recipe.vocabulary)
    blocks = [fit_block(name, *given, most=MOST_DIMENSIONS) for name, given in raw.items()]
    recipe.blocks = [block for block in blocks if block.axes.shape[1]]
    return (recipe, recipe._features(users)) if recipe.blocks else None


def _raw(users: Sequence[User | None], vocabulary: list[str]) -> dict[str, tuple[Matrix, Any]]:
    """Values and which users have them, by the block's name."""
    words = [_words(user) for user in users]
    found: dict[str, tuple[Matrix, Any]] = {}
    if vocabulary:
        found["words"] = (one_hot(words, vocabulary), np.array([bool(own) for own in words]))
    for name in ("followers", "following"):
        tens = np.array([_ten(getattr(user, name) if user else None) for user in users])
        found[name] = (bumps(tens, _TENS, 1.0), np.isfinite(tens))
    return found


def _words(user: User | None) -> list[str]:
    """Those of the description and the place, never of the name."""
    if user is None:
        return []
    found, _ = forms(" ".join(filter(None, (user.description, user.location)))[:2000])
    return [word for word in dict.fromkeys(found) if len(word) > 2]


def _ten(count: int | None) -> float:
    return math.nan if count is None else math.log10(1 + max(0, count))
