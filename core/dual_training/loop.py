"""The loop that trains the dual encoder: epochs, a checkpoint after each, the best one kept, an early end."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.dual_training.checkpoints import Epoch, State, load_state, run_key, save_state
from core.dual_training.features import Report
from core.dual_training.heads import Recipe, TunedRecipe, batch_loss, recall_at_10, start_weights
from core.dual_training.pairs import PairSet, PairTable, join_sets
from core.encoders.dual_heads import HeadsInfo, Weights

if TYPE_CHECKING:
    from torch import Tensor

CLIPPED_NORM = 5.0
WARM_UP = 0.25
Watch: TypeAlias = Callable[[Sequence[Epoch]], None]
"""Is shown the epochs so far, each time that one ends."""

PATIENCE = 5
"""Epochs without a better held-out recall after which training stops."""


@dataclass(frozen=True, slots=True)
class Trained:
    """``epochs`` tells how it went, ``best`` which of them, from 1, the weights are of: 0 where none was better than
    the weights that training started from, whose held-out recall is ``before``."""

    weights: Weights
    info: HeadsInfo
    best: int
    epochs: tuple[Epoch, ...]
    before: dict[str, float] | None = None


def train(
    sets: Sequence[PairSet],
    held_out: Sequence[PairSet],
    recipe: Recipe,
    report: Report,
    *,
    checkpoint: Path | None = None,
    initial: Weights | None = None,
    watch: Watch = lambda epochs: None,
) -> Trained:
    """Symmetric InfoNCE (van den Oord et al. 2018; as in CLIP, Radford et al. 2021), pictures and captions that belong
    together, or say the same, all being positives; AdamW with a one-cycle rate. What is kept is a running mean of the
    weights (Polyak and Juditsky 1992), of the epoch with the best mean recall held out; where that has not risen for
    PATIENCE epochs, training ends.

    Starts from ``initial`` in place of random heads and the packaged tail, and keeps that where no epoch is better.
    With ``checkpoint``, the state is written there after every epoch; a training that is started again with the same
    sets and recipe goes on from it and gives the same weights. So do the same sets, recipe and number of threads. Runs
    on a GPU where torch finds one.
    """
    import torch

    table = join_sets(sets)
    run = _Run(table, recipe, initial, "cuda" if torch.cuda.is_available() else "cpu")
    before = None if initial is None else Epoch(0.0, _recalls(run.mean, held_out))
    key = run_key(recipe, table)
    found = load_state(checkpoint, key) if checkpoint is not None else None
    epochs, best = ([], 0) if found is None else (found.epochs, found.best)
    if found is not None:
        run.restore(found)
    while len(epochs) < recipe.epochs and len(epochs) - best < PATIENCE:
        total, seen = 0.0, 0
        # The same words for a whole epoch, so that whoever shows them can tell how long it takes.
        phase = f"Training, epoch {len(epochs) + 1} of {recipe.epochs}"
        phase += f" (held-out R@10 {epochs[-1].mean_recall:.1f} %)" if epochs else ""
        for batch in run.batches():
            loss = run.step(batch)
            total, seen = total + loss * len(batch), seen + len(batch)
            report(run.taken, run.steps, phase)
        epochs.append(Epoch(total / seen, _recalls(run.mean, held_out)))
        bar = epochs[best - 1] if best else before
        if bar is None or epochs[-1].mean_recall >= bar.mean_recall:
            best = len(epochs)
            run.keep()
        if checkpoint is not None:
            save_state(checkpoint, key, run.state(epochs, best))
        watch(epochs)
    info = HeadsInfo(dim=recipe.dim, width=recipe.width, tuned=isinstance(recipe, TunedRecipe))
    weights = {name: tensor.cpu() for name, tensor in run.kept.items()}
    return Trained(weights, info, best, tuple(epochs), None if before is None else before.recall)


def _recalls(weights: Weights, held_out: Sequence[PairSet]) -> dict[str, float]:
    return {one.name: recall_at_10(weights, one) for one in held_out}


class _Run:
    """What changes while training goes on: ``weights``, their running ``mean``, the one that is ``kept``."""

    def __init__(self, table: PairTable, recipe: Recipe, initial: Weights | None, device: str) -> None:
        import torch

        self._table, self._recipe, self._device = table, recipe, device
        self._rng = np.random.default_rng(recipe.seed)
        torch.manual_seed(recipe.seed)  # for the random heads, and for dropout
        started = start_weights(table, recipe, self._rng, initial)
        self._weights = {
            name: tensor.detach().clone().to(device).requires_grad_(tensor.requires_grad)
            for name, tensor in started.items()
        }
        self._scale = torch.tensor(1 / recipe.temperature, device=device).log().requires_grad_()
        self._trained = {name: tensor for name, tensor in self._weights.items() if tensor.requires_grad}
        self._optimizer = torch.optim.AdamW(_groups(self._trained, self._scale, recipe))
        self._steps_an_epoch = len(table.batches(np.random.default_rng(0), recipe.batch, apart=recipe.apart))
        self.steps = recipe.epochs * self._steps_an_epoch
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, [group["lr"] for group in self._optimizer.param_groups], total_steps=self.steps + 1,
            pct_start=WARM_UP,
        )  # fmt: skip
        self.taken = 0
        self.mean = {name: tensor.detach().clone() for name, tensor in self._weights.items()}
        self.keep()

    def batches(self) -> list[NDArray[np.int64]]:
        return self._table.batches(self._rng, self._recipe.batch, apart=self._recipe.apart)

    def step(self, batch: NDArray[np.int64]) -> float:
        """One step on some pictures; gives the loss."""
        import torch

        loss = batch_loss(self._weights, self._table, batch, self._scale, self._recipe, self._rng)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*self._trained.values(), self._scale], CLIPPED_NORM)
        self._optimizer.step()
        self._schedule.step()
        self.taken += 1
        with torch.no_grad():
            self._scale.clamp_(max=float(np.log(100)))  # as in CLIP
            for name, tensor in self._trained.items():
                self.mean[name].lerp_(tensor.detach(), 1 - min(self._recipe.memory, self.taken / (self.taken + 9)))
        return loss.item()

    def keep(self) -> None:
        self.kept = {name: tensor.clone() for name, tensor in self.mean.items()}

    def state(self, epochs: list[Epoch], best: int) -> State:
        import torch

        tensors: dict[str, Tensor] = {"scale": self._scale, "torch": torch.get_rng_state()}
        for part, held in (("weights", self._weights), ("mean", self.mean), ("kept", self.kept)):
            tensors |= {f"{part}.{name}": tensor for name, tensor in held.items()}
        for number, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"moment.{number}.{name}": tensor for name, tensor in moments.items()}
        return State(tensors, dict(self._rng.bit_generator.state), epochs, best)

    def restore(self, state: State) -> None:
        """Puts a checkpoint's tensors in their places."""
        import torch

        found = state.tensors
        with torch.no_grad():
            self._scale.copy_(found["scale"])
            for name in self._weights:
                self._weights[name].copy_(found[f"weights.{name}"])
                self.mean[name].copy_(found[f"mean.{name}"])
        self.kept = {name: found[f"kept.{name}"].to(self._device) for name in self._weights}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in found.items():
            if name.startswith("moment."):
                _, number, kind = name.split(".")
                moments.setdefault(int(number), {})[kind] = tensor
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        torch.set_rng_state(found["torch"])
        self._rng.bit_generator.state = state.rng
        self.taken = len(state.epochs) * self._steps_an_epoch
        with warnings.catch_warnings():  # the steps that it misses were taken before the checkpoint
            warnings.simplefilter("ignore")
            for _ in range(self.taken):
                self._schedule.step()


def _groups(trained: dict[str, Tensor], scale: Tensor, recipe: Recipe) -> list[dict[str, object]]:
    """Matrices decay, biases do not; the tail has its own rate."""
    groups: list[dict[str, object]] = [{"params": [scale], "lr": recipe.rate, "weight_decay": 0.0}]
    parts = [(False, recipe.rate, recipe.decay)]
    if isinstance(recipe, TunedRecipe):
        parts.append((True, recipe.tail_rate, recipe.tail_decay))
    for in_tail, rate, decay in parts:
        own = [tensor for name, tensor in trained.items() if name.startswith("tail.") == in_tail]
        groups.append({"params": [one for one in own if one.ndim > 1], "lr": rate, "weight_decay": decay})
        groups.append({"params": [one for one in own if one.ndim == 1], "lr": rate, "weight_decay": 0.0})
    return groups
