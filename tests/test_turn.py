"""No test stands across the end of the UTC day, on any date; at any other hour none waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.turn import AFTER, BEFORE, DAY, to_wait


@given(st.integers(0, 40_000), st.floats(-BEFORE, AFTER, exclude_min=True, exclude_max=True))
def test_a_test_near_the_turn_begins_after_it(day: int, seconds: float) -> None:
    now = (day + 1) * DAY + seconds
    assert abs((now + to_wait(now)) % DAY - AFTER) < 1e-3


@given(st.integers(0, 40_000), st.floats(AFTER + 1e-3, DAY - BEFORE - 1e-3))
def test_a_test_at_any_other_hour_begins_at_once(day: int, seconds: float) -> None:
    assert to_wait(day * DAY + seconds) == 0.0
