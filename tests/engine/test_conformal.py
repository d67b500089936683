"""Conformal ranks against a count by hand, and uniform where scores are exchangeable."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.conformal import PastScores

scores = st.lists(st.one_of(st.floats(-50.0, 50.0), st.sampled_from([0.0, -0.0, 1.0, 1.5])), max_size=120)


@given(scores, st.floats(-60.0, 60.0), st.integers(1, 40))
def test_p_counts_the_last_scores_that_are_at_least_as_large(past: list[float], score: float, capacity: int) -> None:
    kept = PastScores(capacity)
    for each in past:
        kept.learn(each)
    last = past[-capacity:]
    assert kept.n == len(last)
    assert kept.p(score) == (1 + sum(each >= score for each in last)) / (len(last) + 1)
    assert kept.p_low(score) == (1 + sum(each <= score for each in last)) / (len(last) + 1)
    for each in last:
        # A tie counts as being at least as large.
        assert kept.p(each) == (1 + sum(other >= each for other in last)) / (len(last) + 1)


@given(scores, scores, st.integers(1, 40))
def test_a_restart_changes_nothing(past: list[float], more: list[float], capacity: int) -> None:
    one, other = PastScores(capacity), PastScores(capacity)
    for each in past:
        one.learn(each)
    other.load(json.loads(json.dumps(one.state())))
    for each in more:
        one.learn(each)
        other.learn(each)
    assert one.state() == other.state()
    assert [one.p(x) for x in (-1.0, 0.0, 1.0, *more)] == [other.p(x) for x in (-1.0, 0.0, 1.0, *more)]


@given(scores)
def test_a_smaller_store_takes_up_the_newest_scores(past: list[float]) -> None:
    wide, narrow = PastScores(100), PastScores(7)
    for each in past:
        wide.learn(each)
    narrow.load(wide.state())
    assert narrow.state() == past[-7:]


def test_p_is_never_zero_and_is_one_where_nothing_is_known() -> None:
    kept = PastScores()
    assert kept.p(3.0) == 1.0
    for k in range(2000):
        kept.learn(float(k % 10))
    assert kept.n == kept.capacity == 750
    assert kept.p(1e9) == 1 / 751
    assert kept.p(math.nan) == kept.p_low(math.nan) == 1.0
    kept.learn(math.nan)
    assert kept.n == 750
    with pytest.raises(ValueError, match="at least one"):
        PastScores(0)


@settings(max_examples=5)
@given(st.integers(0, 10_000), st.booleans())
def test_ranks_of_exchangeable_scores_are_uniform(seed: int, coarse: bool) -> None:
    """P(p <= a) is a, and less where ties are common; 4,000 draws, five standard errors."""
    rng = random.Random(seed)
    kept = PastScores(199)
    for _ in range(199):
        kept.learn(_draw(rng, coarse))
    below = 0
    for _ in range(4000):
        score = _draw(rng, coarse)
        below += kept.p(score) <= 0.05
        kept.learn(score)
    error = math.sqrt(0.05 * 0.95 / 4000)
    assert below / 4000 < 0.05 + 5 * error
    if not coarse:
        assert below / 4000 > 0.05 - 5 * error


def _draw(rng: random.Random, coarse: bool) -> float:
    value = rng.gauss(0.0, 1.0) * rng.choice((1.0, 3.0))
    return float(round(value)) if coarse else value
