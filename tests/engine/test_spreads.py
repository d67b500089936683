"""Slopes, flies and spreads between markets as series of their own."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.engine import Engine
from stressd.engine.events import Breach, Event
from stressd.engine.spec import DAY, MINUTE, SECOND, EngineSpec
from stressd.engine.spreads import FRESH, SETTLE
from stressd.market.tick import BACKLOG, FIXING, Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import walk, world

START = parse_time("2026-01-13T00:00:00Z")
SLOPE, FLY, CROSS = "AA.GOV.2s10s", "AA.GOV.2s10s30s", "AA-BB.GOV.10Y"
TENORS = ("2Y", "10Y", "30Y")


def spreads(spec: EngineSpec, engine: Engine) -> dict[str, dict[str, object]]:
    return {row["series"]: row for row in engine.status() if row["series"] in (SLOPE, FLY, CROSS)}


def tri() -> EngineSpec:
    return world(
        {"AA": "always", "BB": "always"}, TENORS, silence=None, levels=False, spreads=(SLOPE, FLY, CROSS), floor_bp=1.0
    )


def warm_ticks(count: int, seed: int = 5, gap: int = 4 * SECOND) -> list[Tick]:
    return walk(tri(), seed, count, START, gap=gap, step_bp=0.05, jumps=0.0)


def quiet_after(ticks: list[Tick]) -> tuple[dict[str, float], int]:
    last = {tick.series: tick.value for tick in ticks}
    return last, ticks[-1].received


def breaches(events: list[Event], *series: str) -> list[Breach]:
    return [event for event in events if isinstance(event, Breach) and event.series in series]


def say(values: dict[str, float], name: str, at: int) -> Tick:
    return Tick(name, round(values[name], 6), at, at, "desk")


ORDER = [f"{market}.GOV.{tenor}" for market in ("AA", "BB") for tenor in TENORS]


@settings(max_examples=12)
@given(st.integers(0, 2**32))
def test_when_all_legs_have_spoken_a_spread_is_their_arithmetic(seed: int) -> None:
    spec = tri()
    engine = Engine(spec, START)
    ticks = walk(spec, seed, 300, START, gap=2 * SECOND, jumps=0.03)
    engine.feed(ticks)
    values, now = quiet_after(ticks)
    for k in range(1, 4):
        engine.feed([say(values, name, now + k * (SETTLE + SECOND) + i) for i, name in enumerate(ORDER)])
    weights = {s.id: s.legs for s in spec.series if s.legs}
    for name, row in spreads(spec, engine).items():
        assert row["value"] == pytest.approx(sum(w * values[leg] for leg, w in weights[name]), abs=1e-12)
        assert row["time"] == now + 3 * (SETTLE + SECOND) + max(ORDER.index(leg) for leg, _ in weights[name])


@settings(max_examples=12)
@given(st.integers(0, 2**32))
def test_a_spread_never_leaves_what_its_legs_said_lately(seed: int) -> None:
    """At every moment it lies between the least and the largest arithmetic of the legs' values since they last all
    spoke, so it follows them without a value of its own making."""
    spec = tri()
    engine = Engine(spec, START)
    lately: dict[str, list[tuple[int, float]]] = {name: [] for name in ORDER}
    weights = {s.id: s.legs for s in spec.series if s.legs}
    for tick in walk(spec, seed, 400, START, gap=2 * SECOND, step_bp=0.05, jumps=0.02):
        before = {row["series"]: row["ticks"] for row in engine.status()}
        engine.feed([tick])
        if {row["series"]: row["ticks"] for row in engine.status()}[tick.series] > before[tick.series]:
            lately[tick.series].append((tick.time, tick.value))
        for name, row in spreads(spec, engine).items():
            if row["value"] is None:
                continue
            low = high = 0.0
            for leg, weight in weights[name]:
                others = [lately[other][-1][0] for other, _ in weights[name] if other != leg]
                heard = min(others) - SETTLE - 2 * SECOND
                k = next((k for k in range(len(lately[leg]) - 1, 0, -1) if lately[leg][k][0] <= heard), 0)
                said = [weight * value for _, value in lately[leg][k:]]
                low, high = low + min(said), high + max(said)
            assert low - 1e-9 <= row["value"] <= high + 1e-9


@pytest.mark.parametrize("apart", [1, 4, 9, 40, 200])
@pytest.mark.parametrize("first", ["2Y", "10Y", "30Y"])
def test_a_parallel_jump_whose_legs_tick_seconds_apart_is_no_move_of_a_spread(apart: int, first: str) -> None:
    spec = tri()
    engine = Engine(spec, START)
    ticks = warm_ticks(6_000)
    engine.feed(ticks)
    values, now = quiet_after(ticks)
    assert all(row["warm"]["5m"] == 1.0 for row in spreads(spec, engine).values())
    out: list[Event] = []
    jumped = sorted(ORDER, key=lambda name: (not name.endswith(first), name))
    due = {name: now + SECOND + k * apart * SECOND // 5 for k, name in enumerate(jumped)}
    for second in range(apart + 60):
        at = now + (second + 1) * SECOND
        for name in ORDER:
            if due[name] <= at:
                values[name] += 0.20
                due[name] = 1 << 62
                out += engine.feed([say(values, name, at), say(values, name, at + SECOND // 3)])
            elif due[name] == 1 << 62 and second % 3 == 0:
                out += engine.feed([say(values, name, at + SECOND // 2)])
    assert breaches(out, *ORDER)
    assert not breaches(out, SLOPE, FLY, CROSS)


def test_a_jump_of_one_leg_alone_is_one_once_the_other_has_spoken() -> None:
    spec = tri()
    engine = Engine(spec, START)
    ticks = warm_ticks(6_000)
    engine.feed(ticks)
    values, now = quiet_after(ticks)
    jump = now + 7 * SECOND
    out: list[Event] = []
    for second in range(60):
        at = now + second * SECOND
        if at == jump:
            values["AA.GOV.10Y"] += 0.08
        moving = second % 4 == 3 or at == jump
        out += engine.feed([say(values, n, at) for n in ("AA.GOV.10Y" if moving else "AA.GOV.2Y", "BB.GOV.10Y")])
    found = breaches(out, SLOPE)
    assert found
    assert {b.direction for b in found} == {1}
    assert SETTLE <= found[0].time - jump <= SETTLE + 8 * SECOND
    assert found[0].change_bp == pytest.approx(8.0, abs=0.6)
    assert found[0].source == "desk"


def test_a_leg_that_is_silent_opens_nothing() -> None:
    spec = tri()
    engine = Engine(spec, START)
    ticks = warm_ticks(6_000)
    engine.feed(ticks)
    values, now = quiet_after(ticks)
    out: list[Event] = []
    values["AA.GOV.10Y"] += 0.30
    for second in range(2, 2 * FRESH // SECOND, 5):
        out += engine.feed([say(values, "AA.GOV.10Y", now + second * SECOND)])
    assert breaches(out, "AA.GOV.10Y")
    assert not breaches(out, SLOPE, FLY, CROSS)
    assert engine.status()[-3]["time"] <= now + FRESH


def test_what_a_feed_says_of_a_spread_is_not_taken() -> None:
    engine = Engine(tri(), START)
    assert engine.feed([Tick(SLOPE, 0.5, START + 1, START + 1, "desk")]) == []
    assert engine.unknown == 1


def test_old_ticks_of_a_leg_update_a_spread_and_open_nothing() -> None:
    spec = tri()
    engine = Engine(spec, START)
    ticks = warm_ticks(6_000)
    engine.feed(ticks)
    values, now = quiet_after(ticks)
    values["AA.GOV.10Y"] += 0.30
    out: list[Event] = []
    for second in range(1, 40):
        for name in ORDER:
            at = now + second * SECOND
            out += engine.feed([Tick(name, values[name], at, at, "desk", BACKLOG)])
    assert not breaches(out, SLOPE, FLY, CROSS)
    assert spreads(spec, engine)[SLOPE]["value"] == pytest.approx(values["AA.GOV.10Y"] - values["AA.GOV.2Y"])


def fixings(days: int, jump: dict[str, float], on: int) -> list[Tick]:
    out = []
    for day in range(days):
        for k, name in enumerate(ORDER):
            value = 2.0 + k + 0.02 * math.sin(day * (k + 2)) + (jump.get(name, 0.0) if day >= on else 0.0)
            at = START + day * DAY
            out.append(Tick(name, round(value, 4), at, at, "test", FIXING))
    return out


def test_the_fixings_of_a_spread_are_those_of_its_legs() -> None:
    spec = tri()
    engine = Engine(spec, START - DAY)
    ticks = fixings(60, {"AA.GOV.10Y": 0.35}, 50)
    out = engine.feed(ticks) + engine.advance(ticks[-1].received + MINUTE)
    found = {b.series: b for b in breaches(out, SLOPE, FLY, CROSS) if b.phase == "entered"}
    assert set(found) == {SLOPE, FLY, CROSS}
    day = [tick.value for tick in ticks if tick.time == START + 50 * DAY]
    before = [tick.value for tick in ticks if tick.time == START + 49 * DAY]
    assert found[FLY].value == pytest.approx(2 * day[1] - day[0] - day[2])
    assert found[FLY].reference_value == pytest.approx(2 * before[1] - before[0] - before[2])
    assert found[CROSS].value == pytest.approx(day[1] - day[4])
    assert all(b.fixing and b.horizon == "1d" and b.time == START + 50 * DAY for b in found.values())
    assert out.index(found[SLOPE]) > out.index(breaches(out, "AA.GOV.10Y")[0])


def test_a_spread_has_no_fixing_on_a_day_on_which_a_leg_has_none() -> None:
    spec = tri()
    engine = Engine(spec, START - DAY)
    ticks = [t for t in fixings(40, {}, 0) if not (t.series == "BB.GOV.10Y" and (t.time - START) // DAY % 4 == 0)]
    engine.feed(ticks)
    engine.advance(ticks[-1].received + MINUTE)
    rows = spreads(spec, engine)
    assert rows[CROSS]["fixings"] == 30
    assert rows[SLOPE]["fixings"] == 40


def test_history_of_the_legs_warms_a_spread() -> None:
    spec = tri()
    engine = Engine(spec, START + 70 * DAY)
    engine.warm(fixings(60, {}, 0))
    row = spreads(spec, engine)[SLOPE]
    assert row["fixings"] == 60
    assert row["warm"]["1d"] == 1.0
    assert row["value"] is None


def test_a_leg_that_another_source_takes_over_does_not_move_its_spreads() -> None:
    spec = world({"AA": "always"}, ("2Y", "10Y"), ("one", "two"), silence=None, levels=False, spreads=(SLOPE,))
    engine = Engine(spec, START)
    values = {"AA.GOV.2Y": 1.0, "AA.GOV.10Y": 2.0}
    out: list[Event] = []
    for second in range(0, 4_000, 2):
        at = START + second * SECOND
        wiggle = 0.001 * math.sin(second * 0.7)
        ticks = [Tick("AA.GOV.2Y", 1.0 + wiggle / 2, at, at, "one")]
        if second < 3_000:
            ticks.append(Tick("AA.GOV.10Y", 2.0 + wiggle, at, at, "one"))
        ticks.append(Tick("AA.GOV.10Y", 2.15 + wiggle, at + 1, at + 1, "two"))
        out += engine.feed(ticks)
    row = engine.status()[-1]
    assert not breaches(out, SLOPE)
    assert row["value"] == pytest.approx(values["AA.GOV.10Y"] + 0.15 - values["AA.GOV.2Y"], abs=0.003)
