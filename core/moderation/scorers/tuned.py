"""The second look: MiniLM with its two upper layers tuned to tell normal, offensive and hateful texts apart.

It reads a text's words in their order, where the linear models see a bag of them, and costs as much as encoding the
text again. So it looks only at what the linear models find likely enough (see core.moderation.scoring). The lower
layers are the packaged encoder's; only the upper ones and a linear head over the mean and the maximum of the token
states are kept here, in 8 bits.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.checkpoints import read_checkpoint, write_checkpoint
from core.encoders.length_batches import length_batches
from core.encoders.minilm import DIM, HEADS, LAYERS, MiniLM, load_minilm

if TYPE_CHECKING:
    from torch import Tensor

    from core.moderation.scorers.word_model import Floats, Labels

FIRST = 4
"""The layers from this one on (from 0) are tuned."""

TOKENS_A_BATCH = 2048


@dataclass(frozen=True, slots=True)
class TunedRecipe:
    """AdamW on batches of 32 texts, one cycle over the epochs, the head ten times as fast as the layers."""

    epochs: int = 2
    rate: float = 1e-4
    head_rate: float = 1e-3
    decay: float = 0.01
    dropout: float = 0.1
    smoothing: float = 0.05
    batch: int = 32


class TunedReader:
    """Load it once a process. ``state`` are the tuned layers, ``head`` (768, K) and ``bias`` (K,) the classifier."""

    def __init__(self, state: Mapping[str, Any], head: Floats, bias: Floats) -> None:
        import torch

        self._model: MiniLM | None = None
        self.state = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}
        self._head, self._bias = torch.from_numpy(head), torch.from_numpy(bias)

    @property
    def classes(self) -> int:
        return len(self._bias)

    def read(self, texts: Sequence[str], report: Callable[[int, int], None] | None = None) -> Floats:
        """(n, K) log probabilities."""
        import torch

        if self._model is None:
            self._model = load_minilm().with_layers(self.state)
        found = np.empty((len(texts), self.classes), np.float32)
        for start in range(0, len(texts), 4096):
            tokens = self._model.tokens_of(texts[start : start + 4096])
            for batch in length_batches([len(ids) for ids in tokens], TOKENS_A_BATCH):
                with torch.inference_mode():
                    hidden, mask = self._model.hidden([tokens[at] for at in batch])
                    logits = pooled(hidden.float(), mask).cpu() @ self._head + self._bias
                    found[start + batch] = logits.log_softmax(1).numpy()
            if report is not None:
                report(min(start + 4096, len(texts)), len(texts))
        return found


def pooled(hidden: Tensor, mask: Tensor) -> Tensor:
    """(n, 2 d): the mean and the maximum of a text's token states (n, w, d)."""
    import torch

    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    most = hidden.masked_fill(~mask[..., None], -1e4).max(1).values
    return torch.cat([mean, most], 1)


KEEP_STEPS = 25
"""Steps of training after which what is there is kept."""


def tune(
    texts: Sequence[str], labels: Labels, classes: int, *, recipe: TunedRecipe | None = None, seed: int = 0,
    start: TunedReader | None = None, keep: Path | None = None, report: Callable[[int, int], None],
) -> tuple[dict[str, Floats], Floats, Floats]:  # fmt: skip
    """(state, head, bias) for :class:`TunedReader`, fitted on texts with labels (n,), 0 to ``classes`` - 1. The layers
    begin as the packaged encoder's, or as those of ``start``.

    With a folder ``keep`` a run that was stopped goes on after its last KEEP_STEPS, and ends as it would have without:
    batches and dropout are drawn anew from the seed and the step. The states below the tuned layers are computed once
    and kept in memory, 23 KB a text of 30 tokens. Two epochs over 14,000 posts take about ten minutes on one core.
    """
    import torch
    from torch.nn import functional

    recipe = recipe or TunedRecipe()
    mark = _run_digest(texts, labels, recipe, seed, start)
    kept = None if keep is None else keep / f"tuned-{mark}.safetensors"
    model = load_minilm()
    tokens = model.tokens_of(texts)
    lower: list[Any] = [None] * len(tokens)
    with torch.inference_mode():
        for batch in length_batches([len(ids) for ids in tokens], TOKENS_A_BATCH):
            hidden, _ = model.hidden([tokens[at] for at in batch], FIRST)
            for place, at in enumerate(batch):
                lower[at] = hidden[place, : len(tokens[at])].to("cpu", torch.bfloat16, copy=True)
    torch.manual_seed(seed)
    state = {name: value.requires_grad_() for name, value in _first_state(model, start).items()}
    head = (torch.randn(2 * DIM, classes) * 0.02).requires_grad_()
    bias = torch.zeros(classes, requires_grad=True)
    steps = recipe.epochs * math.ceil(len(texts) / recipe.batch)
    optimiser = torch.optim.AdamW(
        [{"params": list(state.values()), "lr": recipe.rate}, {"params": [head, bias], "lr": recipe.head_rate}],
        weight_decay=recipe.decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [recipe.rate, recipe.head_rate], total_steps=steps + 1, pct_start=0.1
    )
    generator = np.random.default_rng(seed)
    batches = [rows for _ in range(recipe.epochs) for rows in _batches(list(map(len, tokens)), recipe.batch, generator)]
    weights = {**state, "head": head, "bias": bias}
    begun = 0 if kept is None else _go_on(kept, mark, weights, optimiser, schedule)
    for done in range(begun, steps):
        report(done, steps)
        torch.manual_seed(seed * 1_000_003 + done)
        features = _upper(state, [lower[row] for row in batches[done]], recipe.dropout)
        logits = functional.dropout(features, 0.2) @ head + bias
        truth = torch.from_numpy(labels[batches[done]])
        loss = functional.cross_entropy(logits, truth, label_smoothing=recipe.smoothing)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if kept is not None and ((done + 1) % KEEP_STEPS == 0 or done + 1 == steps):
            _keep(kept, mark, weights, optimiser, done + 1)
    return (
        {name: value.detach().numpy() for name, value in state.items()},
        head.detach().numpy(),
        bias.detach().numpy(),
    )


