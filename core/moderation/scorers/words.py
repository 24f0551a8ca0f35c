"""The packaged word scorer: one model an attribute, and one over the classes normal, offensive and hatespeech."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.encoders.packaged_weights import file_sha256
from core.errors import ModelError
from core.moderation.scorers.features import BUCKETS, VERSION, ngram_features
from core.moderation.scorers.normalise import normalise
from core.moderation.scorers.word_model import WordModel
from core.settings import ROOT

if TYPE_CHECKING:
    from core.moderation.scorers.word_model import Floats

PACKAGED = ROOT / "assets" / "models" / "moderation.safetensors"
CLASSES = "classes"
KNOWN_LANGUAGES = frozenset({"en"})

NOTE_EMPTY = "It has no words to read."
NOTE_LANGUAGE = "It is not in English, the language that the word scorer knows."

_WORD = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z]")


def reason_not_to_score(text: str, lang: str | None) -> str | None:
    """Why the word scorer says nothing of a text: nothing to read, or a language that it was not trained on. Where the
    language is unknown, the script decides."""
    letters = len(_WORD.findall(text[:2000]))
    if letters < 2:
        return NOTE_EMPTY
    if lang is not None:
        return None if lang.split("-")[0].lower() in KNOWN_LANGUAGES else NOTE_LANGUAGE
    # Look-alike letters of other scripts are a trick, and undone before.
    latin = len(_LATIN.findall(normalise(text[:2000])))
    return None if 2 * latin >= letters else NOTE_LANGUAGE


@dataclass(frozen=True, slots=True)
class WordScorer:
    """``models`` by attribute, each of two classes (not, is), and under CLASSES one over ``class_names``."""

    models: Mapping[str, WordModel]
    class_names: tuple[str, ...]
    about: Mapping[str, Any]
    model_id: str

    @property
    def attributes(self) -> tuple[str, ...]:
        return tuple(name for name in self.models if name != CLASSES)

    def score(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """(n, attributes) calibrated probabilities of texts with their sentence vectors (n, 384)."""
        if not len(texts):
            return np.zeros((0, len(self.attributes)), np.float32)
        ngrams = ngram_features(texts)
        return np.stack([self.models[name].predict(vectors, ngrams)[:, 1] for name in self.attributes], axis=1)

    def classes(self, texts: Sequence[str], vectors: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """(probabilities (n, classes), decided class (n,)). Raises ModelError where there is no such model."""
        model = self.models.get(CLASSES)
        if model is None:
            raise ModelError("These weights tell no classes apart.")
        probabilities = model.predict(vectors, ngram_features(texts))
        return probabilities, model.decide(probabilities)


def save_word_scorer(
    path: Path, models: Mapping[str, WordModel], class_names: Sequence[str], about: Mapping[str, Any]
) -> None:
    """Writes one file of weights: n-grams in 8 bits with a scale a column, everything else in half precision."""
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[Any]] = {}
    for name, model in models.items():
        for spec in fields(WordModel):
            value = getattr(model, spec.name)
            if spec.name == "ngrams":
                scale = np.maximum(np.abs(value).max(0), 1e-8) / 127
                tensors[f"{name}.ngrams"] = np.round(value / scale).astype(np.int8)
                tensors[f"{name}.ngrams_scale"] = scale.astype(np.float32)
            else:
                tensors[f"{name}.{spec.name}"] = value.astype(
                    np.float32 if value.size < 4096 and spec.name != "mean" else np.float16
                )
    metadata = {"feedscope": json.dumps({"features": VERSION, "classes": list(class_names), "about": dict(about)})}
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path, metadata=metadata)


def read_word_scorer(path: Path) -> WordScorer:
    """Raises ModelError where the file is missing, damaged or of other features."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            document = json.loads((file.metadata() or {}).get("feedscope", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"The word scorer {path.name} can't be read: {error}") from error
    if document.get("features") != VERSION:
        raise ModelError(f"The word scorer {path.name} was trained on other features than this Feedscope has.")
    models = {}
    try:
        for name in dict.fromkeys(key.split(".")[0] for key in tensors):
            given = {}
            for spec in fields(WordModel):
                value = tensors[f"{name}.{spec.name}"].astype(np.float32)
                given[spec.name] = value * tensors[f"{name}.ngrams_scale"] if spec.name == "ngrams" else value
            models[name] = WordModel(**given)
    except (KeyError, ValueError) as error:
        raise ModelError(f"The word scorer {path.name} is damaged ({error}).") from error
    if any(model.ngrams.shape[0] != BUCKETS for model in models.values()):
        raise ModelError(f"The word scorer {path.name} is damaged (its tables are of another size).")
    classes = tuple(str(name) for name in document.get("classes", ()))
    return WordScorer(models, classes, dict(document.get("about", {})), f"words-{file_sha256(path)[:8]}")


_loaded: list[WordScorer] = []
_lock = threading.Lock()


def load_word_scorer() -> WordScorer:
    """The packaged one, one for the process."""
    with _lock:
        if not _loaded:
            _loaded.append(read_word_scorer(PACKAGED))
        return _loaded[0]


def reliability_of_packaged() -> dict[str, list[tuple[float, float, int]]]:
    """By attribute, in rising score: (mean score, share that was so, texts), measured while the weights were trained,
    on texts that they were not fitted on. Reads the file's head alone."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(PACKAGED, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("feedscope", "{}")).get("about", {})
    except (OSError, SafetensorError, ValueError):
        return {}
    return {
        str(name): [(float(mean), float(so), int(count)) for mean, so, count in points]
        for name, points in about.get("reliability", {}).items()
    }
