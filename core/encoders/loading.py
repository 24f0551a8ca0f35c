"""From settings to an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from core.encoders.protocol import Encoder
from core.errors import SettingError
from core.settings import ROOT, Settings

PACKAGED_DUAL = ROOT / "assets" / "models" / "dual.safetensors"


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
