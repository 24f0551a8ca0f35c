"""What training the dual encoder minimises, and over which weights: its two heads, and perhaps the backbone's tail.

What a frozen backbone does not tell apart, heads can't; with a TunedRecipe its last blocks are trained as well. The
trunk before them stays as it is, so that its outputs, of a few views of each picture, are computed once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.dual_training.pairs import PairSet, PairTable
from core.encoders.dual_heads import INPUT_DIMS, HeadsInfo, Side, Weights, apply_head, head_shapes
from core.encoders.efficientnet_lite import (
    FEATURE_DIM,
    TRUNK_SHAPE,
    Features,
    apply_tail,
    load_efficientnet_lite2,
)
from core.encoders.precision import has_fast_bfloat16
from core.evaluation.retrieval import retrieval_ranks

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TAIL_CHUNK = 64
STANDARDISED_ON = 1024

WINDOWS = (7, 8, 9, 9)
"""Sides of the part of the trunk's grid that a training step looks at: a crop that costs nothing."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the heads are trained. A batch is of so many pictures, each with ``captions`` of its captions.

    ``temperature`` is where the learned one starts; ``dropout`` is the share of hidden values that are left out.
    The weights that are kept are a running mean over about 1 / (1 - ``memory``) steps. ``apart``: each batch is of one
    source of pairs.
    """

    dim: int = 256
    width: int = 1024
    epochs: int = 20
    batch: int = 512
    captions: int = 2
    rate: float = 1e-3
    decay: float = 0.1
    dropout: float = 0.5
    temperature: float = 0.07
    memory: float = 0.98
    apart: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TunedRecipe(Recipe):
    """How heads and the picture backbone's tail are trained together. A picture is seen in one of its ``views``;
    ``tail_rate`` is the tail's learning rate, ``tail_decay`` its weight decay."""

    epochs: int = 12
    batch: int = 256
    views: int = 2
    tail_rate: float = 1e-4
    tail_decay: float = 0.05


FINE_RATE = 2e-4
FINE_TAIL_RATE = 2e-5
"""Rates of a TunedRecipe that goes on from trained weights."""


def recall_at_10(weights: Weights, pairs: PairSet) -> float:
    """Text-to-image R@10 in percent, each caption of ``pairs`` among the pictures of ``pairs``."""
    import torch

    pictures, picture_of = np.unique(pairs.picture_of, return_inverse=True)
    device = weights["picture.mean"].device
    with torch.inference_mode():
        features = torch.from_numpy(features_of(weights, pairs, pictures)).to(device)
        shown = apply_head(weights, "picture", features).cpu().numpy()
        said = apply_head(weights, "text", torch.from_numpy(pairs.vectors[pairs.caption_of]).to(device)).cpu().numpy()
    ranks, _ = retrieval_ranks(said, shown, picture_of)
    return 100 * float((ranks <= 10).mean())


