"""Any text classifier of Hugging Face as word scorer: a tiny one, made here and saved to a folder."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from core.encoders.torchvision_operators import declare_torchvision_operators
from core.errors import JobFailed, ModelError, SettingError
from core.moderation.policies import Policy, save_policy
from core.moderation.roles import ALONE
from core.moderation.scorers.classifier import label_columns, load_classifier
from core.moderation.scoring import notes_of, unscored
from core.moderation.why import why
from core.settings import read_settings

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "you", "fool", "horrible", "garden", "tomatoes", "the", "a"]
LABELS = ["toxicity", "insult", "threat", "dull"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    declare_torchvision_operators()
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    path = tmp_path_factory.mktemp("classifier") / "tiny"
    path.mkdir()
    (path / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(path / "vocab.txt"), model_max_length=64).save_pretrained(path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, problem_type="multi_label_classification",
        id2label=dict(enumerate(LABELS)), label2id={label: at for at, label in enumerate(LABELS)},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(path, safe_serialization=True)
    return path


def expected(folder, text):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(**AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")).logits[0]
    return {label: 1 / (1 + math.exp(-value)) for label, value in zip(LABELS, logits.tolist(), strict=True)}


def test_its_scores_are_transformers_own_whatever_the_batch(folder):
    classifier = load_classifier(f"hf:{folder}")
    assert classifier.attributes == ("TOXICITY", "INSULT", "THREAT")
    texts = ["you horrible fool", "the garden", "", "tomatoes " * 500, "you"]
    found = classifier.score(texts)
    for text, scores in zip(texts, found, strict=True):
        if len(text) < 100:
            own = expected(folder, text)
            assert scores == pytest.approx([own["toxicity"], own["insult"], own["threat"]], abs=1e-5)
    assert classifier.score(["you"])[0] == pytest.approx(found[4], abs=1e-5)


def test_labels_that_exclude_one_another_share_the_whole(folder, tmp_path):
    import shutil

    other = shutil.copytree(folder, tmp_path / "other")
    config = json.loads((other / "config.json").read_text()) | {"problem_type": "single_label_classification"}
    (other / "config.json").write_text(json.dumps(config))
    classifier = load_classifier(f"hf:{other}", "toxicity=TOXICITY, insult=TOXICITY, threat=TOXICITY, dull=SPAM")
    assert classifier.attributes == ("TOXICITY", "SPAM")
    assert classifier.score(["you fool"]).sum() == pytest.approx(1, abs=1e-5)


def test_a_workspace_is_scored_by_it_and_by_the_packaged_scorer_where_it_knows_nothing(posted, folder):
    posted.settings = replace(posted.settings, scorer=f"hf:{folder}")
    policy = Policy("threats", "Threats", "", "words", 0.5, "escalate", about={"attribute": "THREAT"})
    save_policy(posted, policy, by=ALONE)
    posted.jobs.run_now("moderate", {}, title="Score")
    found = (
        posted.cursor()
        .execute("SELECT s.policy, s.score, s.model_id FROM scores s JOIN posts p ON p.row = s.post_row"
                 " WHERE p.id = 'rude'").fetchall()
    )  # fmt: skip
    by_policy = {policy: (score, model) for policy, score, model in found}
    text = "You are a horrible fool and nobody likes you"
    assert by_policy["threats"][0] == pytest.approx(expected(folder, text)["threat"], abs=1e-5)
    assert by_policy["insult"][1].startswith("hf-tiny-")
    assert by_policy["spam"][1].startswith("words-")
    german = posted.cursor().execute("SELECT row FROM posts WHERE id = 'leer'").fetchone()[0]
    assert "classifier is said to know" in dict(notes_of(posted, german))["classifier"]
    assert not unscored(posted)["classifier"]
    assert why(posted, "rude", "threats").score == pytest.approx(by_policy["threats"][0], abs=1e-4)
    # Back to the packaged scorer: nothing of the classifier's stays under the policies that both know.
    posted.settings = replace(posted.settings, scorer="packaged")
    posted.jobs.run_now("moderate", {}, title="Score")
    (model,) = posted.cursor().execute(
        "SELECT DISTINCT model_id FROM scores WHERE policy = 'insult'").fetchall()  # fmt: skip
    assert model[0].startswith("words-")


def test_what_is_no_classifier_is_said(folder, tmp_path, posted):
    import shutil

    import torch

    with pytest.raises(ModelError, match="could not be downloaded"):
        load_classifier("hf:no such/model/name")
    pickled = shutil.copytree(folder, tmp_path / "pickled")
    torch.save({}, pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="can't be loaded"):
        load_classifier(f"hf:{pickled}")
    with pytest.raises(SettingError, match="has the labels toxicity"):
        load_classifier(f"hf:{folder}", "nope=TOXICITY")
    with pytest.raises(SettingError, match="of which none is known"):
        label_columns({0: "LABEL_0", 1: "LABEL_1"}, "", "m")
    with pytest.raises(SettingError, match="FEEDSCOPE_SCORER can't be read"):
        read_settings({"FEEDSCOPE_SCORER": "perspective"})
    assert read_settings({"FEEDSCOPE_SCORER_LANGS": "en, DE"}).scorer_langs == ("en", "de")
    posted.settings = replace(posted.settings, scorer=f"hf:{pickled}")
    with pytest.raises((ModelError, JobFailed), match="can't be loaded"):
        posted.jobs.run_now("moderate", {}, title="Score")
    assert not np.any(posted.cursor().execute("SELECT 1 FROM scores WHERE model_id LIKE 'hf%'").fetchall())
