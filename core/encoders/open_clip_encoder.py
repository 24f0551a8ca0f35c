"""Any model of open_clip (Ilharco et al. 2021) as the encoder of words and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from core.encoders.packaged_weights import file_sha256
from core.encoders.protocol import PictureInput, Vectors
from core.encoders.torchvision_operators import declare_torchvision_operators
from core.errors import ModelError
from core.pictures import open_picture
from core.settings import Settings
from core.types import Space

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "open_clip:"
TEXTS_A_BATCH = 64
PICTURES_A_BATCH = 16


class OpenClipEncoder:
    """Follows :class:`core.encoders.protocol.Encoder`. In half precision on a GPU, in float32 elsewhere."""

    modalities: frozenset[Literal["text", "picture"]] = frozenset({"text", "picture"})

    def __init__(self, model: Any, preprocess: Any, tokenizer: Any, model_id: str, settings: Settings) -> None:
        self._model = model
        self._preprocess = preprocess
        self._tokenizer = tokenizer
        self._settings = settings
        self._parameter = next(model.parameters())
        self._space = Space("dual", model_id, int(self._texts(["size"]).shape[1]))

    @property
    def space(self) -> Space:
        return self._space

    def describe(self) -> str:
        """A line for people: the model, its number format and where it runs."""
        kind = str(self._parameter.dtype).removeprefix("torch.")
        return f"{self._space.model_id}, {kind} on {self._parameter.device}"

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        batches = (texts[start : start + TEXTS_A_BATCH] for start in range(0, len(texts), TEXTS_A_BATCH))
        return self._joined([self._texts(batch) for batch in batches])

    def encode_pictures(self, pictures: Sequence[PictureInput]) -> Vectors:
        batches = (pictures[start : start + PICTURES_A_BATCH] for start in range(0, len(pictures), PICTURES_A_BATCH))
        return self._joined([self._pictures(batch) for batch in batches])

    def _texts(self, texts: Sequence[str]) -> Vectors:
        import torch

        clean = [text[:4000].encode("utf-8", "replace").decode() for text in texts]
        with torch.inference_mode():
            return _unit(self._model.encode_text(self._tokenizer(clean).to(self._parameter.device)))

    def _pictures(self, pictures: Sequence[PictureInput]) -> Vectors:
        import torch

        settings = self._settings
        limits = {"max_pixels": settings.max_pixels, "max_bytes": settings.max_picture_mb * 2**20}
        images = [self._preprocess(open_picture(picture, **limits)) for picture in pictures]
        with torch.inference_mode():
            batch = torch.stack(images).to(self._parameter.device, self._parameter.dtype)
            return _unit(self._model.encode_image(batch))

    def _joined(self, parts: list[Vectors]) -> Vectors:
        return np.concatenate([np.empty((0, self._space.dim), np.float32), *parts])


def _unit(vectors: Tensor) -> Vectors:
    from torch.nn import functional

    unit: Vectors = functional.normalize(vectors.float(), dim=1).cpu().numpy()
    return unit


def load_open_clip(setting: str, settings: Settings) -> OpenClipEncoder:
    """The encoder that ``open_clip:MODEL:CHECKPOINT`` names; CHECKPOINT is one of open_clip's tags, which it downloads,
    or a local file (.safetensors, or .pt and .bin, of which only weights are read).

    Raises ModelError for an unknown model, a checkpoint that is not there or does not fit the model.
    """
    name, _, checkpoint = setting.removeprefix(PREFIX).partition(":")
    if not name or not checkpoint:
        raise ModelError(
            f"FEEDSCOPE_DUAL={setting!r} is not open_clip:MODEL:CHECKPOINT, as in open_clip:ViT-B-32:laion2b_s34b_b79k."
        )
    import torch

    declare_torchvision_operators()
    import open_clip

    if open_clip.get_model_config(name) is None:
        raise ModelError(f"open_clip has no model {name!r}. Its models are listed by open_clip.list_models().")
    local = Path(checkpoint).expanduser()
    is_file = local.is_file()
    if not is_file and checkpoint not in open_clip.list_pretrained_tags_by_model(name):
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none: give a file"
        raise ModelError(f"{checkpoint!r} is no file here and no checkpoint of {name}. Its checkpoints: {tags}.")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(settings.thread_count())
    try:
        model, _, preprocess = open_clip.create_model_and_transforms(
            name,
            pretrained=str(local) if is_file else checkpoint,
            precision="fp16" if device == "cuda" else "fp32",
            device=device,
            weights_only=True,
        )
    except Exception as error:  # whatever a damaged file or a missing network makes torch or the hub client raise
        raise ModelError(_why_not(name, checkpoint, is_file, error)) from error
    model.eval()
    weights = file_sha256(local)[:8] if is_file else checkpoint
    model_id = f"open_clip-{name}-{weights}".replace("/", "-")
    return OpenClipEncoder(model, preprocess, open_clip.get_tokenizer(name), model_id, settings)


def _why_not(name: str, checkpoint: str, is_file: bool, error: Exception) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
    if is_file:
        return f"The file {Path(checkpoint).name} can't be loaded into {name}: {reason}"
    return (
        f"The checkpoint {checkpoint} of {name} could not be downloaded: {reason}. Without a network, copy the file"
        f" here, set FEEDSCOPE_DUAL=open_clip:{name}:/path/to/file, or leave the setting out for the packaged encoder."
    )
