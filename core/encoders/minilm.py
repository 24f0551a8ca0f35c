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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.encoders.length_batches import clean_text, length_batches
from core.encoders.packaged_weights import (
    MINILM_FOLDER,
    MINILM_PACKAGE,
    MINILM_SHA256,
    MINILM_TOKENIZER_SHA256,
    packaged_file,
)
from core.encoders.precision import has_fast_bfloat16
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

TOKENS_A_BATCH = 2048
CHUNK = 4096
"""Texts that are tokenised and sorted by length at a time."""

RECENT = 128
"""Single texts whose vectors are kept."""

LAYERS = 6
HEADS = 12
EPSILON = 1e-12


class MiniLM:
    """Load it once a process, by :func:`load_minilm`."""

    def __init__(self, weights: Path, tokenizer: Path) -> None:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self.precision = "bfloat16" if has_fast_bfloat16() else "float32"
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        try:
            state = load_file(weights)
        except SafetensorError as error:
            raise ModelError(f"{weights.name} is not a whole safetensors file ({error}).") from error
        self._state = {name: tensor.to(dtype) for name, tensor in state.items() if tensor.is_floating_point()}
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._encode_kept = lru_cache(RECENT)(lambda text: self._encode([text]))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (n, 384) float32. Texts are sorted by length, so that batches hold little padding.

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
        other._state = self._state | {name: value.to(self.dtype) for name, value in state.items()}
        other._encode_kept = lru_cache(RECENT)(lambda text: other._encode([text]))
        return other

    def layer_state(self, first: int) -> dict[str, Tensor]:
        """The weights of the layers from ``first`` on (0 to LAYERS - 1), float32, as copies."""
        names = [f"encoder.layer.{layer}." for layer in range(first, LAYERS)]
        return {
            name: value.float().clone() for name, value in self._state.items() if any(name.startswith(n) for n in names)
        }

    @property
    def dtype(self) -> Any:
        """Of the weights: torch.bfloat16 or torch.float32."""
        return self._state["embeddings.word_embeddings.weight"].dtype

    def hidden(self, tokens: list[list[int]], layers: int = LAYERS) -> tuple[Tensor, Tensor]:
        """(states (n, w, 384) after some layers, mask (n, w)) of padded token ids. Call in inference mode."""
        import torch

        width = max(len(ids) for ids in tokens)
        padded = torch.tensor([ids + [0] * (width - len(ids)) for ids in tokens])
        mask = torch.tensor([[True] * len(ids) + [False] * (width - len(ids)) for ids in tokens])
        hidden = self._embed(padded)
        for layer in range(layers):
            hidden = self._layer(hidden, mask, f"encoder.layer.{layer}.")
        return hidden, mask

    def _encode(self, texts: Sequence[str]) -> Vectors:
        result = np.empty((len(texts), DIM), dtype=np.float32)
        for start in range(0, len(texts), CHUNK):
            tokens = self.tokens_of(texts[start : start + CHUNK])
            for batch in length_batches([len(ids) for ids in tokens], TOKENS_A_BATCH):
                result[start + batch] = self._forward([tokens[index] for index in batch])
        return result

    def _forward(self, tokens: list[list[int]]) -> Vectors:
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            hidden, mask = self.hidden(tokens)
            kept = hidden.float() * mask[..., None]
            mean = kept.sum(1) / mask.sum(1, keepdim=True)
            vectors: Vectors = functional.normalize(mean, dim=1).numpy()
        return vectors

    def _embed(self, tokens: Tensor) -> Tensor:
        state = self._state
        embedded = (
            state["embeddings.word_embeddings.weight"][tokens]
            + state["embeddings.position_embeddings.weight"][: tokens.shape[1]]
            + state["embeddings.token_type_embeddings.weight"][0]
        )
        return self._norm(embedded, "embeddings.LayerNorm")

    def _layer(self, hidden: Tensor, mask: Tensor, name: str) -> Tensor:
        """BERT's layer: attention, then two linear maps, each added to its input and normalised."""
        from torch.nn import functional

        count, width, _ = hidden.shape
        query, key, value = (
            self._linear(hidden, f"{name}attention.self.{part}").view(count, width, HEADS, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        attended = attended.transpose(1, 2).reshape(count, width, DIM)
        attended = self._linear(attended, f"{name}attention.output.dense")
        hidden = self._norm(hidden + attended, f"{name}attention.output.LayerNorm")
        inner = functional.gelu(self._linear(hidden, f"{name}intermediate.dense"))
        return self._norm(hidden + self._linear(inner, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _linear(self, hidden: Tensor, name: str) -> Tensor:
        from torch.nn import functional

        return functional.linear(hidden, self._state[f"{name}.weight"], self._state[f"{name}.bias"])

    def _norm(self, hidden: Tensor, name: str) -> Tensor:
        from torch.nn import functional

        weight, bias = self._state[f"{name}.weight"], self._state[f"{name}.bias"]
        return functional.layer_norm(hidden, (DIM,), weight, bias, EPSILON)


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
