"""The packaged sentence encoder, all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), in plain torch.

It gives the vectors that sentence-transformers gives for these weights (a test compares them), without the ten seconds
of processor time that importing sentence-transformers costs at every start. Other models go through
:mod:`core.encoders.text`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from copy import copy
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.encoders.length_batches import clean_text, length_batches
from core.encoders.packaged_weights import (
    MINILM_FOLDER,
    MINILM_PACKAGE,
    MINILM_SHA256,
    MINILM_TOKENIZER_SHA256,
    packaged_file,
)
from core.encoders.precision import Compute, best_compute, has_fast_bfloat16
from core.encoders.protocol import Vectors
from core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

DIM = 384
MINILM_ID = f"all-MiniLM-L6-v2-{MINILM_SHA256[:8]}"

MAX_TOKENS = 128
"""Texts are cut here, which is what the model was trained with. Posts are seldom longer: 44 tokens on average."""

MAX_CHARACTERS = 4096
"""Cut before tokenising, so that a text of a megabyte costs no more than another."""

TOKENS_A_BATCH = 8192
GPU_TOKENS_A_BATCH = 65_536
CHUNK = 4096
"""Texts that are tokenised and sorted by length at a time."""

RECENT = 128
"""Single texts whose vectors are kept."""

LAYERS = 6
HEADS = 12
EPSILON = 1e-12


class MiniLM:
    """Load it once a process, by :func:`load_minilm`."""

    def __init__(self, weights: Path, tokenizer: Path, compute: Compute | None = None) -> None:
        """``compute`` None: as :func:`core.encoders.precision.best_compute` says."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self.compute = compute or best_compute()
        try:
            state = load_file(weights)
        except SafetensorError as error:
            raise ModelError(f"{weights.name} is not a whole safetensors file ({error}).") from error
        self._state = {name: self._placed(tensor) for name, tensor in state.items() if tensor.is_floating_point()}
        self._layers = self._make_layers()
        self._tokens_a_batch = GPU_TOKENS_A_BATCH if self.compute.on_gpu else TOKENS_A_BATCH
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._encode_kept = lru_cache(RECENT)(lambda text: self._encode([text]))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (n, 384) float32. Texts are sorted by length, so that those of one length are next to each
        other.

        A text alone is a query's: it is asked for again at once by the dual encoder, and at the next page of its
        results, so its vector is kept for a while.
        """
        return self._encode_kept(texts[0]).copy() if len(texts) == 1 else self._encode(texts)

    def tokens_of(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, MAX_TOKENS at most."""
        return [one.ids for one in self._tokenizer.encode_batch([clean_text(text, MAX_CHARACTERS) for text in texts])]

    def with_layers(self, state: Mapping[str, Tensor]) -> MiniLM:
        """The same model with other weights in the place of some of its own."""
        other = copy(self)
        other._state = self._state | {name: self._placed(value) for name, value in state.items()}
        other._layers = other._make_layers()
        other._encode_kept = lru_cache(RECENT)(lambda text: other._encode([text]))
        return other

    def layer_state(self, first: int) -> dict[str, Tensor]:
        """The weights of the layers from ``first`` on (0 to LAYERS - 1), float32, as copies in main memory."""
        import torch

        names = [f"encoder.layer.{layer}." for layer in range(first, LAYERS)]
        return {
            name: value.to("cpu", torch.float32, copy=True)
            for name, value in self._state.items()
            if any(name.startswith(one) for one in names)
        }

    def _make_layers(self) -> list[_Layer]:
        return [_Layer(self._state, f"encoder.layer.{layer}.") for layer in range(LAYERS)]

    def _placed(self, weight: Tensor) -> Tensor:
        return weight.to(self.compute.device, self.compute.dtype)

    def hidden(self, tokens: Sequence[Sequence[int]], layers: int = LAYERS) -> tuple[Tensor, Tensor]:
        """(states (n, w, 384) after some layers, mask (n, w)) of token ids, padded with zeros to the longest, on the
        model's device. Call in inference mode."""
        import torch

        lengths = torch.tensor([len(ids) for ids in tokens], device=self.compute.device)
        mask = torch.arange(max(map(len, tokens)), device=self.compute.device) < lengths[:, None]
        states = self._states(tokens, layers)
        return states.new_zeros((*mask.shape, DIM)).masked_scatter_(mask[..., None], states), mask

    def _encode(self, texts: Sequence[str]) -> Vectors:
        result = np.empty((len(texts), DIM), dtype=np.float32)
        for start in range(0, len(texts), CHUNK):
            tokens = self.tokens_of(texts[start : start + CHUNK])
            for batch in length_batches([len(ids) for ids in tokens], self._tokens_a_batch):
                result[start + batch] = self._forward([tokens[index] for index in batch])
        return result

    def _forward(self, tokens: list[list[int]]) -> Vectors:
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            lengths = torch.tensor([len(ids) for ids in tokens], device=self.compute.device)
            owner = torch.repeat_interleave(lengths, output_size=sum(map(len, tokens)))
            states = self._states(tokens, LAYERS).float()
            total = states.new_zeros((len(tokens), DIM)).index_add_(0, owner, states)
            vectors: Vectors = functional.normalize(total / lengths[:, None], dim=1).cpu().numpy()
        return vectors

    def _states(self, tokens: Sequence[Sequence[int]], layers: int) -> Tensor:
        """(tokens of all texts, 384), text after text: no padding, which costs as much as words do."""
        import torch

        ids = torch.tensor([one for text in tokens for one in text], device=self.compute.device)
        places = torch.tensor([place for text in tokens for place in range(len(text))], device=self.compute.device)
        state = self._state
        embedded = (
            state["embeddings.word_embeddings.weight"][ids]
            + state["embeddings.position_embeddings.weight"][places]
            + state["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = _norm(embedded, (state["embeddings.LayerNorm.weight"], state["embeddings.LayerNorm.bias"]))
        groups = [(width, len(list(same))) for width, same in groupby(map(len, tokens))]
        for layer in self._layers[:layers]:
            hidden = layer(hidden, groups)
        return hidden


class _Linear:
    """A linear map. Where the processor multiplies bfloat16, its weights lie as oneDNN wants them, and a GELU after it
    is part of the same pass."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        import torch

        self._weight, self._bias = weight.contiguous(), bias
        self._packed: Tensor | None = None
        if weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and has_fast_bfloat16():
            # What torch's own compiler emits; these operators are not promised to stay, so plain ones stand in.
            try:
                self._packed = torch.ops.mkldnn._reorder_linear_weight(self._weight, TOKENS_A_BATCH)
                self(weight.new_zeros(1, weight.shape[1]), gelu=True)
            except (AttributeError, RuntimeError, TypeError):
                self._packed = None

    def __call__(self, inputs: Tensor, *, gelu: bool = False) -> Tensor:
        import torch
        from torch.nn import functional

        if self._packed is not None:
            after, kind = ("gelu", "none") if gelu else ("none", "")
            found: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self._packed, self._bias, after, [], kind)
            return found
        mapped = functional.linear(inputs, self._weight, self._bias)
        return functional.gelu(mapped) if gelu else mapped


class _Layer:
    """BERT's layer: attention, then two linear maps, each added to its input and normalised."""

    def __init__(self, state: Mapping[str, Tensor], name: str) -> None:
        import torch

        parts = ("query", "key", "value")
        self._query_key_value = _Linear(
            torch.cat([state[f"{name}attention.self.{part}.weight"] for part in parts]),
            torch.cat([state[f"{name}attention.self.{part}.bias"] for part in parts]),
        )
        self._attended, self._inner, self._outer = (
            _Linear(state[f"{name}{part}.weight"], state[f"{name}{part}.bias"])
            for part in ("attention.output.dense", "intermediate.dense", "output.dense")
        )
        self._first_norm, self._second_norm = (
            (state[f"{name}{part}.LayerNorm.weight"], state[f"{name}{part}.LayerNorm.bias"])
            for part in ("attention.output", "output")
        )

    def __call__(self, hidden: Tensor, groups: Sequence[tuple[int, int]]) -> Tensor:
        """``hidden`` is (tokens, 384), of texts one after the other; ``groups`` are the (width, count) of texts of one
        width each, in that order."""
        import torch
        from torch.nn import functional

        projected = self._query_key_value(hidden)
        parts, start = [], 0
        for width, count in groups:
            own = projected[start : start + width * count].view(count, width, 3, HEADS, DIM // HEADS)
            query, key, value = own.permute(2, 0, 3, 1, 4)
            attended = functional.scaled_dot_product_attention(query, key, value)
            parts.append(attended.transpose(1, 2).reshape(width * count, DIM))
            start += width * count
        hidden = _norm(hidden + self._attended(torch.cat(parts)), self._first_norm)
        return _norm(hidden + self._outer(self._inner(hidden, gelu=True)), self._second_norm)


def _norm(hidden: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    from torch.nn import functional

    return functional.layer_norm(hidden, (DIM,), *weights, EPSILON)


_lock = threading.Lock()
_loaded: list[MiniLM] = []


def load_minilm() -> MiniLM:
    """The packaged model, one for the process. Raises ModelError where the package is missing or altered."""
    with _lock:
        if not _loaded:
            weights = packaged_file(MINILM_PACKAGE, f"{MINILM_FOLDER}/model.safetensors", MINILM_SHA256)
            tokenizer = packaged_file(MINILM_PACKAGE, f"{MINILM_FOLDER}/tokenizer.json", MINILM_TOKENIZER_SHA256)
            _loaded.append(MiniLM(weights, tokenizer))
        return _loaded[0]
