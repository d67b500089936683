"""A feed that changes its unit or freezes makes no move."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.engine.engine import Engine
from stressd.engine.events import ENTERED, LEFT, Breach, Event, FeedNote
from stressd.engine.spec import SECOND
from stressd.engine.unitflip import in_other_unit
from stressd.engine.volatility import LEAST_RUN, Noise
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import world

START = parse_time("2026-01-13T00:00:00Z")
NAME = "AA.GOV.10Y"
STEP = 5 * SECOND


def path(seed: int, count: int) -> list[Tick]:
    """A value every five seconds, two in five of them unchanged."""
    draw = random.Random(seed)
    value = 4.3
    ticks = []
    for k in range(count):
        if draw.random() < 0.6:
            value += draw.gauss(0.0, 0.001)
        at = START + k * STEP
        ticks.append(Tick(NAME, round(value, 4), at, at, "desk"))
    return ticks


def altered(tick: Tick, value: float) -> Tick:
    return Tick(tick.series, value, tick.time, tick.received, tick.source)


def run(ticks: list[Tick], cut: int | None = None) -> tuple[Engine, list[Event]]:
    spec = world({"AA": "always"}, tenors=("10Y",), sources=("desk",), silence=None, levels=False)
    engine = Engine(spec, START - 1)
    out = engine.feed(ticks[:cut])
    if cut is not None:
        kept = json.loads(json.dumps(engine.snapshot()))
        engine = Engine(spec, START - 1)
        engine.restore(kept)
        out += engine.feed(ticks[cut:])
    return engine, out


def moves(events: list[Event]) -> list[tuple[int, str, str, float]]:
    return [(event.at, event.horizon, event.phase, event.z) for event in events if isinstance(event, Breach)]


@given(st.floats(0.3, 9.0), st.sampled_from([100.0, 0.01, 10_000.0]), st.floats(0.97, 1.03))
def test_a_value_in_another_unit_is_known(y: float, unit: float, moved: float) -> None:
    if abs(y * unit * moved - y) >= 0.25:
        assert in_other_unit(y * unit * moved, y)


@given(st.floats(-2.0, 9.0), st.floats(-1.5, 1.5))
def test_no_move_of_a_yield_is_a_change_of_unit(y: float, move: float) -> None:
    if abs(y) > 0.2:
        assert not in_other_unit(y + move, y) or abs(move) > 0.9 * abs(y)


@pytest.mark.parametrize("unit", [100.0, 0.01], ids=["basis points", "decimal"])
@pytest.mark.parametrize("cut", [None, 2_030], ids=["one run", "a restart within"])
def test_a_change_of_unit_is_told_once_and_moves_nothing(unit: float, cut: int | None) -> None:
    ticks = path(3, 3_000)
    flipped = [
        altered(tick, round(tick.value * unit, 4)) if 2_000 <= k < 2_200 else tick for k, tick in enumerate(ticks)
    ]
    engine, out = run(flipped, cut)
    notes = [event for event in out if isinstance(event, FeedNote)]
    assert [(note.what, note.phase) for note in notes] == [("unit changed", ENTERED), ("unit changed", LEFT)]
    assert "sends AA.GOV.10Y in another unit" in notes[0].text
    without, said = run(ticks[:2_000] + ticks[2_200:])
    assert moves(out) == moves(said)
    assert engine.status()[0]["sigma_bp"] == without.status()[0]["sigma_bp"]


def test_a_feed_that_was_frozen_does_not_jump_when_it_thaws() -> None:
    ticks = path(5, 4_000)
    frozen = [altered(tick, ticks[2_999].value) if 3_000 <= k < 3_500 else tick for k, tick in enumerate(ticks)]
    for tick in frozen[3_500:]:
        tick.value = round(tick.value + 0.05, 4)
    _, out = run(frozen)
    short = {event.horizon for event in out if isinstance(event, Breach) and event.at >= START + 3_000 * STEP}
    assert not short & {"1m", "5m", "30m"}
    moving = [altered(tick, round(tick.value + 0.05, 4)) if k >= 3_500 else tick for k, tick in enumerate(ticks)]
    _, out = run(moving)
    assert {event.horizon for event in out if isinstance(event, Breach)} >= {"1m", "5m"}, "a jump of a live feed is one"


def test_quotes_that_often_stand_still_are_not_taken_for_frozen() -> None:
    draw = random.Random(9)
    noise = Noise()
    thaws = 0
    for k in range(50_000):
        thaws += noise.tick(0.5 if draw.random() < 0.05 else 0.0, STEP)
        if k % 12 == 11:
            noise.fold(60.0)
    assert thaws == 0
    for _ in range(500):
        assert not noise.tick(0.0, STEP)
    assert noise.tick(0.5, STEP)
    assert LEAST_RUN < 500
