"""One contract for every recommender."""

import numpy as np
import pytest
import scipy.sparse as sp

from core.errors import ModelError, SettingError
from core.recommend.features import fit_block
from core.recommend.models import MODELS, attention, load_saved, make_model, two_tower_training
from core.recommend.models.two_tower import temperature_by_density
from core.recommend.protocol import Training, recommend
from tests.core.recommend.conftest import grouped

QUICK = {
    "two-tower": {"epochs": 8, "factors": 8, "batch": 32, "learning_rate": 0.02},
    "bpr": {"factors": 8, "iterations": 30},
    "ials": {"factors": 8},
    "ease": {"regularization": 5.0},
    "item-knn": {"neighbours": 10},
}
PERSONAL = [name for name in MODELS if "popularity" not in name]


def content(items):
    """Tells the two groups apart, and has a constant feature."""
    rng = np.random.default_rng(0)
    found = rng.normal(0, 0.3, (items, 4)).astype(np.float32)
    found[:, 0] += np.where(np.arange(items) % 2, 1.0, -1.0)
    found[:, 3] = 0.0
    return found


def fitted(name, matrix, **more):
    model = make_model(name, **QUICK.get(name, {}))
    model.fit(Training(matrix, content=content(matrix.shape[1]), **more))
    return model


@pytest.mark.parametrize("name", MODELS)
class TestContract:
    def test_scores_are_finite_and_one_an_item(self, name, matrix):
        model = fitted(name, matrix)
        scores = model.score(matrix[:5], np.arange(5))
        assert scores.shape == (5, matrix.shape[1])
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_what_was_seen_is_never_recommended(self, name, matrix):
        items, scores = recommend(fitted(name, matrix), matrix, matrix.shape[1], np.arange(matrix.shape[0]))
        for user in range(matrix.shape[0]):
            shown = items[user][items[user] >= 0]
            assert len(shown) == len(set(shown)) == matrix.shape[1] - matrix[user].nnz
            assert not set(shown) & set(matrix[user].indices)
            assert (np.diff(scores[user][: len(shown)]) <= 0).all()
            assert (items[user][len(shown) :] == -1).all()

    def test_a_saved_model_scores_the_same(self, name, matrix, tmp_path):
        model = fitted(name, matrix)
        model.save(tmp_path / "model")
        again = load_saved(tmp_path / "model")
        assert type(again) is type(model)
        np.testing.assert_allclose(again.score(matrix[:9]), model.score(matrix[:9]), rtol=1e-5)
        assert not list((tmp_path / "model").glob("*.pkl"))

    def test_the_same_seed_gives_the_same(self, name, matrix):
        one, other = (fitted(name, matrix, seed=3).score(matrix[:9]) for _ in range(2))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

    def test_an_empty_history_and_a_full_one_can_be_scored(self, name, matrix):
        model = fitted(name, matrix)
        items = matrix.shape[1]
        histories = sp.csr_matrix(np.vstack([np.zeros(items), np.ones(items)]), dtype=np.float32)
        assert np.isfinite(model.score(histories)).all()
        shown, _ = recommend(model, histories, 5)
        assert (shown[1] == -1).all()

    def test_nothing_to_learn_from_is_said(self, name, matrix):
        with pytest.raises(ModelError, match="no interactions"):
            fitted(name, sp.csr_matrix((3, 40), dtype=np.float32))

    def test_weights_that_are_no_numbers_are_refused(self, name, matrix):
        bad = matrix.copy()
        bad.data[3] = np.nan
        with pytest.raises(ModelError, match="finite"):
            fitted(name, bad)

    def test_an_unknown_setting_is_named(self, name):
        with pytest.raises(SettingError, match="no setting 'speed'"):
            make_model(name, speed=3)

    def test_a_damaged_model_is_refused(self, name, matrix, tmp_path):
        fitted(name, matrix).save(tmp_path)
        data = (tmp_path / "model.safetensors").read_bytes()
        (tmp_path / "model.safetensors").write_bytes(data[: len(data) // 2])
        with pytest.raises(ModelError, match="damaged"):
            load_saved(tmp_path)


@pytest.mark.parametrize("name", PERSONAL)
def test_people_get_what_their_group_likes(name, matrix):
    """Of the ten first, most are of the user's own group of items; a new user with such a history gets the same."""
    model = fitted(name, matrix)
    rows = np.arange(matrix.shape[0])
    for users in (rows, None):
        items, _ = recommend(model, matrix, 5, users)
        assert (items % 2 == rows[:, None] % 2).mean() > 0.8


def test_of_the_popular_the_recent_come_first():
    matrix = sp.csr_matrix(np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1]]), dtype=np.float32)
    days = np.where(matrix.indices == 0, 90.0, 1.0).astype(np.float32)
    for name, first in (("popularity", 0), ("recent-popularity", 1)):
        model = make_model(name)
        model.fit(Training(matrix, days=days))
        assert model.score(matrix[:1])[0].argmax() == first


