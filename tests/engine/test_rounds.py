"""The fixings of one instant are one fact: their order says nothing, and a restart between them changes nothing."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.config.builtin import default_spec
from stressd.engine.engine import Engine
from stressd.engine.events import Breach, Event
from stressd.engine.rounds import PATIENCE
from stressd.market.tick import FIXING, Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import facts

TENORS = ("JP.GOV.2Y", "JP.GOV.10Y", "JP.GOV.30Y", "JP.GOV.40Y")
DAY = 86_400_000_000_000
START = parse_time("2024-01-04T06:00:00Z")


def curve_days(seed: int, shocks: dict[int, dict[str, float]]) -> list[list[Tick]]:
    """Quiet days of about 2bp a tenor, with the given changes (bp) on the given days."""
    draw = random.Random(seed)
    values = dict.fromkeys(TENORS, 1.0)
    days = []
    for number in range(90):
        at = START + number * DAY
        for name in TENORS:
            shock = shocks.get(number, {}).get(name)
            values[name] += (shock if shock is not None else draw.gauss(0.0, 2.0)) / 100.0
        days.append([Tick(name, round(values[name], 4), at, at, "MoF", FIXING) for name in TENORS])
    return days


def run(days: list[list[Tick]], restart: bool = False) -> list[Event]:
    spec = default_spec(list(TENORS))
    engine = Engine(spec, START - DAY)
    out: list[Event] = []
    for day in days:
        for tick in day:
            out += engine.feed([tick])
            if restart:
                kept = json.loads(json.dumps(engine.snapshot()))
                engine = Engine(spec, START - DAY)
                engine.restore(kept)
    return out + engine.advance(engine.now + PATIENCE)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_order_of_one_instants_fixings_changes_nothing(seed: int, shuffle: int) -> None:
    shocks = {80: {"JP.GOV.10Y": 12.0, "JP.GOV.30Y": 25.0, "JP.GOV.40Y": 20.0}}
    days = curve_days(seed, shocks)
    draw = random.Random(shuffle)
    shuffled = [draw.sample(day, len(day)) for day in days]
    assert [facts(event) for event in run(days)] == [facts(event) for event in run(shuffled)]


def test_the_largest_move_of_the_curve_is_told_first() -> None:
    shocks = {80: {"JP.GOV.2Y": 8.0, "JP.GOV.10Y": 12.0, "JP.GOV.30Y": 25.0, "JP.GOV.40Y": 20.0}}
    said = [event for event in run(curve_days(7, shocks)) if isinstance(event, Breach) and event.fixing]
    shock = [event for event in said if event.at == START + 80 * DAY]
    assert shock[0].series == "JP.GOV.30Y"
    assert [abs(event.z) for event in shock] == sorted((abs(event.z) for event in shock), reverse=True)


@pytest.mark.once
def test_a_restart_between_the_fixings_of_one_instant_changes_nothing() -> None:
    days = curve_days(3, {80: {"JP.GOV.30Y": 25.0}})
    assert [facts(event) for event in run(days)] == [facts(event) for event in run(days, restart=True)]


def test_what_a_round_says_is_stamped_with_its_receipt() -> None:
    said = run(curve_days(7, {80: {"JP.GOV.30Y": 25.0}}))
    assert all((event.at - START) % DAY == 0 for event in said)
