"""Training and judging the word scorer on a few made-up texts, end to end but for the encoder."""

import json

import numpy as np
import pytest

from core.errors import ImportFailed, ModelError, SettingError
from core.moderation.scorers import evaluation, training
from core.moderation.scorers.evaluation import evaluate_words
from core.moderation.scorers.features import ngram_features
from core.moderation.scorers.training import train_words
from core.moderation.scorers.words import read_word_scorer


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch):
    """Vectors that say nothing: the words have to do."""

    def vectors(texts, cache, report):
        return np.zeros((len(texts), 384), np.float32)

    monkeypatch.setattr(training, "sentence_vectors", vectors)
    monkeypatch.setattr(evaluation, "sentence_vectors", vectors)
    monkeypatch.setattr(evaluation, "RESAMPLES", 20)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """The four sets in small, with words that tell."""
    folder = tmp_path_factory.mktemp("sets")
    generator = np.random.default_rng(0)
    fill = ["the", "garden", "today", "bus", "rain", "coffee", "walk", "again", "music", "town", "river", "light"]

    def said(*words):
        return " ".join([*generator.choice(fill, 6), *words])

    rows = [(said(word), label) for _ in range(40) for word, label in
            (("nice", "normal"), ("foolish", "offensive"), ("vermin", "hatespeech"))]  # fmt: skip
    (folder / "hatexplain_train.csv").write_text("text,label\n" + "".join(f"{t},{x}\n" for t, x in rows))
    rows = [(said(word), label) for _ in range(30) for word, label in (("vermin", 0), ("damn", 1), ("nice", 2))]
    (folder / "davidson_labeled_data.csv").write_text("tweet,class\n" + "".join(f"{t},{x}\n" for t, x in rows))
    rows = [(said(word), a, b, c) for _ in range(30) for word, a, b, c in
            (("foolish", "OFF", "TIN", "IND"), ("damn", "OFF", "UNT", ""), ("nice", "NOT", "", ""))]  # fmt: skip
    head = "id\ttweet\tsubtask_a\tsubtask_b\tsubtask_c\n"
    (folder / "olid_training.tsv").write_text(head + "".join(f"1\t{t}\t{a}\t{b}\t{c}\n" for t, a, b, c in rows))
    rows = [(said(word), label) for _ in range(40) for word, label in (("prize", "spam"), ("nice", "ham"))]
    (folder / "sms_spam.tsv").write_text("".join(f"{x}\t{t}\n" for t, x in rows))
    return folder


@pytest.fixture(scope="module")
def weights(sets, tmp_path_factory):
    out = tmp_path_factory.mktemp("weights") / "words.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "sentence_vectors", lambda texts, *_: np.zeros((len(texts), 384), np.float32))
        train_words(sets, out, second_look=False, report=lambda *_: None)
    return out