def test_constant_content_becomes_no_feature():
    block = fit_block("same", np.full((9, 3), 5.0, np.float32))
    assert block.features(np.full((2, 3), 5.0, np.float32)).shape == (2, 0)
    lively = fit_block("lively", np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32))
    assert lively.axes.shape == (3, 3)
    with pytest.raises(ModelError, match="4 values where the model learnt from 3"):
        lively.features(np.ones((2, 4), np.float32))
    with pytest.raises(ModelError, match="not finite"):
        fit_block("bad", np.full((9, 3), np.nan, np.float32))


def test_an_unknown_recommender_is_named():
    with pytest.raises(SettingError, match="There is no recommender 'magic'"):
        make_model("magic")


def test_ease_says_when_memory_is_too_small(matrix, monkeypatch):
    monkeypatch.setattr("core.recommend.models.ease.memory_bytes", lambda: 1000)
    with pytest.raises(ModelError, match="needs"):
        fitted("ease", matrix)


class TestTwoTower:
    def test_both_losses_learn_and_the_curve_tells(self, matrix):
        for loss in ("softmax", "logistic"):
            model = make_model("two-tower", **QUICK["two-tower"], loss=loss)
            model.fit(Training(matrix))
            assert len(model.curve) == 8
            assert model.curve[-1]["loss"] < model.curve[0]["loss"]
        with pytest.raises(SettingError, match="hinge"):
            make_model("two-tower", loss="hinge").fit(Training(matrix))

    def test_it_stops_early_and_keeps_the_best(self, matrix):
        held = grouped(seed=5)
        held = (held - held.multiply(matrix)).tocsr()
        model = make_model("two-tower", **{**QUICK["two-tower"], "epochs": 60}, patience=2)
        model.fit(Training(matrix, held=held))
        best = max(model.curve, key=lambda entry: entry["ndcg"])
        assert model.settings["epochs"] == best["epoch"] <= len(model.curve)

    def test_a_new_item_is_known_by_its_content(self, matrix):
        model = fitted("two-tower", matrix)
        new = np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]], np.float32)  # an odd one, an even one
        _, vectors = model.encode_items(new)
        scores = model.user_vectors(matrix) @ vectors.T
        odd = np.arange(matrix.shape[0]) % 2 == 1
        assert (scores[odd, 0] > scores[odd, 1]).mean() > 0.9
        assert (scores[~odd, 0] < scores[~odd, 1]).mean() > 0.9
        with pytest.raises(ModelError, match="4 features"):
            model.encode_items(np.ones((2, 7), np.float32))

    def test_a_loss_that_is_no_number_stops_it(self, matrix):
        bad = np.full((matrix.shape[1], 2), 1e30, np.float32)
        with pytest.raises(ModelError, match="not a finite number"):
            make_model("two-tower", **{**QUICK["two-tower"], "learning_rate": 1e30}).fit(Training(matrix, content=bad))

    def test_a_later_one_stops_it_with_the_last_good_model(self, matrix, monkeypatch):
        real, calls = two_tower_training._loss, []

        def loss(*given):
            calls.append(1)
            found = real(*given)
            return found * float("nan") if len(calls) > 12 else found

        monkeypatch.setattr(two_tower_training, "_loss", loss)
        held = grouped(seed=5)
        held = (held - held.multiply(matrix)).tocsr()
        model = make_model("two-tower", **QUICK["two-tower"])
        model.fit(Training(matrix, held=held))
        assert model.curve[-1]["diverged"] == 1.0
        assert 1 <= model.settings["epochs"] < model.curve[-1]["epoch"]
        assert np.isfinite(model.score(matrix)).all()

    def test_users_of_one_interaction_are_too_little(self):
        with pytest.raises(ModelError, match="two interactions"):
            make_model("two-tower").fit(Training(sp.csr_matrix(np.eye(4), dtype=np.float32)))

    def test_a_training_that_was_killed_goes_on_and_ends_the_same(self, matrix, tmp_path):
        held = grouped(seed=5)
        held = (held - held.multiply(matrix)).tocsr()
        settings = {**QUICK["two-tower"], "patience": 50}

        class Killed(Exception):
            pass

        def die(phase, done, total):
            if phase == "learning" and done >= 0.6 * total:
                raise Killed

        for given in ({"held": held}, {"content": content(matrix.shape[1])}):
            path = tmp_path / f"{next(iter(given))}.safetensors"
            whole = make_model("two-tower", **settings)
            whole.fit(Training(matrix, **given))
            with pytest.raises(Killed):
                make_model("two-tower", **settings).fit(Training(matrix, **given, checkpoint=path, report=die))
            steps = []

            def note(phase, done, total, steps=steps):
                if phase == "learning":
                    steps.append(done)

            again = make_model("two-tower", **settings)
            again.fit(Training(matrix, **given, checkpoint=path, report=note))
            assert min(steps) > 0
            np.testing.assert_allclose(again.item_out, whole.item_out, atol=1e-5)
            assert [one["epoch"] for one in again.curve] == list(range(1, 9))
            # Of another training, or damaged, it is of no use and does no harm.
            other = make_model("two-tower", **settings)
            other.fit(Training(matrix, seed=1, **given, checkpoint=path))
            path.write_bytes(path.read_bytes()[:90])
            again = make_model("two-tower", **settings)
            again.fit(Training(matrix, **given, checkpoint=path))
            np.testing.assert_allclose(again.item_out, whole.item_out, atol=1e-5)

    def test_attention_leans_to_where_most_of_a_history_points(self):
        rng = np.random.default_rng(0)
        inputs = rng.normal(size=(6, 4)).astype(np.float32)
        weights = rng.random((3, 6)).astype(np.float32)
        weights[1, 2:] = 0.0
        told = rng.normal(size=4).astype(np.float32)
        for sharpness in (0.0, 2.0):
            for extra in (None, told):
                many = None if extra is None else np.tile(extra, (3, 1))
                one = attention.pool(weights, inputs, sharpness, extra)
                np.testing.assert_allclose(
                    attention.pool_histories(sp.csr_matrix(weights), inputs, sharpness, many), one, rtol=1e-4
                )
                np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1.0, rtol=1e-5)
        flat = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
        level, sharp = (attention.pool(np.ones((1, 3), np.float32), flat, value)[0] for value in (0.0, 3.0))
        assert sharp[0] > level[0]
        assert not np.any(attention.pool(np.zeros((1, 3), np.float32), flat, 3.0))

    def test_what_a_profile_tells_counts(self, matrix):
        """Users of one group say so in their profile: with a history of the other group it pulls them over."""
        rows = np.arange(matrix.shape[0])
        profile = np.stack([rows % 2, 1 - rows % 2], axis=1).astype(np.float32)
        model = make_model("two-tower", **{**QUICK["two-tower"], "epochs": 20})
        model.fit(Training(matrix, profile=profile))
        told = model.told(profile[:2])
        even, odd = told @ model.item_out[::2].mean(axis=0), told @ model.item_out[1::2].mean(axis=0)
        assert even[0] > odd[0]
        assert even[1] < odd[1]
        with pytest.raises(ModelError, match="5 are given"):
            model.told(np.ones((1, 5), np.float32))

    def test_the_temperature_follows_the_density(self, matrix):
        for users, items, found in ((30_000, 40_000, 0.1), (6, 30, 0.2), (400, 400, 0.134)):
            some = sp.csr_matrix((np.ones(users), (np.arange(users), np.arange(users) % items)), (users, items))
            assert temperature_by_density(some) == pytest.approx(found, abs=0.001)
        model = make_model("two-tower", **QUICK["two-tower"])
        model.fit(Training(matrix))
        assert model.settings["temperature"] == 0.2
        given = make_model("two-tower", **QUICK["two-tower"], temperature=0.3)
        given.fit(Training(matrix))
        assert given.settings["temperature"] == 0.3
