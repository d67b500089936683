"""Curve rules, and moves that no neighbour confirms, through the engine."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.engine.curve_events import CurveMove
from stressd.engine.curve_rules import ShapeWatch
from stressd.engine.engine import Engine
from stressd.engine.events import ONCE, Breach, Disproved, Event, FeedNote
from stressd.engine.spec import (
    CRITICAL,
    DAY,
    HIGH,
    INFO,
    MINUTE,
    SECOND,
    WARN,
    CurveRule,
    EngineSpec,
    NoiseRung,
    SeriesSpec,
)  # fmt: skip
from stressd.market.conventions import convention_gap
from stressd.market.shape import SHAPES
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import facts, walk, world

START = parse_time("2026-01-13T00:00:00Z")
TENORS = ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y")
RULE = CurveRule(
    "curve", ("JP",), (NoiseRung(WARN, 4.0, None), NoiseRung(HIGH, 8.0, None)), 0.5, MINUTE, SHAPES,
    (("JP.GOV.2Y", "JP.GOV.10Y"),), 10.0, 5.0, 0.5, INFO,
)  # fmt: skip


def curve_world(rule: CurveRule = RULE, sources: tuple[str, ...] = ("desk",)) -> EngineSpec:
    spec = world({"JP": "always"}, TENORS, sources, silence=None, levels=False, spreads=("JP.GOV.2s10s",))
    return replace(spec, curve_rules=(rule,))


class Desk:
    """Quotes every tenor of a quiet curve in turn; what is added to `off` moves it."""

    def __init__(self, spec: EngineSpec | None = None, each: int = 5 * SECOND) -> None:
        self.engine = Engine(spec if spec is not None else curve_world(), START)
        self.now = START
        self.each = each
        self.rng = random.Random(11)
        self.off = dict.fromkeys(TENORS, 0.0)
        # A curve that the fit follows: Nelson and Siegel's own slope.
        years = {tenor: float(tenor[:-1]) for tenor in TENORS}
        self.level = {tenor: 4.0 - 3.0 * (1.0 - math.exp(-m / 2.0)) / (m / 2.0) for tenor, m in years.items()}

    def round(self, only: tuple[str, ...] = TENORS, source: str = "desk") -> list[Event]:
        """One tick of each tenor, some milliseconds apart."""
        self.now += self.each
        ticks = []
        for k, tenor in enumerate(only):
            value = self.level[tenor] + self.off[tenor] + self.rng.gauss(0.0, 0.0004)
            at = self.now + k * 20_000_000
            ticks.append(Tick(f"JP.GOV.{tenor}", round(value, 5), at, at, source))
        return self.engine.feed(ticks)

    def ramp(self, tenor: str, by: float) -> list[Event]:
        """One tenor drifts away over two and a half minutes, and stays there for five."""
        out = []
        for _ in range(30):
            self.off[tenor] += by / 30.0
            out += self.round()
        return out + self.rounds(60)

    def rounds(self, count: int, only: tuple[str, ...] = TENORS) -> list[Event]:
        return [event for _ in range(count) for event in self.round(only)]


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.rounds(3 * 720)
    return made


def moves(events: list[Event]) -> list[CurveMove]:
    return [event for event in events if isinstance(event, CurveMove)]


def breaches(events: list[Event], tenor: str) -> list[Breach]:
    return [event for event in events if isinstance(event, Breach) and event.series == f"JP.GOV.{tenor}"]


# --- noise ------------------------------------------------------------------------------------------------------------


def test_noise_is_told_when_a_tenor_stays_off_the_curve_and_over_when_it_is_back(desk: Desk) -> None:
    assert not moves(desk.rounds(100))
    told = moves(desk.ramp("20Y", 0.09))
    assert told[0].phase == "entered"
    assert told[-1].severity == HIGH
    assert told[0].series == "JP.GOV.20Y"
    assert 3.0 < told[-1].off_bp < 10.0
    assert told[-1].curve is not None
    assert told[-1].curve.noise_bp > told[-1].curve.usual_bp + 0.5
    assert told[-1].value - desk.level["20Y"] == pytest.approx(told[-1].off_bp / 100.0, abs=0.02)
    over = moves(desk.ramp("20Y", -0.09))
    assert [event.phase for event in over] == ["left"]
    assert not moves(desk.rounds(100))


def test_a_move_of_the_whole_curve_is_no_noise_however_its_tenors_tick(desk: Desk) -> None:
    for tenor in TENORS:
        desk.off[tenor] += 0.15
        desk.rounds(2)
    assert not moves([event for event in desk.rounds(200) if getattr(event, "what", "") == "noise"])


def test_status_names_the_cheapest_and_the_richest_tenor(desk: Desk) -> None:
    desk.off["20Y"] += 0.08
    desk.rounds(10)
    (row,) = desk.engine.curves.status()
    assert row["market"] == "JP"
    assert row["tenors"] == [f"JP.GOV.{tenor}" for tenor in TENORS]
    assert row["noise_bp"] > row["usual_bp"]
    assert row["cheapest"] == "JP.GOV.20Y"
    assert json.dumps(row)


def test_a_bar_in_bp_is_one_over_the_usual_at_least() -> None:
    rule = replace(RULE, noise=(NoiseRung(WARN, None, 1.5),), shapes=(), ends=())
    desk = Desk(curve_world(rule))
    desk.rounds(3 * 720)
    told = moves(desk.ramp("20Y", 0.09))
    assert [(event.phase, event.severity) for event in told] == [("entered", WARN)]
    assert math.isnan(told[0].threshold)


# --- shape ------------------------------------------------------------------------------------------------------------


def fix(desk: Desk) -> None:
    """Over the end of the UTC day, where the calendar that never closes fixes."""
    desk.rounds(4)
    desk.now = (desk.now // DAY + 1) * DAY - 2 * desk.each
    desk.rounds(8)


def test_the_shape_of_the_day_is_told_once_and_again_after_it_came_back(desk: Desk) -> None:
    fix(desk)
    told = []
    for _ in range(40):
        desk.off["2Y"] -= 0.0005
        desk.off["10Y"] += 0.004
        told += moves(desk.round())
    told += moves(desk.rounds(20))
    shapes = [event for event in told if event.what != "noise"]
    assert [(event.what, event.phase, event.direction, event.severity) for event in shapes] == [
        ("twist steepening", ONCE, 1, INFO)
    ]
    (short, long) = shapes[0].moves
    assert (short[0], long[0]) == ("JP.GOV.2Y", "JP.GOV.10Y")
    slope = (long[1] - long[2] - short[1] + short[2]) * 100.0
    assert slope == pytest.approx(10.0, abs=1.0)
    for _ in range(40):
        desk.off["10Y"] -= 0.004
        desk.round()
    desk.rounds(20)
    again = []
    for _ in range(40):
        desk.off["10Y"] += 0.004
        again += [event for event in moves(desk.round()) if event.what != "noise"]
    assert [event.what for event in again] == ["twist steepening"]


def ends(short_bp: float, long_bp: float, day: int = 1) -> list[tuple[str, float, float, int]]:
    return [("US.GOV.2Y", 3.5 + short_bp / 100.0, 3.5, day), ("US.GOV.10Y", 4.2 + long_bp / 100.0, 4.2, day)]


def shape_of(short_bp: float, long_bp: float, move: float) -> str | None:
    watch = ShapeWatch(replace(RULE, move_bp=move, rearm_bp=move / 2))
    said = watch.update("US", 1, 1, *ends(short_bp, long_bp), True)
    return said.what if said is not None else None


def test_the_20th_of_january_was_a_twist_steepening() -> None:
    assert shape_of(-1.0, 6.8, 7.5) == "twist steepening"
    assert shape_of(-1.0, 6.8, 8.0) is None


@pytest.mark.parametrize(
    ("short_bp", "long_bp", "word"),
    [
        (2.0, 14.0, "bear steepening"), (14.0, 2.0, "bear flattening"), (-14.0, -2.0, "bull steepening"),
        (-2.0, -14.0, "bull flattening"), (6.0, -6.0, "twist flattening"), (12.0, 12.3, "parallel"),
        (-12.0, -12.0, "parallel"), (4.0, 12.0, None), (9.0, 9.2, None),
    ],
)  # fmt: skip
def test_each_shape_is_told_from_its_size_on(short_bp: float, long_bp: float, word: str | None) -> None:
    assert shape_of(short_bp, long_bp, 10.0) == word


def test_a_shape_is_told_anew_each_day_and_one_that_is_not_asked_for_never() -> None:
    watch = ShapeWatch(RULE)
    assert watch.update("US", 1, 1, *ends(0.0, 12.0), True) is not None
    assert watch.update("US", 2, 2, *ends(0.3, 13.0), True) is None
    assert watch.update("US", 3, 3, *ends(-0.8, 12.0), True) is None
    assert watch.update("US", 4, 4, *ends(0.0, 12.0, day=2), True) is not None
    only = ShapeWatch(replace(RULE, shapes=("bull steepening",)))
    assert only.update("US", 1, 1, *ends(0.0, 12.0), True) is None
    assert only.update("US", 1, 1, *ends(-12.0, 0.0), True) is not None


# --- moves that nobody confirms ---------------------------------------------------------------------------------------


def test_a_move_of_one_tenor_alone_is_told_at_warn_with_the_reason_until_it_has_stood(desk: Desk) -> None:
    desk.off["30Y"] += 0.12
    first = breaches(desk.rounds(4), "30Y")
    assert first
    assert {event.severity for event in first} == {WARN}
    assert {event.unconfirmed for event in first} == {"20Y and 40Y have not moved"}
    assert max(abs(event.z) for event in first) > 6.0
    later = breaches(desk.rounds(20), "30Y")
    believed = [event for event in later if not event.unconfirmed]
    assert believed[0].phase == "raised"
    assert believed[0].severity == CRITICAL
    assert believed[0].time - first[0].time >= MINUTE


def test_a_lone_move_that_is_taken_back_at_once_was_none(desk: Desk) -> None:
    desk.off["30Y"] += 0.12
    assert breaches(desk.rounds(3), "30Y")
    desk.off["30Y"] -= 0.12
    wrong = [event for event in desk.rounds(6) if isinstance(event, Disproved)]
    assert [(event.series, event.market, event.direction) for event in wrong] == [(("JP.GOV.30Y",), "JP", 1)]
    assert wrong[0].why.startswith("JP 30Y +12.")
    assert "taken back within" in wrong[0].why
    assert "20Y and 40Y have not moved" in wrong[0].why


def test_a_lone_move_that_has_stood_or_that_others_made_too_is_not_disproved_by_its_end(desk: Desk) -> None:
    desk.off["30Y"] += 0.12
    desk.rounds(20)
    desk.off["30Y"] -= 0.12
    assert not [event for event in desk.rounds(10) if isinstance(event, Disproved)]


def test_a_neighbour_that_moves_along_confirms_it(desk: Desk) -> None:
    desk.off["30Y"] += 0.12
    assert {event.unconfirmed for event in breaches(desk.rounds(3), "30Y")} == {"20Y and 40Y have not moved"}
    desk.off["40Y"] += 0.05
    later = breaches(desk.rounds(3), "30Y")
    assert [event.severity for event in later if not event.unconfirmed][:1] == [CRITICAL]


def test_a_move_of_the_curve_is_confirmed_from_the_start_in_whatever_order_its_tenors_tick(desk: Desk) -> None:
    for tenor in TENORS:
        desk.off[tenor] += 0.12
    out = desk.rounds(6)
    assert {event.unconfirmed for event in out if isinstance(event, Breach)} == {""}
    assert max(event.severity for event in breaches(out, "30Y")) == CRITICAL


def test_a_second_source_confirms_it() -> None:
    spec = curve_world(sources=("desk", "other"))
    desk = Desk(spec)
    for _ in range(3 * 720):
        desk.round()
        desk.round(("30Y",), "other")
    desk.off["30Y"] += 0.12
    told = breaches(desk.round(), "30Y") + breaches(desk.round(("30Y",), "other"), "30Y")
    told += breaches(desk.round(), "30Y")
    assert {event.unconfirmed for event in told if event.phase != "left"} == {""}
    assert max(event.severity for event in told) == CRITICAL


def test_a_lone_jump_as_large_as_the_gap_between_conventions_is_asked_about(desk: Desk) -> None:
    desk.off["30Y"] += convention_gap(desk.level["30Y"], 30.0, 0.9) / 100.0
    out = desk.rounds(4)
    (note,) = [event for event in out if isinstance(event, FeedNote)]
    assert (note.rule, note.what, note.phase, note.series) == (
        "convention-flip", "convention flip?", ONCE, "JP.GOV.30Y",
    )  # fmt: skip
    assert note.text.startswith("JP 30Y +")
    assert "20Y and 40Y have not moved" in note.text
    assert breaches(out, "30Y")[0].severity == WARN


def test_breaches_carry_the_state_of_the_curve(desk: Desk) -> None:
    desk.off["30Y"] += 0.12
    first = breaches(desk.rounds(4), "30Y")[0]
    assert first.curve is not None
    assert first.curve.noise_bp > 0.0


# --- what always holds ------------------------------------------------------------------------------------------------


def lively(seed: int, count: int = 3_000) -> tuple[EngineSpec, list[Tick]]:
    spec = curve_world(replace(RULE, noise=(NoiseRung(WARN, 1.0, None), NoiseRung(HIGH, 2.0, None)), move_bp=3.0))
    # Over the end of the UTC day, when the calendar that never closes fixes.
    ticks = walk(spec, seed, count, START + DAY - 5_000 * SECOND, gap=4 * SECOND, jumps=0.003, dirt=0.03)
    rng = random.Random(seed)
    lone = {n: rng.choice((-0.2, 0.2)) for n in range(900, count, 700)}
    out, off = [], {}
    for n, tick in enumerate(ticks):
        if n in lone:
            off = {tick.series: lone[n]}
        out.append(Tick(tick.series, tick.value + off.get(tick.series, 0.0), tick.time, tick.received, tick.source))
    return spec, out


@settings(max_examples=8)
@given(st.integers(0, 2**32), st.integers(1, 2_999))
def test_a_restart_and_other_batches_change_nothing(seed: int, cut: int) -> None:
    spec, ticks = lively(seed)
    whole = Engine(spec, START)
    first = [facts(event) for event in whole.feed(ticks[:cut])]
    again = Engine(spec, START)
    again.restore(json.loads(json.dumps(whole.snapshot())))
    rest = [facts(event) for event in whole.feed(ticks[cut:])]
    assert [facts(event) for tick in ticks[cut:] for event in again.feed([tick])] == rest
    assert json.dumps(again.snapshot()) == json.dumps(whole.snapshot())
    single = Engine(spec, START)
    assert [facts(event) for event in single.feed(ticks)] == first + rest


def test_the_worlds_of_that_test_have_noise_shapes_and_doubts() -> None:
    seen = set()
    for seed in range(6):
        spec, ticks = lively(seed)
        for event in Engine(spec, START).feed(ticks):
            if isinstance(event, CurveMove):
                seen.add(event.phase if event.what == "noise" else "shape")
            elif isinstance(event, Breach) and event.unconfirmed:
                seen.add("doubt")
    assert {"entered", "shape", "doubt"} <= seen


def test_what_stands_told_is_not_told_again_after_a_restart(desk: Desk) -> None:
    told = [event for event in moves(desk.ramp("20Y", 0.09)) if event.what == "noise"]
    assert told[-1].severity == HIGH
    desk.engine.reconcile([("curve", "JP curve", 0, "JP", "noise", HIGH)], [], [])
    assert not [event for event in moves(desk.rounds(20)) if event.what == "noise"]
    desk.engine.reconcile([], [], [])
    assert [event.phase for event in moves(desk.rounds(40)) if event.what == "noise"] == ["entered"]


def test_with_four_tenors_there_is_no_curve_to_speak_of() -> None:
    spec = world({"JP": "always"}, TENORS[:4], silence=None)
    engine = Engine(spec, START)
    engine.feed(walk(spec, 1, 500, START))
    assert engine.curves.status() == []


def test_a_slope_behind_a_rule_is_a_series_like_any_other() -> None:
    spec = curve_world()
    assert SeriesSpec("JP.GOV.2s10s", "JP", "2s10s", legs=(("JP.GOV.2Y", -1.0), ("JP.GOV.10Y", 1.0))) in spec.series
