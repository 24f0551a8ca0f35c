"""Lists in a workspace: what they hold, what changes them, and why a post is in one."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

from core import collections, derived
from core.cli import app
from core.database.recommend import click_through, list_trainings
from core.database.users import store_interactions, store_users
from core.errors import CollectionError, ImportFailed, JobStopped, ModelError, QueryError, SettingError
from core.moderation.decisions import decide
from core.recommend import acts, interests, similar, trained
from core.recommend.acts import history_of
from core.recommend.explain import explain
from core.recommend.imported import import_lists
from core.recommend.rerank import Knobs, rerank
from core.recommend.serving import FALLBACK, models_here, recommend_for
from core.recommend.training import train_params
from core.types import Interaction, User
from tests.core.recommend.conftest import post, write_network

PLAIN = Knobs(diversity=0.0, author_cap=0, freshness=0.0)


def act(workspace, *interactions):
    with workspace.new_generation() as (cursor, generation):
        store_interactions(cursor, interactions, generation=generation)


def topics(listing, n=6):
    return {id_.rstrip("0123456789") for id_ in listing.ids[:n]}


@pytest.mark.parametrize("model", ["two-tower", "ials", "item-knn"])
def test_lists_follow_what_users_like(network, model):
    for user, topic in (("user0", "sea"), ("user1", "bread")):
        assert topics(recommend_for(network, user, model=model, knobs=PLAIN)) == {topic}


def test_every_trained_model_answers_and_the_towers_come_first(network):
    known = models_here(network)
    assert known[0] == "two-tower"
    assert known[-1] == FALLBACK
    for model in known:
        listing = recommend_for(network, "user0", model=model)
        assert listing.model == model
        assert [item.rank for item in listing.items] == list(range(1, len(listing.items) + 1))
        assert len(set(listing.ids)) == len(listing.ids) > 0


def test_what_was_seen_written_or_removed_is_not_shown(network):
    history = history_of(network, "user0")
    seen = {f"sea{n}" for n in range(48)} - set(recommend_for(network, "user0", knobs=Knobs(k=100, author_cap=0)).ids)
    assert len(history.seen) >= 12
    assert len(seen & {f"sea{n}" for n in range(0, 48, 2)}) == len(history.seen)
    first = recommend_for(network, "user0").ids[0]
    decide(network, [first], "remove", reason="spam", token="t")
    assert first not in recommend_for(network, "user0").ids
    assert first not in recommend_for(network, "silent").ids
    skipper = recommend_for(network, "skipper0", knobs=Knobs(k=100, author_cap=0)).ids
    assert not {f"sea{n}" for n in range(0, 48, 4)} & set(skipper)


def test_a_new_post_can_be_shown_as_soon_as_it_is_there(network, tmp_path):
    rng = np.random.default_rng(9)
    new = [post(900, "sea", "skipper0", rng, 50), post(901, "bread", "baker0", rng, 50)]
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "posts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in new))
    network.jobs.run_now("ingest", {"path": str(folder)}, title="New")
    for user, mine, other in (("user0", "sea900", "bread901"), ("user1", "bread901", "sea900")):
        ranks = recommend_for(network, user, knobs=Knobs(k=100, diversity=0, author_cap=0)).ranks()
        assert ranks[mine] < ranks[other]
    # It counts in a history too, by its content.
    act(network, Interaction("fresh", "sea900", "like", ACTS_AT))
    assert topics(recommend_for(network, "fresh", knobs=PLAIN)) == {"sea"}


ACTS_AT = datetime(2026, 3, 1)


def test_a_new_user_is_known_after_the_first_like(network):
    silent = recommend_for(network, "silent")
    assert silent.model == FALLBACK
    assert "Nothing is known" in silent.notes[0]
    act(network, Interaction("silent", "bread1", "like", ACTS_AT))
    listing = recommend_for(network, "silent", knobs=PLAIN)
    assert listing.model == "two-tower"
    assert topics(listing) == {"bread"}


def test_what_if_changes_the_list_and_nothing_else(network):
    plain = recommend_for(network, "user0", knobs=PLAIN)
    without = recommend_for(
        network, "user0", knobs=PLAIN, without=[_id(network, a.row) for a in plain.history.acts[:-1]]
    )
    assert len(without.history.acts) == 1
    assert without.ids != plain.ids
    assert not set(without.ids) & {_id(network, a.row) for a in plain.history.acts}
    bread = [f"bread{n}" for n in range(1, 40, 2)]
    assert "bread" in topics(recommend_for(network, "user0", knobs=PLAIN, added=bread), 10)
    assert recommend_for(network, "user0", knobs=PLAIN).ids == plain.ids


def test_at_another_time_nothing_later_is_known(network):
    at = datetime(2026, 1, 20)
    listing = recommend_for(network, "user0", at=at, knobs=Knobs(k=100, author_cap=0))
    assert all(a.created_at is None or a.created_at <= at for a in listing.history.acts)
    assert all(int(id_.lstrip("seabrd")) <= 19 for id_ in listing.ids)


def _id(workspace, row):
    (found,) = workspace.cursor().execute("SELECT id FROM posts WHERE row = ?", [row]).fetchone()
    return found


@pytest.mark.parametrize("model", ["two-tower", "item-knn"])
def test_why_names_what_carries_a_post(network, model):
    listing = recommend_for(network, "user0", model=model, knobs=PLAIN)
    found = explain(network, listing.history, listing.ids[3], model, PLAIN)
    assert found.rank == 4
    own = {_id(network, a.row) for a in listing.history.acts}
    assert found.carriers
    assert all(one.post_id in own for one in found.carriers)
    falls = [one.ranks for one in found.carriers]
    assert falls == sorted(falls, reverse=True)
    # Taking the first one out does what was said.
    after = recommend_for(
        network,
        "user0",
        model=model,
        knobs=Knobs(k=400, diversity=0, author_cap=0),
        without=[found.carriers[0].post_id],
    )
    assert after.ranks()[listing.ids[3]] == 4 + falls[0]
    assert found.words[0].similarity > 0.3
    assert found.words[0].words
    liked = network.cursor().execute("SELECT user_id FROM interactions WHERE post_id = ?", [listing.ids[3]]).fetchall()
    assert {user for user, _ in found.liked_by} <= {user for (user,) in liked}
    with pytest.raises(QueryError, match="no post"):
        explain(network, listing.history, "nowhere", model)


def test_users_alike_are_of_the_same_group(network):
    history = history_of(network, "user0")
    for found in (similar.users_alike(network, history, k=5), similar.shared_neighbours(network, history, k=5)):
        assert len(found) == 5
        assert all(user.startswith(("user", "skipper")) for user, _ in found)
        assert all(int(user[4:]) % 2 == 0 for user, _ in found if user.startswith("user"))
        assert "user0" not in dict(found)
    act(network, Interaction("once", "sea0", "like", ACTS_AT))
    follow = similar.to_follow(network, history_of(network, "once"), k=1)
    assert follow[0].user_id == "skipper1"
    near = similar.liked_together(network, "sea0", k=5)
    assert {id_.rstrip("0123456789") for id_, _ in near} == {"sea"}


def test_nobody_acted_on_a_post_that_came_after_all_acts(network, tmp_path):
    """Neither the users of the next post nor an error: by who wrote nothing is known, so it is in nobody's history."""
    late = {"id": "late", "text": "the boat harbour tide gull #sea", "created_at": "2026-03-01T00:00:00"}
    (tmp_path / "late.jsonl").write_text(json.dumps(late))
    network.jobs.run_now("ingest", {"path": str(tmp_path / "late.jsonl")}, title="Import")
    history = history_of(network, "user0")
    assert similar.users_alike(network, history, who_acted_on="late") == []
    assert similar.users_alike(network, history, who_acted_on="gone") == []
    assert similar.users_alike(network, history, who_acted_on="sea0") != []
    assert explain(network, history, "late", "two-tower", PLAIN).liked_by == ()


