"""A second head for texts: the multilingual encoder's vectors, brought to where the pictures of a trained encoder are.

Pictures stay where they are, so that a workspace whose pictures are encoded can be asked in many languages at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.dual_training.features import Report, kept_vectors
from core.dual_training.heads import contrast
from core.encoders.dual import DualEncoder
from core.encoders.dual_heads import BESIDE, E5, HeadsInfo, Weights, apply_head, head_shapes, load_heads, save_heads
from core.encoders.e5 import E5_ID, load_e5
from core.encoders.loading import load_encoder
from core.encoders.packaged_weights import file_sha256
from core.encoders.protocol import Vectors
from core.errors import ModelError, SettingError
from core.evaluation.retrieval import CaptionedPictures
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class LanguagesRecipe:
    """``captions`` of a picture in a batch of ``batch`` pictures, whatever their language; see
    :class:`core.dual_training.heads.Recipe` for the rest. ``scale`` is the inverse of the temperature, which stays."""

    epochs: int = 14
    batch: int = 512
    captions: int = 2
    rate: float = 1e-3
    decay: float = 0.1
    dropout: float = 0.3
    scale: float = 25.0
    memory: float = 0.98
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """Captions of pictures: caption ``i`` has the e5 vector ``vectors[i]`` (n, 384) and is of ``picture_of[i]``."""

    vectors: Vectors
    picture_of: NDArray[np.int64]


def add_languages(
    model: Path,
    sources: Sequence[CaptionedPictures],
    out: Path,
    *,
    recipe: LanguagesRecipe | None = None,
    cache: Path,
    report: Report,
) -> dict[str, Any]:
    """Gives a trained file of weights its e5 head, by captions of the same kind in any languages, and writes it to
    ``out``. Gives the counts.

    Raises ModelError for a file that is none, SettingError where
    there are no captions.
    """
    recipe = recipe or LanguagesRecipe()
    weights, info = load_heads(model)
    encoder = load_encoder("dual", Settings(dual_model=str(model)))
    if not isinstance(encoder, DualEncoder):
        raise ModelError(f"{model.name} is not a file of this dual encoder.")
    paths = sorted({path for source in sources for path in source.pictures})
    texts = [text for source in sources for text in source.captions]
    if not texts:
        raise SettingError("There are no captions to learn from.")
    numbers = {path: number for number, path in enumerate(paths)}
    picture_of = np.array(
        [numbers[source.pictures[at]] for source in sources for at in source.picture_of.tolist()], np.int64
    )
    shown = kept_vectors(
        [encoder.space.model_id, *map(file_sha256, paths)],
        lambda rows: encoder.encode_pictures([paths[row] for row in rows]), encoder.space.dim, len(paths), cache,
        report, "Reading the pictures",
    )  # fmt: skip
    e5 = load_e5()
    vectors = kept_vectors(
        [E5_ID, *texts], lambda rows: e5.encode([texts[row] for row in rows], query=True), 384, len(texts), cache,
        report, "Reading the captions",
    )  # fmt: skip
    halves = [half * 2**0.5 for half in np.split(shown, 2, axis=1)] if info.beside else [shown]
    trained, told = train_languages(weights, info, halves, Said(vectors, picture_of), recipe, report)
    save_heads(out, trained, told)
    return {"out": str(out), "pictures": len(paths), "captions": len(texts), "recipe": asdict(recipe)}


def train_languages(
    weights: Weights, info: HeadsInfo, shown: Sequence[Vectors], said: Said, recipe: LanguagesRecipe, report: Report
) -> tuple[Weights, HeadsInfo]:
    """The weights with an e5 head for each pair of heads.

    ``shown`` are the pictures' vectors (m, dim), by each pair of heads in the file's order; they stay as they are.
    Symmetric InfoNCE against them. The same inputs and number of threads give the same weights.
    """
    wanted = replace(info, languages=E5_ID)
    result = dict(weights)
    for prefix, vectors in zip(("", BESIDE), shown, strict=False):
        head = _train_head(info, vectors, said, recipe, report)
        result |= {f"{prefix}{name}": tensor for name, tensor in head.items()}
    missing = set(head_shapes(wanted)) - set(result)
    assert not missing, f"no {sorted(missing)[:3]}"
    return result, wanted


def _train_head(info: HeadsInfo, shown: Vectors, said: Said, recipe: LanguagesRecipe, report: Report) -> Weights:
    import torch

    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    plain = HeadsInfo(dim=info.dim, width=info.width, languages=E5_ID)
    head: Weights = {
        f"{E5}.mean": torch.from_numpy(said.vectors.mean(0)),
        f"{E5}.scale": torch.from_numpy(said.vectors.std(0)).clamp_min(1e-3),
    }
    for name, shape in head_shapes(plain).items():
        if name.startswith(f"{E5}.") and name not in head:
            drawn = torch.randn(shape) / shape[-1] ** 0.5 if len(shape) == 2 else torch.zeros(shape)
            head[name] = drawn.requires_grad_()
    trained = [tensor for tensor in head.values() if tensor.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.decay)
    captions = {int(p): np.flatnonzero(said.picture_of == p) for p in np.unique(said.picture_of)}
    pictures = np.array(sorted(captions), np.int64)
    steps = recipe.epochs * -(-len(pictures) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps + 1)
    mean = {name: tensor.detach().clone() for name, tensor in head.items()}
    step = 0
    for _ in range(recipe.epochs):
        order = rng.permutation(pictures)
        for start in range(0, len(order), recipe.batch):
            batch = order[start : start + recipe.batch]
            some = [rng.permutation(captions[int(picture)])[: recipe.captions] for picture in batch]
            owner = np.repeat(np.arange(len(batch)), [len(one) for one in some])
            given = torch.from_numpy(said.vectors[np.concatenate(some)])
            spoken = apply_head(head, E5, given, dropout=recipe.dropout)
            positive = torch.from_numpy((np.arange(len(batch))[:, None] == owner[None, :]).astype(np.float32))
            loss = contrast(recipe.scale * torch.from_numpy(shown[batch]) @ spoken.T, positive)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            step += 1
            with torch.no_grad():
                for name, tensor in head.items():
                    mean[name].lerp_(tensor.detach(), 1 - min(recipe.memory, step / (step + 9)))
        report(step, steps, "Training the head for languages")
    return mean
