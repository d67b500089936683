"""What the engine says of its bars is what it judges by."""

from __future__ import annotations

import pytest

from stressd.config.builtin import default_spec
from stressd.engine.engine import Engine
from stressd.engine.events import Breach
from stressd.market.tick import FIXING, Tick

NAME = "JP.GOV.10Y"
SPEC = default_spec([NAME])


def fixings(moves: list[float]) -> list[Tick]:
    """Daily fixings (bp apart), each weekday at Tokyo's fixing time."""
    calendar = SPEC.markets[0].calendar
    level, day, out = 1.0, 738_000, []
    for move in moves:
        day += 1 if day % 7 != 5 else 3
        level += move * 0.01
        at = calendar.fixing_on(day)
        out.append(Tick(NAME, round(level, 6), at, at, "file", FIXING))
    return out


@pytest.mark.parametrize(("step", "binds"), [(2.0, False), (0.3, True)])
def test_a_move_just_beyond_the_bar_opens_and_one_just_below_does_not(step: float, binds: bool) -> None:
    calm = fixings([step if i % 2 else -step for i in range(60)])
    for beyond in (False, True):
        engine = Engine(SPEC, calm[0].received)
        engine.feed(calm)
        engine.advance(calm[-1].received + 60_000_000_000)
        bar = next(each for each in engine.bars("JP") if each.horizon == "1d")
        assert bar.floor_binds() is binds
        assert bar.bp() == max(bar.enters[0] * bar.sigma_bp, bar.floor_bp)
        move = bar.bp() + (0.001 if beyond else -0.001)
        at = fixings([0.0] * 61)[-1].received
        last = Tick(NAME, calm[-1].value + move * 0.01, at, at, "file", FIXING)
        told = engine.feed([last]) + engine.advance(at + 60_000_000_000)
        assert any(isinstance(event, Breach) for event in told) is beyond


def test_a_cold_series_has_no_bar() -> None:
    engine = Engine(SPEC, 0)
    assert engine.bars("JP") == []
    assert engine.bars("US") == []
