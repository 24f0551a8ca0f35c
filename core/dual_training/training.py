"""Training the dual encoder from captioned pictures, start to finish: features, heads, one file of weights."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from core.dual_training.checkpoints import Epoch
from core.dual_training.drawings import Thing, draw_thing, read_drawings, thing_key
from core.dual_training.features import Report, Views, picture_features, sentence_vectors, trunk_views, view
from core.dual_training.heads import Recipe, TunedRecipe
from core.dual_training.loop import train
from core.dual_training.pairs import PairSet
from core.dual_training.stickers import draw_sticker, emoji_names
from core.encoders.dual_heads import BESIDE, EVEN, HeadsInfo, Weights, heads_beside, load_heads, put_beside, save_heads
from core.encoders.efficientnet_lite import SIDE, Features
from core.errors import ImportFailed, ModelError
from core.evaluation.retrieval import CaptionedPictures, read_captioned_pictures
from core.pictures import open_picture

HELD_OUT_SHARE = 0.05
LEAST_PAIRS = 20
DRAWINGS_SHARE = 0.6
"""Of the drawings in an epoch: photographs stay the main thing."""

EMOJI_VIEWS = 3


@dataclass(frozen=True, slots=True)
class Sources:
    """What is learned beside the pairs. ``stickers``: OpenMoji's drawings and their names. ``posts``: a posts file and
    its folder of pictures, of which the four fifths are learned that
    :func:`core.evaluation.retrieval.in_test_fifth` leaves. ``drawings``: folders of drawings, see
    :mod:`core.dual_training.drawings`. ``share``: how much of stickers and drawings an epoch goes through."""

    stickers: bool = False
    posts: tuple[Path, Path] | None = None
    drawings: tuple[Path, ...] = ()
    share: float = DRAWINGS_SHARE


def train_dual(
    data: CaptionedPictures,
    out: Path,
    *,
    sources: Sources | None = None,
    init: Path | None = None,
    beside: Path | None = None,
    beside_share: float | None = None,
    recipe: Recipe | None = None,
    cache: Path,
    report: Report,
) -> dict[str, Any]:
    """Trains on captioned pictures and writes the weights to ``out``, and how it went beside them, to
    ``<out>.history.json``.

    A twentieth of the pictures, chosen by the hash of their names, is held out: the epoch with the best text-to-image
    R@10 on it is kept. A TunedRecipe trains the backbone's last blocks too. ``init`` names a file of weights to start
    from; ``beside`` a file of heads on the packaged backbone that goes beside what was trained and counts for
    ``beside_share`` of the cosine, by default as in ``init`` or a half. Features and a checkpoint are kept in
    ``cache``: killed and started again, it goes on after the last whole epoch.
    Gives the counts, the epochs and the held-out recall in percent.

    Raises ImportFailed for pairs that are too few, ModelError where ``init`` or ``beside`` do not fit; nothing is
    written to ``out`` then.
    """
    recipe = recipe or Recipe()
    sources = sources or Sources()
    initial, before = (None, None) if init is None else _read_initial(init, recipe)
    captioned = _captioned("captions", data, recipe, cache, report)
    held = np.array([_is_held_out(path.name) for path in data.pictures])
    if not held[captioned.picture_of].any():
        held[captioned.picture_of[-1]] = True
    learned, held_out = captioned.split(held)
    if not len(learned):
        raise ImportFailed("All readable pictures are held out: more pictures are needed to train on.")
    sets = [learned]
    if sources.stickers:
        sets.append(replace(sticker_pairs(recipe, cache, report), share=sources.share))
    if sources.posts is not None:
        posts, folder = sources.posts
        theirs = read_captioned_pictures(folder, posts, "train")
        sets.append(_captioned("posts", theirs, recipe, cache, report, least=1))
    measured = [held_out]
    for folder in sources.drawings:
        for found in drawing_pairs(read_drawings(folder), recipe, cache, report):
            one = replace(found, share=sources.share)
            if one.name == "drawings":
                rest, some = one.split(np.array([_is_held_out(f"{row}") for row in range(one.pictures)]))
                sets.append(rest)
                measured += [some] if len(some) else []
            else:
                sets.append(one)
    trained = train(
        sets, measured, recipe, report, checkpoint=cache / "checkpoint.safetensors", initial=initial,
        watch=lambda epochs: write_history(out, _told(epochs)),
    )  # fmt: skip
    weights, info = trained.weights, trained.info
    share = beside_share or (before.beside_share if before is not None else EVEN)
    if beside is not None:
        weights, info = put_beside(weights, info, beside, share)
    elif initial is not None and heads_beside(initial):
        weights = weights | {name: tensor for name, tensor in initial.items() if name.startswith(BESIDE)}
        info = replace(info, beside=True, beside_share=share)
    recall = trained.epochs[trained.best - 1].recall if trained.best else trained.before or {}
    out.parent.mkdir(parents=True, exist_ok=True)
    save_heads(out, weights, info)
    result = {
        "out": str(out),
        "pictures": len(np.unique(captioned.picture_of)),
        "unreadable": len(data.pictures) - len(np.unique(captioned.picture_of)),
        "captions": len(captioned),
        "sets": {one.name: one.pictures for one in sets},
        "epoch": trained.best,
        **_told(trained.epochs),
        "held_out_r@10": {name: round(share, 2) for name, share in recall.items()},
        "before_r@10": trained.before and {name: round(share, 2) for name, share in trained.before.items()},
        "held_out": len(held_out),
        "recipe": asdict(recipe),
    }
    write_history(out, result)
    return result


def _told(epochs: Sequence[Epoch]) -> dict[str, Any]:
    """How a training goes, for a file and for a plot."""
    return {
        "losses": [round(epoch.loss, 4) for epoch in epochs],
        "recalls": [round(epoch.mean_recall, 2) for epoch in epochs],
    }


def history_file(out: Path) -> Path:
    """Where it is told how the training of some weights went, or goes."""
    return out.with_name(f"{out.name}.history.json")


def write_history(out: Path, result: dict[str, Any]) -> None:
    """Beside the weights, swapped in."""
    path = history_file(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(result, indent=1), encoding="utf-8")
    os.replace(part, path)


def _read_initial(path: Path, recipe: Recipe) -> tuple[Weights, HeadsInfo]:
    weights, info = load_heads(path)
    if info.tuned and not isinstance(recipe, TunedRecipe):
        raise ModelError(f"{path.name} holds tuned blocks of the backbone: go on from it with --tune.")
    if (info.dim, info.width) != (recipe.dim, recipe.width):
        raise ModelError(
            f"{path.name} has heads of {info.dim} dimensions and a width of {info.width}; this training makes"
            f" {recipe.dim} and {recipe.width}."
        )
    return weights, info


def _features(
    recipe: Recipe,
    keys: list[str],
    draw: Callable[[int, int], Image.Image],
    cache: Path,
    report: Report,
    note: str,
    views: int | None = None,
) -> Features | Views:
    """What the recipe trains on, of each picture; of view 0 alone where the backbone stays as it is."""
    if isinstance(recipe, TunedRecipe):
        return trunk_views(keys, draw, views or recipe.views, cache, report, note)
    return picture_features(keys, lambda row: draw(row, 0), cache, report, note)


def _readable(features: Features | Views) -> np.ndarray:
    """Numbers of the pictures that could be read, in every view."""
    parts = features if isinstance(features, tuple) else (features,)
    bad = np.zeros(len(parts[0]), bool)
    for part in parts:
        bad |= np.isnan(part.reshape(len(part), -1)[:, 0])
    return np.flatnonzero(~bad)


def _captioned(
    name: str, data: CaptionedPictures, recipe: Recipe, cache: Path, report: Report, *, least: int = LEAST_PAIRS
) -> PairSet:
    """Captioned pictures as pairs; the unreadable are left out."""
    features = _features(
        recipe,
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in data.pictures],
        lambda row, at: view(open_picture(data.pictures[row], shrink_to=2 * SIDE), at, row),
        cache,
        report,
        f"Reading the pictures of the {name}",
    )
    usable = np.flatnonzero(np.isin(data.picture_of, _readable(features)))
    if len(usable) < least:
        raise ImportFailed(f"There are {len(usable)} {name} with a readable picture: too few to train on.")
    vectors = sentence_vectors(data.captions, cache, report, f"Reading the {name}")
    return PairSet(name, features, data.captions, vectors, data.picture_of[usable], usable)


def sticker_pairs(recipe: Recipe, cache: Path, report: Report) -> PairSet:
    """Every drawing of :func:`~core.dual_training.stickers.emoji_names` once, with its name, and "a picture of" it."""
    names = emoji_names()
    codes = list(names)
    features = _features(
        recipe,
        [f"sticker on a scene {code}" for code in codes],
        lambda row, at: view(draw_sticker(codes[row], Random(f"sticker {codes[row]}")), at, row),
        cache,
        report,
        "Drawing the stickers",
    )
    said = tuple([names[code] for code in codes] + [f"a picture of {names[code]}" for code in codes])
    vectors = sentence_vectors(said, cache, report, "Reading their names")
    pictures = np.tile(np.arange(len(codes)), 2)
    return PairSet("stickers", features, said, vectors, pictures, np.arange(2 * len(codes)), DRAWINGS_SHARE)


def drawing_pairs(things: Sequence[Thing], recipe: Recipe, cache: Path, report: Report) -> list[PairSet]:
    """Things with one drawing are seen once; those with several, emoji of several packs, in as many views."""
    sets = []
    for name, some, views in (
        ("drawings", [thing for thing in things if len(thing.pictures) == 1], 1),
        ("emoji of several packs", [thing for thing in things if len(thing.pictures) > 1], EMOJI_VIEWS),
    ):
        if not some:
            continue
        features = _features(
            recipe,
            [thing_key(thing) for thing in some],
            lambda row, at, some=some: draw_thing(some[row], at),  # type: ignore[misc]
            cache,
            report,
            f"Drawing the {name}",
            views,
        )
        said = [(row, words) for row, thing in enumerate(some) for words, lang in thing.captions if lang == "en"]
        texts = tuple(words for _, words in said)
        vectors = sentence_vectors(texts, cache, report, "Reading their names")
        pictures = np.array([row for row, _ in said], np.int64)
        usable = np.flatnonzero(np.isin(pictures, _readable(features)))
        sets.append(PairSet(name, features, texts, vectors, pictures[usable], usable, DRAWINGS_SHARE))
    return sets


def _is_held_out(name: str) -> bool:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:4]) < HELD_OUT_SHARE * 2**32
