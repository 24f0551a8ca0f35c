"""Contrastive training of the heads together with the picture backbone's last blocks.

What a frozen backbone does not tell apart, heads can't. The trunk before those blocks stays as it is, so that its
outputs, of a few views of each picture, are computed once and kept; a step costs a third of a whole network's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.dual_training.features import Report
from core.dual_training.heads import (
    TAIL_CHUNK,
    Trained,
    TunedRecipe,
    contrast,
    features_of,
    initial_weights,
    recall_at_10,
)
from core.dual_training.pairs import PairSet, PairTable, join_sets
from core.encoders.dual_heads import HeadsInfo, Side, Weights, apply_head
from core.encoders.efficientnet_lite import apply_tail, load_efficientnet_lite2

if TYPE_CHECKING:
    from torch import Tensor

STANDARDISED_ON = 1024
CLIPPED_NORM = 5.0
WARM_UP = 0.2


def train_tuned(sets: Sequence[PairSet], held_out: Sequence[PairSet], recipe: TunedRecipe, report: Report) -> Trained:
    """Symmetric InfoNCE as in :func:`core.dual_training.heads.train_heads`, the tail at a rate of its own; what is kept
    is a running mean of the weights (Polyak and Juditsky 1992), of the epoch with the best mean recall held out.

    The features of the sets are the trunk's, (m, views, *TRUNK_SHAPE). The same sets, recipe and number of threads give
    the same weights.
    """
    import torch

    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)  # dropout draws from the global one
    rng = np.random.default_rng(recipe.seed)
    table = join_sets(sets)
    info = HeadsInfo(dim=recipe.dim, width=recipe.width, tuned=True)
    tail = {name: tensor.detach().clone().requires_grad_() for name, tensor in load_efficientnet_lite2().tail.items()}
    some = rng.permutation(len(sets[0].features))[:STANDARDISED_ON]
    inputs: dict[Side, np.ndarray] = {"picture": features_of(tail, sets[0], some), "text": table.vectors}
    weights = initial_weights(inputs, info, generator) | tail
    scale = torch.tensor(1 / recipe.temperature).log().requires_grad_()
    trained = {name: tensor for name, tensor in weights.items() if tensor.requires_grad}
    optimizer = torch.optim.AdamW(_groups(trained, scale, recipe))
    captions = _captions_by_picture(table)
    pictures = np.array(sorted(captions), np.int64)
    steps = recipe.epochs * -(-len(pictures) // recipe.batch)
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps + 1, pct_start=WARM_UP)
    mean = {name: tensor.detach().clone() for name, tensor in weights.items()}
    best: Trained | None = None
    losses: list[float] = []
    step = 0
    for epoch in range(1, recipe.epochs + 1):
        total = 0.0
        order = rng.permutation(pictures)
        for start in range(0, len(order), recipe.batch):
            loss = _loss(weights, table, order[start : start + recipe.batch], captions, scale, recipe, rng)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_([*trained.values(), scale], CLIPPED_NORM)
            optimizer.step()
            schedule.step()
            step += 1
            with torch.no_grad():
                scale.clamp_(max=float(np.log(100)))  # as in CLIP
                for name, tensor in trained.items():
                    mean[name].lerp_(tensor.detach(), 1 - min(recipe.memory, step / (step + 9)))
            total += loss.item() * min(recipe.batch, len(order) - start)
            report(step, steps, f"Training: epoch {epoch} of {recipe.epochs}, loss {loss.item():.3f}")
        losses.append(total / len(order))
        recall = {one.name: recall_at_10(mean, one) for one in held_out}
        share = sum(recall.values()) / max(1, len(recall))
        report(step, steps, f"Training: epoch {epoch} of {recipe.epochs}, held-out R@10 {share:.1f}")
        if best is None or not recall or share >= sum(best.recall.values()) / len(best.recall):
            best = Trained({name: tensor.clone() for name, tensor in mean.items()}, info, epoch, recall, tuple(losses))
    assert best is not None
    return best


def _groups(trained: dict[str, Tensor], scale: Tensor, recipe: TunedRecipe) -> list[dict[str, object]]:
    """Matrices decay, biases do not; the tail has its own rate."""
    groups: list[dict[str, object]] = [{"params": [scale], "lr": recipe.rate, "weight_decay": 0.0}]
    for in_tail, rate, decay in ((False, recipe.rate, recipe.decay), (True, recipe.tail_rate, recipe.tail_decay)):
        own = [tensor for name, tensor in trained.items() if name.startswith("tail.") == in_tail]
        groups.append({"params": [one for one in own if one.ndim > 1], "lr": rate, "weight_decay": decay})
        groups.append({"params": [one for one in own if one.ndim == 1], "lr": rate, "weight_decay": 0.0})
    return groups


def _captions_by_picture(table: PairTable) -> dict[int, NDArray[np.int64]]:
    order = np.argsort(table.picture_of, kind="stable")
    pictures, starts = np.unique(table.picture_of[order], return_index=True)
    parts = np.split(table.caption_of[order], starts[1:])
    return {int(picture): part for picture, part in zip(pictures, parts, strict=True)}


def _loss(
    weights: Weights,
    table: PairTable,
    pictures: NDArray[np.int64],
    captions: dict[int, NDArray[np.int64]],
    log_scale: Tensor,
    recipe: TunedRecipe,
    rng: np.random.Generator,
) -> Tensor:
    import torch

    views = rng.integers(table.features.shape[1], size=len(pictures))
    hidden = table.features[pictures, views].astype(np.float32)
    said = [rng.permutation(captions[int(picture)])[: recipe.captions] for picture in pictures]
    owner = np.repeat(np.arange(len(pictures)), [len(some) for some in said])
    features = torch.cat(
        [apply_tail(weights, part.permute(0, 3, 1, 2)) for part in torch.split(torch.from_numpy(hidden), TAIL_CHUNK)]
    )
    shown = apply_head(weights, "picture", features, dropout=recipe.dropout)
    vectors = torch.from_numpy(table.vectors[np.concatenate(said)])
    spoken = apply_head(weights, "text", vectors, dropout=recipe.dropout)
    positive = torch.from_numpy(np.arange(len(pictures))[:, None] == owner[None, :]).float()
    return contrast(log_scale.exp() * shown @ spoken.T, positive)