def test_interests_have_weights_and_evidence(network):
    history = history_of(network, "user0")
    found = interests.interests(network, history)
    assert found[0].name == "#sea"
    assert found[0].weight == pytest.approx(1.0)
    assert set(found[0].posts) <= {f"sea{n}" for n in range(48)}
    own = interests.exposure_of(network, [recommend_for(network, "user0")])
    everybody = interests.segment_exposure(
        network, "two-tower", Knobs(), interests.segment_users(network, interests.EVERYBODY, history)
    )
    assert own.lists == 1
    assert everybody.lists > 20
    for one in (own, everybody):
        assert 0 <= min(one.concentration, one.popularity, one.flagged) <= max(one.popularity, one.flagged) <= 1


def test_a_training_keeps_figures_curve_and_settings(network):
    rows = list_trainings(network.cursor())
    assert {row.model for row in rows} == {"two-tower", "ials", "item-knn", "popularity", "recent-popularity"}
    towers = next(row for row in rows if row.model == "two-tower")
    assert towers.figures["recall@20"] > next(row for row in rows if row.model == "popularity").figures["recall@20"]
    assert towers.curve
    assert towers.figures["cut"]
    assert sum(group["interactions"] for group in towers.figures["by_age"]) > 20
    assert towers.figures["seed"] == 0
    assert not (network.path / "recommend" / "unfinished" / "two-tower").exists()


