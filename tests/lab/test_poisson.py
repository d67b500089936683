"""Bands and chances against scipy, brute force and simulation."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stressd.lab.poisson import at_least, at_most, band, hit_by_chance, interval

pytestmark = pytest.mark.once


@given(st.floats(0.001, 600.0), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_band_holds_what_the_level_says_and_no_count_less_would_do(mean: float, level: float) -> None:
    low, high = band(mean, level)
    tail = (1.0 - level) / 2.0
    assert stats.poisson.cdf(high, mean) >= 1.0 - tail - 1e-12
    assert stats.poisson.cdf(high - 1, mean) < 1.0 - tail + 1e-12
    assert stats.poisson.cdf(low, mean) >= tail - 1e-12
    assert low == 0 or stats.poisson.cdf(low - 1, mean) < tail + 1e-12


@pytest.mark.parametrize("mean", [0.02, 1.0, 4.0, 21.0, 84.0, 500.0])
def test_the_band_is_scipys(mean: float) -> None:
    assert band(mean) == (stats.poisson.ppf(0.025, mean), stats.poisson.ppf(0.975, mean))


@given(st.integers(0, 400))
def test_the_interval_of_a_count_is_garwoods(count: int) -> None:
    low, high = interval(count)
    exact_low = stats.chi2.ppf(0.025, 2 * count) / 2.0 if count else 0.0
    assert low == pytest.approx(exact_low, rel=1e-9, abs=1e-12)
    assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * count + 2) / 2.0, rel=1e-9)


@given(st.integers(0, 100), st.floats(0.0, 300.0))
def test_the_sum_of_terms_is_the_distribution(k: int, mean: float) -> None:
    assert at_most(k, mean) == pytest.approx(stats.poisson.cdf(k, mean), rel=1e-9, abs=1e-12)


@given(st.lists(st.floats(0.0, 1.0), max_size=8), st.integers(0, 9))
def test_the_chance_of_so_many_events_is_the_sum_over_all_ways(chances: list[float], count: int) -> None:
    total = 0.0
    for way in product((0, 1), repeat=len(chances)):
        if sum(way) >= count:
            weight = 1.0
            for happens, chance in zip(way, chances, strict=True):
                weight *= chance if happens else 1.0 - chance
            total += weight
    assert at_least(count, chances) == pytest.approx(total, abs=1e-12)


@given(st.integers(0, 5), st.integers(0, 60), st.integers(60, 300))
def test_a_window_is_hit_as_often_as_cards_are_drawn(window: int, marked: int, among: int) -> None:
    exact = 1.0 - stats.hypergeom.pmf(0, among, marked, window)
    assert hit_by_chance(window, marked, among) == pytest.approx(exact, abs=1e-12)


def test_a_window_is_hit_as_often_as_in_a_simulation() -> None:
    chance = random.Random(13)
    among, marked, window, runs = 200, 17, 2, 20_000
    hits = sum(bool({50, 51} & set(chance.sample(range(among), marked))) for _ in range(runs))
    expected = hit_by_chance(window, marked, among)
    assert hits / runs == pytest.approx(expected, abs=4.0 * (expected * (1.0 - expected) / runs) ** 0.5)
