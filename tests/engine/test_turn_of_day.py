"""A market that never closes: what is told of a jump around midnight UTC, where its session begins anew."""

from __future__ import annotations

import random

import pytest

from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, Breach
from stressd.engine.spec import HOUR, SECOND
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import world

TURN = parse_time("2026-01-23T00:00:00Z")
NAME = "AA.GOV.10Y"
GAP = 5 * SECOND


def told(after: int, bp: float, days: int = 1) -> dict[str, int]:
    """Seconds from a jump, `after` ns after the turn, until each horizon that tells it within an hour.
    The yield is drawn back to 3 %, so that a session moves little."""
    engine = Engine(world({"AA": "always"}, tenors=("10Y",), levels=False, silence=None), TURN - days * 24 * HOUR)
    rng = random.Random(7)
    value, jump, found = 3.0, 0.0, {}
    for t in range(TURN - days * 24 * HOUR, TURN + HOUR, GAP):
        if t >= TURN + after:
            jump = bp / 100.0
        value += rng.gauss(0.0, 0.0003) - 0.01 * (value - 3.0)
        for event in engine.feed([Tick(NAME, round(value + jump, 5), t, t, "desk")]):
            if isinstance(event, Breach) and event.phase == ENTERED and jump:
                found.setdefault(event.horizon, (t - TURN - after) // SECOND)
    return found


@pytest.mark.parametrize("after", [1, 30, 55])
def test_a_jump_after_the_first_tick_of_a_day_is_told_by_its_session_and_then_by_the_minute(after: int) -> None:
    found = told(after * SECOND, 5.0)
    assert found["session"] <= 10
    assert found["1m"] <= 65 - after


def test_a_step_from_one_day_to_the_next_is_a_gap() -> None:
    found = told(-1 * SECOND, 12.0, days=4)
    assert found.keys() <= {"gap", "1d"}
    assert found["gap"] <= 70
