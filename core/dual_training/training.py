"""Training the dual encoder from captioned pictures, start to finish: features, heads, one file of weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.dual_training.features import Report, picture_features, sentence_vectors, trunk_views
from core.dual_training.heads import Recipe, TunedRecipe, train_heads
from core.dual_training.pairs import PairSet
from core.dual_training.stickers import draw_sticker, emoji_names
from core.dual_training.tuning import train_tuned
from core.encoders.dual_heads import put_beside, save_heads
from core.encoders.efficientnet_lite import SIDE
from core.errors import ImportFailed
from core.evaluation.retrieval import read_captioned_pictures
from core.pictures import open_picture

HELD_OUT_SHARE = 0.05
LEAST_PAIRS = 20


def train_dual(
    pairs: Path,
    images: Path,
    out: Path,
    *,
    split: str = "train",
    stickers: bool = False,
    posts: tuple[Path, Path] | None = None,
    beside: Path | None = None,
    recipe: Recipe | None = None,
    cache: Path,
    report: Report,
) -> dict[str, Any]:
    """Trains on one split of a CSV with the columns split, image and caption, and writes the heads to ``out``.

    A twentieth of the pictures, chosen by the hash of their names, is held out: the epoch with the best text-to-image
    R@10 on it is kept. With ``stickers`` OpenMoji's drawings and their names are learned too, but for those that
    checks ask for; with ``posts``, a posts file and its folder of pictures, the four fifths of it that
    :func:`core.evaluation.retrieval.in_test_fifth` leaves. A TunedRecipe trains the backbone's last blocks too;
    ``beside`` names a file of heads on the packaged backbone that goes beside what was trained.
    Features are kept in ``cache``, so that another recipe costs less. Gives the counts, the losses and the held-out
    recall in percent.

    Raises ImportFailed and SettingError for pairs that can't be used, as
    :func:`core.evaluation.retrieval.read_captioned_pictures` does.
    """
    data = read_captioned_pictures(images, pairs, split)
    recipe = recipe or Recipe()
    features = _features(
        recipe,
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in data.pictures],
        lambda index: open_picture(data.pictures[index], shrink_to=2 * SIDE),
        cache,
        report,
        "Reading the pictures",
    )
    readable = np.flatnonzero(~np.isnan(features.reshape(len(features), -1)[:, 0]))
    usable = np.isin(data.picture_of, readable)
    if int(usable.sum()) < LEAST_PAIRS:
        raise ImportFailed(
            f"{pairs.name} has {int(usable.sum())} captions with a readable picture: too few to train on."
        )
    vectors = sentence_vectors(data.captions, cache, report, "Reading the captions")
    captioned = PairSet("captions", features, vectors, data.picture_of[usable], np.flatnonzero(usable))
    held = np.array([_is_held_out(path.name) for path in data.pictures])
    if not held[data.picture_of[usable]].any():
        held[captioned.picture_of[-1]] = True
    learned, held_out = captioned.split(held)
    sets = [learned]
    if stickers:
        sets.append(sticker_pairs(recipe, cache, report))
    if posts is not None:
        sets.append(post_pairs(*posts, recipe, cache, report))
    train = train_tuned if isinstance(recipe, TunedRecipe) else train_heads
    trained = train(sets, [held_out], recipe, report)  # type: ignore[arg-type]
    weights, info = trained.weights, trained.info
    if beside is not None:
        weights, info = put_beside(weights, info, beside)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_heads(out, weights, info)
    return {
        "out": str(out),
        "pictures": len(readable),
        "unreadable": len(data.pictures) - len(readable),
        "captions": int(usable.sum()),
        "epoch": trained.epoch,
        "losses": [round(loss, 4) for loss in trained.losses],
        "held_out_r@10": {name: round(recall, 2) for name, recall in trained.recall.items()},
        "recipe": asdict(recipe),
    }


def _features(
    recipe: Recipe, keys: list[str], draw: Callable[[int], Image.Image], cache: Path, report: Report, note: str
) -> NDArray[np.floating[Any]]:
    """What the recipe trains on, of each picture."""
    if isinstance(recipe, TunedRecipe):
        return trunk_views(keys, draw, recipe.views, cache, report, note)
    return picture_features(keys, draw, cache, report, note)


def post_pairs(posts: Path, images: Path, recipe: Recipe, cache: Path, report: Report) -> PairSet:
    """Own text and own picture of the posts that no measurement asks for. Raises as :func:`train_dual`."""
    data = read_captioned_pictures(images, posts, "train")
    features = _features(
        recipe,
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in data.pictures],
        lambda index: open_picture(data.pictures[index], shrink_to=2 * SIDE),
        cache,
        report,
        "Reading the posts' pictures",
    )
    readable = np.flatnonzero(~np.isnan(features.reshape(len(features), -1)[:, 0]))
    usable = np.flatnonzero(np.isin(data.picture_of, readable))
    vectors = sentence_vectors(data.captions, cache, report, "Reading the posts")
    return PairSet("posts", features, vectors, data.picture_of[usable], usable)


def sticker_pairs(recipe: Recipe, cache: Path, report: Report) -> PairSet:
    """Every drawing of :func:`~core.dual_training.stickers.emoji_names` once, with its name, and "a picture of" it."""
    names = emoji_names()
    codes = list(names)
    features = _features(
        recipe,
        [f"sticker on a scene {code}" for code in codes],
        lambda index: draw_sticker(codes[index], Random(f"sticker {codes[index]}")),
        cache,
        report,
        "Drawing the stickers",
    )
    said = [names[code] for code in codes] + [f"a picture of {names[code]}" for code in codes]
    vectors = sentence_vectors(said, cache, report, "Reading their names")
    return PairSet("stickers", features, vectors, np.tile(np.arange(len(codes)), 2), np.arange(2 * len(codes)))


def _is_held_out(name: str) -> bool:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:4]) < HELD_OUT_SHARE * 2**32
