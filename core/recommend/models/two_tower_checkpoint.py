"""Where a training of the two towers stands after an epoch, on disk: a killed one goes on and ends the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.checkpoints import read_checkpoint, write_checkpoint
from core.recommend.interactions import split_hash
from core.recommend.protocol import Training

if TYPE_CHECKING:
    import torch

    from core.recommend.models.two_tower_training import Learnt, Towers


@dataclass
class Progress:
    """``epoch`` epochs are done in ``seconds``, the last ``waited`` without a better NDCG than that of ``best``,
    which is the last state where nothing is held out to judge by."""

    best: Learnt
    epoch: int = 0
    waited: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)

    def add(self, now: Learnt, loss: float, judged: tuple[float, float] | None) -> None:
        """One more epoch; ``judged`` is (recall, ndcg)."""
        self.epoch += 1
        self.waited += 1
        entry = {"epoch": self.epoch, "loss": loss, "seconds": round(self.seconds, 2)}
        if judged is not None:
            entry |= {"recall": judged[0], "ndcg": judged[1]}
        if judged is None or judged[1] > max((one["ndcg"] for one in self.curve), default=-1.0):
            self.best, self.best.epochs, self.waited = now, self.epoch, 0
        self.curve.append(entry)


def fingerprint(training: Training, settings: dict[str, Any]) -> str:
    """Names what is learnt from and how; a checkpoint of anything else is of no use."""
    digest = hashlib.sha256(json.dumps([settings, training.seed], sort_keys=True).encode())
    for matrix in (training.matrix, training.held):
        if matrix is not None:
            digest.update(split_hash(matrix).encode())
            digest.update(np.ascontiguousarray(matrix.data, np.float32).tobytes())
    for array in (training.content, training.profile):
        if array is not None:
            digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()


def save(
    path: Path, mark: str, progress: Progress, towers: Towers, optimizer: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Keeps the parameters, Adam's moments, both random states and the best arrays so far."""
    import torch

    from core.recommend.models.two_tower_training import ARRAYS

    tensors = {"generator": towers.generator.get_state()}
    for at, parameter in enumerate(towers.parameters):
        tensors[f"parameter.{at}"] = parameter.detach()
        if state := optimizer.state[parameter]:
            tensors |= {f"mean.{at}": state["exp_avg"], f"square.{at}": state["exp_avg_sq"],
                        f"step.{at}": state["step"].reshape(1)}  # fmt: skip
    tensors |= {f"best.{name}": torch.from_numpy(getattr(progress.best, name)) for name in ARRAYS}
    about = {
        "epoch": progress.epoch, "waited": progress.waited, "seconds": progress.seconds,
        "curve": progress.curve, "best_epochs": progress.best.epochs, "rng": rng.bit_generator.state,
    }  # fmt: skip
    write_checkpoint(path, mark, tensors, about)


def restore(
    path: Path, mark: str, towers: Towers, optimizer: torch.optim.Optimizer, rng: np.random.Generator
) -> Progress | None:
    """Puts the towers, the optimizer and the random states where they were; None, with nothing changed, where there is
    no checkpoint of this training."""
    import torch

    from core.recommend.models.two_tower_training import ARRAYS, Learnt

    found = read_checkpoint(path, mark)
    if found is None:
        return None
    tensors, about = found
    with torch.no_grad():
        for at, parameter in enumerate(towers.parameters):
            parameter.copy_(tensors[f"parameter.{at}"])
            if f"step.{at}" in tensors:  # one that had no gradient yet has no moments
                optimizer.state[parameter] = {
                    "step": tensors[f"step.{at}"][0], "exp_avg": tensors[f"mean.{at}"].to(towers.device),
                    "exp_avg_sq": tensors[f"square.{at}"].to(towers.device),
                }  # fmt: skip
    towers.generator.set_state(tensors["generator"])
    rng.bit_generator.state = about["rng"]
    arrays: dict[str, Any] = {name: tensors[f"best.{name}"].numpy() for name in ARRAYS}
    best = Learnt(**arrays)
    best.epochs = int(about["best_epochs"])
    return Progress(best, int(about["epoch"]), int(about["waited"]), float(about["seconds"]), about["curve"])