def test_a_stopped_training_goes_on_where_it_was(network):
    def stop_in_the_second_fit(job):
        if job.phase == "training Two towers" and job.done > 500:
            network.jobs.stop(job.id)

    before = len(list_trainings(network.cursor()))
    params = {**train_params(("popularity", "two-tower"), seed=1), "settings": {"two-tower": {"factors": 16}}}
    with pytest.raises(JobStopped):
        network.jobs.run_now("recommend", params, title="Train", listener=stop_in_the_second_fit)
    kept = network.path / "recommend" / "unfinished" / "two-tower"
    assert {path.name for path in kept.iterdir()} == {"epochs.safetensors", "judged.safetensors"}
    (job,) = [job for job in network.jobs.list() if job.state == "stopped"]
    network.jobs.resume(job.id)
    seen = []
    network.jobs._run(network.jobs.get(job.id), lambda job: seen.append((job.phase, job.done)))
    assert network.jobs.get(job.id).state == "done"
    # The first fit's epochs are not learnt again.
    assert min(done for phase, done in seen if phase == "training Two towers" and done) > 250
    assert [row.model for row in list_trainings(network.cursor())[:-before]] == ["two-tower", "popularity"]
    assert not kept.exists()


def test_who_follows_whom_is_no_act_and_leads_to_others(network):
    edges = [("silent", "ann"), ("silent", "bo"), ("ann", "cy"), ("bo", "cy"), ("bo", "dee"), ("cy", "silent")]
    act(network, *(Interaction(who, whom, "follow", ACTS_AT) for who, whom in edges))
    act(network, Interaction("silent", "bread1", "follow", ACTS_AT))  # a user who has the id of a post
    history = history_of(network, "silent")
    assert not history.acts
    assert not len(history.seen)
    found = similar.to_follow(network, history)
    assert [(one.user_id, one.followed) for one in found] == [("cy", 2), ("dee", 1)]
    assert recommend_for(network, "silent").model == FALLBACK


def test_a_segment_is_everybody_those_alike_or_a_collection(network):
    history = history_of(network, "user0")
    users = {name: interests.segment_users(network, name, history) for name in interests.SEGMENTS}
    assert len(users["everybody"]) == 28
    assert {int(user[4:]) % 2 for user in users["alike"][:8] if user.startswith("user")} == {0}
    assert "user0" in users["as-active"]
    chosen = collections.create(network, "Mine", "user", ["user1", "user3", "silent"])
    assert interests.segment_users(network, chosen.id, history) == ["user1", "user3"]
    with pytest.raises(CollectionError):
        interests.segment_users(network, "gone", history)
    assert interests.segment_exposure(network, "two-tower", Knobs(), []).lists == 0


def test_a_profile_is_heard_where_the_training_knew_profiles(network):
    towers = trained.open_trained(network, "two-tower")
    assert towers.profiles is None  # nobody here says anything
    with network.new_generation() as (cursor, generation):
        users = [
            User(f"user{n}", description=("I sail the sea", "I bake bread")[n % 2], followers=10 ** (1 + n % 2))
            for n in range(24)
        ]
        store_users(cursor, [*users, User("silent", description="I sail")], generation=generation)
    params = {**train_params(("two-tower",), seed=4), "settings": {"two-tower": {"factors": 16, "epochs": 25}}}
    network.jobs.run_now("recommend", params, title="Train")
    towers = trained.open_trained(network, "two-tower")
    told = trained.told_by_profiles(network, towers, ["user0", "silent", "nobody"])
    assert told.shape == (3, 16)
    assert np.linalg.norm(told[0]) > 0
    assert told[1] @ told[0] > 0
    assert list_trainings(network.cursor())[0].figures["seed"] == 4
    assert topics(recommend_for(network, "user0", knobs=PLAIN)) == {"sea"}
    listing = recommend_for(network, "user0", knobs=PLAIN)
    why = explain(network, listing.history, listing.ids[0], "two-tower", PLAIN)
    assert why.rank == 1


