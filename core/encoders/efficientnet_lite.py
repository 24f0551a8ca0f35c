"""Pooled features of EfficientNet-Lite2 (Tan and Le 2019; the Lite variants of 2020), with the packaged weights.

The network is written out here rather than taken from timm, whose import alone costs seconds. Every batch norm is
folded into its convolution and channels come last, which on a CPU is about twice as fast as timm's
``tf_efficientnet_lite2`` and gives the same features to 1e-4 (a test compares them). Where the processor multiplies
bfloat16, that is used, nearly twice as fast again; on a GPU, half precision.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.encoders.packaged_weights import LITE2_FILE, LITE2_PACKAGE, LITE2_SHA256, packaged_file
from core.encoders.precision import Compute, best_compute
from core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 260
FEATURE_DIM = 1280
BACKBONE_ID = f"efficientnet-lite2-{LITE2_SHA256[:8]}"
BATCH = 16
GPU_BATCH = 256
WIDEST = 2.0
"""Pictures longer than this many times their other side are cropped to it before they are squeezed to a square."""

# Of the values that the weights were trained with, in the official implementation.
MEAN, SCALE = 127.0, 128.0
BATCH_NORM_EPSILON = 1e-3

STAGES = ((1, 1), (3, 2), (3, 2), (4, 2), (4, 1), (5, 2), (1, 1))
"""Blocks in each stage, and the stride of its first block. Kernels and widths are read off the weights."""

TAIL_BLOCKS = 3
"""The last blocks, which with the last convolution may be tuned: the tail. What comes before is the trunk."""

TRUNK_SHAPE = (9, 9, 208)
"""What the trunk gives of a picture: height, width, channels."""

TailWeights: TypeAlias = "Mapping[str, Tensor]"
"""The tail's convolutions, batch norms folded in: ``tail.<block>.<expand|depthwise|project>.<weight|bias>`` and
``tail.head.<weight|bias>``; see :func:`tail_shapes`."""

Pixels = NDArray[np.uint8]
"""Shape (SIDE, SIDE, 3), or (n, SIDE, SIDE, 3) for several; RGB."""

Features = NDArray[np.float32]
"""Shape (n, FEATURE_DIM): averages of a ReLU6, so 0 to 6. Not unit vectors."""


def to_pixels(image: Image.Image) -> Pixels:
    """The whole picture squeezed to a square, bicubic; the middle of very long ones."""
    width, height = image.size
    box_width, box_height = min(width, height * WIDEST), min(height, width * WIDEST)
    left, top = (width - box_width) / 2, (height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0))


class EfficientNetLite2:
    """The network up to its pooled features. Load it once a process, by :func:`load_efficientnet_lite2`."""

    def __init__(self, weights: Path, compute: Compute | None = None) -> None:
        """``compute`` None: as :func:`core.encoders.precision.best_compute` says."""
        import torch

        self.compute = compute or best_compute()
        self._batch = GPU_BATCH if self.compute.on_gpu else BATCH
        state: dict[str, Tensor] = torch.load(weights, map_location="cpu", weights_only=True)
        try:
            self._stem = _Convolution(state, "_conv_stem", "_bn0", stride=2)
            self._blocks: list[_Block] = []
            for blocks, stride in STAGES:
                for position in range(blocks):
                    prefix = f"_blocks.{len(self._blocks)}."
                    self._blocks.append(_Block(state, prefix, stride if position == 0 else 1))
            self.tail: dict[str, Tensor] = _Convolution(state, "_conv_head", "_bn1").named("tail.head")
            for position, block in enumerate(self._blocks[-TAIL_BLOCKS:]):
                self.tail |= block.named(f"tail.{position}")
            del self._blocks[-TAIL_BLOCKS:]
            for block in self._blocks:
                block.place(self.compute)
            self._stem.place(self.compute)
            self._tail = self.placed(self.tail)
            self.classifier: NDArray[np.float32] = state["_fc.weight"].numpy()
        except KeyError as error:
            raise ModelError(f"{weights.name} is not EfficientNet-Lite2: it has no layer {error.args[0]}.") from None

    def placed(self, tail: TailWeights) -> TailWeights:
        """A tail where and in what format the trunk computes, so that no call has to bring it there."""
        return {name: tensor.to(self.compute.device, self.compute.dtype) for name, tensor in tail.items()}

    def features(self, pixels: Pixels, tails: Sequence[TailWeights] = ()) -> Features:
        """``pixels`` is (n, SIDE, SIDE, 3) uint8; gives (n, FEATURE_DIM) by the packaged tail, or by each of ``tails``,
        which were :meth:`placed`, end to end: (n, FEATURE_DIM * len(tails))."""
        import torch

        tails = tails or (self._tail,)
        result = np.empty((len(pixels), FEATURE_DIM * len(tails)), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(pixels), self._batch):
                hidden = self._trunk(pixels[start : start + self._batch])
                pooled = torch.cat([apply_tail(tail, hidden.permute(0, 2, 3, 1)) for tail in tails], 1)
                result[start : start + len(pooled)] = pooled.cpu().numpy()
        return result

    def trunk(self, pixels: Pixels) -> NDArray[np.float16]:
        """What the tail is given: (n, *TRUNK_SHAPE) in half precision, to be kept while a tail is trained."""
        import torch

        result = np.empty((len(pixels), *TRUNK_SHAPE), dtype=np.float16)
        with torch.inference_mode():
            for start in range(0, len(pixels), self._batch):
                hidden = self._trunk(pixels[start : start + self._batch]).permute(0, 2, 3, 1)
                result[start : start + len(hidden)] = hidden.to("cpu", torch.float16).numpy()
        return result

    def _trunk(self, pixels: Pixels) -> Tensor:
        import torch

        batch = torch.from_numpy(pixels).to(self.compute.device, torch.float32).sub_(MEAN).div_(SCALE)
        batch = batch.to(self.compute.dtype)
        # (n, height, width, 3) seen as (n, 3, height, width) is what torch calls channels last.
        hidden = self._stem(batch.permute(0, 3, 1, 2)).clamp_(0, 6)
        for block in self._blocks:
            hidden = block(hidden)
        return hidden


def tail_shapes() -> dict[str, tuple[int, ...]]:
    """The name and shape of every tensor of a tail."""
    shapes: dict[str, tuple[int, ...]] = {}
    for block, (narrow, wide, out, kernel) in enumerate(
        ((208, 1248, 208, 5), (208, 1248, 208, 5), (208, 1248, 352, 3))
    ):
        for part, shape in (
            ("expand", (wide, narrow, 1, 1)),
            ("depthwise", (wide, 1, kernel, kernel)),
            ("project", (out, wide, 1, 1)),
        ):
            shapes |= {f"tail.{block}.{part}.weight": shape, f"tail.{block}.{part}.bias": shape[:1]}
    return shapes | {"tail.head.weight": (FEATURE_DIM, 352, 1, 1), "tail.head.bias": (FEATURE_DIM,)}


def apply_tail(weights: TailWeights, hidden: Tensor) -> Tensor:
    """Pooled features (n, FEATURE_DIM) in float32 of the trunk's (n, height, width, 208), or of a part of its grid.

    Computed in the number format of ``hidden``. Can be differentiated.
    """
    import torch
    from torch.nn import functional

    kind = hidden.dtype

    def mix(hidden: Tensor, name: str) -> Tensor:  # a convolution of 1 x 1
        return functional.linear(
            hidden, weights[f"{name}.weight"].to(kind).flatten(1), weights[f"{name}.bias"].to(kind)
        )

    for block in range(TAIL_BLOCKS):
        wide = functional.hardtanh(mix(hidden, f"tail.{block}.expand"), 0, 6)
        kernel, bias = weights[f"tail.{block}.depthwise.weight"], weights[f"tail.{block}.depthwise.bias"]
        # In bfloat16 the gradient of a kernel of 5 is slower than in float32.
        own = torch.float32 if kernel.shape[2] == 5 and kernel.requires_grad else kind
        wide = functional.conv2d(
            wide.to(own).permute(0, 3, 1, 2), kernel.to(own), bias.to(own), padding=kernel.shape[2] // 2,
            groups=len(kernel),
        ).permute(0, 2, 3, 1)  # fmt: skip
        narrow = mix(functional.hardtanh(wide, 0, 6).to(kind), f"tail.{block}.project")
        hidden = narrow + hidden if narrow.shape == hidden.shape else narrow
    return functional.hardtanh(mix(hidden, "tail.head"), 0, 6).float().mean((1, 2))


class _Convolution:
    """A convolution without bias and the batch norm after it, folded into one; padded as TensorFlow's SAME does."""

    def __init__(self, state: dict[str, Tensor], convolution: str, batch_norm: str, stride: int = 1) -> None:
        import torch

        weight = state[f"{convolution}.weight"]
        variance = state[f"{batch_norm}.running_var"]
        scale = state[f"{batch_norm}.weight"] / (variance + BATCH_NORM_EPSILON).sqrt()
        self.weight = (weight * scale[:, None, None, None]).contiguous(memory_format=torch.channels_last)
        self.bias = state[f"{batch_norm}.bias"] - state[f"{batch_norm}.running_mean"] * scale
        self.kernel = weight.shape[2]
        self.stride = stride
        # A depthwise convolution has one input channel a filter, and as many groups as filters.
        self.groups = weight.shape[0] if weight.shape[1] == 1 else 1

    def named(self, name: str) -> dict[str, Tensor]:
        return {f"{name}.weight": self.weight, f"{name}.bias": self.bias}

    def place(self, compute: Compute) -> None:
        self.weight, self.bias = (part.to(compute.device, compute.dtype) for part in (self.weight, self.bias))

    def __call__(self, hidden: Tensor) -> Tensor:
        from torch.nn import functional

        padding = self.kernel // 2
        if self.stride == 2:
            # SAME pads what an even count of pixels lacks, the odd one at the right and the bottom.
            height, width = (max(self.kernel - (2 if side % 2 == 0 else 1), 0) for side in hidden.shape[2:])
            hidden = functional.pad(hidden, (width // 2, width - width // 2, height // 2, height - height // 2))
            padding = 0
        return functional.conv2d(hidden, self.weight, self.bias, self.stride, padding, groups=self.groups)


class _Block:
    """Expand, convolve each channel, project; added to its input where the shapes allow."""

    def __init__(self, state: dict[str, Tensor], prefix: str, stride: int) -> None:
        expands = f"{prefix}_expand_conv.weight" in state
        self.expand = _Convolution(state, f"{prefix}_expand_conv", f"{prefix}_bn0") if expands else None
        self.depthwise = _Convolution(state, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride)
        self.project = _Convolution(state, f"{prefix}_project_conv", f"{prefix}_bn2")
        self.stride = stride

    def place(self, compute: Compute) -> None:
        for part in (self.expand, self.depthwise, self.project):
            if part is not None:
                part.place(compute)

    def named(self, name: str) -> dict[str, Tensor]:
        assert self.expand is not None
        parts = (("expand", self.expand), ("depthwise", self.depthwise), ("project", self.project))
        return {key: tensor for part, layer in parts for key, tensor in layer.named(f"{name}.{part}").items()}

    def __call__(self, hidden: Tensor) -> Tensor:
        wide = hidden if self.expand is None else self.expand(hidden).clamp_(0, 6)
        narrow = self.project(self.depthwise(wide).clamp_(0, 6))
        return narrow.add_(hidden) if self.stride == 1 and narrow.shape == hidden.shape else narrow


_lock = threading.Lock()
_loaded: list[EfficientNetLite2] = []


def load_efficientnet_lite2() -> EfficientNetLite2:
    """The packaged backbone, one for the process. Raises ModelError where the package is missing or altered."""
    with _lock:
        if not _loaded:
            _loaded.append(EfficientNetLite2(packaged_file(LITE2_PACKAGE, LITE2_FILE, LITE2_SHA256)))
        return _loaded[0]
