"""What is the families' own: which suits, what they cost, and that their shortcuts find what they promise."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.errors import VectorError
from core.types import Space
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.families import FAMILIES, FLAT_UP_TO, choose_family, machine_memory
from core.vectors.protocol import Matrix, Rows

DIM, COUNT = 48, 12_000
GB = 10**9
APPROXIMATE = [name for name, family in FAMILIES.items() if not family.exact]
COMPRESSED = [name for name, family in FAMILIES.items() if family.compressed]


@cache
def data() -> Matrix:
    """Unit vectors about mixed topics; most of what differs lies in few directions, as with sentences."""
    rng = np.random.default_rng(0)
    falling = 1 / np.arange(1, DIM + 1)
    topics = rng.standard_normal((200, DIM)) * falling
    vectors = topics[rng.integers(0, 200, COUNT + 200)] + 0.7 * falling * rng.standard_normal((COUNT + 200, DIM))
    vectors += 0.6 * topics[rng.integers(0, 200, COUNT + 200)]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@cache
def built(family: str) -> FaissIndex:
    return build_index(data()[:COUNT], np.arange(COUNT), Space("text", "test-model", DIM), family)


def queries() -> Matrix:
    return data()[COUNT:]


def exact(k: int, allowed: Rows | None = None) -> Rows:
    return built("flat").search(queries(), k, allowed=allowed)[1]


def recall(found: Rows, expected: Rows) -> float:
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, expected, strict=True)]))


@pytest.mark.parametrize("family", APPROXIMATE)
def test_a_shortcut_is_taken_and_finds_nearly_all(family: str) -> None:
    index = built(family)
    assert index.plan(10).how == "index"
    assert recall(index.search(queries(), 10)[1], exact(10)) >= (0.95 if family in COMPRESSED else 0.99)
    assert index.recall >= 0.95
    assert recall(index.search(queries(), 100)[1], exact(100)) >= 0.95


@pytest.mark.parametrize("family", APPROXIMATE)
@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_a_shortcut_under_a_filter_finds_nearly_all(family: str, share: float) -> None:
    allowed = np.flatnonzero(np.random.default_rng(1).random(COUNT) < share)
    assert recall(built(family).search(queries(), 10, allowed=allowed)[1], exact(10, allowed)) >= 0.99


@pytest.mark.parametrize("family", APPROXIMATE)
def test_a_filter_against_the_query_is_seen_through(family: str) -> None:
    """Half of the rows may be returned, and they are the half that lies away from every query."""
    side = data()[0]
    near, far = np.flatnonzero(data()[:COUNT] @ side > 0), np.flatnonzero(data()[:COUNT] @ side <= 0)
    asked = data()[near[:100]]
    found = built(family).search(asked, 10, allowed=far)[1]
    assert recall(found, built("flat").search(asked, 10, allowed=far)[1]) >= 0.95
    assert not set(found.ravel()) - set(far)


@pytest.mark.parametrize("family", APPROXIMATE)
def test_a_shortcut_round_what_was_removed(family: str, tmp_path: Path) -> None:
    """The nearest neighbours of the queries are all removed: the next ones must be found."""
    built(family).save(tmp_path, generation=1)
    index = FaissIndex.load(tmp_path)
    some = queries()[:20]
    gone = np.unique(built("flat").search(some, 30)[1])
    index.remove(gone)
    allowed = np.setdiff1d(np.arange(COUNT), gone)
    expected = built("flat").search(some, 10, allowed=allowed)[1]
    assert recall(index.search(some, 10)[1], expected) >= 0.95


@pytest.mark.parametrize("family", COMPRESSED)
def test_compressed_families_keep_little_in_memory(family: str) -> None:
    if family == "sq8":  # whose links take more than the codes of vectors as short as these
        assert built(family).memory_bytes <= 0.5 * built("hnsw").memory_bytes
    else:
        assert built(family).memory_bytes <= 0.25 * built("flat").memory_bytes
    assert built(family).capabilities.compressed


def test_few_vectors_are_searched_exactly_and_many_by_a_graph() -> None:
    assert choose_family(0, 384, memory=GB)[0] == "flat"
    assert choose_family(FLAT_UP_TO, 384, memory=GB)[0] == "flat"
    family, reason = choose_family(FLAT_UP_TO + 1, 384, memory=GB)
    assert family == "hnsw"
    assert f"{FLAT_UP_TO + 1:,}" in reason


def test_longer_vectors_are_fewer_and_memory_has_an_end() -> None:
    assert choose_family(30_000, 1_024, memory=GB)[0] == "flat"
    assert choose_family(30_000, 4_096, memory=GB)[0] == "hnsw"
    assert choose_family(1_000_000, 384, memory=4 * GB)[0] == "hnsw"
    assert choose_family(1_000_000, 384, memory=GB)[0] == "sq8"
    assert choose_family(10_000_000, 384, memory=GB)[0] == "opq_ivf_pq"
    for memory in (4 * GB, GB, GB // 10):
        _, reason = choose_family(1_000_000, 384, memory=memory)
        assert reason.endswith(".")
        assert "1,000,000 vectors" in reason
    assert 0 < machine_memory() < 10**15


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_chosen_by_hand_is_that_one(family: str) -> None:
    assert choose_family(10, 384, wanted=family, memory=GB)[0] == family
    assert FAMILIES[family].name == family
    assert FAMILIES[family].about.endswith(".")


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(VectorError, match="flat, hnsw"):
        choose_family(10, 384, wanted="magic")


@pytest.mark.parametrize("dim", [1, 2, 3, 7, 13, 130])
@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_of_any_length(family: str, dim: int) -> None:
    vectors = np.random.default_rng(dim).standard_normal((400, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = build_index(vectors, np.arange(400), Space("text", "test-model", dim), family)
    scores, _ = index.search(vectors[:20], 3)
    np.testing.assert_allclose(scores[:, 0], 1.0, atol=1e-5)
