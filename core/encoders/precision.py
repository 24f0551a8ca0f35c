"""Which number format the processor is quick in."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path


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
    """What the packaged models compute in on this processor, in words."""
    return "bfloat16, which this processor multiplies" if has_fast_bfloat16() else "float32"
