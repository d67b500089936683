"""The variance that sigma stands on: never negative, and exact to 1e-12, on quotes that hardly move at any level."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from river import stats

from stressd.engine.moments import DecayedMoments

HALF_LIFE = 8.0
"""Clock steps of its multiples decay by exact powers of two."""

levels = st.floats(1e-6, 1e6) | st.sampled_from([1e-6, 0.1, 4.31, 99.515625, 110.25, 431.0, 999_999.995, 1e6])
steps = st.sampled_from([0.0, 0.0, 0.005, -0.005, 1e-6, -1e-9])


def near_constant(level: float, moved: list[float]) -> list[float]:
    """Quotes around a level, by steps of a quote, of its millionth, or of the last bit."""
    return [math.nextafter(level, math.inf) if step == -1e-9 else level + step * min(level, 1.0) for step in moved]


def exact(values: list[float], halvings: list[int]) -> tuple[Fraction, Fraction, Fraction]:
    """Weighted mean, unbiased variance and mean square about zero, without rounding. halvings: half-lives passed before
    each value."""
    passed = 0
    weights: list[Fraction] = []
    for gap in reversed(halvings[1:]):
        weights.append(Fraction(1, 2**passed))
        passed += gap
    weights.append(Fraction(1, 2**passed))
    weights.reverse()
    xs = [Fraction(x) for x in values]
    total = sum(weights)
    mean = sum(w * x for w, x in zip(weights, xs, strict=True)) / total
    scatter = sum(w * (x - mean) ** 2 for w, x in zip(weights, xs, strict=True))
    spare = total - sum(w * w for w in weights) / total
    square = sum(w * x * x for w, x in zip(weights, xs, strict=True)) / total
    return mean, scatter / spare if spare else Fraction(0), square


def filled(values: list[float], halvings: list[int]) -> DecayedMoments:
    moments = DecayedMoments(HALF_LIFE)
    clock = 0
    for x, gap in zip(values, halvings, strict=True):
        clock += gap * int(HALF_LIFE)
        moments.update(x, clock)
        assert moments.variance() >= 0.0
        assert moments.mean_square() >= 0.0
    return moments


@given(levels, st.lists(st.tuples(steps, st.integers(0, 3)), min_size=1, max_size=120))
@example(431.0, [(0.0, 0)] * 100)
@example(1e6, [(0.0, 0), (1e-6, 1), (-1e-9, 1)] * 30)
@example(1e-6, [(0.005, 0), (0.0, 1)] * 40)
def test_near_constant_quotes_have_the_variance_of_exact_arithmetic(
    level: float, rows: list[tuple[float, int]]
) -> None:
    values = near_constant(level, [step for step, _ in rows])
    halvings = [gap for _, gap in rows]
    moments = filled(values, halvings)
    mean, variance, square = exact(values, halvings)
    assert moments.mean == pytest.approx(float(mean), rel=1e-15)
    assert moments.mean_square() == pytest.approx(float(square), rel=1e-12)
    spare = 2.0 * moments.pairs
    if spare > 1e-12 * moments.weight**2:
        assert moments.variance() == pytest.approx(float(variance), rel=1e-12, abs=0.0)
    else:
        assert moments.variance() == 0.0


@given(levels, st.integers(1, 200))
def test_a_constant_has_no_variance_at_all(level: float, count: int) -> None:
    moments = filled([level] * count, [k % 2 for k in range(count)])
    assert moments.variance() == 0.0
    assert moments.mean == level


@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e3).map(lambda x: round(x, 4)), st.integers(0, 10**13)), min_size=2, max_size=80
    ),
    st.sampled_from([3.6e13, 1e12, 63.0 * 3.6e12]),
)
def test_any_decay_is_that_of_fifty_decimal_digits(rows: list[tuple[float, int]], half_life: float) -> None:
    """Weights are no powers of two here: against decimals of fifty digits instead of fractions."""
    moments = DecayedMoments(half_life)
    clock = 0
    with localcontext() as context:
        context.prec = 50
        total, squares, mean, scatter = Decimal(0), Decimal(0), Decimal(0), Decimal(0)
        for x, gap in rows:
            clock += gap
            moments.update(x, clock)
            d = Decimal(2) ** -(Decimal(gap) / Decimal(half_life)) if gap / half_life < 60.0 else Decimal(0)
            kept = d * total if total else Decimal(0)
            delta = Decimal(x) - mean
            scatter = d * scatter + kept / (kept + 1) * delta * delta
            mean += delta / (kept + 1)
            total, squares = kept + 1, d * d * squares + 1
        spare = total - squares / total
        assert moments.weight == pytest.approx(float(total), rel=1e-12)
        assert moments.count() == pytest.approx(float(total * total / squares), rel=1e-12)
        if spare > Decimal("1e-9"):
            assert moments.variance() == pytest.approx(float(scatter / spare), rel=1e-12, abs=1e-60)


@pytest.mark.parametrize(
    ("level", "fading"), [(431.0, 0.05), (99.515625, 0.05), (110.25, 0.05), (4.31, 0.03), (3.765, 0.02)]
)
def test_rivers_decayed_variance_is_negative_on_the_same_constant(level: float, fading: float) -> None:
    """Why this core is not river's: E[x^2] - E[x]^2 cancels."""
    theirs = stats.EWVar(fading_factor=fading)
    ours = DecayedMoments(HALF_LIFE)
    negative = 0
    for k in range(10_000):
        theirs.update(level)
        ours.update(level, k)
        negative += theirs.get() < 0.0
        assert ours.variance() == 0.0
    assert negative > 9_900


def test_rivers_decayed_variance_is_wrong_on_quotes_that_hardly_move() -> None:
    rng_steps = [((k * 7919) % 3 - 1) * 1e-6 for k in range(5_000)]
    values = [1e6 + step for step in rng_steps]
    theirs = stats.EWVar(fading_factor=0.1)
    ours = DecayedMoments(math.log(0.5) / math.log(0.9))
    for k, x in enumerate(values):
        theirs.update(x)
        ours.update(x, k)
    weights = [0.9 ** (len(values) - 1 - k) for k in range(len(values))]
    shifted = [x - 1e6 for x in values]
    mean = math.fsum(w * x for w, x in zip(weights, shifted, strict=True)) / math.fsum(weights)
    scatter = math.fsum(w * (x - mean) ** 2 for w, x in zip(weights, shifted, strict=True)) / math.fsum(weights)
    assert ours.scatter / ours.weight == pytest.approx(scatter, rel=1e-12)
    assert abs(theirs.get() - scatter) > 100.0 * scatter
