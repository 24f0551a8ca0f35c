"""Reciprocal rank fusion against the formula, written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search.fusion import Leg, fuse
from core.types import LegName

NAMES: tuple[LegName, ...] = ("lexical", "text", "image")
RANKINGS = st.lists(st.lists(st.integers(0, 40), unique=True, max_size=30), min_size=1, max_size=3)


def leg(rows: list[int], weight: float = 1.0) -> Leg:
    return Leg(np.array(rows, np.int64), np.linspace(1, 0, len(rows), dtype=np.float32), weight)


def test_two_legs_that_agree_beat_one_that_is_sure() -> None:
    fused = fuse({"lexical": leg([1, 2, 3]), "text": leg([4, 2, 5])}, k=10)
    assert fused.rows.tolist() == [2, 1, 4, 3, 5]
    assert fused.scores[0] == pytest.approx(2 / 62)
    assert fused.scores[1] == pytest.approx(1 / 61)
    assert fused.found_by("lexical", 0) == (2, 0.5)
    assert fused.found_by("text", 1) is None


def test_weights_count_and_scores_of_legs_do_not() -> None:
    weak = Leg(np.array([1]), np.array([1e9]), 0.5)
    assert fuse({"lexical": weak, "text": leg([2])}, k=2).rows.tolist() == [2, 1]


def test_nothing_found_gives_nothing() -> None:
    assert len(fuse({}, k=5)) == 0
    assert len(fuse({"text": leg([])}, k=5)) == 0
    assert len(fuse({"text": leg([1])}, k=5, exclude=np.array([1]))) == 0


@given(RANKINGS, st.integers(1, 50), st.lists(st.integers(0, 40), max_size=5))
def test_the_formula(rankings: list[list[int]], k: int, excluded: list[int]) -> None:
    weights = [1.0, 0.5, 2.0]
    legs = {name: leg(rows, weight) for name, rows, weight in zip(NAMES, rankings, weights, strict=False)}
    expected: dict[int, float] = {}
    for one in legs.values():
        for rank, row in enumerate(one.rows.tolist(), start=1):
            if row not in excluded:
                expected[row] = expected.get(row, 0.0) + one.weight / (60 + rank)
    # Sums in another order may differ in the last digit, and so may break a tie another way.
    order = sorted(expected, key=lambda row: (-round(expected[row], 12), row))[:k]
    fused = fuse(legs, k=k, exclude=np.array(excluded, np.int64))
    assert [round(score, 12) for score in fused.scores] == [round(expected[row], 12) for row in order]
    assert sorted(fused.rows.tolist()) == sorted(order) or len(expected) > k
    for at, row in enumerate(fused.rows.tolist()):
        for name, one in legs.items():
            found = fused.found_by(name, at)
            if found is None:
                assert row not in one.rows
            else:
                assert one.rows[found[0] - 1] == row
                assert found[1] == one.scores[found[0] - 1]


@given(st.permutations(range(8)))
def test_ties_come_in_rising_row(rows: list[int]) -> None:
    fused = fuse({"lexical": leg(rows), "text": leg(rows[::-1])}, k=8)
    pairs = list(zip((-fused.scores).round(15).tolist(), fused.rows.tolist(), strict=True))
    assert pairs == sorted(pairs)
