"""A model on disk: arrays in a safetensors file, settings in JSON beside it. Nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError, SettingError

Arrays = dict[str, NDArray[Any]]

ARRAYS, ABOUT = "model.safetensors", "model.json"
_MOST_ABOUT = 4_000_000
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def save_model(folder: Path, name: str, settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, folder / ARRAYS)
    (folder / ABOUT).write_text(json.dumps({"model": name, "settings": dict(settings)}))


def load_model(folder: Path, name: str) -> tuple[dict[str, Any], Arrays]:
    """(settings, arrays). Raises ModelError where there is no such model, or it is of another kind or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        raw = (folder / ABOUT).read_bytes()
        about = json.loads(raw[:_MOST_ABOUT])
        if about["model"] != name:
            raise ModelError(f"{folder} holds a model of the kind {about['model']!r}, not {name!r}.")
        arrays = load_file(folder / ARRAYS)
    except FileNotFoundError:
        raise ModelError(f"There is no model in {folder}: train one with 'recommend train'.") from None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        raise ModelError(f"The model in {folder} is damaged: train it again with 'recommend train'.") from None
    for key, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(f"The model in {folder} holds values that are not finite ({key}): train it again.")
    return dict(about["settings"]), arrays


def settings_of(name: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``defaults`` with what was given instead. Raises SettingError for a name that is not among them, or a value that
    is of another kind than its default."""
    for key, value in given.items():
        if key not in defaults:
            raise SettingError(f"{name} has no setting {key!r}; it has {', '.join(defaults) or 'none'}.")
        kind = type(defaults[key])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise SettingError(f"{name}: {key} is {_KINDS[kind]}, such as {defaults[key]!r}, not {value!r}.")
    return {**defaults, **given}