def _first_state(model: MiniLM, start: TunedReader | None) -> dict[str, Tensor]:
    return model.layer_state(FIRST) if start is None else {name: v.float().clone() for name, v in start.state.items()}


def _run_digest(texts: Sequence[str], labels: Labels, recipe: TunedRecipe, seed: int, start: TunedReader | None) -> str:
    """Names a training run: another text, label, number or beginning is another run."""
    begun = "" if start is None else repr([float(value.sum()) for value in start.state.values()])
    said = "\x00".join([*texts, repr(recipe), str(seed), begun]).encode("utf-8", "surrogatepass")
    return hashlib.sha256(said + labels.tobytes()).hexdigest()[:16]


def _keep(path: Path, mark: str, weights: Mapping[str, Tensor], optimiser: Any, done: int) -> None:
    """Keeps the weights with the optimiser's moments."""
    tensors = {f"weight/{name}": value for name, value in weights.items()}
    for name, value in weights.items():
        for moment, found in optimiser.state[value].items():
            tensors[f"{moment}/{name}"] = found
    write_checkpoint(path, mark, tensors, {"done": done})


def _go_on(path: Path, mark: str, weights: Mapping[str, Tensor], optimiser: Any, schedule: Any) -> int:
    """Puts back what :func:`_keep` kept and gives how many steps were done."""
    import torch

    found = read_checkpoint(path, mark)
    if found is None:
        return 0
    tensors, about = found
    done = int(about["done"])
    with torch.no_grad():
        for name, value in weights.items():
            value.copy_(tensors[f"weight/{name}"])
            optimiser.state[value] = {
                moment: tensors[f"{moment}/{name}"] for moment in ("step", "exp_avg", "exp_avg_sq")
            }
    schedule.last_epoch = done - 1
    with warnings.catch_warnings():  # it can't know that the optimiser's steps were made in an earlier process
        warnings.simplefilter("ignore", UserWarning)
        schedule.step()
    return done


def _batches(lengths: list[int], size: int, generator: np.random.Generator) -> list[NDArray[np.int64]]:
    """Batches of texts of like length, in random order."""
    order = generator.permutation(len(lengths))
    batches = []
    for at in range(0, len(order), 1024):
        part = order[at : at + 1024]
        part = part[np.argsort([lengths[row] for row in part], kind="stable")]
        batches += [part[start : start + size] for start in range(0, len(part), size)]
    generator.shuffle(batches)
    return batches


def _upper(state: Mapping[str, Tensor], lower: list[Tensor], dropout: float) -> Tensor:
    """Pooled features (n, 768) of the tuned layers, with their gradients."""
    import torch
    from torch.nn import functional

    def linear(hidden: Tensor, name: str) -> Tensor:
        return functional.linear(hidden, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(hidden: Tensor, name: str) -> Tensor:
        return functional.layer_norm(hidden, (DIM,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-12)

    width = max(len(one) for one in lower)
    hidden = torch.zeros(len(lower), width, DIM)
    mask = torch.zeros(len(lower), width, dtype=torch.bool)
    for place, one in enumerate(lower):
        hidden[place, : len(one)] = one.float()
        mask[place, : len(one)] = True
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for layer in range(FIRST, LAYERS):
            name = f"encoder.layer.{layer}."
            query, key, value = (
                linear(hidden, f"{name}attention.self.{part}").view(len(lower), width, HEADS, -1).transpose(1, 2)
                for part in ("query", "key", "value")
            )
            given = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
            given = linear(given.transpose(1, 2).reshape(len(lower), width, DIM), f"{name}attention.output.dense")
            hidden = norm(hidden + functional.dropout(given, dropout), f"{name}attention.output.LayerNorm")
            inner = functional.gelu(linear(hidden, f"{name}intermediate.dense"))
            inner = functional.dropout(linear(inner, f"{name}output.dense"), dropout)
            hidden = norm(hidden + inner, f"{name}output.LayerNorm")
    return pooled(hidden.float(), mask)
