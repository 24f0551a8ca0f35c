import json
import random

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from typer.testing import CliRunner

from core import cli, derived
from core.database.posts import get_posts
from core.duplicates import NEAREST, find_groups, groups_by_picture, groups_by_words, near_hashes
from core.search.neighbours import near_duplicate
from core.settings import Settings
from core.workspace import Workspace
from tests.conftest import use_fake_encoders
from tests.core.search.conftest import fill_workspace

WORDS = [f"word{number}" for number in range(3000)]


def silent(phase, done, total):
    pass


def sets(workspace, found):
    ids = dict(workspace.cursor().execute("SELECT row, id FROM posts").fetchall())
    return {frozenset(ids[row] for row in rows): least for rows, least in found.items()}


@pytest.fixture
def fill(workspace, tmp_path):
    return lambda *posts: fill_workspace(workspace, tmp_path, *posts)


@given(strategies.data())
@settings(max_examples=40, deadline=None)
def test_near_hashes_are_those_that_brute_force_finds(data):
    """Planted at every distance around the limit, with parts that many hashes share."""
    seed, spread = data.draw(strategies.integers(0, 2**32 - 1)), data.draw(strategies.sampled_from([256, 40, 6]))
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (30, 32), np.uint8)
    hashes[:, rng.random(32) < 0.3] = 7
    for at in range(15, 30):
        bits = np.unpackbits(hashes[at - 15])
        bits[rng.choice(spread, min(spread, int(rng.integers(0, 40))), replace=False)] ^= 1
        hashes[at] = np.packbits(bits)
    wanted = {
        (a, b): distance
        for a in range(30)
        for b in range(a)
        if (distance := int(np.unpackbits(hashes[a] ^ hashes[b]).sum())) <= 31
    }
    found = {
        (max(a, b), min(a, b)): distance
        for chunk in near_hashes(hashes)
        for a, b, distance in zip(*(part.tolist() for part in chunk), strict=True)
    }
    assert found == wanted


@given(sizes=strategies.lists(strategies.integers(2, 6), min_size=1, max_size=4), seed=strategies.integers(0, 10**6))
@settings(max_examples=12, deadline=None)
def test_planted_groups_are_found_and_nothing_else(tmp_path_factory, sizes, seed):
    """Copies with a word or two changed; beside them texts of the same words in another order, and greetings."""
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("planted")
    posts, wanted = [], set()
    for group, size in enumerate(sizes):
        text = rng.sample(WORDS, 14)
        for copy in range(size):
            changed = [*text, rng.choice(WORDS)] if copy % 2 else text
            posts.append(({"id": f"g{group}.{copy}", "text": " ".join(changed)}, []))
        posts.append(({"id": f"shuffled{group}", "text": " ".join(reversed(text))}, []))
        wanted.add(frozenset(f"g{group}.{copy}" for copy in range(size)))
    posts += [({"id": f"hello{number}", "text": "good morning everybody"}, []) for number in range(3)]
    rng.shuffle(posts)
    chosen = Settings(workspace=folder / "workspace", threads=1)
    with pytest.MonkeyPatch.context() as patch:
        use_fake_encoders(patch)
        with Workspace.open(chosen.workspace, chosen, create=True) as workspace:
            found, texts = groups_by_words(fill_workspace(workspace, folder, *posts), silent)
            assert set(sets(workspace, found)) == wanted
    assert texts == len(posts)


def test_a_wave_larger_than_the_searched_neighbours_is_one_group(fill):
    text = " ".join(WORDS[:16])
    posts = [({"id": f"p{n}", "text": f"{text} {WORDS[100 + n]}"}, []) for n in range(3 * NEAREST)]
    found, _ = groups_by_words(fill(*posts), silent)
    assert [len(rows) for rows in found] == [3 * NEAREST]
    # Each post has a last word of its own: 15 pairs in common, 1 each that is not.
    assert next(iter(found.values())) == pytest.approx(15 / 17)


def test_pictures_are_grouped_by_file_and_by_hash(fill):
    """Plain colours have hashes of no use, so they are the same only where the file is."""
    workspace = fill(
        ({"id": "a"}, ["red"]),
        ({"id": "b"}, ["red", "blue"]),
        ({"id": "c"}, ["green"]),
        ({"id": "twice"}, ["pink", "pink"]),
    )
    found, pictures = groups_by_picture(workspace, silent)
    assert sets(workspace, found) == {frozenset({"a", "b"}): 1.0}
    assert pictures == 6
    near = {"green": "0" * 64, "red": "f" * 4 + "0" * 60, "blue": "f" * 8 + "0" * 56}
    with workspace.transaction() as cursor:
        for colour, pdq in near.items():
            cursor.execute("UPDATE media SET pdq = ?, pdq_quality = 100 WHERE name = ?", [pdq, f"{colour}.png"])
    found, _ = groups_by_picture(workspace, silent)
    assert sets(workspace, found) == {frozenset({"a", "b", "c"}): 1 - 16 / 256}
    with workspace.transaction() as cursor:
        cursor.execute("UPDATE media SET pdq_quality = 49 WHERE name = 'green.png'")
    found, _ = groups_by_picture(workspace, silent)
    assert set(sets(workspace, found)) == {frozenset({"a", "b"})}


