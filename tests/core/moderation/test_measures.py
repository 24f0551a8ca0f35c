"""Agreement, intervals, thresholds and the metrics, against their libraries or worked examples."""

from math import isnan

import numpy as np
import pytest

from core.errors import ModerationError, RoleError
from core.moderation.agreement import cohen_kappa, krippendorff_alpha, wilson
from core.moderation.decisions import decide
from core.moderation.insights import (
    agreement,
    drift,
    fairness,
    precision_of_scorers,
    scores_over_time,
    volumes,
)
from core.moderation.queue import set_second_share
from core.moderation.scorers.evaluation import auroc_ovo, average_precision, roc_auc
from core.moderation.scorers.training import calibration_error
from core.moderation.scorers.word_model import macro_f1
from core.moderation.thresholds import platt, preview_threshold

from .conftest import ANN, BEN, LEA, VIC, set_scores


def test_kappa_is_scikit_learns():
    from sklearn.metrics import cohen_kappa_score

    generator = np.random.default_rng(0)
    a = generator.integers(0, 3, 200)
    b = np.where(generator.random(200) < 0.6, a, generator.integers(0, 3, 200))
    assert cohen_kappa(list(zip(a.tolist(), b.tolist(), strict=True))) == pytest.approx(cohen_kappa_score(a, b))
    assert isnan(cohen_kappa([]))
    assert cohen_kappa([("keep", "keep")]) == 1.0


def test_alpha_is_that_of_krippendorffs_example():
    # Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", nominal data, 4 observers: alpha = 0.743
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[row[at] for row in observers if row[at] is not None] for at in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.001)
    assert isnan(krippendorff_alpha([["a"]]))


def test_wilson_is_scipys():
    from scipy.stats import binomtest

    low, high = binomtest(7, 20).proportion_ci(method="wilson")
    assert wilson(7, 20) == pytest.approx((low, high), abs=1e-6)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_metrics_are_scikit_learns():
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    generator = np.random.default_rng(1)
    truth = generator.random(500) < 0.3
    scores = np.round(generator.random(500) + 0.4 * truth, 2).astype(np.float32)  # with ties
    assert roc_auc(truth, scores) == pytest.approx(roc_auc_score(truth, scores))
    assert average_precision(truth, scores) == pytest.approx(average_precision_score(truth, scores))
    codes = generator.integers(0, 3, 500)
    chances = generator.random((500, 3)).astype(np.float32) + np.eye(3, dtype=np.float32)[codes]
    chances /= chances.sum(1, keepdims=True)
    assert auroc_ovo(codes, chances) == pytest.approx(roc_auc_score(codes, chances, multi_class="ovo"))
    found = chances.argmax(1)
    assert macro_f1(codes, found, 3) == pytest.approx(f1_score(codes, found, average="macro"))


def test_a_calibrated_score_has_no_calibration_error():
    generator = np.random.default_rng(2)
    scores = generator.random(50_000).astype(np.float32)
    truth = generator.random(50_000) < scores
    assert calibration_error(scores, truth) < 0.01
    assert calibration_error(scores, ~truth) > 0.3


def test_platt_finds_the_curve_that_made_the_data():
    generator = np.random.default_rng(3)
    values = generator.normal(0, 2, 20_000)
    truth = generator.random(20_000) < 1 / (1 + np.exp(-(0.7 * values - 0.5)))
    slope, shift = platt(values, truth)
    assert (slope, shift) == pytest.approx((0.7, -0.5), abs=0.06)


def test_a_threshold_shows_what_it_would_do(scored):
    found = preview_threshold(scored, "insult", 0.95)
    assert (found.now, found.then, found.gained, found.lost) == (2, 1, 0, 1)
    assert found.hours < 0
    assert [id_ for id_, _ in found.above] == ["rude"]
    assert found.below[0][0] == "rude2"
    assert found.precision[1] == pytest.approx(0.97, abs=1e-6)
    assert not found.corrected
    with pytest.raises(ModerationError, match="No post was scored"):
        preview_threshold(scored, "nudity", 0.5)
    with pytest.raises(RoleError):
        preview_threshold(scored, "insult", 0.5, by=VIC)


def test_precision_drift_and_errors_come_from_what_was_decided(scored):
    decide(scored, ["rude"], "remove", policy="insult", by=ANN)
    decide(scored, ["rude2"], "keep", policy="insult", by=ANN)
    (found,) = precision_of_scorers(scored)
    assert (found.policy, found.model_id, found.acted.hits, found.acted.count) == ("insult", "test", 1, 2)
    langs, _ = fairness(scored, "insult")
    assert langs[0].name == "All posts"
    assert (langs[0].wrong.hits, langs[0].wrong.count) == (1, 1)
    assert volumes(scored).reviewers[0][:2] == (ANN.name, 2)
    decide(scored, ["spam"], "remove", policy="spam", by=ANN)
    langs, _ = fairness(scored, "insult")
    assert langs[0].missed.count == 1, "what was removed as spam is no insult that was missed"
    assert preview_threshold(scored, "insult", 0.5).decided == 2
    assert [run.policy for run in drift(scored)] == ["waves"], "the import's own scoring"


def test_scores_are_told_by_when_posts_were_written_and_how_long_they_waited(scored):
    unit, periods = scores_over_time(scored, "insult")
    assert unit == "day"
    assert [one.start.isoformat() for one in periods] == ["2024-01-01", "2024-02-01", "2024-02-02", "2024-03-01"]
    assert [(one.above.hits, one.above.count) for one in periods] == [(0, 1), (1, 1), (1, 1), (0, 2)]
    assert periods[1].mean == pytest.approx(0.97)
    assert scores_over_time(scored, "nudity") == ("day", [])
    assert volumes(scored).median_wait is None
    decide(scored, ["rude"], "remove", policy="insult", by=ANN)
    assert volumes(scored).median_wait >= 0


def test_agreement_is_of_first_and_second_reviews(scored):
    set_second_share(scored, 1.0, by=LEA)
    for post, first, second in (("rude", "remove", "remove"), ("rude2", "remove", "keep"), ("spam", "keep", "keep")):
        decide(scored, [post], first, policy="insult", by=ANN)
        decide(scored, [post], second, policy="insult", by=BEN, review="second")
    by_policy, by_pair = agreement(scored)
    assert by_policy[0].name == "all"
    assert (by_policy[0].items, by_policy[0].same.hits) == (3, 2)
    assert by_pair[0].name == f"{ANN.name} and {BEN.name}"
    expected = cohen_kappa([("remove", "remove"), ("remove", "keep"), ("keep", "keep")])
    assert by_policy[0].kappa == pytest.approx(expected)


def test_decisions_correct_what_a_threshold_expects(workspace, tmp_path):
    lines = "".join(f"p{n},text number {n},u{n % 7},2024-01-01,0,en\n" for n in range(80))
    (tmp_path / "many.csv").write_text("id,text,author,date,likes,lang\n" + lines)
    workspace.jobs.run_now("ingest", {"path": str(tmp_path / "many.csv")}, title="Import")
    set_scores(workspace, "spam", {f"p{n}": 0.9 for n in range(80)})
    for n in range(40):
        decide(workspace, [f"p{n}"], "remove" if n % 4 == 0 else "keep", policy="spam", by=ANN)
    found = preview_threshold(workspace, "spam", 0.5)
    assert found.corrected
    assert found.precision[0] == pytest.approx(0.25, abs=0.1), "the scorer says 0.9, the reviewers one in four"
