"""The metrics by hand-made lists, and the command by files."""

import json

import numpy as np
import pytest
import scipy.sparse as sp
from typer.testing import CliRunner

from core.cli import app
from core.errors import ImportFailed, SettingError
from core.recommend import interactions, metrics, trials
from core.recommend.evaluate import Request, evaluate


class Fixed:
    """Scores the items 0, 1, 2, ... in falling order."""

    name = "fixed"

    def score(self, histories, users=None):
        items = histories.shape[1]
        return np.repeat(-np.arange(items, dtype=np.float32)[None], histories.shape[0], 0)


def csr(rows, items=6):
    found = np.zeros((len(rows), items), np.float32)
    for row, own in enumerate(rows):
        found[row, own] = 1
    return sp.csr_matrix(found)


def test_the_figures_of_a_known_ranking():
    seen, held = csr([[0], [1], [2]]), csr([[1, 5], [0], []])
    judged = metrics.judge(Fixed(), seen, held, k=2)
    assert judged.users.tolist() == [0, 1]
    assert judged.lists.tolist() == [[1, 2], [0, 2]]
    assert judged.recall.tolist() == [0.5, 1.0]
    assert judged.hit.tolist() == [1.0, 1.0]
    assert judged.ndcg == pytest.approx([1 / (1 + 1 / np.log2(3)), 1.0])
    assert judged.reciprocal.tolist() == [1.0, 1.0]
    # of user 0's four pairs (1 and 5 against 2, 3, 4) those with 5 are wrong; of user 1's, none
    assert judged.auc == pytest.approx([0.5, 1.0])


def test_candidates_are_ranked_among_themselves():
    seen, held = csr([[0]]), csr([[4]])
    mask = np.isin(np.arange(6), [3, 4])
    judged = metrics.judge(Fixed(), seen, held, k=2, candidates=mask)
    assert judged.lists.tolist() == [[3, 4]]
    assert judged.recall.tolist() == [1.0]
    assert judged.auc.tolist() == [0.0]


def test_ties_count_half():
    class Level(Fixed):
        def score(self, histories, users=None):
            return np.zeros(histories.shape, np.float32)

    assert metrics.judge(Level(), csr([[0]]), csr([[3]]), k=2).auc.tolist() == [0.5]


def test_what_lists_are_like():
    assert metrics.gini(np.array([1, 1, 1, 1])) == pytest.approx(0)
    assert metrics.gini(np.array([0, 0, 0, 4])) == pytest.approx(0.75)
    assert metrics.gini(np.zeros(3, int)) == 0
    assert metrics.novelty(np.array([0, 1]), np.array([4.0, 1.0]), 4) == pytest.approx(1.0)
    seen = csr([[0, 1], [0, 1], [2], [2, 3]])
    assert metrics.diversity(np.array([[0, 1]]), seen, 0) == pytest.approx(0, abs=1e-6)
    assert metrics.diversity(np.array([[0, 2]]), seen, 0) == pytest.approx(1, abs=1e-6)
    low, high = metrics.interval(np.array([0.0, 1.0] * 200), 0)
    assert 0.4 < low < 0.5 < high < 0.6


def test_nobody_to_judge_by_is_said():
    with pytest.raises(SettingError, match="Nobody"):
        metrics.judge(Fixed(), csr([[0]]), csr([[]]))


def run(*words):
    return CliRunner().invoke(app, ["recommend", "evaluate", *map(str, words)])


def test_the_command_prints_one_document(files):
    done = run("--train", files["train"], "--test", files["test"], "--model", "item-knn", "--json")
    found = json.loads(done.stdout)
    assert {"recall@20", "ndcg@20", "users", "fit_seconds", "model", "split", "seed", "command"} <= found.keys()
    assert found["model"] == "item-knn"
    assert found["recall@20"] > 0.5
    low, high = found["recall@20_ci"]
    assert low <= found["recall@20"] <= high
    assert found["users"] == found["data"]["users"] == 80
    assert found["data"]["test"] == str(files["test"])
    assert sum(group["users"] for group in found["by_activity"]) == 80


def test_several_models_get_the_same_trials_and_the_grids_are_printed(files):
    done = run("--train", files["train"], "--valid", files["valid"], "--test", files["test"], "--trials", 2,
               "--model", "ials", "--model", "item-knn", "--model", "content-knn", "--json")  # fmt: skip
    found = {one["model"]: one for one in json.loads(done.stdout)["models"]}
    assert [len(found[name]["trials"]) for name in ("ials", "item-knn")] == [2, 2]
    assert found["ials"]["grid"]["alpha"]
    assert "--items" in found["content-knn"]["problem"]
    assert found["ials"]["split"] == found["item-knn"]["split"]
    assert "final fit is on both" in found["ials"]["choice"]


def test_the_test_file_changes_no_choice(files, tmp_path):
    other = tmp_path / "other.txt"
    lines = files["test"].read_text().splitlines()
    other.write_text("\n".join(lines[:20]) + "\n")
    one, two = (
        evaluate(Request(files["train"], test, models=["ials"], trials=3))[0] for test in (files["test"], other)
    )
    assert [t["ndcg"] for t in one["trials"]] == [t["ndcg"] for t in two["trials"]]
    assert one["settings"] == two["settings"]
    assert one["split"] != two["split"]


