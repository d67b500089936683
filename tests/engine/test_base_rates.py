"""Base rates against a count by hand, and which bar speaks for a move."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.engine.base_rates import BARS, BaseCounts

sizes = st.one_of(st.floats(-8.0, 8.0), st.sampled_from([2.0, -2.0, 3.0, 5.0, -5.0, 0.0]))
days = st.lists(st.tuples(sizes, st.floats(-4.0, 4.0)), max_size=60)


def counted(rows: list[tuple[float, float]]) -> BaseCounts:
    counts = BaseCounts()
    for source, follower in rows:
        counts.learn(source, follower)
    return counts


@given(days, sizes)
def test_the_largest_bar_that_was_passed_before_speaks(rows: list[tuple[float, float]], z: float) -> None:
    found = counted(rows).rate("JP.GOV.30Y", "US.GOV.10Y", z, 730_000)
    sign = 1 if z > 0 else -1
    for bar in reversed(BARS):
        like = [answer for source, answer in rows if source * sign > bar]
        if abs(z) > bar and like:
            assert found is not None
            assert (found.bar, found.times, found.since) == (sign * bar, len(like), 730_000)
            assert found.same_sign == sum(answer * sign > 0 for answer in like)
            assert found.mean == pytest.approx(sum(like) / len(like), abs=1e-9)
            assert (found.source, found.series) == ("JP.GOV.30Y", "US.GOV.10Y")
            return
    assert found is None


@given(days, days, sizes)
def test_a_restart_changes_nothing(first: list[tuple[float, float]], rest: list[tuple[float, float]], z: float) -> None:
    one, other = counted(first), BaseCounts()
    other.load(json.loads(json.dumps(one.state())))
    for row in rest:
        one.learn(*row)
        other.learn(*row)
    assert one.state() == other.state()


def test_what_is_kept_does_not_grow() -> None:
    few, many = counted([(6.0, 1.0)] * 3), counted([(6.0, 1.0), (-2.5, -1.0)] * 5000)
    assert len(json.dumps(many.state())) < 2 * len(json.dumps(few.state()))
