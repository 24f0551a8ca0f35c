"""What every encoder does: texts or pictures in, unit vectors of one space out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.types import Space

Vectors: TypeAlias = NDArray[np.float32]
"""Shape (n, dim), float32, rows of length one."""

PictureInput: TypeAlias = Path | bytes
"""A picture file, or the bytes of one."""


@runtime_checkable
class Encoder(Protocol):
    """Encodes into one :class:`~core.types.Space`.

    Queries and documents are encoded apart, since many models prefix or treat them differently. Row ``i`` of the result
    is input ``i``; an empty input gives shape ``(0, dim)``; an empty text is a text like any other. Vectors are float32
    of unit length. The same input gives the same vector whatever else is in the batch, but for rounding:
    a cosine of 0.999 or more where the model runs in bfloat16.
    """

    @property
    def space(self) -> Space: ...

    @property
    def modalities(self) -> frozenset[Literal["text", "picture"]]:
        """What it can encode, declared so that nobody has to find out by an exception."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors: ...

    def encode_documents(self, texts: Sequence[str]) -> Vectors: ...

    def encode_pictures(self, pictures: Sequence[PictureInput]) -> Vectors:
        """Raises ModelError where ``picture`` is no modality of it, PictureError for one that can't be decoded."""
        ...
