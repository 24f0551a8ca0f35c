"""The packaged word scorer: one model an attribute, and one over the classes normal, offensive and hatespeech."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.encoders.packaged_weights import file_sha256
from core.errors import ModelError
from core.moderation.scorers.features import BUCKETS, VERSION, ngram_features
from core.moderation.scorers.normalise import normalise
from core.moderation.scorers.tuned import TunedReader
from core.moderation.scorers.word_model import WordModel
from core.settings import ROOT

if TYPE_CHECKING:
    from core.moderation.scorers.word_model import Floats

PACKAGED = ROOT / "assets" / "models" / "moderation.safetensors"
CLASSES = "classes"
KNOWN_LANGUAGES = frozenset({"en"})

SECOND_LOOK = frozenset({"IDENTITY_ATTACK"})
"""Attributes in which the second look counts, and the classes: what it was tuned to tell apart. Of rude words that are
aimed at nobody's origin it had seen too few, and moved their scores the wrong way."""

LIKELY = 0.15
"""What the first look finds less likely is not looked at again."""

SCORING = 2
"""Of how the weights are applied: posts that were scored otherwise are scored again."""

NOTE_EMPTY = "It has no words to read."
NOTE_CLASSIFIER_LANGUAGE = "It is not in a language that the classifier is said to know (FEEDSCOPE_SCORER_LANGS)."
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
    """``models`` by attribute, each of two classes (not, is), and under CLASSES one over ``class_names``. ``tuned`` is
    the second look; ``trained_on`` are the rising hashes of the texts that were trained on, ``tuned_on`` those of the
    second look."""

    models: Mapping[str, WordModel]
    class_names: tuple[str, ...]
    about: Mapping[str, Any]
    model_id: str
    tuned: TunedReader | None = None
    trained_on: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    tuned_on: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))

    @property
    def attributes(self) -> tuple[str, ...]:
        return tuple(name for name in self.models if name != CLASSES)

    def score(self, texts: Sequence[str], vectors: Floats, tuned: Floats | None = None) -> Floats:
        """(n, attributes) calibrated probabilities of texts with their sentence vectors (n, 384), and what the second
        look says of them (n, T) where it looked."""
        if not len(texts):
            return np.zeros((0, len(self.attributes)), np.float32)
        ngrams = ngram_features(texts)
        found = [
            self.models[name].predict(vectors, ngrams, tuned if name in SECOND_LOOK else None)[:, 1]
            for name in self.attributes
        ]
        return np.stack(found, axis=1)

    def classes(
        self, texts: Sequence[str], vectors: Floats, tuned: Floats | None = None
    ) -> tuple[Floats, NDArray[np.int64]]:
        """(probabilities (n, classes), decided class (n,)). Raises ModelError where there is no such model."""
        model = self.models.get(CLASSES)
        if model is None:
            raise ModelError("These weights tell no classes apart.")
        probabilities = model.predict(vectors, ngram_features(texts), tuned)
        return probabilities, model.decide(probabilities)

    def seen(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """(n,) whether a text was trained on, by the hash of its normalised form."""
        return np.isin(text_hashes(texts), self.trained_on)

    def tuned_seen(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """(n,) whether the second look was tuned on a text."""
        return np.isin(text_hashes(texts), self.tuned_on)


def text_hashes(texts: Sequence[str]) -> NDArray[np.uint32]:
    """(n,) 32 bits of the SHA-256 of each normalised text."""
    digests = (hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).digest() for text in texts)
    return np.array([int.from_bytes(digest[:4], "little") for digest in digests], np.uint32)


def save_word_scorer(path: Path, scorer: WordScorer, tuned: tuple[Mapping[str, Floats], Floats, Floats] | None) -> None:
    """Writes one file of weights: tables of n-grams and the tuned layers in 8 bits with a scale a column or row, the
    rest in half precision; of two classes one column, since the other is its negative."""
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[Any]] = {}
    for name, model in scorer.models.items():
        for spec in fields(WordModel):
            value = getattr(model, spec.name)
            if spec.name == "ngrams":
                value = value[:, 1:] if model.classes == 2 else value
                scale = np.maximum(np.abs(value).max(0), 1e-8) / 127
                tensors[f"{name}.ngrams"] = np.round(value / scale).astype(np.int8)
                tensors[f"{name}.ngrams_scale"] = scale.astype(np.float32)
            else:
                tensors[f"{name}.{spec.name}"] = value.astype(np.float16 if value.size > 4096 else np.float32)
    if tuned is not None:
        state, head, bias = tuned
        tensors |= {"tuned/head": head.astype(np.float16), "tuned/bias": bias.astype(np.float32)}
        for name, value in state.items():
            if value.ndim == 2:
                rows = np.maximum(np.abs(value).max(1, keepdims=True), 1e-8) / 127
                tensors[f"tuned/{name}"] = np.round(value / rows).astype(np.int8)
                tensors[f"tuned_scale/{name}"] = rows.astype(np.float32)
            else:
                tensors[f"tuned/{name}"] = value.astype(np.float32)
    tensors |= {"hashes/trained_on": scorer.trained_on, "hashes/tuned_on": scorer.tuned_on}
    document = {"features": VERSION, "classes": list(scorer.class_names), "about": dict(scorer.about)}
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    save_file(contiguous, path, metadata={"feedscope": json.dumps(document)})


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
    names = dict.fromkeys(key.split(".")[0] for key in tensors if "/" not in key)
    try:
        models = {name: _model(tensors, name) for name in names}
        tuned = _tuned(tensors)
    except (KeyError, ValueError) as error:
        raise ModelError(f"The word scorer {path.name} is damaged ({error}).") from error
    if any(model.ngrams.shape[0] != BUCKETS for model in models.values()):
        raise ModelError(f"The word scorer {path.name} is damaged (its tables are of another size).")
    classes = tuple(str(name) for name in document.get("classes", ()))
    none = np.empty(0, np.uint32)
    hashes = tensors.get("hashes/trained_on", none), tensors.get("hashes/tuned_on", none)
    about = dict(document.get("about", {}))
    return WordScorer(models, classes, about, f"words-{file_sha256(path)[:8]}-{SCORING}", tuned, *hashes)


def _model(tensors: Mapping[str, NDArray[Any]], name: str) -> WordModel:
    given = {}
    for spec in fields(WordModel):
        value = tensors[f"{name}.{spec.name}"].astype(np.float32)
        if spec.name == "ngrams":
            value = value * tensors[f"{name}.ngrams_scale"]
            value = np.concatenate([-value, value], axis=1) if value.shape[1] == 1 else value
        given[spec.name] = value
    return WordModel(**given)


def _tuned(tensors: Mapping[str, NDArray[Any]]) -> TunedReader | None:
    if "tuned/head" not in tensors:
        return None
    state = {}
    for key, value in tensors.items():
        name = key.removeprefix("tuned/")
        if key.startswith("tuned/") and name not in ("head", "bias"):
            scale = tensors.get(f"tuned_scale/{name}")
            state[name] = value.astype(np.float32) if scale is None else value.astype(np.float32) * scale
    return TunedReader(state, tensors["tuned/head"].astype(np.float32), tensors["tuned/bias"])


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
