"""Encoding lists of pictures of which some can't be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.encoders.protocol import Encoder, PictureInput, Vectors
from core.errors import PictureError

CHUNK = 64


def encode_readable_pictures(
    encoder: Encoder, pictures: Sequence[PictureInput]
) -> tuple[Vectors, list[int], list[tuple[int, str]]]:
    """(vectors of the readable ones (m, dim), their positions, (position, reason) of the others).

    One bad picture costs its own place and no other's. Encoders decode a whole call before they run their model, so
    halving a chunk until the bad one stands alone costs decoding and little else.
    """
    parts: list[Vectors] = [np.empty((0, encoder.space.dim), np.float32)]
    kept: list[int] = []
    failures: list[tuple[int, str]] = []
    waiting = [range(start, min(start + CHUNK, len(pictures))) for start in range(0, len(pictures), CHUNK)][::-1]
    while waiting:
        positions = waiting.pop()
        try:
            parts.append(encoder.encode_pictures([pictures[position] for position in positions]))
        except PictureError as error:
            if len(positions) == 1:
                failures.append((positions[0], str(error)))
                continue
            middle = len(positions) // 2
            waiting += [positions[middle:], positions[:middle]]
        else:
            kept += positions
    return np.concatenate(parts), kept, failures
