"""Lets torchvision be imported beside a CPU torch.

The registry's torchvision for Linux is built for CUDA: beside a CPU torch its extension can't be loaded, and
``import torchvision`` (with it timm, open_clip and parts of transformers) stops with "operator torchvision::nms does
not exist", for an operator that none of them calls here. Declaring the two schemas is enough.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_lock = threading.Lock()
_libraries: list[Any] = []  # the declarations last as long as these objects


def declare_torchvision_operators() -> None:
    """Declares ``torchvision::nms`` and ``::qnms`` where torchvision's extension can't load. Call before importing
    torchvision or anything that does. Does nothing the second time, or where the extension loads."""
    import torch

    with _lock:
        if _libraries or _extension_loads():
            return
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        library.define(f"nms{_SCHEMA}")
        library.define(f"qnms{_SCHEMA}")
        _libraries.append(library)


def _extension_loads() -> bool:
    import torch

    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # nothing to mend
    for extension in sorted(Path(spec.origin).parent.glob("_C*.so")):
        try:
            torch.ops.load_library(str(extension))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return hasattr(torch.ops.torchvision, "nms")
    return False
