"""A text classifier of Hugging Face as word scorer: detoxify's models, or any folder or name, by ``FEEDSCOPE_SCORER``.

It runs in a child process on transformers. Weights are read from safetensors alone, and no code that comes with a model
is run. Its labels become attributes by LABELS, or by the setting's own map; what it has no label for stays with the
packaged scorer. Its scores are its own: they are calibrated only by what is decided here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.encoders.hub import folder_or_name, from_hub
from core.encoders.length_batches import clean_text, length_batches
from core.encoders.torchvision_operators import declare_torchvision_operators
from core.errors import SettingError
from core.moderation.policies import PERSPECTIVE

if TYPE_CHECKING:
    from core.settings import Settings

PACKAGED = "packaged"
DETOXIFY = {
    "detoxify": "unitary/toxic-bert",
    "detoxify:unbiased": "unitary/unbiased-toxic-roberta",
    "detoxify:multilingual": "unitary/multilingual-toxic-xlm-roberta",
}
"""The models that the package detoxify loads under these names (Hanu, 2020)."""

LABELS: dict[str, str] = {
    "toxic": "TOXICITY", "toxicity": "TOXICITY", "offensive": "TOXICITY", "abusive": "TOXICITY",
    "severe_toxic": "SEVERE_TOXICITY", "severe_toxicity": "SEVERE_TOXICITY",
    "identity_hate": "IDENTITY_ATTACK", "identity_attack": "IDENTITY_ATTACK", "hate": "IDENTITY_ATTACK",
    "hatespeech": "IDENTITY_ATTACK", "hate_speech": "IDENTITY_ATTACK",
    "insult": "INSULT", "obscene": "PROFANITY", "profanity": "PROFANITY", "threat": "THREAT",
    "sexual_explicit": "SEXUALLY_EXPLICIT", "sexually_explicit": "SEXUALLY_EXPLICIT", "spam": "SPAM",
}  # fmt: skip
"""What labels of common models mean, in small letters with _ for spaces and hyphens."""

MAX_TOKENS = 512
CHARACTERS_A_TOKEN = 32
TOKENS_A_BATCH = 2048


class Classifier:
    """``attributes`` in a fixed order, and which of the model's labels each is."""

    def __init__(self, model: Any, tokenizer: Any, columns: Mapping[str, Sequence[int]], model_id: str) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._columns = dict(columns)
        self.attributes = tuple(columns)
        self.model_id = model_id
        config = model.config
        # Where labels exclude one another they share the whole; otherwise each is a question of its own.
        self._exclusive = config.problem_type != "multi_label_classification" and config.num_labels > 1
        self._limit = min(MAX_TOKENS, int(tokenizer.model_max_length))

    def score(self, texts: Sequence[str], report: Callable[[int, int], None] | None = None) -> NDArray[np.float32]:
        """(n, attributes) scores, 0 to 1; of several labels of one attribute the sum, or the highest where they do not
        exclude one another."""
        import torch

        clean = [clean_text(text, self._limit * CHARACTERS_A_TOKEN) for text in texts]
        found = np.zeros((len(texts), len(self.attributes)), np.float32)
        done = 0
        for batch in length_batches([min(len(text) // 4 + 2, self._limit) for text in clean], TOKENS_A_BATCH):
            tokens = self._tokenizer(
                [clean[at] for at in batch], padding=True, truncation=True, max_length=self._limit, return_tensors="pt"
            )
            with torch.inference_mode():
                logits = self._model(**tokens).logits.float()
            given = (logits.softmax(1) if self._exclusive else logits.sigmoid()).numpy()
            for place, columns in enumerate(self._columns.values()):
                some = given[:, list(columns)]
                found[batch, place] = some.sum(1) if self._exclusive else some.max(1)
            done += len(batch)
            if report is not None:
                report(done, len(texts))
        return found


def is_packaged(settings: Settings) -> bool:
    return settings.scorer == PACKAGED


@lru_cache(maxsize=1)
def load_classifier(scorer: str, labels: str = "") -> Classifier:
    """The model of a setting, one for the process; ``labels`` are ``label=ATTRIBUTE`` pairs parted by commas.

    Raises SettingError for a map that can't be read or leads nowhere, ModelError where the model is not to be had.
    """
    name = DETOXIFY.get(scorer) or scorer.removeprefix("hf:")
    declare_torchvision_operators()
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder, source = Path(name).expanduser(), folder_or_name(name)
    advice = "A model needs config.json, model.safetensors and its tokenizer's files."
    with from_hub(f"The scorer {scorer!r}", name, advice):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            source, use_safetensors=True, trust_remote_code=False
        ).eval()
    said = {at: str(label) for at, label in model.config.id2label.items()}
    columns = label_columns(said, labels, scorer)
    shown = folder.name if folder.is_dir() else name
    return Classifier(model, tokenizer, columns, f"hf-{shown}-{_digest(model, columns)}")


def label_columns(labels: Mapping[int, str], given: str, scorer: str) -> dict[str, list[int]]:
    """By attribute the numbers of a model's labels, from the setting's map or by LABELS. Raises SettingError."""
    known = {_plain(label): at for at, label in labels.items()}
    pairs = {label: attribute for label, attribute in LABELS.items() if label in known}
    if given:
        pairs = {}
        for part in filter(None, (part.strip() for part in given.split(","))):
            label, equals, attribute = (word.strip() for word in part.partition("="))
            if not equals or _plain(label) not in known or attribute.upper() not in PERSPECTIVE:
                raise SettingError(
                    f"FEEDSCOPE_SCORER_LABELS: {part!r} can't be used. The model {scorer} has the labels"
                    f" {', '.join(labels.values())}; attributes are {', '.join(PERSPECTIVE)}."
                )
            pairs[_plain(label)] = attribute.upper()
    if not pairs:
        raise SettingError(
            f"The model {scorer} has the labels {', '.join(labels.values())}, of which none is known. Say what they are"
            " in FEEDSCOPE_SCORER_LABELS, as in LABEL_1=TOXICITY."
        )
    columns: dict[str, list[int]] = {}
    for attribute in PERSPECTIVE:
        found = sorted(known[label] for label, one in pairs.items() if one == attribute)
        if found:
            columns[attribute] = found
    return columns


def _plain(label: str) -> str:
    return label.strip().lower().replace(" ", "_").replace("-", "_")


def _digest(model: Any, columns: Mapping[str, Sequence[int]]) -> str:
    """Of the weights and the label map: another model in the same folder is another scorer."""
    digest = hashlib.sha256(json.dumps([columns, model.config.num_labels]).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.flatten()[:64].float().numpy().tobytes())
    return digest.hexdigest()[:8]


def score_file(params: dict[str, Any], _report: Callable[[int, int], None]) -> dict[str, Any]:
    """Called by core.jobs.child with ``texts`` (a JSON file) or without: the scores, and what the model is."""
    import torch

    torch.set_num_threads(params["threads"])
    classifier = load_classifier(params["scorer"], params["labels"])
    texts = json.loads(Path(params["texts"]).read_text(encoding="utf-8")) if params.get("texts") else []
    scores = classifier.score(texts, _report)
    return {"attributes": classifier.attributes, "model_id": classifier.model_id, "scores": scores.tolist()}


def knows_language(settings: Settings, lang: str | None) -> bool:
    """Whether a post's language is among those that the setting names; where it is unknown, it may be."""
    known = settings.scorer_langs
    return "*" in known or lang is None or lang.split("-")[0].lower() in known


def child_params(settings: Settings) -> dict[str, Any]:
    return {"scorer": settings.scorer, "labels": settings.scorer_labels, "threads": settings.thread_count()}