class TestReranking:
    VECTORS = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
    SCORES = np.array([1.0, 0.95, 0.6, 0.0])
    AGES = np.array([30.0, 1.0, 1.0, np.nan])

    def order(self, authors=("a", "a", "b", None), **knobs):
        found = rerank(
            self.SCORES, self.VECTORS, self.AGES, authors, Knobs(**{"k": 3, "diversity": 0, "author_cap": 0, **knobs})
        )
        return [at for at, _ in found]

    def test_each_knob_does_what_it_says(self):
        assert self.order() == [0, 1, 2]
        assert self.order(diversity=0.5) == [0, 2, 3]
        assert self.order(freshness=1.0)[0] in (1, 2)
        assert self.order(author_cap=1) == [0, 2, 3]
        assert rerank(np.empty(0), None, np.empty(0), [], Knobs()) == []

    @pytest.mark.parametrize("bad", [{"k": 0}, {"k": 501}, {"diversity": 1.1}, {"freshness": -0.1}, {"author_cap": -1}])
    def test_a_knob_past_its_end_is_refused(self, bad):
        with pytest.raises(SettingError):
            Knobs(**bad).check()


class TestBadInput:
    def test_unknown_users_and_models_are_named(self, network):
        with pytest.raises(QueryError, match="no user 'nobody'"):
            recommend_for(network, "nobody")
        with pytest.raises(SettingError, match="'magic' can't be asked"):
            recommend_for(network, "user0", model="magic")

    def test_a_history_of_100000_acts_is_cut_and_said(self, network, monkeypatch):
        monkeypatch.setattr(acts, "MOST_HISTORY", 20)
        more = [
            Interaction("busy", f"{('sea', 'bread')[n % 2]}{n}", "like", ACTS_AT + timedelta(hours=n))
            for n in range(48)
        ]
        act(network, *more)
        listing = recommend_for(network, "busy")
        assert len(listing.history.acts) == 20
        assert listing.history.left_out == 28
        assert any("newest 20 posts count, 28 do not" in note for note in listing.notes)
        assert listing.items == ()

    def test_a_user_of_100000_acts_is_served(self, network):
        many = [
            Interaction("busy", f"sea{2 * (n % 20)}", ("view", "like")[n % 2], ACTS_AT + timedelta(seconds=n))
            for n in range(100_000)
        ]
        act(network, *many)
        listing = recommend_for(network, "busy", knobs=PLAIN)
        assert len(listing.history.acts) == 10
        assert topics(listing, 4) == {"sea"}

    def test_many_seen_posts_are_left_out_in_the_index(self, network, monkeypatch):
        monkeypatch.setattr("core.recommend.serving._OVERFETCH", 3)
        few = recommend_for(network, "user0", knobs=PLAIN).ids
        monkeypatch.setattr("core.recommend.serving._OVERFETCH", 2000)
        assert recommend_for(network, "user0", knobs=PLAIN).ids == few

    def test_only_removed_posts_in_a_history_do_no_harm(self, network):
        act(network, Interaction("unlucky", "sea0", "like", ACTS_AT))
        assert recommend_for(network, "unlucky").model == "two-tower"
        decide(network, ["sea0"], "remove", reason="spam", token="t2")
        listing = recommend_for(network, "unlucky")
        assert listing.model == FALLBACK
        assert "All that this user liked was removed by review" in listing.notes[0]
        assert "sea0" not in listing.ids
        assert not listing.history.acts
        assert similar.users_alike(network, listing.history) == []
        assert "sea0" not in dict(similar.liked_together(network, "sea2"))
        everybody, _ = similar.everybody(network)
        row = network.cursor().execute("SELECT row FROM posts WHERE id = 'sea0'").fetchone()[0]
        assert not everybody.matrix[:, [int(np.searchsorted(everybody.posts, row))]].nnz

    def test_an_act_on_an_unknown_post_is_no_act(self, network):
        act(network, Interaction("silent", "not here", "like", ACTS_AT))
        assert recommend_for(network, "silent").model == FALLBACK

    def test_a_damaged_model_is_said(self, network):
        manifest = derived.read_manifest(trained.folder_of(network, "ials"))
        (manifest.folder / "model.safetensors").write_bytes(b"no")
        with pytest.raises(ModelError, match="Train it again"):
            recommend_for(network, "user0", model="ials")

    def test_other_encoders_than_those_of_the_training_are_said(self, network, tmp_path):
        towers = trained.open_trained(network, "two-tower")
        towers.recipe.models["text"] = "another model"
        rng = np.random.default_rng(9)
        (tmp_path / "posts.jsonl").write_text(json.dumps(post(900, "sea", "skipper0", rng, 50)) + "\n")
        with pytest.raises(ModelError, match="another model"):
            network.jobs.run_now("ingest", {"path": str(tmp_path)}, title="New")
            recommend_for(network, "user0")

    def test_nothing_to_learn_from_is_said(self, workspace):
        with pytest.raises(ModelError, match="no interactions"):
            workspace.jobs.run_now("recommend", train_params(), title="Train")
        with pytest.raises(ModelError, match="magic"):
            train_params(("magic",))

    def test_without_a_model_everybody_gets_what_was_liked_of_late(self, workspace, tmp_path):
        workspace.jobs.run_now("ingest", {"path": str(write_network(tmp_path / "n"))}, title="Import")
        listing = recommend_for(workspace, "user0")
        assert listing.model == FALLBACK
        assert listing.items
        assert similar.users_alike(workspace, listing.history, k=3)


