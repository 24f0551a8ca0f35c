"""The trained part of the dual encoder: two small heads, perhaps the backbone's last blocks, in one safetensors file.

Each head takes the vectors of a frozen backbone, standardised, through a residual two-layer network to the unit sphere
that both share: ``normalise(skip x + down gelu(up x))``. A tuned file also holds the picture backbone's last blocks,
which stand in for the packaged ones. With heads *beside*, trained on the packaged backbone, both pairs of heads give a
vector, and the two, end to end, are the encoder's: its cosine is the weighted mean of theirs. A pair may have a third
head, e5, which brings the multilingual encoder's vectors to where the text head brings MiniLM's: either finds the same
pictures.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from core.encoders.e5 import E5_DIM, E5_ID
from core.encoders.efficientnet_lite import BACKBONE_ID, FEATURE_DIM, tail_shapes
from core.encoders.minilm import DIM as SENTENCE_DIM
from core.encoders.minilm import MINILM_ID
from core.encoders.packaged_weights import file_sha256
from core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

Side: TypeAlias = Literal["picture", "text", "e5"]
Weights: TypeAlias = dict[str, "Tensor"]

ID_PREFIX = "feedscope-dual-"
FORMAT = "feedscope-dual-2"
FORMATS = ("feedscope-dual-1", FORMAT)
"""Files of the first form have no tuned tail and are read as well."""

BESIDE = "beside."
EVEN = 0.5
"""The share of a pair beside that counts as much as the first."""
INPUT_DIMS: Mapping[Side, int] = {"picture": FEATURE_DIM, "text": SENTENCE_DIM}
"""The sides of every pair of heads."""

E5: Side = "e5"


@dataclass(frozen=True, slots=True)
class HeadsInfo:
    """What a file of heads says of itself. Heads fit the backbones that they were trained on and no others."""

    dim: int
    width: int
    picture_backbone: str = BACKBONE_ID
    text_backbone: str = MINILM_ID
    tuned: bool = False
    beside: bool = False
    beside_share: float = EVEN
    """How much of the cosine is that of the pair beside."""
    languages: str = ""
    """The multilingual encoder that the e5 head reads; empty without that head."""
    space: str = ""
    """The id of the file that an e5 head was added to, whose pictures it finds: adding one makes no other space."""

    @property
    def vector_dim(self) -> int:
        """How long the encoder's vectors are."""
        return 2 * self.dim if self.beside else self.dim


def dual_id(path: Path, info: HeadsInfo) -> str:
    """The model id of a file of heads: vectors of another id are not comparable."""
    return f"{ID_PREFIX}{info.space or file_sha256(path)[:8]}"


def read_dual_id(path: Path) -> str:
    """The same, without reading the weights. Raises ModelError for a file that is none."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return dual_id(path, _read_info(path, file.metadata() or {}))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} is not a whole safetensors file ({error}): copy or train it again.") from error


def head_shapes(info: HeadsInfo) -> dict[str, tuple[int, ...]]:
    """The name and shape of every tensor."""
    shapes: dict[str, tuple[int, ...]] = {}
    for side, inputs in [*INPUT_DIMS.items(), *([(E5, E5_DIM)] if info.languages else [])]:
        shapes |= {
            f"{side}.mean": (inputs,),
            f"{side}.scale": (inputs,),
            f"{side}.skip": (info.dim, inputs),
            f"{side}.up": (info.width, inputs),
            f"{side}.up_bias": (info.width,),
            f"{side}.down": (info.dim, info.width),
            f"{side}.down_bias": (info.dim,),
        }
    beside = {f"{BESIDE}{name}": shape for name, shape in shapes.items()} if info.beside else {}
    return shapes | beside | (tail_shapes() if info.tuned else {})


def heads_beside(weights: Weights) -> Weights:
    """The second pair of heads in a file's weights, by the names of the first."""
    return {name.removeprefix(BESIDE): tensor for name, tensor in weights.items() if name.startswith(BESIDE)}


