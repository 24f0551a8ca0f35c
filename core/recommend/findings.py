"""What an evaluation has found so far, in a JSON file: one that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import ModelError, SettingError
from core.recommend.models import load_saved
from core.recommend.protocol import Recommender


class Findings:
    """Trials and figures by model, of one question: ``about`` names the data, the split and the seed. What lies in the
    file of another question is begun anew. Without a file nothing is kept.

    Beside the file, in FILE.work, lie the checkpoints and the best models of what is not judged yet.
    """

    def __init__(self, path: Path | None = None, about: dict[str, Any] | None = None) -> None:
        self._path = path
        self._found: dict[str, Any] = {"about": about or {}, "trials": {}, "figures": {}}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and (found := _read(path))["about"] == about:
                self._found = found

    def trial(self, model: str, settings: dict[str, Any]) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._found["trials"].get(model, {}).get(_key(settings))
        return found

    def keep_trial(self, model: str, settings: dict[str, Any], trial: dict[str, Any]) -> None:
        self._found["trials"].setdefault(model, {})[_key(settings)] = trial
        self._save()

    def figures(self, model: str, trials: int) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._found["figures"].get(model, {}).get(str(trials))
        return found

    def keep_figures(self, model: str, trials: int, figures: dict[str, Any]) -> None:
        self._found["figures"].setdefault(model, {})[str(trials)] = figures
        self._save()
        if self._path is not None:
            shutil.rmtree(self._folder(model), ignore_errors=True)
            with suppress(OSError):  # there is another model's, or none
                self._folder(model).parent.rmdir()

    def keep_model(self, model: Recommender) -> None:
        if self._path is not None:
            model.save(self._folder(model.name))

    def model(self, name: str, settings: dict[str, Any]) -> Recommender | None:
        """The model that was kept last, where it has these settings."""
        if self._path is None:
            return None
        try:
            found = load_saved(self._folder(name))
        except ModelError:
            return None
        return found if found.settings == settings else None

    def checkpoint(self, model: str, stage: str) -> Path | None:
        return None if self._path is None else self._folder(model) / f"{stage}.checkpoint.safetensors"

    def _folder(self, model: str) -> Path:
        assert self._path is not None
        return self._path.with_name(f"{self._path.name}.work") / model

    def _save(self) -> None:
        if self._path is not None:
            beside = self._path.with_name(f"{self._path.name}.new")
            beside.write_text(json.dumps(self._found, indent=1))
            os.replace(beside, self._path)


def _key(settings: dict[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not found.keys() >= {"about", "trials", "figures"}:
        raise SettingError(f"{path} is no file of an evaluation: give another name.")
    return found