def test_a_scorer_is_trained_saved_and_read_again(weights):
    scorer = read_word_scorer(weights)
    assert set(scorer.attributes) == {"TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "SPAM"}
    texts = ["vermin in the town", "a nice town", "a prize in the town"]
    scores = scorer.score(texts, np.zeros((3, 384), np.float32))
    named = {name: scores[:, at] for at, name in enumerate(scorer.attributes)}
    assert named["IDENTITY_ATTACK"][0] > 0.5 > named["IDENTITY_ATTACK"][1]
    assert named["SPAM"][2] > 0.5 > named["SPAM"][0]
    assert scorer.about["counts"]["SPAM"]["ece"] < 0.2
    assert weights.stat().st_size < 8_000_000


def test_a_file_is_judged_with_intervals_and_says_what_was_trained_on(sets, weights):
    found = evaluate_words(
        sets / "hatexplain_train.csv", "text", "label", ["hatespeech"], "hate", classes=True, weights=weights,
        report=lambda *_: None,
    )  # fmt: skip
    for name in ("roc_auc", "average_precision", "f1", "precision", "recall", "macro_f1", "auroc_ovo"):
        low, high = found[f"{name}_ci"]
        assert 0 <= low <= high <= 1
    assert found["roc_auc"] > 0.95
    assert found["seen_in_training"] == 1.0
    json.dumps(found)


def test_folds_are_refitted_on_a_file_without_a_head(sets, weights):
    found = evaluate_words(
        sets / "sms_spam.tsv", "1", "0", ["spam"], "spam", classes=True, cross_validate=4, weights=weights,
        report=lambda *_: None,
    )  # fmt: skip
    assert found["f1"] > 0.9
    assert found["macro_f1"] > 0.9
    assert found["seen_in_training"] == 0.0


def test_what_cannot_be_judged_is_said(sets, weights, tmp_path):
    path = sets / "hatexplain_train.csv"

    def judge(label="label", positive=("hatespeech",), policy="hate", file=path, **more):
        evaluate_words(file, "text", label, positive, policy, weights=weights, report=lambda *_: None, **more)

    with pytest.raises(ImportFailed, match="no label 'nope'"):
        judge(positive=("nope",))
    with pytest.raises(SettingError, match="no word policy"):
        judge(policy="nudity")
    with pytest.raises(ImportFailed, match="is not there|can't be read"):
        judge(file=tmp_path / "gone.csv")
    other = tmp_path / "other.csv"
    other.write_text("text,label\na b,x\nc d,y\n")
    with pytest.raises(ImportFailed, match="With --cross-validate"):
        judge(file=other, positive=("x",), classes=True)
    (tmp_path / "broken.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(ModelError, match="can't be read"):
        read_word_scorer(tmp_path / "broken.safetensors")


def test_the_features_of_the_weights_are_those_of_today():
    assert ngram_features(["x"]).shape[1] == 1 << 18


class Stopped(Exception):
    pass


def test_a_stopped_tuning_goes_on_and_ends_as_it_would_have(tmp_path, monkeypatch):
    from core.moderation.scorers import tuned
    from core.moderation.scorers.tuned import TunedReader, TunedRecipe, tune

    monkeypatch.setattr(tuned, "KEEP_STEPS", 2)
    words = ["nice garden", "foolish bus", "vermin town"]
    texts = [f"{words[n % 3]} number {n}" for n in range(42)]
    labels = np.arange(42) % 3
    recipe = TunedRecipe(epochs=4, batch=8)
    steps = []

    def run(keep, stop_at=None):
        def report(done, total):
            assert total == 24
            steps.append(done)
            if done == stop_at:
                raise Stopped

        return tune(texts, labels, 3, recipe=recipe, keep=keep, report=report)

    whole = run(None)
    with pytest.raises(Stopped):
        run(tmp_path, stop_at=9)
    steps.clear()
    again = run(tmp_path)
    assert steps[0] == 8
    for name, value in whole[0].items():
        np.testing.assert_array_equal(value, again[0][name])
    np.testing.assert_array_equal(whole[1], again[1])
    assert (TunedReader(*again).read(texts).argmax(1) == labels).mean() > 0.9
    assert run(tmp_path)[2].tolist() == again[2].tolist(), "a run that was done is not trained again"


def test_the_whole_training_is_one_command_and_its_second_look_counts(sets, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from core.cli import app
    from core.moderation.scorers import tuned

    monkeypatch.setattr(tuned.TunedRecipe.__init__, "__defaults__", (1, 1e-3, 1e-2, 0.01, 0.1, 0.05, 32))
    out = tmp_path / "words.safetensors"
    result = CliRunner().invoke(app, ["moderate", "train", "--data", str(sets), "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["sets"] == ["hatexplain", "davidson", "olid", "sms"]
    scorer = read_word_scorer(out)
    assert scorer.tuned is not None
    assert 0 < len(scorer.tuned_on) < len(scorer.trained_on)
    rated = {task: sum(count for _, _, count in points) for task, points in found["reliability"].items()}
    assert rated["INSULT"] == found["counts"]["INSULT"]["texts"]
    assert rated["IDENTITY_ATTACK"] < found["counts"]["IDENTITY_ATTACK"]["texts"], "not on what it was tuned on"
    texts = ["vermin in the town", "a nice town"]
    looked = scorer.score(texts, np.zeros((2, 384), np.float32), scorer.tuned.read(texts))
    assert looked[0, scorer.attributes.index("IDENTITY_ATTACK")] > looked[1, scorer.attributes.index("IDENTITY_ATTACK")]
    assert (tmp_path / "words.parts").is_dir()


def test_encoding_goes_on_after_a_stop(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(training, "ENCODED", 4)
    texts = [f"text number {n}" for n in range(10)]

    def stop(phase, done, total):
        if done == 8:
            raise Stopped

    with pytest.raises(Stopped):
        training.sentence_vectors(texts, tmp_path, stop)
    begun = []
    found = training.sentence_vectors(texts, tmp_path, lambda phase, done, total: begun.append(done))
    assert begun == [8]
    np.testing.assert_allclose(found, training.sentence_vectors(texts, None, lambda *_: None), atol=2e-3)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]
