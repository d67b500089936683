"""The tracker: openings keep to the budget, and nothing moves inside an episode."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.budget import (
    GAIN,
    LEAST_BAR,
    LEAST_FACTOR,
    LONGEST_GAP,
    MOST_FACTOR,
    STEP,
    WARMING_BAR,
    Allowance,
    BudgetBar,
    Openings,
    bars_in_force,
    shares,
)
from stressd.engine.spec import DAY, HORIZONS, BudgetSpec
from stressd.engine.tail import DROP, KEEP, Tail

START = 1_700_000_000_000_000_000


@given(st.sets(st.sampled_from(HORIZONS), min_size=1))
def test_the_parts_of_a_budget_add_up(horizons: set[str]) -> None:
    parts = shares(tuple(h for h in HORIZONS if h in horizons))
    assert set(parts) == horizons
    assert sum(parts.values()) == pytest.approx(1.0)
    assert all(part > 0.0 for part in parts.values())


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.2, 3.0), st.booleans()), min_size=1, max_size=200), st.floats(1.0, 50.0))
def test_openings_differ_from_the_budget_by_the_change_of_the_factor(
    steps: list[tuple[float, bool]], per_year: float
) -> None:
    openings = Openings()
    allowance = Allowance(per_year, openings, shared=False)
    t = START
    allowance.pass_time(t, False)
    opened = 0
    allowed = 0.0
    clamped = False
    for days, opens in steps:
        t += int(days * DAY)
        before = allowance.factor
        if opens:
            assert openings.enter(1)
            assert not allowance.pass_time(t, False), "frozen inside an episode"
            assert allowance.factor == before
            openings.leave(1)
            allowance.opened(1.0)
            opened += 1
        allowance.pass_time(t, False)
        allowed += per_year * days * DAY / (365.25 * DAY)
        clamped = clamped or allowance.factor <= LEAST_FACTOR * 1.0001 or allowance.factor >= MOST_FACTOR * 0.9999
    if not clamped:
        assert opened - allowed == pytest.approx(math.log(allowance.factor) / GAIN, abs=1e-6)
    assert LEAST_FACTOR * 0.999 <= allowance.factor <= MOST_FACTOR * 1.001


def test_a_binding_floor_lowers_no_bar_and_an_opening_raises_it_still() -> None:
    allowance = Allowance(12.0, Openings(), shared=False)
    allowance.pass_time(START, True)
    for day in range(1, 200):
        assert not allowance.pass_time(START + day * DAY, True)
    assert allowance.factor == 1.0
    allowance.opened(1.0)
    assert allowance.pass_time(START + 200 * DAY, True)
    assert allowance.factor == pytest.approx(math.exp(GAIN))


def test_while_nothing_was_watched_nothing_was_allowed() -> None:
    allowance = Allowance(12.0, Openings(), shared=False)
    allowance.pass_time(START, False)
    allowance.pass_time(START + 400 * DAY, False)
    assert allowance.factor == pytest.approx(math.exp(-GAIN * 12.0 * LONGEST_GAP / (365.25 * DAY)))


@settings(max_examples=50)
@given(st.lists(st.floats(0.5, 30.0), min_size=1, max_size=4), st.floats(0.4, 2.5), st.booleans())
def test_bars_rise_with_severity_and_none_is_below_the_lowest(base: list[float], factor: float, warming: bool) -> None:
    bars = bars_in_force(base, factor, warming)
    assert bars[0] >= (WARMING_BAR if warming else LEAST_BAR)
    assert all(b >= STEP * a * 0.9999 for a, b in pairwise(bars))


def normal_tail(seed: int) -> Tail:
    draw = random.Random(seed)
    tail = Tail(1e9, 1.0, 0.02, 2.0, 0.6)
    for _ in range(20_000):
        tail.observe(abs(draw.gauss(0.0, 1.0)))
    return tail


def test_high_and_critical_are_four_and_twenty_times_rarer() -> None:
    budget = BudgetBar(BudgetSpec(12.0, True, KEEP), 12.0, True, Allowance(12.0, Openings(), True))
    budget.refit(normal_tail(3), 27_000.0)
    fit = budget.fit
    assert fit is not None
    warn, high, critical = budget.enters(False)
    assert fit.exceeds(warn) / fit.exceeds(high) == pytest.approx(4.0, rel=1e-6)
    assert fit.exceeds(warn) / fit.exceeds(critical) == pytest.approx(20.0, rel=1e-6)
    assert fit.exceeds(warn) * 27_000.0 == pytest.approx(12.0, rel=1e-6)
    assert budget.enters(True)[0] == WARMING_BAR


def test_a_dropped_alarm_counts_by_how_ordinary_it_was() -> None:
    budget = BudgetBar(BudgetSpec(12.0, True, DROP), 12.0, True, Allowance(12.0, Openings(), True))
    budget.refit(normal_tail(3), 27_000.0)
    warn = budget.enters(False)[0]
    assert budget.weight(warn) == pytest.approx(2.0)
    assert budget.weight(warn * 1.05) < 2.0
    assert budget.weight(3.0 * warn) < 0.05
    # beyond the bar the exceedance probability of chance alarms is uniform: they count one on average
    fit = budget.fit
    assert fit is not None
    draw = random.Random(8)
    at_bar = fit.exceeds(warn)
    weights = [budget.weight(fit.bar(at_bar * draw.random())) for _ in range(4_000)]
    assert sum(weights) / len(weights) == pytest.approx(1.0, abs=0.05)


def test_a_kept_alarm_counts_one() -> None:
    budget = BudgetBar(BudgetSpec(12.0, True, KEEP), 12.0, True, Allowance(12.0, Openings(), True))
    budget.refit(normal_tail(3), 27_000.0)
    assert budget.weight(50.0) == 1.0


def test_a_restart_changes_nothing() -> None:
    openings = Openings()
    allowance = Allowance(12.0, openings, True)
    allowance.pass_time(START, False)
    allowance.opened(0.7)
    allowance.pass_time(START + 3 * DAY, False)
    allowance.opened(0.3)
    again = Allowance(12.0, Openings(), True)
    again.load(json.loads(json.dumps(allowance.state())))
    assert again.state() == allowance.state()
    assert again.factor == allowance.factor
    assert again.pass_time(START + 4 * DAY, False) == allowance.pass_time(START + 4 * DAY, False)
    assert again.factor == allowance.factor
