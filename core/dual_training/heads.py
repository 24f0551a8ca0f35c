"""Contrastive training of the dual encoder's two heads over cached features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.dual_training.features import Report
from core.dual_training.pairs import PairSet, PairTable, join_sets
from core.encoders.dual_heads import INPUT_DIMS, HeadsInfo, Side, Weights, apply_head, head_shapes
from core.encoders.efficientnet_lite import FEATURE_DIM, Features, apply_tail
from core.evaluation.retrieval import retrieval_ranks

if TYPE_CHECKING:
    from torch import Tensor


TAIL_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the heads are trained. ``temperature`` is where the learned one starts; ``dropout`` is the share of hidden
    values that are left out."""

    dim: int = 256
    width: int = 1024
    epochs: int = 5
    batch: int = 1024
    rate: float = 1e-3
    decay: float = 0.1
    dropout: float = 0.5
    temperature: float = 0.07
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TunedRecipe(Recipe):
    """How heads and the picture backbone's tail are trained together. A batch is of so many pictures, each in one of
    its ``views`` and with ``captions`` of its captions; ``tail_rate`` is the tail's learning rate, ``tail_decay`` its
    weight decay; the weights that are kept are a running mean over about 1 / (1 - ``memory``) steps."""

    epochs: int = 10
    batch: int = 256
    views: int = 2
    captions: int = 2
    tail_rate: float = 1e-4
    tail_decay: float = 0.05
    memory: float = 0.98


@dataclass(frozen=True, slots=True)
class Trained:
    """``recall`` is text-to-image R@10 in percent on each held-out set, ``epoch`` the one whose weights were kept, from
    1."""

    weights: Weights
    info: HeadsInfo
    epoch: int
    recall: dict[str, float]
    losses: tuple[float, ...]


def train_heads(sets: Sequence[PairSet], held_out: Sequence[PairSet], recipe: Recipe, report: Report) -> Trained:
    """Symmetric InfoNCE (van den Oord et al. 2018; as in CLIP, Radford et al. 2021), pictures and captions that belong
    together all being positives; AdamW with a one-cycle rate. Keeps the epoch with the best mean recall held out.

    The same sets, recipe and number of threads give the same weights.
    """
    import torch

    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)  # dropout draws from the global one
    table = join_sets(sets)
    info = HeadsInfo(dim=recipe.dim, width=recipe.width)
    weights = initial_weights({"picture": table.features, "text": table.vectors}, info, generator)
    scale = torch.tensor(1 / recipe.temperature).log().requires_grad_()
    trained = {name: tensor for name, tensor in weights.items() if tensor.requires_grad}
    decayed = [tensor for tensor in trained.values() if tensor.ndim > 1]
    others = [tensor for tensor in trained.values() if tensor.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": recipe.decay}, {"params": [*others, scale], "weight_decay": 0.0}],
        lr=recipe.rate,
    )
    steps = max(1, -(-len(table.order) // recipe.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.epochs * steps + 1)
    best: Trained | None = None
    losses: list[float] = []
    for epoch in range(1, recipe.epochs + 1):
        order = torch.from_numpy(table.order)[torch.randperm(len(table.order), generator=generator)]
        total = 0.0
        for batch in torch.split(order, recipe.batch):
            loss = _loss(weights, table, batch.numpy(), scale, recipe.dropout)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                scale.clamp_(max=float(np.log(100)))  # as in CLIP
            total += loss.item() * len(batch)
        losses.append(total / len(order))
        recall = {one.name: recall_at_10(weights, one) for one in held_out}
        mean = sum(recall.values()) / max(1, len(recall))
        report(epoch, recipe.epochs, f"Training: loss {losses[-1]:.3f}, held-out R@10 {mean:.1f}")
        if best is None or not recall or mean >= sum(best.recall.values()) / len(best.recall):
            kept = {name: tensor.detach().clone() for name, tensor in weights.items()}
            best = Trained(kept, info, epoch, recall, tuple(losses))
    assert best is not None
    return best


def recall_at_10(weights: Weights, pairs: PairSet) -> float:
    """Text-to-image R@10 in percent, each caption of ``pairs`` among the pictures of ``pairs``."""
    import torch

    pictures, picture_of = np.unique(pairs.picture_of, return_inverse=True)
    with torch.inference_mode():
        shown = apply_head(weights, "picture", torch.from_numpy(features_of(weights, pairs, pictures))).numpy()
        said = apply_head(weights, "text", torch.from_numpy(pairs.vectors[pairs.caption_of])).numpy()
    ranks, _ = retrieval_ranks(said, shown, picture_of)
    return 100 * float((ranks <= 10).mean())


def features_of(weights: Weights, pairs: PairSet, pictures: NDArray[np.int64]) -> Features:
    """Pooled features (n, 1280) of some pictures; where the tail is tuned, by the tail, of their first view."""
    import torch

    if pairs.features.ndim == 2:
        return pairs.features[pictures]
    parts = [np.empty((0, FEATURE_DIM), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(pictures), TAIL_CHUNK):
            chunk = pairs.features[pictures[start : start + TAIL_CHUNK], 0].astype(np.float32)
            parts.append(apply_tail(weights, torch.from_numpy(chunk).permute(0, 3, 1, 2)).numpy())
    return np.concatenate(parts)


def initial_weights(inputs: Mapping[Side, np.ndarray], info: HeadsInfo, generator: Tensor | object) -> Weights:
    """Heads: mean and spread of ``inputs`` (n, dim of the side), which stay as they are, and random matrices, which are
    trained."""
    import torch

    weights: Weights = {}
    for side in INPUT_DIMS:
        weights[f"{side}.mean"] = torch.from_numpy(inputs[side].mean(0))
        weights[f"{side}.scale"] = torch.from_numpy(inputs[side].std(0)).clamp_min(1e-3)
    for name, shape in head_shapes(replace(info, tuned=False)).items():
        if len(shape) == 2:
            drawn = torch.randn(shape, generator=generator)  # type: ignore[call-overload]
            weights[name] = (drawn / shape[1] ** 0.5).requires_grad_()
        elif name not in weights:
            weights[name] = torch.zeros(shape, requires_grad=True)
    return weights


def _loss(weights: Weights, table: PairTable, batch: np.ndarray, log_scale: Tensor, dropout: float) -> Tensor:
    import torch

    pictures, captions = table.picture_of[batch], table.caption_of[batch]
    shown = apply_head(weights, "picture", torch.from_numpy(table.features[pictures]), dropout=dropout)
    said = apply_head(weights, "text", torch.from_numpy(table.vectors[captions]), dropout=dropout)
    positive = torch.from_numpy((pictures[:, None] == pictures) | (captions[:, None] == captions)).float()
    return contrast(log_scale.exp() * shown @ said.T, positive)


def contrast(logits: Tensor, positive: Tensor) -> Tensor:
    """Symmetric InfoNCE of (pictures, captions) logits where ``positive``, of the same shape, is 1 for what belongs
    together and 0 elsewhere."""
    to_text = -(_shares(positive) * logits.log_softmax(1)).sum(1).mean()
    to_picture = -(_shares(positive.T) * logits.T.log_softmax(1)).sum(1).mean()
    return (to_text + to_picture) / 2


def _shares(positive: Tensor) -> Tensor:
    return positive / positive.sum(1, keepdim=True)
