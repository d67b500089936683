"""The decayed moments: against brute force, against exact arithmetic, against river where both are defined."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import stats

from stressd.engine.moments import CLIP, KAPPA, DecayedMoments, Scale

finite = st.floats(-1e6, 1e6)
observations = st.lists(st.tuples(finite, st.integers(0, 10**6), st.floats(0.01, 100.0)), min_size=1, max_size=60)


def fill(
    rows: list[tuple[float, int, float]], half_life: float, offset: float = 0.0
) -> tuple[DecayedMoments, list[int]]:
    moments = DecayedMoments(half_life)
    clock = 0
    clocks = []
    for x, passed, w in rows:
        clock += passed
        clocks.append(clock)
        moments.update(x + offset, clock, w)
    return moments, clocks


@given(observations, st.floats(1.0, 1e6))
def test_moments_equal_brute_force_weighted_moments(rows: list[tuple[float, int, float]], half_life: float) -> None:
    moments, clocks = fill(rows, half_life)
    end = clocks[-1]
    weights = [
        w * 2.0 ** -min((end - clock) / half_life, 1000.0) for (_, _, w), clock in zip(rows, clocks, strict=True)
    ]
    total = math.fsum(weights)
    mean = math.fsum(w * x for w, (x, _, _) in zip(weights, rows, strict=True)) / total
    scatter = math.fsum(w * (x - mean) ** 2 for w, (x, _, _) in zip(weights, rows, strict=True))
    size = max(abs(x) for x, _, _ in rows)
    assert moments.mean == pytest.approx(mean, rel=1e-9, abs=1e-9 * size + 1e-300)
    assert moments.scatter == pytest.approx(scatter, rel=1e-9, abs=1e-9 * size * size * total + 1e-300)
    count = total**2 / math.fsum(w * w for w in weights)
    assert moments.count() == pytest.approx(count, rel=1e-9)


@given(st.lists(st.floats(-50.0, 50.0), min_size=3, max_size=40))
def test_a_large_offset_does_not_disturb_the_variance(xs: list[float]) -> None:
    rows = [(x, 1000, 1.0) for x in xs]
    plain, _ = fill(rows, 20_000.0)
    shifted, _ = fill(rows, 20_000.0, offset=1e9)
    # 1e9 has a grid of 1.2e-7: the inputs themselves are rounded by that much.
    assert math.sqrt(shifted.variance()) == pytest.approx(math.sqrt(plain.variance()), abs=1e-6)


@given(
    st.sampled_from([431.0, 99.515625, 110.25, 1e-6, 1e6, -0.35, 4.31]),
    st.lists(st.sampled_from([0.0, 0.005, -0.005]), min_size=1, max_size=200),
)
def test_variance_is_never_negative_and_exact_on_near_constant_quotes(level: float, steps: list[float]) -> None:
    moments = DecayedMoments(1e18)
    values = [level + step for step in steps]
    for k, value in enumerate(values):
        moments.update(value, k)
        assert moments.variance() >= 0.0
    exact = [Fraction(v) for v in values]
    mean = sum(exact) / len(exact)
    variance = sum((v - mean) ** 2 for v in exact) / max(len(exact) - 1, 1)
    assert moments.variance() == pytest.approx(float(variance), rel=1e-9, abs=1e-9 * abs(level) * 1e-6)


def test_river_agrees_where_both_are_defined() -> None:
    import random

    rng = random.Random(7)
    ours = DecayedMoments(1e15)
    mean, variance = stats.Mean(), stats.Var()
    for k in range(2_000):
        x = rng.gauss(4.2, 0.07)
        ours.update(x, k)
        mean.update(x)
        variance.update(x)
        assert ours.mean == pytest.approx(mean.get(), rel=1e-9)
        if k > 0:
            assert ours.variance() == pytest.approx(variance.get(), rel=1e-6)


@given(st.lists(st.floats(-100.0, 100.0), min_size=5, max_size=200), st.floats(2.0, 200.0))
def test_river_exponentially_weighted_mean_is_ours_on_an_even_clock(xs: list[float], half_life: float) -> None:
    fading = 1.0 - 2.0 ** (-1.0 / half_life)
    theirs = stats.EWMean(fading_factor=fading)
    ours = DecayedMoments(half_life)
    for k, x in enumerate(xs):
        # river starts from the first value with full weight; so do we, with the weight that an endless past would have.
        ours.update(x, k, 1.0 if k else 1.0 / fading)
        theirs.update(x)
        assert ours.mean == pytest.approx(theirs.get(), rel=1e-7, abs=1e-7)


def test_one_jump_hardly_moves_the_sigma_that_judges_the_next_one() -> None:
    scale = Scale(63.0)
    for k in range(200):
        scale.learn(3.0 if k % 2 else -3.0, k)
    before = scale.sigma
    scale.learn(60.0, 200)
    assert before == pytest.approx(3.0 * math.sqrt(KAPPA))
    assert scale.sigma <= before * math.sqrt(1.0 + (CLIP**2 * KAPPA) / 90.0)


def test_a_series_that_stood_still_can_move_again() -> None:
    scale = Scale(63.0)
    for k in range(500):
        scale.learn(0.0, k)
    for k in range(500, 800):
        scale.learn(2.0 if k % 2 else -2.0, k)
    assert scale.sigma > 1.0


@given(observations, st.integers(0, 59))
def test_a_restart_anywhere_changes_nothing(rows: list[tuple[float, int, float]], cut: int) -> None:
    whole, _ = fill(rows, 5_000.0)
    cut = min(cut, len(rows))
    part, clocks = fill(rows[:cut], 5_000.0) if cut else (DecayedMoments(5_000.0), [0])
    again = DecayedMoments(5_000.0)
    again.load(part.state())
    clock = clocks[-1]
    for x, passed, w in rows[cut:]:
        clock += passed
        again.update(x, clock, w)
    assert again.state() == whole.state()


def test_a_half_life_must_be_positive() -> None:
    with pytest.raises(ValueError, match="half_life is 0.0, it must be positive"):
        DecayedMoments(0.0)
