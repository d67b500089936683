"""What brings breaches, against sums over all pairs, a published likelihood, and processes whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stressd.lab.hawkes import NEEDED, Intensity, Memory, excitation, fits
from stressd.lab.leadlag import SECOND

pytestmark = pytest.mark.once

TIMES = st.lists(st.integers(0, 400), max_size=25, unique=True).map(lambda t: np.array(sorted(t), np.float64))
DAY = np.array([[0.0, 401.0]])
SESSIONS = np.array([[10.0, 90.5], [120.0, 200.5], [230.0, 390.5]])


def test_the_likelihood_is_the_published_one_to_the_last_digit() -> None:
    times = np.array([0.5, 1.2, 1.3, 2.9, 3.0, 3.05, 4.4, 6.0, 6.1, 9.0])
    intensity = Intensity(times, [times], np.array([[0.0, 10.0]]), 1.5)
    assert intensity.log_likelihood(np.array([0.5, 0.8 / 1.5])) == pytest.approx(-11.377869282220818, abs=1e-12)


@given(TIMES, st.floats(0.001, 2.0), st.integers(0, 420))
def test_memory_is_the_sum_over_the_past(times: np.ndarray, decay: float, t: int) -> None:
    memory = Memory(times, decay)
    before = math.fsum(math.exp(-decay * (t - s)) for s in times if s < t)
    assert memory.at(np.array([float(t)]), False)[0] == pytest.approx(before, rel=1e-12, abs=1e-300)
    assert memory.at(np.array([float(t)]), True)[0] == pytest.approx(before + (t in times), rel=1e-12, abs=1e-300)


@given(TIMES, TIMES, st.sampled_from([DAY, SESSIONS]), st.floats(0.001, 1.0))
def test_the_likelihood_of_two_markets_with_sessions_is_the_sum_over_all_pairs(
    one: np.ndarray, other: np.ndarray, windows: np.ndarray, decay: float
) -> None:
    base, own, across = 0.02, 0.3, 0.6
    held = one[[any(a < t <= b for a, b in windows) for t in one]] if one.size else one
    logs = [
        math.log(
            base
            + decay * own * sum(math.exp(-decay * (t - s)) for s in held if s < t)
            + decay * across * sum(math.exp(-decay * (t - s)) for s in other if s < t)
        )
        for t in held
    ]

    def due(source: float, begin: float, end: float) -> float:
        return (
            math.exp(-decay * (max(begin, source) - source)) - math.exp(-decay * (end - source))
            if end > source
            else 0.0
        )

    cost = sum(base * (b - a) for a, b in windows)
    cost += sum(own * due(s, a, b) for s in held for a, b in windows)
    cost += sum(across * due(s, a, b) for s in other for a, b in windows)
    intensity = Intensity(held, [held, other], windows, decay)
    parameters = np.array([base, own, across])
    assert intensity.log_likelihood(parameters) == pytest.approx(math.fsum(logs) - cost, rel=1e-9, abs=1e-9)
    residuals = intensity.residuals(parameters)
    assert residuals.size == held.size
    assert np.all(residuals >= -1e-9)
    assert float(residuals.sum()) <= cost + 1e-9


@given(TIMES.filter(lambda t: t.size > 2), TIMES, st.floats(0.01, 1.0))
@settings(max_examples=30)
def test_no_other_parameters_are_more_likely_than_the_best(one: np.ndarray, other: np.ndarray, decay: float) -> None:
    intensity = Intensity(one, [one, other], DAY, decay)
    best = intensity.best(np.array([True, True, True]))
    top = intensity.log_likelihood(best)
    assert math.isfinite(top)
    rng = np.random.default_rng(1)
    for _ in range(50):
        tried = best * rng.uniform(0.5, 1.5, 3) + rng.uniform(0.0, 0.05, 3) * rng.integers(0, 2, 3)
        assert intensity.log_likelihood(tried) <= top + 2e-2
    assert intensity.best(np.array([True, False, True]))[1] == 0.0


def test_a_market_that_is_open_part_of_the_day_does_not_excite_itself_by_that() -> None:
    rng = np.random.default_rng(1)
    opens = [(day * 86_400 * SECOND, (day * 86_400 + 3600) * SECOND) for day in range(200)]
    times = [
        opens[d][0] + int(s * SECOND) for d, s in zip(rng.integers(0, 200, 800), rng.uniform(0, 3600, 800), strict=True)
    ]
    end = 200 * 86_400 * SECOND
    told = excitation({"JP": times}, 0, end, {"JP": opens})
    blind = excitation({"JP": times}, 0, end)
    assert told.p[0] is not None
    assert blind.p[0] is not None
    assert told.p[0][0] > 0.01
    assert blind.p[0][0] < 1e-6
    assert told.base_per_day[0] == pytest.approx(800 / 200 * 24, rel=0.1)


def test_one_who_follows_is_not_taken_for_one_who_leads() -> None:
    rng = np.random.default_rng(4)
    lead = np.cumsum(rng.exponential(2000.0, 300))
    follow = lead[rng.random(300) < 0.7]
    follow = follow + rng.exponential(40.0, follow.size)
    end = int(lead[-1] + 5000) * SECOND
    found = excitation({"JP": (lead * SECOND).astype(int), "US": (follow * SECOND).astype(int)}, 0, end)
    assert found.markets == ["JP", "US"]
    assert found.branching[1] is not None
    assert found.p[0] is not None
    assert found.p[1] is not None
    assert found.branching[1][0] == pytest.approx(0.7, abs=0.08)
    assert found.p[1][0] < 1e-20
    assert found.p[0][1] > 0.01
    assert found.half_life_s[1] == pytest.approx(40.0 * math.log(2.0), rel=0.2)


def test_where_nothing_follows_it_is_seldom_said_that_something_does() -> None:
    low = total = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        times = {name: rng.integers(0, 10**15, 80) for name in ("JP", "US")}
        for row in excitation(times, 0, 10**15).p:
            assert row is not None
            low += sum(p < 0.05 for p in row)
            total += len(row)
    assert total == 240
    assert low <= 21


def test_too_few_breaches_say_nothing() -> None:
    times = {"JP": [k * SECOND * 500 for k in range(NEEDED - 1)], "US": [k * SECOND * 700 for k in range(60)], "UK": []}
    found = excitation(times, 0, 50_000 * SECOND)
    assert found.markets == ["JP", "UK", "US"]
    assert [row is None for row in found.branching] == [True, True, False]
    assert found.counts == [NEEDED - 2, 0, 59]  # what is at the very start is before it
    assert [p is None for p in found.fit_p] == [True, True, False]


def test_breaches_outside_a_session_are_left_out_and_equal_ones_are_one() -> None:
    found = excitation(
        {"JP": [SECOND * t for t in (5, 5, 15, 25, 95)]},
        0,
        100 * SECOND,
        {"JP": [(0, 10 * SECOND), (20 * SECOND, 30 * SECOND)]},
    )
    assert found.counts == [2]
    assert excitation({"JP": [SECOND]}, 0, 10 * SECOND, {"JP": []}).counts == [0]


@given(st.integers(5, 200), st.integers(0, 10_000), st.floats(0.7, 1.4))
def test_the_fit_of_residuals_is_that_of_scipy(size: int, seed: int, scale: float) -> None:
    residuals = np.random.default_rng(seed).exponential(scale, size)
    exact = stats.kstest(residuals, "expon").pvalue
    assert fits(residuals) == pytest.approx(exact, abs=0.03)