def test_the_job_saves_what_it_found_until_the_data_changes(fill):
    text = "Win a free phone today, just follow this account and send your name"
    workspace = fill(
        ({"id": "a", "text": text}, ["red"]),
        ({"id": "b", "text": text.upper() + "!"}, ["red"]),
        ({"id": "c", "text": "something else"}, ["red"]),
    )
    assert find_groups(workspace) is None
    job = workspace.jobs.run_now("duplicates", {}, title="Find near-duplicates")
    assert job.result == {"groups": 2, "posts": 3}
    found = find_groups(workspace)
    assert [(group.posts, group.words, group.picture) for group in found.groups] == [
        (("a", "b", "c"), None, 1.0),
        (("a", "b"), 1.0, None),
    ]
    assert (found.texts, found.pictures, found.generation) == (3, 3, workspace.generation)
    with workspace.new_generation():
        pass
    assert find_groups(workspace).generation < workspace.generation


def test_the_same_posts_by_words_and_by_picture_are_one_group(fill):
    text = "Win a free phone today, just follow this account and send your name"
    workspace = fill(({"id": "a", "text": text}, ["red"]), ({"id": "b", "text": text}, ["red"]))
    workspace.jobs.run_now("duplicates", {}, title="Find near-duplicates")
    assert [(group.words, group.picture) for group in find_groups(workspace).groups] == [(1.0, 1.0)]


def test_a_damaged_result_counts_as_none(fill):
    workspace = fill(({"id": "a", "text": "one"}, []))
    workspace.jobs.run_now("duplicates", {}, title="Find near-duplicates")
    (derived.read_manifest(workspace.path / "duplicates").folder / "groups.json").write_text("{")
    assert find_groups(workspace) is None


def test_an_empty_workspace_has_no_groups(workspace):
    workspace.jobs.run_now("duplicates", {}, title="Find near-duplicates")
    assert find_groups(workspace).groups == ()


def test_scripts_without_spaces_are_compared_by_characters(fill):
    workspace = fill(
        ({"id": "a", "text": "今天注册即可免费获得一千个代币，名额有限"}, []),
        ({"id": "b", "text": "今天注册即可免费获得两千个代币，名额有限"}, []),
        ({"id": "c", "text": "港口的渡轮因为大雾今天早上全部停航"}, []),
    )
    posts = get_posts(workspace.cursor(), ["a", "b", "c"])
    assert near_duplicate(posts["a"], posts["b"])
    assert not near_duplicate(posts["a"], posts["c"])


def test_the_command_prints_the_groups(fake_encoders, monkeypatch, tmp_path):
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(tmp_path / "workspace"))
    text = "Win a free phone today, just follow this account and send your name"
    (tmp_path / "posts.csv").write_text(f'id,text\na,"{text}"\nb,"{text}!"\nc,other\n')
    runner = CliRunner()
    assert runner.invoke(cli.app, ["ingest", str(tmp_path / "posts.csv")]).exit_code == 0
    printed = runner.invoke(cli.app, ["duplicates", "--json"])
    assert json.loads(printed.stdout)["groups"] == [{"posts": ["a", "b"], "words": 1.0, "picture": None}]
    assert "1 group of near-duplicates" in runner.invoke(cli.app, ["duplicates"]).stdout
    with Workspace.open(tmp_path / "workspace", Settings()) as workspace:
        assert [job.kind for job in workspace.jobs.list()] == ["duplicates", "ingest"]  # found once, printed twice


def test_the_spam_wave_of_the_demo_is_found(demo_workspace):
    with Workspace.open(demo_workspace, Settings(workspace=demo_workspace)) as workspace:
        workspace.jobs.run_now("duplicates", {}, title="Find near-duplicates")
        found = find_groups(workspace)
        spam = {
            row[0]
            for row in workspace.cursor()
            .execute("SELECT id FROM posts WHERE text ILIKE '%tidecoin%' OR text ILIKE '%t1decoin%'")
            .fetchall()
        }
    largest = [set(group.posts) for group in found.groups if len(group.posts) > 5]
    assert set().union(*largest) <= spam
    assert len(set().union(*largest)) > 0.9 * len(spam)
