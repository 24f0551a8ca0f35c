"""A training's whole state on disk after each epoch, so that a killed one goes on as if it had not been."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.checkpoints import read_checkpoint, write_checkpoint
from core.dual_training.pairs import PairTable

if TYPE_CHECKING:
    from torch import Tensor

    from core.dual_training.heads import Recipe


@dataclass(slots=True)
class Epoch:
    """What one epoch gave: its mean loss, and text-to-image R@10 in percent on each held-out set."""

    loss: float
    recall: dict[str, float]

    @property
    def mean_recall(self) -> float:
        return sum(self.recall.values()) / max(1, len(self.recall))


@dataclass(slots=True)
class State:
    """``tensors`` are written as they are; ``best`` is the epoch, from 1, whose weights are kept."""

    tensors: dict[str, Tensor]
    rng: dict[str, Any]
    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0


def run_key(recipe: Recipe, table: PairTable) -> str:
    """Names what is trained, on what: another recipe or other pairs do not go on from its checkpoint."""
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    for one in table.sets:
        digest.update(f"{one.name} {one.pictures} {len(one)}".encode())
    digest.update(np.ascontiguousarray(table.vectors[:: max(1, len(table.vectors) // 256)]).tobytes())
    return digest.hexdigest()[:16]


def save_state(path: Path, key: str, state: State) -> None:
    said = {"epochs": [asdict(one) for one in state.epochs], "best": state.best, "rng": state.rng}
    write_checkpoint(path, key, state.tensors, said)


def load_state(path: Path, key: str) -> State | None:
    """None where :func:`core.checkpoints.read_checkpoint` has none."""
    found = read_checkpoint(path, key)
    if found is None:
        return None
    tensors, said = found
    return State(tensors, said["rng"], [Epoch(**one) for one in said["epochs"]], said["best"])
