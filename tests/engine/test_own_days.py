"""A gauge's day among comparable days of its own, and a trail of fixings, both against a count by hand."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.own_days import CALM, LEAST, LONG, WILD, OwnDays
from stressd.engine.trail import KEPT, Trail


def history(seed: int, count: int) -> list[tuple[int, float, float]]:
    """(day, z, sigma after it): volatility that wanders, weekends and holidays."""
    rng = random.Random(seed)
    day, sigma = 730_000, 3.0
    rows = []
    for _ in range(count):
        day += rng.choice((1, 1, 1, 1, 3))
        sigma *= math.exp(rng.gauss(0.0, 0.08))
        rows.append((day, rng.gauss(0.0, 1.0) if rng.random() > 0.01 else math.nan, sigma))
    return rows


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_a_day_is_ranked_among_those_of_its_regime_and_closure(seed: int) -> None:
    rows = history(seed, 1200)
    days = OwnDays()
    kinds: list[tuple[int, int]] = []
    regime, total, weight, before = 1, 0.0, 0.0, 0
    for k, (day, z, sigma) in enumerate(rows):
        kinds.append((regime, int(day - before > 1)))
        days.take(day, k + 1, 4.0, z, sigma)
        like = [rows[i][1] for i in range(k) if kinds[i] == kinds[k] and rows[i][1] == rows[i][1]]
        if len(like) < LEAST:
            like = [rows[i][1] for i in range(k) if rows[i][1] == rows[i][1]]
        like = like[-750:]
        if z == z:
            assert days.n == len(like)
            assert days.p(1) == (1 + sum(each >= z for each in like)) / (len(like) + 1)
            assert days.p(-1) == (1 + sum(each <= z for each in like)) / (len(like) + 1)
        else:
            assert (days.n, days.p(1), days.p(-1)) == (0, 1.0, 1.0)
        before = day
        weight = LONG * weight + 1.0
        total = LONG * total + math.log(sigma)
        ratio = math.exp(math.log(sigma) - total / weight)
        regime = 0 if ratio < CALM else 2 if ratio > WILD else 1


@given(st.integers(0, 10_000), st.integers(0, 300))
def test_a_restart_changes_no_rank(seed: int, cut: int) -> None:
    rows = history(seed, 300)
    one, other = OwnDays(), OwnDays()
    for k, (day, z, sigma) in enumerate(rows[:cut]):
        one.take(day, k + 1, 4.0, z, sigma)
    other.load(json.loads(json.dumps(one.state())))
    for k, (day, z, sigma) in enumerate(rows[cut:], cut):
        for each in (one, other):
            each.take(day, k + 1, 4.0, z, sigma)
    assert one.state() == other.state()


fixings = st.lists(st.tuples(st.integers(1, 5), st.floats(-9.0, 9.0)), min_size=1, max_size=30)


@given(fixings, st.integers(0, 100), st.integers(1, 60))
def test_a_stretch_is_what_was_fixed_in_it(steps: list[tuple[int, float]], start: int, width: int) -> None:
    trail = Trail()
    time, rows = 0, []
    for step, z in steps:
        time += step
        trail.add(time, 3.0 * z, z)
        rows.append((time, z))
    trail.add(time, 1.0, 1.0)  # not later: no other fixing
    inside = [(t, z) for t, z in rows if start <= t < start + width]
    found = trail.between(start, start + width)
    if not inside or (len(rows) >= KEPT and start <= rows[-KEPT][0]):
        assert found is None, "nothing in it, or perhaps not all of it is kept"
        return
    assert found is not None
    assert found.bp == pytest.approx(3.0 * sum(z for _, z in inside), abs=1e-9)
    assert found.z == pytest.approx(sum(z for _, z in inside) / math.sqrt(len(inside)), abs=1e-9)
    largest = max(abs(z) for _, z in inside)
    assert abs(found.largest) == largest
    assert largest == 0.0 or (found.at, found.largest) in inside
    again = Trail()
    again.load(json.loads(json.dumps(trail.state())))
    assert again.state() == trail.state()


def test_a_fixing_that_cannot_be_compared_makes_the_stretch_unknown_but_not_what_is_known_of_it() -> None:
    trail = Trail()
    trail.add(10, 5.0, 2.5)
    trail.add(20, math.nan, math.nan)
    found = trail.between(5, 25)
    assert found is not None
    assert found.z != found.z
    assert (found.largest, found.at) == (2.5, 10)
    assert trail.between(21, 30) is None
    again = Trail()
    again.load(json.loads(json.dumps(trail.state())))
    assert again.state() == trail.state()
