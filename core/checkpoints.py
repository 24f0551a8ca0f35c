"""Where a training stands, in a file: a killed one goes on. One safetensors file, written beside and swapped in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def write_checkpoint(path: Path, mark: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Writes the tensors and, as JSON, what is told ``about`` them. ``mark`` names the training: its data, its recipe
    and its seed."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(plain, beside, metadata={"mark": mark, "about": json.dumps(about)})
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_checkpoint(path: Path, mark: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """(tensors, what was told about them); None where there is no checkpoint, it is of another training, or it is
    damaged: the training then begins afresh."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            if said.get("mark") != mark:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return tensors, json.loads(said["about"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
