"""Correlations in turbulent times: the adjustment is the inverse of what volatility does, and is no alarm by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.lab.contagion import adjusted, change, effective, fisher

pytestmark = pytest.mark.once


def raised(rho: float, delta: float) -> float:
    """What `rho` becomes with an unchanged slope where the source's variance is 1 + delta times as large."""
    return rho * math.sqrt((1.0 + delta) / (1.0 + delta * rho * rho))


@given(st.floats(-0.999, 0.999), st.floats(-0.9, 1000.0))
def test_the_adjustment_takes_out_what_volatility_does_and_nothing_else(rho: float, delta: float) -> None:
    assert adjusted(raised(rho, delta), delta) == pytest.approx(rho, abs=1e-9)


def test_the_known_case_comes_out() -> None:
    assert raised(0.3, 15.0) == pytest.approx(0.78279, abs=1e-5)
    assert adjusted(0.782794, 15.0) == pytest.approx(0.3, abs=1e-5)
    assert round(adjusted(0.78302, 15.0), 3) == 0.300


@given(st.floats(-0.99, 0.99), st.floats(4.5, 1000.0), st.floats(4.5, 1000.0))
def test_no_rise_is_no_score_and_a_fall_is_a_negative_one(rho: float, n: float, usual_n: float) -> None:
    assert fisher(rho, n, rho, usual_n) == 0.0
    assert fisher(rho, n, rho - 0.005, usual_n) > 0.0 > fisher(rho - 0.005, n, rho, usual_n)


def test_fishers_score_is_its_formula() -> None:
    expected = (math.atanh(0.5) - math.atanh(0.3)) / math.sqrt(1.0 / 57.0 + 1.0 / 497.0)
    assert fisher(0.5, 60.0, 0.3, 500.0) == pytest.approx(expected, rel=1e-12)
    assert math.isfinite(fisher(1.0, 60.0, -1.0, 500.0))


def test_fishers_score_is_as_often_large_as_it_says_also_for_moves_that_hang_together() -> None:
    rng = np.random.default_rng(1)
    alarms = {0.0: 0, 0.6: 0}
    for own in alarms:
        for _ in range(800):
            shocks = rng.standard_normal((2, 460))
            paths = np.zeros((2, 460))
            for k in range(1, 460):
                paths[:, k] = own * paths[:, k - 1] + shocks[:, k]
            seen = change(paths[0], paths[1], 100)
            assert seen is not None
            alarms[own] += seen.plain_p < 0.05
    assert 24 <= alarms[0.0] <= 60
    assert 20 <= alarms[0.6] <= 68


# of shorter walks one in a thousand has hardly any ties
@given(st.integers(60, 200), st.integers(0, 1000))
def test_ties_make_moves_fewer_and_never_more(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, size))
    assert 0.0 < effective(x, y) <= size
    assert effective(np.cumsum(x), np.cumsum(y)) < 0.7 * size


def test_a_steeper_slope_is_seen_where_volatility_is_as_usual() -> None:
    rng = np.random.default_rng(2)
    x, own = rng.standard_normal((2, 600))
    slope = np.where(np.arange(600) < 500, 0.3, 1.5)
    seen = change(x, slope * x + own, 100)
    assert seen is not None
    assert seen.p < 1e-4
    assert abs(seen.delta) < 0.6


def test_nothing_is_said_about_too_few_or_what_does_not_move() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 100))
    assert change(x, y, 19) is None
    assert change(x, y, 81) is None
    assert change(np.where(np.arange(100) < 60, 1.0, x), y, 40) is None
    assert change(x, y, 20) is not None