class TestImport:
    def test_lists_made_elsewhere_are_shown_beside_ours(self, network, tmp_path):
        path = tmp_path / "theirs.csv"
        path.write_text(
            "user,item,score,model\nuser0,bread1,0.5,A\nuser0,bread3,0.9,A\nuser0,nowhere,1,A\nuser1,sea0,1,B\n"
        )
        found = import_lists(network, path)
        assert found["models"] == {"A": 2, "B": 1}
        assert found["unknown_posts"] == 1
        listing = recommend_for(network, "user0", model="imported:A", knobs=PLAIN)
        assert listing.ids == ("bread3", "bread1")
        assert "does not change" in listing.notes[0]
        why = explain(network, listing.history, "bread3", "imported:A")
        assert "elsewhere" in why.note

    def test_vectors_rank_by_their_products(self, network, tmp_path):
        np.savez(
            tmp_path / "theirs.npz", users=np.array(["user0"]), items=np.array(["bread1", "bread3"]),
            user_vectors=np.array([[1.0, 0.0]]), item_vectors=np.array([[0.2, 9.0], [0.4, 0.0]]),
        )  # fmt: skip
        assert import_lists(network, tmp_path / "theirs.npz")["models"] == {"theirs": 2}
        assert recommend_for(network, "user0", model="imported:theirs", knobs=PLAIN).ids == ("bread3", "bread1")

    def test_impressions_give_click_through_by_rank(self, network, tmp_path):
        path = tmp_path / "shown.csv"
        seen = (
            network.cursor()
            .execute("SELECT post_id FROM interactions WHERE user_id = 'user0' AND kind = 'like'")
            .fetchone()
        )
        path.write_text(
            f"user,item,rank,shown_at\nuser0,{seen[0]},1,2026-01-01\nuser0,bread1,2,2026-01-01\nuser1,sea0,2,2026-01-01\n"
        )
        assert import_lists(network, path)["impressions"] == 3
        assert click_through(network.cursor()) == [(1, 1, 1), (2, 2, 0)]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("user,score\n1,2\n", "column item or item_id"),
            ("user,item\n1,2\n", "'score'"),
            ("user,item,score\n1,2,x\n", "line 2: the score 'x'"),
            ("user,item,score\n,2,1\n", "line 2: the user or the item is empty"),
            ("user,item,rank,shown_at\n1,2,1,soon\n", "time 'soon'"),
            ("user,item,score\n", "no rows"),
        ],
    )
    def test_a_bad_table_is_refused(self, workspace, tmp_path, text, said):
        path = tmp_path / "bad.csv"
        path.write_text(text)
        with pytest.raises(ImportFailed, match=said):
            import_lists(workspace, path)


def test_the_commands_print_documents(network, settings, tmp_path):
    network.close()
    (tmp_path / "theirs.csv").write_text("user,item,score\nuser0,bread1,0.5\n")

    def run(*words):
        done = CliRunner().invoke(app, ["recommend", *words, "--workspace", str(settings.workspace), "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    found = run("for", "user0", "-k", "3", "--explain")
    assert [item["rank"] for item in found["items"]] == [1, 2, 3]
    assert found["items"][0]["why"]["carriers"]
    assert len(run("similar-users", "user0", "-k", "2")["alike"]) == 2
    assert run("import", str(tmp_path / "theirs.csv"))["rows"] == 1
    assert run("train", "--model", "popularity")["models"]["popularity"]["recall@20"] >= 0
