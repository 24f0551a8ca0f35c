"""The encoder in its child process: chunks of texts or picture paths in, an .npy file of vectors out."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.encoders.loading import load_encoder
from core.encoders.pictures import encode_readable_pictures
from core.encoders.protocol import Encoder
from core.settings import Settings


@lru_cache(maxsize=1)
def _encoder(kind: Literal["text", "dual"], settings: str) -> Encoder:
    return load_encoder(kind, Settings(**json.loads(settings)))


def encode(params: dict[str, Any], _report: Callable[[int, int], None]) -> dict[str, Any]:
    """Called by core.jobs.child. ``input`` names a JSON list of texts (kind ``text``) or picture paths (``dual``),
    ``output`` where the vectors go. Without an input it loads the model and tells its id and dimension."""
    encoder = _encoder(params["kind"], json.dumps(params["settings"], sort_keys=True))
    if "input" not in params:
        return {"model_id": encoder.space.model_id, "dim": encoder.space.dim}
    contents: list[str] = json.loads(Path(params["input"]).read_text())
    if params["kind"] == "text":
        np.save(params["output"], encoder.encode_documents(contents))
        return {"kept": list(range(len(contents))), "failures": []}
    vectors, kept, failures = encode_readable_pictures(encoder, [Path(path) for path in contents])
    np.save(params["output"], vectors)
    return {"kept": kept, "failures": failures}
