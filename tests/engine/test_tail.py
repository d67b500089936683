"""The tail of block maxima: calibrated on known tails, whatever past alarms are taken for."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.tail import CAP, DROP, EDGES, KEEP, LOWEST, PAST_ALARMS, Tail, bar_of, survival

Q = 1.0 / 6048.0
NEVER = 1e12
"""Blocks of half-life: nothing fades."""


def student(draw: random.Random, dof: int) -> float:
    """|t| with so many degrees of freedom."""
    return abs(draw.gauss(0.0, 1.0)) / math.sqrt(draw.gammavariate(dof / 2.0, 2.0) / dof)


def beyond_t(u: float, dof: int) -> float:
    """P(|t| > u) for 4 or 6 degrees of freedom, in closed form."""
    s = u / math.sqrt(dof + u * u)
    if dof == 4:
        return 1.0 - s * (1.0 + 0.5 * (1.0 - s * s))
    return 1.0 - s * (1.0 + 0.5 * (1.0 - s * s) + 0.375 * (1.0 - s * s) ** 2)


def beyond_normal(u: float) -> float:
    return math.erfc(u / math.sqrt(2.0))


def filled(draw: random.Random, count: int, dof: int | None) -> Tail:
    tail = Tail(NEVER, 1.0, 0.02, 2.0, 0.6)
    for _ in range(count):
        tail.observe(abs(draw.gauss(0.0, 1.0)) if dof is None else student(draw, dof))
    return tail


def barred(tail: Tail, past_alarms: str) -> float:
    return tail.fit(past_alarms, Q).bar(Q)


@pytest.mark.parametrize("past_alarms", PAST_ALARMS)
@pytest.mark.parametrize("dof", [None, 6, 4], ids=["normal", "t6", "t4"])
def test_a_bar_is_exceeded_about_as_often_as_it_should_be(dof: int | None, past_alarms: str) -> None:
    draw = random.Random(11)
    rates = []
    for _ in range(8):
        bar = barred(filled(draw, 20_000, dof), past_alarms)
        rates.append((beyond_normal(bar) if dof is None else beyond_t(bar, dof)) / Q)
    assert 0.5 <= sum(rates) / len(rates) <= 1.5


def test_true_jumps_far_out_move_the_bar_only_where_they_are_kept() -> None:
    draw = random.Random(5)
    tail = filled(draw, 20_000, 6)
    before = {mode: barred(tail, mode) for mode in PAST_ALARMS}
    for _ in range(24):
        tail.observe(draw.uniform(6.0, 25.0))
    after = {mode: barred(tail, mode) for mode in PAST_ALARMS}
    assert after[KEEP] > 1.25 * before[KEEP]
    assert after[DROP] < 1.15 * before[DROP]
    assert after[DROP] < min(after[CAP], after[KEEP])


@settings(max_examples=30)
@given(st.floats(0.2, 3.0), st.floats(-0.1, 0.5), st.floats(1e-6, 1e-3))
def test_the_bar_is_the_inverse_of_the_tail(scale: float, shape: float, q: float) -> None:
    bar = bar_of(q, 3.0, 0.02, scale, shape)
    assert 0.02 * survival(bar - 3.0, scale, shape) == pytest.approx(q, rel=1e-6)


@settings(max_examples=20)
@given(st.lists(st.floats(0.0, 60.0), min_size=1, max_size=300), st.floats(5.0, 500.0))
def test_weights_fade_and_are_never_lost(sizes: list[float], half_life: float) -> None:
    tail = Tail(half_life, 50.0, 0.1, 1.7, 0.75)
    for size in sizes:
        tail.observe(size)
    fading = [2.0 ** (-(len(sizes) - 1 - k) / half_life) for k in range(len(sizes))]
    prior = 50.0 * 2.0 ** (-len(sizes) / half_life)
    assert tail.state()[1] / tail.state()[2] == pytest.approx(prior + sum(fading), rel=1e-9)
    kept = sum(weight for size, weight in zip(sizes, fading, strict=True) if size >= LOWEST)
    own = sum(tail.state()[3:]) / tail.state()[2] - sum(Tail(half_life, prior, 0.1, 1.7, 0.75).weights)
    assert own == pytest.approx(kept, rel=1e-6, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 2000))
def test_a_restart_changes_nothing(seed: int, count: int) -> None:
    tail = filled(random.Random(seed), count, 6)
    again = Tail(NEVER, 1.0, 0.02, 2.0, 0.6)
    again.load(json.loads(json.dumps(tail.state())))
    assert again.state() == tail.state()
    assert again.fit(DROP, Q).numbers() == tail.fit(DROP, Q).numbers()


@given(st.lists(st.floats(0.5, 30.0), max_size=30), st.sampled_from(PAST_ALARMS))
@settings(max_examples=30)
def test_a_fit_is_of_all_blocks_so_far_however_often_it_was_asked_for(sizes: list[float], past_alarms: str) -> None:
    asked, silent = Tail(200.0, 50.0, 0.02, 3.5, 0.6), Tail(200.0, 50.0, 0.02, 3.5, 0.6)
    for size in sizes:
        asked.fit(KEEP, 1.0)
        for tail in (asked, silent):
            tail.observe(size)
    asked.fit(past_alarms, Q)
    assert asked.fit(KEEP, 1.0).numbers() == silent.fit(KEEP, 1.0).numbers()
    assert asked.fit(past_alarms, Q).numbers() == silent.fit(past_alarms, Q).numbers()
    asked.load(filled(random.Random(1), 50, 4).state())
    assert asked.fit(KEEP, 1.0).numbers() == filled(random.Random(1), 50, 4).fit(KEEP, 1.0).numbers()


def test_a_quantile_is_read_off_the_bins() -> None:
    tail = filled(random.Random(4), 50_000, None)
    for q in (0.3, 0.1, 0.03):
        assert beyond_normal(tail.quantile(q)) == pytest.approx(q, rel=0.05)
    assert tail.quantile(0.9) == LOWEST


def test_a_return_period_holds_its_middle_and_widens_further_out() -> None:
    tail = filled(random.Random(4), 20_000, 6)
    fit = tail.fit(KEEP, Q)
    last = 0.0
    for z in (4.0, 6.0, 8.0, 12.0, 20.0):
        low, middle, high = fit.return_years(z, 27_000.0)
        assert low < middle < high
        assert middle == pytest.approx(1.0 / (27_000.0 * fit.exceeds(z)), rel=1e-9)
        assert middle > last
        last = middle
    assert fit.return_years(20.0, 27_000.0)[2] / fit.return_years(20.0, 27_000.0)[0] > (
        fit.return_years(4.0, 27_000.0)[2] / fit.return_years(4.0, 27_000.0)[0]
    )


def test_the_bins_reach_from_one_to_almost_forty_sigma() -> None:
    assert EDGES[0] == 1.0
    assert 38.0 < EDGES[-1] < 42.0
