"""The memory of a series: what is counted, and that it is bounded however long the daemon runs."""

from __future__ import annotations

import random

import pytest

from stressd.engine.engine import Engine
from stressd.engine.spec import MINUTE, SECOND
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.runtime.footprint import BOUND, Footprints, footprint
from stressd.testing.worlds import world

START = parse_time("2024-01-08T00:00:00Z")
DAY = 1440 * MINUTE


class Counted:
    def __init__(self, size: int) -> None:
        self.numbers = [float(k) for k in range(size)]
        self.kind = Counted
        self.again = self.numbers


def test_everything_that_belongs_to_a_thing_is_counted_once_and_its_class_is_not() -> None:
    small, large = footprint(Counted(100)), footprint(Counted(1_100))
    assert 31_000 < large - small < 34_000  # a float has 24 bytes, its place in a list 8


def test_each_series_is_measured_in_its_turn_and_forgotten_when_it_is_gone() -> None:
    engine = Engine(world({"AA": "always"}, tenors=("2Y", "10Y", "30Y")), START)
    sizes = Footprints()
    assert (sizes.largest(), sizes.mean(), sizes.of("AA.GOV.2Y")) == (None, None, None)
    for _ in range(3):
        sizes.measure(engine)
    assert {sizes.of(state.id) for state in engine.states()} == {footprint(state) for state in engine.states()}
    fewer = Engine(world({"AA": "always"}, tenors=("2Y",)), START)
    sizes.measure(fewer)
    assert sizes.of("AA.GOV.10Y") is None
    assert sizes.largest() == ("AA.GOV.2Y", sizes.mean())


def days(engine: Engine, first: int, last: int, rng: random.Random, steps: list[int]) -> None:
    """Ticks at these steps of every day, with a jump on each tenth."""
    value = 2.0
    for day in range(first, last):
        at = START + day * DAY
        for number, step in enumerate(steps):
            at += step
            value += rng.gauss(0.0, 0.002) + (0.2 if day % 10 == 0 and number == 30 else 0.0)
            value = 2.0 + (value - 2.0) * 0.999
            for place, state in enumerate(engine.states()):
                now = at + place * SECOND
                engine.feed([Tick(state.id, value + 0.3 * place, now, now, "desk")])


FEW = [178 * MINUTE, MINUTE] * 8
MANY = [MINUTE] * 60 + [10 * MINUTE] * 137


@pytest.mark.once
def test_the_memory_of_a_series_is_below_its_bound_and_stops_growing() -> None:
    """Records of days go back five years, those of sessions one: both are full here, and once more a quarter later."""
    engine = Engine(world({"AA": "always"}, tenors=("10Y",), silence=0), START)
    rng = random.Random(5)
    days(engine, 0, 1_300, rng, FEW)
    days(engine, 1_300, 1_560, rng, MANY)
    own, whole = footprint(engine.states()[0]), footprint(engine)
    days(engine, 1_560, 1_650, rng, MANY)
    own_later, whole_later = footprint(engine.states()[0]), footprint(engine)
    assert 100_000 < own_later < BOUND
    assert own_later < 1.02 * own
    assert whole_later < 1.02 * whole
