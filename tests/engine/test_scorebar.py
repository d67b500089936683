"""The bar of a budgeted detector: as many findings as the budget allows, whatever the scores look like."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.scorebar import NEEDED, ScoreBar
from stressd.engine.spec import DAY, HOUR, MINUTE
from stressd.market.times import parse_time

START = parse_time("2024-01-01T00:00:00Z")
PER_DAY = 60
YEARS = 6

SCORES: dict[str, Callable[[random.Random], float]] = {
    "uniform, never above 1": lambda rng: rng.random(),
    "exponential": lambda rng: rng.expovariate(1.0),
    "size of a Gaussian": lambda rng: abs(rng.gauss(0.0, 1.0)),
    "fat tails": lambda rng: rng.paretovariate(2.5),
    "in steps of a hundredth": lambda rng: round(1.0 - 0.3 * rng.random() ** 0.2, 2),
    "of the order of a million": lambda rng: 1e6 * rng.gauss(5.0, 1.0),
}


def run(make: Callable[[random.Random], float], per_year: float, seed: int, hold: int = 30 * MINUTE) -> list[int]:
    """Times of findings over years of sixty scores a day, each as the engine's watch would ask."""
    rng = random.Random(seed)
    bar = ScoreBar(per_year)
    found = []
    last = 0
    for day in range(YEARS * 365):
        for k in range(PER_DAY):
            t = START + day * DAY + 9 * HOUR + k * 5 * MINUTE
            score = make(rng)
            quiet = last == 0 or t - last >= hold
            if quiet:
                bar.leave()
            over = score >= bar.value
            if over and quiet:
                bar.enter()
                found.append(t)
            bar.observe(score, t)
            if over:
                last = t
    return found


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("per_year", [4.0, 24.0])
def test_findings_come_as_often_as_budgeted_whatever_the_scores(name: str, per_year: float) -> None:
    found = run(SCORES[name], per_year, 1)
    budget = per_year * YEARS
    # the tracker's factor moves within e^-0.92 and e^0.92, a tenth of it a finding
    assert abs(len(found) - budget) <= 10 + 0.1 * budget
    later = [t for t in found if t > START + 2 * 365 * DAY]
    expected = per_year * (YEARS - 2)
    assert 0.6 * expected - 3 <= len(later) <= 1.4 * expected + 3


def test_nothing_is_told_before_enough_is_known() -> None:
    bar = ScoreBar(1000.0)
    for k in range(NEEDED - 1):
        bar.observe(float(k), START + k * MINUTE)
        assert bar.value == math.inf
    for k in range(NEEDED - 1, NEEDED + 60):
        bar.observe(1.0, START + k * MINUTE)
    assert bar.value < math.inf


@settings(max_examples=20)
@given(st.integers(0, 2**16), st.integers(0, 1_999))
def test_a_restart_anywhere_changes_nothing(seed: int, cut: int) -> None:
    def go(cut: int) -> list[float]:
        rng = random.Random(seed)
        bar = ScoreBar(50.0)
        values = []
        for k in range(2_000):
            if k == cut:
                state = json.loads(json.dumps(bar.state()))
                bar = ScoreBar(50.0)
                bar.load(state)
            score = rng.random()
            if score > 0.99:
                bar.enter()
            elif score < 0.5:
                bar.leave()
            bar.observe(score, START + k * HOUR)
            values.append(bar.value)
        return values

    assert go(cut) == go(-1)
