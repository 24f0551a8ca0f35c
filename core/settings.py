"""Every setting, its default and its environment variable. The README's table is tested against this file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.errors import SettingError

ROOT = Path(__file__).resolve().parent.parent
DEMO_WORKSPACE = ROOT / "data" / "demo"


class Secret:
    """A value that no repr, log or JSON document shows; ``reveal`` gives it to who must send it."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def redact(self, text: str) -> str:
        """``text`` without the value, nor the parts of a ``user:password``."""
        for part in (self._value, *self._value.split(":")[1:]):
            if part:
                text = text.replace(part, "***")
        return text

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "***" if self._value else ""


def _setting(default: Any, variable: str, help: str) -> Any:
    return field(default=default, metadata={"variable": variable, "help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """The process's settings, read once from the environment by :func:`read_settings`."""

    workspace: Path = _setting(DEMO_WORKSPACE, "FEEDSCOPE_WORKSPACE", "The folder of the workspace to open.")
    text_model: str = _setting(
        "minilm",
        "FEEDSCOPE_TEXT",
        "The text encoder: minilm (packaged, English), e5 (packaged, many languages), or a sentence-transformers name"
        " or folder.",
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
    vectors: str = _setting(
        "faiss",
        "FEEDSCOPE_VECTORS",
        "Where vectors are kept and searched: faiss (this machine), milvus:http://HOST:19530, or milvus:FILE.db for"
        " trying out; see core/vectors/MILVUS.md.",
    )
    milvus_token: Secret = _setting(
        Secret(), "FEEDSCOPE_MILVUS_TOKEN", "What Milvus is told to let us in: user:password, or an API key."
    )
    milvus_database: str = _setting(
        "default", "FEEDSCOPE_MILVUS_DATABASE", "The Milvus database that holds the collections; it must exist."
    )
    milvus_prefix: str = _setting(
        "feedscope", "FEEDSCOPE_MILVUS_PREFIX", "What the names of Milvus collections begin with."
    )
    milvus_index: str = _setting(
        "auto",
        "FEEDSCOPE_MILVUS_INDEX",
        "The kind of index in new Milvus collections: auto, HNSW, IVF_FLAT, DISKANN, AUTOINDEX or FLAT.",
    )
    milvus_timeout: int = _setting(
        10, "FEEDSCOPE_MILVUS_TIMEOUT", "Seconds after which a question to Milvus is given up."
    )
    scorer: str = _setting(
        "packaged",
        "FEEDSCOPE_SCORER",
        "Who scores words: packaged, detoxify (or detoxify:unbiased, detoxify:multilingual), or hf:NAME-OR-FOLDER, a"
        " text classifier of Hugging Face.",
    )
    scorer_labels: str = _setting(
        "",
        "FEEDSCOPE_SCORER_LABELS",
        "What the classifier's labels mean, such as LABEL_1=TOXICITY,LABEL_2=THREAT; common labels are known.",
    )
    scorer_langs: tuple[str, ...] = _setting(
        ("en",), "FEEDSCOPE_SCORER_LANGS", "The languages that the classifier knows, such as en,de; * for all."
    )
    roles: Path | None = _setting(
        None,
        "FEEDSCOPE_ROLES",
        "A TOML file that says who may do what; with it people log in (OpenID Connect).",
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


_WORDS = {
    "vectors": re.compile(r"faiss|milvus:(https?://[^\s/@?#]+/?|[^\s@][^@]*\.db)"),
    "scorer": re.compile(r"packaged|detoxify(:unbiased|:multilingual)?|hf:\S.*"),
    "milvus_database": re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}"),
    "milvus_prefix": re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}"),
    "milvus_index": re.compile(r"auto|HNSW|IVF_FLAT|DISKANN|AUTOINDEX|FLAT"),
}
_SHAPES = {
    "vectors": "faiss, milvus:http://HOST:PORT (the token goes into FEEDSCOPE_MILVUS_TOKEN), or milvus:FILE.db",
    "scorer": "packaged, detoxify, detoxify:unbiased, detoxify:multilingual, or hf:NAME-OR-FOLDER",
    "milvus_database": "letters, digits and underscores",
    "milvus_prefix": "up to 60 letters, digits and underscores, and begins with a letter",
    "milvus_index": "auto, HNSW, IVF_FLAT, DISKANN, AUTOINDEX or FLAT",
}


def _parse(name: str, variable: str, raw: str) -> Any:
    if name in ("workspace", "datasets", "roles"):
        return Path(raw).expanduser().absolute()
    if name == "import_roots":
        return tuple(Path(part).expanduser().resolve() for part in raw.split(os.pathsep) if part)
    if name == "scorer_langs":
        return tuple(part.strip().lower() for part in raw.split(",") if part.strip())
    if name == "milvus_token":
        return Secret(raw)
    if name in _WORDS and not _WORDS[name].fullmatch(raw):
        # The value is not repeated: somebody may have put a password into it.
        raise SettingError(f"{variable} can't be read; it is {_SHAPES[name]}.")
    if name == "vectors" and raw.endswith(".db"):
        return f"milvus:{Path(raw.removeprefix('milvus:')).expanduser().absolute()}"
    if name in ("threads", "max_pixels", "max_picture_mb", "max_text_chars", "milvus_timeout"):
        least = 0 if name == "threads" else 1
        if not raw.isdecimal() or int(raw) < least:
            raise SettingError(f"{variable}={raw!r} is not a whole number of {least} or more.")
        return int(raw)
    return raw
