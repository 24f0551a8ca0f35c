"""Models by name or folder: what is said where one can't be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ModelError


def folder_or_name(model: str) -> str:
    """The folder where there is one, else the name, as the hub's libraries take either."""
    folder = Path(model).expanduser()
    return str(folder) if folder.is_dir() else model


@contextmanager
def from_hub(what: str, model: str, advice: str) -> Iterator[None]:
    """Raises ModelError, which names ``what`` and ends in ``advice``, for whatever a damaged folder or a missing
    network makes the hub client or torch raise inside."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        why = (
            "The folder can't be loaded"
            if Path(model).expanduser().is_dir()
            else "It is no folder here, and could not be downloaded"
        )
        raise ModelError(f"{what} is not to be had. {why}: {reason} {advice}") from error
