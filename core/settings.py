"""Every setting, its default and its environment variable. The README's table is tested against this file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.errors import SettingError

ROOT = Path(__file__).resolve().parent.parent
DEMO_WORKSPACE = ROOT / "data" / "demo"


def _setting(default: Any, variable: str, help: str) -> Any:
    return field(default=default, metadata={"variable": variable, "help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """The process's settings, read once from the environment by :func:`read_settings`."""

    workspace: Path = _setting(DEMO_WORKSPACE, "FEEDSCOPE_WORKSPACE", "The folder of the workspace to open.")
    text_model: str = _setting(
        "minilm", "FEEDSCOPE_TEXT", "The text encoder: minilm (packaged), or a sentence-transformers name or folder."
    )
    dual_model: str = _setting(
        "default",
        "FEEDSCOPE_DUAL",
        "The encoder of words and pictures: default (packaged), a trained .safetensors file, or"
        " open_clip:MODEL:CHECKPOINT.",
    )
    import_roots: tuple[Path, ...] = _setting(
        (), "FEEDSCOPE_IMPORT_ROOTS", "Folders on the server that the Data page may import from, separated by colons."
    )
    threads: int = _setting(0, "FEEDSCOPE_THREADS", "Threads for models and indexes; 0 means all cores.")
    max_pixels: int = _setting(
        100_000_000, "FEEDSCOPE_MAX_PIXELS", "Pictures with more pixels than this are refused unread."
    )
    max_picture_mb: int = _setting(50, "FEEDSCOPE_MAX_PICTURE_MB", "Picture files larger than this are refused.")
    max_text_chars: int = _setting(
        1_000_000, "FEEDSCOPE_MAX_TEXT_CHARS", "Longer post texts are cut to this many characters."
    )
    datasets: Path | None = _setting(
        None, "FEEDSCOPE_DATASETS", "Folder of real data sets that tests and benchmarks may read."
    )

    def thread_count(self) -> int:
        return self.threads or os.cpu_count() or 1


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises SettingError naming the variable and the value that can't be used."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for spec in fields(Settings):
        variable = spec.metadata["variable"]
        raw = environ.get(variable, "").strip()
        if raw:
            values[spec.name] = _parse(spec.name, variable, raw)
    return Settings(**values)


def _parse(name: str, variable: str, raw: str) -> Any:
    if name in ("workspace", "datasets"):
        return Path(raw).expanduser().absolute()
    if name == "import_roots":
        return tuple(Path(part).expanduser().resolve() for part in raw.split(os.pathsep) if part)
    if name in ("threads", "max_pixels", "max_picture_mb", "max_text_chars"):
        least = 0 if name == "threads" else 1
        if not raw.isdecimal() or int(raw) < least:
            raise SettingError(f"{variable}={raw!r} is not a whole number of {least} or more.")
        return int(raw)
    return raw
