"""The text encoders: the packaged MiniLM and multilingual E5, and any model of sentence-transformers by name or
folder."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.encoders.e5 import E5, E5_DIM, E5_ID, load_e5
from core.encoders.hub import folder_or_name, from_hub
from core.encoders.length_batches import clean_text, length_batches
from core.encoders.minilm import DIM, MINILM_ID, MiniLM, load_minilm
from core.encoders.protocol import PictureInput, Vectors
from core.encoders.torchvision_operators import declare_torchvision_operators
from core.errors import ModelError
from core.types import Space

PACKAGED = "minilm"
PACKAGED_MULTILINGUAL = "e5"
CHARACTERS_A_TOKEN = 32
"""Texts are cut at this many times a model's tokens before they are tokenised, which spares it megabytes."""

TOKENS_A_BATCH = 2048


class MiniLMEncoder:
    """The packaged model. Follows :class:`core.encoders.protocol.Encoder`, for texts alone; threads may share it."""

    modalities: frozenset[Literal["text", "picture"]] = frozenset({"text"})

    def __init__(self, model: MiniLM) -> None:
        self._model = model
        self._space = Space("text", MINILM_ID, DIM)

    @property
    def space(self) -> Space:
        return self._space

    def describe(self) -> str:
        """A line for people: the model, and the number format that was chosen for this processor."""
        return f"{MINILM_ID}, {self._model.compute}"

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._model.encode(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._model.encode(texts)

    def encode_pictures(self, pictures: Sequence[PictureInput]) -> Vectors:
        raise ModelError(f"{MINILM_ID} encodes texts only, no pictures.")


class E5Encoder:
    """The packaged multilingual model. Follows the protocol, for texts alone; threads may share it."""

    modalities: frozenset[Literal["text", "picture"]] = frozenset({"text"})

    def __init__(self, model: E5) -> None:
        self._model = model
        self._space = Space("text", E5_ID, E5_DIM)

    @property
    def space(self) -> Space:
        return self._space

    def describe(self) -> str:
        """A line for people: the model and its number format."""
        return f"{E5_ID}, 4 bits"

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._model.encode(texts, query=True)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._model.encode(texts, query=False)

    def encode_pictures(self, pictures: Sequence[PictureInput]) -> Vectors:
        raise ModelError(f"{E5_ID} encodes texts only, no pictures.")


class SentenceTransformerEncoder:
    """Any model of sentence-transformers, with its own prompts for queries and documents, on a GPU in half precision.
    Follows the protocol, for texts alone; threads may share it."""

    modalities: frozenset[Literal["text", "picture"]] = frozenset({"text"})

    def __init__(self, model: Any, model_id: str) -> None:
        self._model = model
        self._lock = threading.Lock()  # a fast tokenizer keeps its truncation and padding in itself
        self._space = Space("text", model_id, int(model.get_embedding_dimension()))

    @property
    def space(self) -> Space:
        return self._space

    def describe(self) -> str:
        """A line for people: the model, its number format and where it runs."""
        return f"{self._space.model_id}, {str(self._model.dtype).removeprefix('torch.')} on {self._model.device}"

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, "query")

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, "document")

    def encode_pictures(self, pictures: Sequence[PictureInput]) -> Vectors:
        raise ModelError(f"{self._space.model_id} encodes texts only, no pictures.")

    def _encode(self, texts: Sequence[str], purpose: str) -> Vectors:
        vectors = np.empty((len(texts), self._space.dim), np.float32)
        limit = int(self._model.max_seq_length or 512)
        clean = [clean_text(text, limit * CHARACTERS_A_TOKEN) for text in texts]
        prompt = self._model.prompts.get(purpose, "")
        # Characters stand in for tokens: they sort nearly the same, and any tokenizer has them.
        lengths = [min(len(text) // 4 + 2, limit) for text in clean]
        for batch in length_batches(lengths, TOKENS_A_BATCH):
            with self._lock:
                vectors[batch] = self._model.encode(
                    [clean[index] for index in batch],
                    prompt=prompt,
                    batch_size=len(batch),
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
        return vectors


def load_text_encoder(model: str) -> MiniLMEncoder | E5Encoder | SentenceTransformerEncoder:
    """``minilm`` and ``e5`` are the packaged ones; otherwise a folder, or a name that sentence-transformers downloads.

    Raises ModelError where it is not there and can't be had.
    """
    if model == PACKAGED:
        return MiniLMEncoder(load_minilm())
    if model == PACKAGED_MULTILINGUAL:
        return E5Encoder(load_e5())
    declare_torchvision_operators()
    from sentence_transformers import SentenceTransformer

    folder = Path(model).expanduser()
    advice = "Name a folder that holds a sentence-transformers model, or set FEEDSCOPE_TEXT=minilm."
    with from_hub(f"The text model {model!r}", model, advice):
        loaded = SentenceTransformer(folder_or_name(model))
    if loaded.device.type == "cuda":
        loaded.half()
    name = folder.resolve().name if folder.is_dir() else model
    return SentenceTransformerEncoder(loaded, f"{name}-{_weights_sha256(loaded)[:8]}".replace("/", "-"))


def _weights_sha256(model: Any) -> str:
    """A hash over a model's weights: the same name with other weights is another model."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy())
    return digest.hexdigest()
