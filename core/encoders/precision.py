"""Where the packaged models run, and which number format is quick there."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Compute:
    """A torch device and a number format. Vectors of all of them are of one space: their cosines are above 0.999."""

    device: str = "cpu"
    number_format: Literal["float32", "bfloat16", "float16"] = "float32"

    @property
    def dtype(self) -> torch.dtype:
        import torch

        found: torch.dtype = getattr(torch, self.number_format)
        return found

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    def __str__(self) -> str:
        return f"{self.number_format} on the GPU" if self.on_gpu else self.number_format


def best_compute() -> Compute:
    """Half precision on a GPU that torch can use; else bfloat16 where the processor multiplies it, and float32 where
    it does not. ``CUDA_VISIBLE_DEVICES=`` (empty) keeps the models off a GPU."""
    if has_gpu():
        return Compute("cuda", "float16")
    return Compute("cpu", "bfloat16" if has_fast_bfloat16() else "float32")


@cache
def has_gpu() -> bool:
    """Whether torch can use one. A torch that was built without is not imported to be asked."""
    try:
        if version("torch").endswith("+cpu"):
            return False
    except PackageNotFoundError:
        return False
    import torch

    return torch.cuda.is_available()


@cache
def has_fast_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware, where it is two to three times as fast as float32.

    Elsewhere torch emulates it, five times slower than float32.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    return bool(words & {"amx_bf16", "avx512_bf16"})


def number_format() -> str:
    """What the packaged models compute in here, in words."""
    compute = best_compute()
    return f"{compute}, which this processor multiplies" if compute.number_format == "bfloat16" else str(compute)
