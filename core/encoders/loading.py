"""From settings to an encoder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from core.encoders.dual_heads import read_dual_id
from core.encoders.protocol import Encoder
from core.errors import ModelError, SettingError
from core.settings import ROOT, Settings

PACKAGED_DUAL = ROOT / "assets" / "models" / "dual.safetensors"


def dual_model_id(settings: Settings) -> str | None:
    """The id of the dual encoder that the settings name, read off its file without loading it; None where that is no
    file of ours, or it is not there or damaged."""
    if settings.dual_model == "default":
        path = PACKAGED_DUAL
    elif settings.dual_model.endswith(".safetensors"):
        path = Path(settings.dual_model).expanduser()
    else:
        return None
    if not path.is_file():
        return None
    found = path.stat()
    return _file_model_id(path, found.st_mtime_ns, found.st_size)


@lru_cache(8)
def _file_model_id(path: Path, changed: int, size: int) -> str | None:
    try:
        return read_dual_id(path)
    except ModelError:
        return None


def load_encoder(kind: Literal["text", "dual"], settings: Settings) -> Encoder:
    """The encoder that the settings name. Models are shared within a process: ``dual`` uses the MiniLM of ``text``.

    Raises ModelError where its weights are missing, damaged or of another shape, SettingError where the setting names
    nothing that can be loaded.
    """
    import torch

    torch.set_num_threads(settings.thread_count())
    if kind == "text":
        from core.encoders.text import load_text_encoder

        return load_text_encoder(settings.text_model)
    if settings.dual_model.startswith("open_clip:"):
        from core.encoders.open_clip_encoder import load_open_clip

        return load_open_clip(settings.dual_model, settings)
    from core.encoders.dual import load_dual_encoder

    if settings.dual_model == "default":
        return load_dual_encoder(PACKAGED_DUAL, settings)
    if settings.dual_model.endswith(".safetensors"):
        return load_dual_encoder(Path(settings.dual_model).expanduser(), settings)
    raise SettingError(
        f"FEEDSCOPE_DUAL={settings.dual_model!r} is neither default, nor a .safetensors file, nor"
        " open_clip:MODEL:CHECKPOINT."
    )