def features_of(weights: Weights, pairs: PairSet, pictures: NDArray[np.int64]) -> Features:
    """Pooled features (n, 1280) of some pictures; where the tail is tuned, by the tail, of their first view."""
    import torch

    if not isinstance(pairs.features, tuple):
        chosen: Features = pairs.features[pictures]
        return chosen
    device = weights["tail.head.weight"].device
    parts = [np.empty((0, FEATURE_DIM), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(pictures), TAIL_CHUNK):
            chunk = pairs.features[0][pictures[start : start + TAIL_CHUNK]].astype(np.float32)
            parts.append(apply_tail(weights, torch.from_numpy(chunk).to(device)).cpu().numpy())
    return np.concatenate(parts)


def initial_heads(inputs: Mapping[Side, np.ndarray], info: HeadsInfo) -> Weights:
    """Heads: mean and spread of ``inputs`` (n, dim of the side), which stay as they are, and random matrices, which are
    trained."""
    import torch

    weights: Weights = {}
    for side in INPUT_DIMS:
        weights[f"{side}.mean"] = torch.from_numpy(inputs[side].mean(0))
        weights[f"{side}.scale"] = torch.from_numpy(inputs[side].std(0)).clamp_min(1e-3)
    for name, shape in head_shapes(replace(info, tuned=False, beside=False)).items():
        if len(shape) == 2:
            weights[name] = (torch.randn(shape) / shape[1] ** 0.5).requires_grad_()
        elif name not in weights:
            weights[name] = torch.zeros(shape, requires_grad=True)
    return weights


def contrast(logits: Tensor, positive: Tensor) -> Tensor:
    """Symmetric InfoNCE of (pictures, captions) logits where ``positive``, of the same shape, is 1 for what belongs
    together and 0 elsewhere."""
    to_text = -(_shares(positive) * logits.log_softmax(1)).sum(1).mean()
    to_picture = -(_shares(positive.T) * logits.T.log_softmax(1)).sum(1).mean()
    return (to_text + to_picture) / 2


def _shares(positive: Tensor) -> Tensor:
    return positive / positive.sum(1, keepdim=True)


def start_weights(table: PairTable, recipe: Recipe, rng: np.random.Generator, initial: Weights | None) -> Weights:
    """The weights that training starts from; those that it changes want gradients."""
    tuned = isinstance(recipe, TunedRecipe)
    tail = load_efficientnet_lite2().tail if tuned else {}
    if initial is not None:
        tail = {name: initial.get(name, tensor) for name, tensor in tail.items()}
        heads = {name: initial[name] for name in head_shapes(HeadsInfo(recipe.dim, recipe.width))}
        for name, tensor in heads.items():
            tensor.requires_grad_(not name.endswith((".mean", ".scale")))
    else:
        first = table.sets[0]
        some = np.unique(first.picture_of)
        some = rng.permutation(some)[:STANDARDISED_ON]
        inputs: dict[Side, np.ndarray] = {"picture": features_of(tail, first, some), "text": table.vectors}
        heads = initial_heads(inputs, HeadsInfo(recipe.dim, recipe.width))
    return heads | {name: tensor.detach().clone().requires_grad_() for name, tensor in tail.items()}


def batch_loss(
    weights: Weights,
    table: PairTable,
    pictures: NDArray[np.int64],
    log_scale: Tensor,
    recipe: Recipe,
    rng: np.random.Generator,
) -> Tensor:
    import torch

    said = [rng.permutation(table.captions_of[int(picture)])[: recipe.captions] for picture in pictures]
    owner = np.repeat(np.arange(len(pictures)), [len(some) for some in said])
    captions = np.concatenate(said)
    features = _features(weights, table, pictures, rng, log_scale.device)
    shown = apply_head(weights, "picture", features, dropout=recipe.dropout)
    vectors = torch.from_numpy(table.vectors[captions]).to(log_scale.device)
    spoken = apply_head(weights, "text", vectors, dropout=recipe.dropout)
    own = (np.arange(len(pictures))[:, None] == owner[None, :]).astype(np.float32)
    same = (table.words[captions][:, None] == table.words[captions][None, :]).astype(np.float32)
    positive = torch.from_numpy(np.minimum(own @ same, 1)).to(log_scale.device)
    return contrast(log_scale.exp() * shown @ spoken.T, positive)


def _features(
    weights: Weights, table: PairTable, pictures: NDArray[np.int64], rng: np.random.Generator, device: torch.device
) -> Tensor:
    """Pooled features (n, 1280) of a batch; where the tail is tuned, of a part of one view of each picture."""
    import torch

    owner = np.searchsorted(table.starts, pictures, side="right") - 1
    if not isinstance(table.sets[0].features, tuple):
        rows = [table.sets[at].features[number - table.starts[at]] for at, number in zip(owner, pictures, strict=True)]
        return torch.from_numpy(np.stack(rows)).to(device)
    parts = []
    # A training's gradients want the range of bfloat16, on a GPU too.
    kind = torch.bfloat16 if device.type == "cuda" or has_fast_bfloat16() else torch.float32
    for start in range(0, len(pictures), TAIL_CHUNK):
        side = int(rng.choice(WINDOWS))
        top, left = rng.integers(TRUNK_SHAPE[0] - side + 1, size=2)
        chunk = []
        for at, number in zip(owner[start : start + TAIL_CHUNK], pictures[start : start + TAIL_CHUNK], strict=True):
            views = table.sets[at].features
            seen = views[int(rng.integers(len(views)))][number - table.starts[at]]
            chunk.append(seen[top : top + side, left : left + side])
        parts.append(apply_tail(weights, torch.from_numpy(np.stack(chunk)).to(device, kind)))
    return torch.cat(parts)
