"""A second head for texts: the multilingual encoder's vectors, brought to where the pictures of a trained encoder are.

Pictures stay where they are, so that a workspace whose pictures are encoded can be asked in many languages at once.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.dual_training.features import Report, kept_vectors, sentence_vectors
from core.dual_training.heads import contrast
from core.encoders.dual import DualEncoder
from core.encoders.dual_heads import (
    BESIDE,
    E5,
    ID_PREFIX,
    HeadsInfo,
    Weights,
    apply_head,
    head_shapes,
    heads_beside,
    load_heads,
    save_heads,
)
from core.encoders.e5 import E5_DIM, E5_ID, load_e5
from core.encoders.loading import load_encoder
from core.encoders.packaged_weights import file_sha256
from core.encoders.protocol import Vectors
from core.errors import ImportFailed, ModelError, SettingError
from core.evaluation.retrieval import CaptionedPictures
from core.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class LanguagesRecipe:
    """``captions`` of a picture in a batch of ``batch`` pictures, whatever their language; see
    :class:`core.dual_training.heads.Recipe` for the rest. ``scale`` is the inverse of the temperature, which stays.
    Beside each batch stand ``names`` things by a name each, whose loss counts ``name_weight`` times."""

    epochs: int = 30
    batch: int = 512
    captions: int = 2
    rate: float = 1e-3
    decay: float = 0.5
    dropout: float = 0.5
    scale: float = 25.0
    memory: float = 0.98
    names: int = 256
    name_weight: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """Words for things: ``vectors[i]`` (n, 384) is the e5 vector of words that say thing ``of[i]``. Where the things
    are, ``meant[p]`` (m, dim) tells by the file's pair ``p`` of heads: pictures by their vectors, things that only have
    names by that of their English name through MiniLM."""

    vectors: Vectors
    of: NDArray[np.int64]
    meant: tuple[Vectors, ...]

    def only(self, kept: NDArray[np.bool_]) -> Said:
        """The words for which ``kept`` (n,) is True."""
        return replace(self, vectors=self.vectors[kept], of=self.of[kept])


@dataclass(frozen=True, slots=True)
class Name:
    """What a thing is called in a language."""

    thing: str
    words: str
    lang: str


def read_names(table: Path) -> list[Name]:
    """The names of a CSV with the columns thing, caption and lang, as ``dual drawings`` and ``dual names`` write it: of
    each thing the first in each language. Things without an English name are left out.

    Raises ImportFailed where the file can't be read so.
    """
    found: dict[tuple[str, str], Name] = {}
    try:
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["caption"].strip() and row["lang"]:
                    found.setdefault((row["thing"], row["lang"]), Name(row["thing"], row["caption"], row["lang"]))
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise ImportFailed(
            f"{table} can't be read as a table of names with thing, caption and lang ({error})."
        ) from error
    return [name for name in found.values() if (name.thing, "en") in found]


def add_languages(
    model: Path,
    sources: Sequence[CaptionedPictures],
    out: Path,
    *,
    names: Sequence[Path] = (),
    leave_out: str | None = None,
    recipe: LanguagesRecipe | None = None,
    cache: Path,
    report: Report,
) -> dict[str, Any]:
    """Gives a trained file of weights its e5 head, by captions of the same kind in any languages and tables of
    ``names``, see :func:`read_names`, and writes it to ``out``. The pictures stay where they are, so the file keeps the
    model id of ``model``. Nothing in the language ``leave_out`` is learned. Gives the counts.

    Raises ModelError for a file that is none, ImportFailed for a table that is none, SettingError where there are no
    captions.
    """
    recipe = recipe or LanguagesRecipe()
    weights, info = load_heads(model)
    encoder = load_encoder("dual", Settings(dual_model=str(model)))
    if not isinstance(encoder, DualEncoder):
        raise ModelError(f"{model.name} is not a file of this dual encoder.")
    named = [name for table in names for name in read_names(table)]
    e5 = load_e5()
    texts = [text for source in sources for text in source.captions]
    langs = np.array([lang for source in sources for lang in source.langs or [""] * len(source.captions)])
    if not texts or (langs == (leave_out or None)).all():
        raise SettingError("There are no captions to learn from.")
    paths = sorted({path for source in sources for path in source.pictures})
    numbers = {path: number for number, path in enumerate(paths)}
    shown = kept_vectors(
        [encoder.space.model_id, *map(file_sha256, paths)],
        lambda rows: encoder.encode_pictures([paths[row] for row in rows]), encoder.space.dim, len(paths), cache,
        report, "Reading the pictures",
    )  # fmt: skip

    def read(words: Sequence[str], note: str) -> Vectors:
        def encode(rows: range) -> Vectors:
            return e5.encode([words[row] for row in rows], query=True)

        return kept_vectors([E5_ID, *words], encode, E5_DIM, len(words), cache, report, note)

    captions = Said(
        read(texts, "Reading the captions"),
        np.array([numbers[source.pictures[at]] for source in sources for at in source.picture_of.tolist()], np.int64),
        tuple(_unit(half) for half in np.split(shown, 2, axis=1)) if info.beside else (shown,),
    ).only(langs != (leave_out or None))
    things = None
    if named:
        things = _things(weights, info, named, read([name.words for name in named], "Reading the names"), cache, report)
        things = things.only(np.array([name.lang != leave_out for name in named]))
    trained, told = train_languages(weights, info, captions, recipe, report, things=things)
    save_heads(out, trained, replace(told, space=encoder.space.model_id.removeprefix(ID_PREFIX)))
    return {
        "out": str(out),
        "pictures": len(paths),
        "captions": len(captions.of),
        "names": 0 if things is None else len(things.of),
        "left_out": leave_out,
        "recipe": asdict(recipe),
    }


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _things(
    weights: Weights, info: HeadsInfo, named: Sequence[Name], vectors: Vectors, cache: Path, report: Report
) -> Said:
    """Things that have names: each is where MiniLM's head puts its English name."""
    import torch

    english = {name.thing: name.words for name in named if name.lang == "en"}
    numbers = {thing: number for number, thing in enumerate(english)}
    given = torch.from_numpy(sentence_vectors(tuple(english.values()), cache, report, "Reading the English names"))
    pairs = (weights, heads_beside(weights)) if info.beside else (weights,)
    with torch.inference_mode():
        meant = tuple(apply_head(pair, "text", given).numpy() for pair in pairs)
    return Said(vectors, np.array([numbers[name.thing] for name in named], np.int64), meant)