def put_beside(weights: Weights, info: HeadsInfo, other: Path, share: float = EVEN) -> tuple[Weights, HeadsInfo]:
    """Tuned weights with the heads of a file that was trained on the packaged backbone beside them, which count for
    ``share`` of the cosine.

    Raises ModelError where the file is none, or does not fit.
    """
    found, theirs = load_heads(other)
    if (
        theirs.tuned
        or theirs.beside
        or theirs.languages
        or info.languages
        or (theirs.dim, theirs.width) != (info.dim, info.width)
    ):
        raise ModelError(f"{other.name} does not fit beside: it must hold plain heads of {info.dim} dimensions.")
    both = weights | {f"{BESIDE}{name}": tensor for name, tensor in found.items()}
    return both, replace(info, beside=True, beside_share=share)


def apply_head(weights: Weights, side: Side, inputs: Tensor, *, dropout: float = 0.0) -> Tensor:
    """Unit vectors (n, dim) of ``inputs``: pooled features (n, 1280), or sentence vectors (n, 384), float32.

    ``dropout`` is for training: the share of hidden values that are left out.
    """
    from torch.nn import functional

    standard = (inputs - weights[f"{side}.mean"]) / weights[f"{side}.scale"]
    hidden = functional.gelu(functional.linear(standard, weights[f"{side}.up"], weights[f"{side}.up_bias"]))
    hidden = functional.dropout(hidden, dropout, training=dropout > 0)
    output = functional.linear(standard, weights[f"{side}.skip"], weights[f"{side}.down_bias"])
    return functional.normalize(output + functional.linear(hidden, weights[f"{side}.down"]), dim=1)


def save_heads(path: Path, weights: Weights, info: HeadsInfo) -> None:
    """Writes half-precision safetensors beside ``path`` and swaps them in: the file is the old one or the new one."""
    import torch
    from safetensors.torch import save_file

    metadata = {"format": FORMAT, "info": json.dumps(asdict(info), sort_keys=True)}
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    tensors = {name: weights[name].detach().to(torch.float16).contiguous() for name in head_shapes(info)}
    try:
        save_file(tensors, beside, metadata=metadata)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load_heads(path: Path) -> tuple[Weights, HeadsInfo]:
    """The tensors in float32. Raises ModelError naming the file and what is wrong with it."""
    import torch
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelError(f"The dual encoder's file {path} is not there.")
    try:
        with safe_open(path, framework="pt") as file:
            info = _read_info(path, file.metadata() or {})
            shapes = head_shapes(info)
            missing = sorted(set(shapes) - set(file.keys()))
            if missing:
                raise ModelError(f"{path.name} lacks the weights {', '.join(missing[:3])}.")
            weights = {name: file.get_tensor(name).to(torch.float32) for name in shapes}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path.name} is not a whole safetensors file ({error}): copy or train it again.") from error
    for name, shape in shapes.items():
        if tuple(weights[name].shape) != shape:
            raise ModelError(f"{path.name}: {name} has shape {tuple(weights[name].shape)}, expected {shape}.")
        if not torch.isfinite(weights[name]).all():
            raise ModelError(f"{path.name}: {name} holds values that are not finite.")
    return weights, info


def _read_info(path: Path, metadata: Mapping[str, str]) -> HeadsInfo:
    if metadata.get("format") not in FORMATS:
        raise ModelError(f"{path.name} is not a file of this dual encoder (format {FORMAT}).")
    try:
        info = HeadsInfo(**json.loads(metadata["info"]))
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path.name} does not say what its weights are ({error}).") from error
    known = [(info.picture_backbone, BACKBONE_ID), (info.text_backbone, MINILM_ID)]
    for found, ours in [*known, *([(info.languages, E5_ID)] if info.languages else [])]:
        if found != ours:
            raise ModelError(f"{path.name} was trained on the backbone {found!r}; this version has {ours!r}.")
    if not (isinstance(info.space, str) and re.fullmatch(r"([0-9a-f]{8})?", info.space)):
        raise ModelError(f"{path.name} names {info.space!r} as its space, which is no id.")
    if not (isinstance(info.dim, int) and isinstance(info.width, int) and 0 < info.dim <= 4096 and info.width > 0):
        raise ModelError(f"{path.name} has a dimension of {info.dim!r} and a width of {info.width!r}.")
    if not (isinstance(info.beside_share, float) and 0 < info.beside_share < 1):
        raise ModelError(f"{path.name} gives the heads beside a share of {info.beside_share!r}.")
    return info