def test_cold_items_are_ranked_by_content(files, tmp_path, monkeypatch):
    items = tmp_path / "items.csv"
    items.write_text("item,kind\n" + "".join(f"{i},{'odd' if i % 2 else 'even'}\n" for i in range(40)))
    found = evaluate(Request(files["train"], files["test"], items=items, models=["content-ridge"], cold=0.25, k=5))[0]
    assert found["cold"]["items"] == 10
    assert found["cold"]["chance"] == 0.5
    assert found["recall@5"] > 0.6


def test_items_that_training_lacks_are_counted_apart(files, tmp_path):
    with files["test"].open("a") as file:
        file.write("0 45\n")
    found = evaluate(Request(files["train"], files["test"], models=["popularity"]))[0]
    assert found["cold"]["items"] == 1
    assert found["by_item"][0]["popularity"] == [0, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no interaction"),
        ("1 2\n3 x\n", "line 2"),
        ("1 -2\n", "line 1: ids"),
        ("1 99999999999999999999\n", "line 1"),
        ("7\n", "holds no interaction"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(ImportFailed, match=said):
        interactions.read_interactions(path)


def test_a_user_may_have_two_lines_and_an_item_be_named_twice(tmp_path):
    path = tmp_path / "two.txt"
    path.write_text("0 1 1\n1 2\n0 3\n")
    (matrix,) = interactions.read_matrices(path)
    assert matrix.toarray().tolist() == [[0, 1, 0, 1], [0, 0, 1, 0]]


def test_parts_are_held_out_with_the_seed(matrix):
    one, same, other = (interactions.hold_out(matrix, seed=seed) for seed in (0, 0, 1))
    assert (one.held != same.held).nnz == 0
    assert (one.held != other.held).nnz > 0
    assert one.train.nnz + one.held.nnz == matrix.nnz
    assert one.train.multiply(one.held).nnz == 0
    split, cold = interactions.hold_out_items(matrix, seed=0, share=0.1)
    assert len(cold) == 4
    assert split.train[:, cold].nnz == 0
    assert split.held.nnz == matrix[:, cold].nnz


def test_a_file_that_is_away_is_an_error_in_words(tmp_path):
    done = run("--train", tmp_path / "no.txt", "--test", tmp_path / "no.txt")
    assert done.exit_code == 1
    assert "can't be read" in str(done.exception)


def test_a_run_that_was_killed_goes_on_from_its_file(files, tmp_path, monkeypatch):
    out = tmp_path / "kept" / "found.json"
    fitted = []
    real = trials.make_model

    def counted(name, **settings):
        fitted.append((name, settings))
        if name == "item-knn" and settings and len(fitted) > 4:
            raise KeyboardInterrupt
        return real(name, **settings)

    monkeypatch.setattr(trials, "make_model", counted)

    def ask(**more):
        return evaluate(Request(files["train"], files["test"], models=["ials", "item-knn"], trials=3, out=out, **more))

    with pytest.raises(KeyboardInterrupt):
        ask()
    monkeypatch.setattr(trials, "make_model", real)
    begun = len(fitted)
    assert begun == 5
    monkeypatch.setattr(trials, "make_model", lambda name, **s: fitted.append((name, s)) or real(name, **s))
    found = ask()
    assert [name for name, _ in fitted[begun:]] == ["item-knn", "item-knn"]
    assert [len(one["trials"]) for one in found] == [3, 3]
    assert ask() == found
    assert len(fitted) == begun + 2
    plain = evaluate(Request(files["train"], files["test"], models=["ials", "item-knn"], trials=3))
    assert [one["ndcg@20"] for one in plain] == [one["ndcg@20"] for one in found]
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["found.json"]
    ask(seed=1)  # of another question, begun anew
    assert len(json.loads(out.read_text())["trials"]["ials"]) == 3
    out.write_text("[]")
    with pytest.raises(SettingError, match="no file of an evaluation"):
        ask()


def test_the_chosen_two_towers_are_kept_beside_the_file(files, tmp_path, monkeypatch):
    monkeypatch.setitem(trials.GRIDS, "two-tower", {"temperature": [0.15, 0.3], "epochs": [3], "factors": [8]})
    monkeypatch.setattr("core.recommend.evaluate.KEPT_SHARE", 1.0)
    out = tmp_path / "found.json"
    request = Request(files["train"], files["test"], trials=2, out=out)

    def stop(*given, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("core.recommend.evaluate._figures", stop)
        evaluate(request)
    with monkeypatch.context() as patch:
        patch.setattr("core.recommend.models.two_tower.TwoTower.fit", stop)
        (found,) = evaluate(request)
    (plain,) = evaluate(Request(files["train"], files["test"], trials=2))
    assert found["ndcg@20"] == pytest.approx(plain["ndcg@20"])
    assert found["settings"] == plain["settings"]


def test_settings_can_be_given_by_hand(files):
    given = ("--train", files["train"], "--test", files["test"], "--set", "factors=8", "--set", "epochs=2", "--json")
    found = json.loads(run(*given, "--set", "loss=logistic").stdout)
    assert found["settings"]["loss"] == "logistic"
    assert found["settings"]["factors"] == 8
    for bad, said in (("speed=3", "no setting 'speed'"), ("fast", "NAME=VALUE"), ("batch=many", "a whole number")):
        done = run(*given, "--set", bad)
        assert said in str(done.exception)
