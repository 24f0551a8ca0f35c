"""The encoder in its child process: whole chunks of texts or picture paths in, an .npy file of vectors out."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.encoders.loading import load_encoder
from core.encoders.protocol import Encoder
from core.settings import Settings


@lru_cache(maxsize=2)
def _encoder(kind: Literal["text", "dual"], settings: str) -> Encoder:
    return load_encoder(kind, Settings(**json.loads(settings)))
