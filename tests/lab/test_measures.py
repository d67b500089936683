"""Realised measures and the Lee-Mykland test: against loops, published constants, tables, and their size and power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from stressd.lab.measures import (
    BIPOWER,
    MEDRV,
    MINRV,
    C,
    bipower_variation,
    critical,
    daily_shape,
    gaussian_critical,
    jump_p,
    jump_share,
    largest_location,
    largest_spread,
    lee_mykland,
    med_rv,
    min_rv,
    realised_variance,
    usual_window,
)

moves = st.lists(st.floats(-50.0, 50.0), min_size=3, max_size=60)


@given(moves)
def test_measures_equal_loops_over_neighbours(rows: list[float]) -> None:
    n = len(rows)
    size = [abs(x) for x in rows]
    square = sum(x * x for x in rows)
    two = sum(size[i] * size[i - 1] for i in range(1, n))
    least = sum(min(size[i], size[i - 1]) ** 2 for i in range(1, n))
    middle = sum(sorted(size[i - 2 : i + 1])[1] ** 2 for i in range(2, n))
    near = {"rel": 1e-12, "abs": 1e-300}
    assert realised_variance(rows) == pytest.approx(square, **near)
    assert bipower_variation(rows) == pytest.approx(math.pi / 2 * n / (n - 1) * two, **near)
    assert min_rv(rows) == pytest.approx(math.pi / (math.pi - 2) * n / (n - 1) * least, **near)
    assert med_rv(rows) == pytest.approx(math.pi / (6 - 4 * math.sqrt(3) + math.pi) * n / (n - 2) * middle, **near)
    if square > 0.0:
        assert jump_share(rows) == pytest.approx(max(0.0, 1.0 - math.pi / 2 * n / (n - 1) * two / square), abs=1e-12)
        assert 0.0 <= jump_share(rows) <= 1.0


def test_the_constants_make_each_measure_unbiased_for_gaussian_moves() -> None:
    """Each is one over the mean of its product, least or median of |N(0,1)|, here by quadrature."""
    half = stats.halfnorm
    mean = half.mean()
    least, _ = integrate.quad(lambda x: x * x * 2 * half.pdf(x) * half.sf(x), 0, np.inf)
    middle, _ = integrate.quad(lambda x: x * x * 6 * half.pdf(x) * half.cdf(x) * half.sf(x), 0, np.inf)
    assert pytest.approx(1 / mean**2, rel=1e-9) == BIPOWER
    assert pytest.approx(1 / least, rel=1e-9) == MINRV
    assert pytest.approx(1 / middle, rel=1e-9) == MEDRV
    assert pytest.approx(mean, rel=1e-12) == C
    assert (round(MINRV, 4), round(MEDRV, 4)) == (2.7519, 1.4194)


def test_one_jump_is_in_the_realised_variance_and_hardly_in_the_robust_ones() -> None:
    r = np.random.default_rng(1).normal(size=4000)
    smooth = {measure: measure(r) for measure in (bipower_variation, min_rv, med_rv)}
    for value in smooth.values():
        assert value == pytest.approx(realised_variance(r), rel=0.08)
    r[2000] += 100.0
    assert realised_variance(r) > 10_000.0
    assert jump_share(r) == pytest.approx(10_000.0 / 14_000.0, abs=0.03)
    assert min_rv(r) == pytest.approx(smooth[min_rv], rel=0.002)
    assert med_rv(r) == pytest.approx(smooth[med_rv], rel=0.003)
    assert bipower_variation(r) < 1.1 * smooth[bipower_variation]


def test_a_session_too_short_or_still_has_no_measure() -> None:
    assert math.isnan(bipower_variation([1.0]))
    assert math.isnan(min_rv([1.0]))
    assert math.isnan(med_rv([1.0, 2.0]))
    assert math.isnan(jump_share([0.0, 0.0, 0.0]))
    assert realised_variance([]) == 0.0
    with pytest.raises(ValueError, match="one row"):
        realised_variance([[1.0, 2.0]])


@given(st.lists(st.floats(-9.0, 9.0).filter(lambda x: abs(x) > 1e-6), min_size=1, max_size=40), st.integers(3, 12))
def test_lee_mykland_equals_its_definition(rows: list[float], window: int) -> None:
    found = lee_mykland(rows, window)
    assert found.shape == (len(rows),)
    for i, r in enumerate(rows):
        if i < window - 1:
            assert math.isnan(found[i])
            continue
        before = sum(abs(rows[j]) * abs(rows[j - 1]) for j in range(i - window + 2, i)) / (window - 2)
        assert found[i] == pytest.approx(r / math.sqrt(before), rel=1e-12)


def test_lee_mykland_says_nothing_where_nothing_moved_before() -> None:
    found = lee_mykland([0.0] * 10 + [5.0, 0.0], 5)
    assert np.all(np.isnan(found))
    with pytest.raises(ValueError, match="window is 2"):
        lee_mykland([1.0], 2)


TABLE = {  # n: raw L, in sigma, exact for Gaussian moves; at 1 %
    78: (5.0973, 4.0671, 3.8287),
    288: (5.3950, 4.3046, 4.1389),
    390: (5.4667, 4.3618, 4.2080),
    1440: (5.7775, 4.6098, 4.4943),
    6048: (6.1149, 4.8790, 4.7907),
}


@pytest.mark.parametrize("n", TABLE)
def test_critical_values_are_those_of_the_table(n: int) -> None:
    raw, in_sigma, exact = TABLE[n]
    assert round(critical(n, 0.01), 4) == raw
    assert round(critical(n, 0.01) * C, 4) == pytest.approx(in_sigma, abs=1.01e-4)
    assert round(gaussian_critical(n, 0.01), 4) == exact
    assert jump_p(critical(n, 0.01), n) == pytest.approx(0.01, rel=1e-9)
    assert jump_p(critical(n, 0.05), n) == pytest.approx(0.05, rel=1e-9)
    assert jump_p(critical(n, 0.01), n) == pytest.approx(
        stats.gumbel_r.sf(critical(n, 0.01), largest_location(n), largest_spread(n)), rel=1e-9
    )


def test_a_p_value_is_between_nothing_and_one_and_falls_with_the_jump() -> None:
    values = [jump_p(x, 78) for x in (0.0, 2.0, 4.0, 6.0, 12.0, 50.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(1.0)
    assert 0.0 < values[-1] < 1e-15
    assert math.isnan(jump_p(math.nan, 78))
    with pytest.raises(ValueError, match="at least 2"):
        critical(1, 0.01)


def test_usual_windows_are_those_of_the_paper() -> None:
    assert [usual_window(n) for n in (1, 24, 96, 288)] == [16, 78, 156, 270]


N, K, SESSIONS = 78, 270, 8_000


def largest(returns: np.ndarray, window: int = K) -> np.ndarray:
    """The largest |L| of each session of 78 moves; the first sessions, whose windows are not full, are left out."""
    statistic = np.abs(lee_mykland(returns.reshape(-1), window)).reshape(-1, N)
    return statistic[-(-window // N) :].max(axis=1)


def false_jumps(returns: np.ndarray, alpha: float, window: int = K) -> float:
    """Share of the sessions with any move beyond the bar."""
    return float(np.mean(largest(returns, window) > critical(N, alpha)))


U_SHAPE = 0.7 + 1.1 * np.linspace(-1.0, 1.0, N) ** 2


def test_size_of_the_test_for_gaussian_moves_is_below_nominal_as_known() -> None:
    r = np.random.default_rng(11).normal(size=(SESSIONS, N))
    assert false_jumps(r, 0.05) == pytest.approx(0.0374, abs=0.007)
    assert false_jumps(r, 0.01) == pytest.approx(0.0055, abs=0.003)
    for window, size in ((78, 0.0107), (156, 0.0064), (1000, 0.0041)):
        assert false_jumps(r, 0.01, window) == pytest.approx(size, abs=0.0035)


@pytest.mark.parametrize(("dof", "five", "one"), [(4, 0.617, 0.433), (3, 0.755, 0.597)])
def test_fat_tails_break_the_size_as_known(dof: int, five: float, one: float) -> None:
    r = np.random.default_rng(12).standard_t(dof, size=(SESSIONS, N))
    assert false_jumps(r, 0.05) == pytest.approx(five, abs=0.02)
    assert false_jumps(r, 0.01) == pytest.approx(one, abs=0.02)


@pytest.mark.parametrize(("k", "power"), [(3, 0.139), (4, 0.484), (5, 0.824), (6, 0.973), (7, 0.9985), (8, 1.000)])
def test_power_for_one_jump_of_k_sigma(k: int, power: float) -> None:
    rng = np.random.default_rng(20 + k)
    r = rng.normal(size=(2 * SESSIONS, N))
    # in every fifth session, so that no other jump is in the window before
    hit = np.arange(4, 2 * SESSIONS, 5)
    at = rng.integers(0, N, hit.size)
    r[hit, at] += k
    statistic = np.abs(lee_mykland(r.reshape(-1), K)).reshape(-1, N)
    assert float(np.mean(statistic[hit, at] > critical(N, 0.01))) == pytest.approx(power, abs=0.015)


def test_a_shape_over_the_day_must_be_taken_out_first() -> None:
    """Uncorrected, a U-shaped day is full of false jumps; divided by the shape found in the same data it is not."""
    r = np.random.default_rng(13).normal(size=(SESSIONS, N)) * U_SHAPE
    assert false_jumps(r, 0.05) > 0.2
    shape = daily_shape(r)
    assert shape == pytest.approx(U_SHAPE / math.sqrt(np.mean(U_SHAPE**2)), rel=0.06)
    assert false_jumps(r / shape, 0.05) == pytest.approx(0.0374, abs=0.012)


def test_the_shape_of_few_or_still_sessions_is_flat() -> None:
    assert np.array_equal(daily_shape(np.ones((9, 5))), np.ones(5))
    assert np.array_equal(daily_shape(np.zeros((30, 5))), np.ones(5))
    holes = np.random.default_rng(3).normal(size=(40, 6))
    holes[:, 2] = np.nan
    shape = daily_shape(holes)
    assert np.all(shape > 0.0)
    assert np.all(np.isfinite(shape))
