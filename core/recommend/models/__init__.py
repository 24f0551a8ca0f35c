"""The recommenders by name, a module a kind. Loaded when asked for, since some need a model library."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from core.errors import ModelError, SettingError
from core.recommend.protocol import Recommender

MODELS: dict[str, str] = {
    "popularity": "core.recommend.models.popularity:Popularity",
    "recent-popularity": "core.recommend.models.popularity:RecentPopularity",
    "item-knn": "core.recommend.models.item_knn:ItemKNN",
    "ials": "core.recommend.models.factors:IALS",
    "bpr": "core.recommend.models.factors:BPR",
    "ease": "core.recommend.models.ease:EASE",
    "content-knn": "core.recommend.models.content:ContentKNN",
    "content-ridge": "core.recommend.models.content:ContentRidge",
    "two-tower": "core.recommend.models.two_tower:TwoTower",
}
"""``content-*`` need the items' content and know nothing else: they are there for items that nobody has acted on."""

TITLES = {
    "popularity": "Popularity",
    "recent-popularity": "Recent popularity",
    "item-knn": "Item neighbours (kNN)",
    "ials": "iALS",
    "bpr": "BPR",
    "ease": "EASE",
    "content-knn": "Content neighbours",
    "content-ridge": "Content ridge",
    "two-tower": "Two towers",
}


def model_class(name: str) -> type[Recommender]:
    """Raises SettingError for a name that is not in MODELS."""
    if name not in MODELS:
        raise SettingError(f"There is no recommender {name!r}; there are {', '.join(MODELS)}.")
    module, _, kind = MODELS[name].partition(":")
    found: type[Recommender] = getattr(import_module(module), kind)
    return found


def make_model(name: str, **settings: Any) -> Recommender:
    return model_class(name)(**settings)


def load_saved(folder: Path) -> Recommender:
    """Whatever recommender ``folder`` holds. Raises ModelError."""
    import json

    from core.recommend.stored import ABOUT

    try:
        name = json.loads((folder / ABOUT).read_bytes())["model"]
        kind = model_class(name)
    except (OSError, ValueError, KeyError, TypeError, SettingError):
        raise ModelError(f"There is no model in {folder}: train one with 'recommend train'.") from None
    return kind.load(folder)