def train_languages(
    weights: Weights,
    info: HeadsInfo,
    captions: Said,
    recipe: LanguagesRecipe,
    report: Report,
    *,
    things: Said | None = None,
) -> tuple[Weights, HeadsInfo]:
    """The weights with an e5 head for each pair of heads.

    Symmetric InfoNCE of captions against their pictures, whose vectors stay as they are, and of the names of ``things``
    against where these are. The same inputs and number of threads give the same weights.
    """
    wanted = replace(info, languages=E5_ID)
    result = dict(weights)
    for at, prefix in enumerate(("", BESIDE) if info.beside else ("",)):
        head = _train_head(info, at, captions, things, recipe, report)
        result |= {f"{prefix}{name}": tensor for name, tensor in head.items()}
    return result, wanted


def _train_head(
    info: HeadsInfo, at: int, captions: Said, things: Said | None, recipe: LanguagesRecipe, report: Report
) -> Weights:
    import torch

    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    head = _start_head(info, captions.vectors)
    trained = [tensor for tensor in head.values() if tensor.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.decay)
    words_of = _words_of(captions)
    names_of = {} if things is None else _words_of(things)
    pictures, called = np.array(sorted(words_of), np.int64), np.array(sorted(names_of), np.int64)
    steps = recipe.epochs * -(-len(pictures) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps + 1)
    mean = {name: tensor.detach().clone() for name, tensor in head.items()}
    step = 0

    def loss_of(said: Said, words: dict[int, NDArray[np.int64]], batch: NDArray[np.int64], each: int) -> Tensor:
        some = [rng.permutation(words[int(thing)])[:each] for thing in batch]
        owner = np.repeat(np.arange(len(batch)), [len(one) for one in some])
        given = torch.from_numpy(said.vectors[np.concatenate(some)])
        spoken = apply_head(head, E5, given, dropout=recipe.dropout)
        positive = torch.from_numpy((np.arange(len(batch))[:, None] == owner[None, :]).astype(np.float32))
        return contrast(recipe.scale * torch.from_numpy(said.meant[at][batch]) @ spoken.T, positive)

    for _ in range(recipe.epochs):
        order = rng.permutation(pictures)
        for start in range(0, len(order), recipe.batch):
            loss = loss_of(captions, words_of, order[start : start + recipe.batch], recipe.captions)
            if things is not None:
                some = rng.permutation(called)[: recipe.names]
                loss = loss + recipe.name_weight * loss_of(things, names_of, some, 1)
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


def _start_head(info: HeadsInfo, vectors: Vectors) -> Weights:
    """Mean and spread of the vectors, which stay as they are, and random matrices, which are trained."""
    import torch

    head: Weights = {
        f"{E5}.mean": torch.from_numpy(vectors.mean(0)),
        f"{E5}.scale": torch.from_numpy(vectors.std(0)).clamp_min(1e-3),
    }
    for name, shape in head_shapes(HeadsInfo(dim=info.dim, width=info.width, languages=E5_ID)).items():
        if name.startswith(f"{E5}.") and name not in head:
            drawn = torch.randn(shape) / shape[-1] ** 0.5 if len(shape) == 2 else torch.zeros(shape)
            head[name] = drawn.requires_grad_()
    return head


def _words_of(said: Said) -> dict[int, NDArray[np.int64]]:
    """Which words say each thing that has some."""
    order = np.argsort(said.of, kind="stable")
    found, first = np.unique(said.of[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, first[1:]), strict=True))
