"""Small data in which two groups of people like two groups of items."""

import numpy as np
import pytest

from core.recommend.interactions import as_matrix


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
