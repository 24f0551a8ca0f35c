"""Small data in which two groups of people like two groups of items."""

import json
import shutil
from datetime import datetime, timedelta

import numpy as np
import pytest

from core.recommend.interactions import as_matrix
from core.recommend.training import train_params
from core.settings import Settings
from core.workspace import Workspace
from tests.conftest import use_fake_encoders


def grouped(users=80, items=40, each=8, seed=0):
    """Even users act on even items and odd users on odd ones, but for a few."""
    rng = np.random.default_rng(seed)
    who, what = [], []
    for user in range(users):
        own = np.arange(user % 2, items, 2)
        some = rng.choice(own, each, replace=False)
        who += [user] * (each + 1)
        what += [*some, rng.integers(items)]
    return as_matrix(np.array(who), np.array(what), (users, items))


@pytest.fixture
def matrix():
    return grouped()


@pytest.fixture
def files(tmp_path):
    """Paths of train, valid and test, of one set of users."""
    rng = np.random.default_rng(1)
    parts = {"train": [], "valid": [], "test": []}
    whole = grouped(each=12)
    for user in range(whole.shape[0]):
        own = rng.permutation(whole[user].indices)
        for name, some in zip(parts, (own[:8], own[8:10], own[10:]), strict=True):
            parts[name].append(" ".join(map(str, [user, *some])))
    for name, lines in parts.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return {name: tmp_path / f"{name}.txt" for name in parts}


WORDS = {
    "sea": ["boat", "harbour", "tide", "gull", "wave", "sail"],
    "bread": ["oven", "flour", "crust", "loaf", "dough", "rye"],
}
ACTS_FROM = datetime(2026, 1, 1)


def post(number, topic, author, rng, day):
    words = " ".join(rng.choice(WORDS[topic], 4))
    return {
        "id": f"{topic}{number}", "text": f"the {words} #{topic}", "user_id": author,
        "created_at": (ACTS_FROM + timedelta(days=day)).isoformat(),
    }  # fmt: skip


def write_network(folder, *, users=24, posts=48):
    """Even users like posts about the sea, odd ones about bread; four authors write them, over 48 days."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        post(n, ("sea", "bread")[n % 2], f"{('skipper', 'baker')[n % 2]}{n % 4 // 2}", rng, n) for n in range(posts)
    ]
    acts = []
    for user in range(users):
        own = [one for one in written if one["id"].startswith(("sea", "bread")[user % 2])]
        for one in rng.choice(len(own), 12, replace=False):
            at = datetime.fromisoformat(own[one]["created_at"]) + timedelta(hours=float(rng.integers(1, 20)))
            acts.append({"user_id": f"user{user}", "post_id": own[one]["id"], "kind": ("like", "repost")[one % 2],
                         "created_at": at.isoformat()})  # fmt: skip
        for one in rng.choice(len(own), 2):
            acts.append({"user_id": f"user{user}", "post_id": own[one]["id"], "kind": "view"})
    people = [{"id": f"user{n}", "name": f"User {n}"} for n in range(users)] + [{"id": "silent", "name": "Silent Sam"}]
    for name, items in (("posts", written), ("interactions", acts), ("users", people)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


@pytest.fixture(scope="session")
def trained_network(tmp_path_factory):
    """The folder of a workspace with such a network, and all usual recommenders trained on it once."""
    folder = tmp_path_factory.mktemp("recommend")
    settings = Settings(workspace=folder / "workspace", threads=1)
    with pytest.MonkeyPatch.context() as patch:
        use_fake_encoders(patch)
        with Workspace.open(settings.workspace, settings, create=True) as workspace:
            path = write_network(folder / "network")
            workspace.jobs.run_now("ingest", {"path": str(path)}, title="Import")
            params = {
                **train_params(),
                "settings": {"two-tower": {"factors": 16, "epochs": 25}, "ials": {"factors": 8}},
            }
            workspace.jobs.run_now("recommend", params, title="Train")
    return settings.workspace


@pytest.fixture
def network(trained_network, settings, fake_encoders):
    """A copy of it, open."""
    shutil.copytree(trained_network, settings.workspace)
    with Workspace.open(settings.workspace, settings) as opened:
        yield opened
