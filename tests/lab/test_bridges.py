"""Bridges between anchors: what is published stands in its stream, closed markets do not tick, a seed is a run."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.lab.bridges import SOURCE, Bridges, sessions_before
from stressd.lab.faults import UnreadFile
from stressd.lab.scenario import Scenario, load_scenario, read_scenario
from stressd.market.calendar import Calendar
from stressd.market.series import market_of
from stressd.market.sessions import calendar
from stressd.market.tick import Tick
from stressd.market.times import day_iso, parse_day, parse_time

pytestmark = pytest.mark.once

CALENDARS: dict[str, Calendar] = {"JP": calendar("JP"), "US": calendar("US")}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario()


@pytest.fixture(scope="module")
def simulator(scenario: Scenario) -> Bridges:
    return Bridges(scenario, CALENDARS)


def one_day(scenario: Scenario) -> Scenario:
    """The scenario from its last day before the shock on: few ticks, so that many seeds can be tried."""
    anchors = [anchor for anchor in scenario.anchors if anchor.time >= parse_time("2026-01-16T00:00:00Z")]
    return scenario.model_copy(update={"anchors": anchors})


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_whatever_the_seed_anchors_are_hit_hours_are_kept_and_highs_hold(scenario: Scenario, seed: int) -> None:
    short = one_day(scenario)
    run = Bridges(short, CALENDARS, seed)
    ticks = run.warmup_ticks() + run.ticks()
    assert [tick.time for tick in ticks] == sorted(tick.time for tick in ticks)
    at = {(tick.series, tick.time): tick.value for tick in ticks if tick.time % 10**9 == 0}
    for series in short.series():
        trading = CALENDARS[market_of(series)]
        for time, level, _ in short.anchors_of(series):
            if trading.span_at(time).is_open:
                assert at[series, time] == level
        for time, level, high in short.extremes_of(series):
            day = trading.session_at(time).day
            values = [t.value for t in ticks if t.series == series and trading.session_at(t.time).day == day]
            assert (max(values) if high else min(values)) == level
    assert all(CALENDARS[market_of(tick.series)].span_at(tick.time).is_open for tick in ticks)
    assert {tick.source for tick in ticks} == {SOURCE}


def test_a_seed_is_a_run_and_another_seed_another(scenario: Scenario, simulator: Bridges) -> None:
    again = Bridges(scenario, CALENDARS)
    assert again.ticks() == simulator.ticks()
    assert again.warmup_ticks() == simulator.warmup_ticks()
    assert again.warmup_daily() == simulator.warmup_daily()
    assert Bridges(scenario, CALENDARS, seed=1).ticks() != simulator.ticks()


def test_the_order_in_which_parts_are_asked_for_changes_nothing(scenario: Scenario, simulator: Bridges) -> None:
    other = Bridges(scenario, CALENDARS)
    other.warmup_daily()
    assert other.warmup_ticks() == simulator.warmup_ticks()


def test_the_live_part_lies_between_start_and_end(scenario: Scenario, simulator: Bridges) -> None:
    live = simulator.ticks()
    assert scenario.starts <= live[0].time
    assert live[-1].time < scenario.ends
    assert simulator.warmup_ticks()[-1].time < scenario.starts
    assert {tick.series for tick in live} == set(scenario.series())


def test_ticks_come_at_the_stated_mean_gap(simulator: Bridges) -> None:
    ten = [tick.time for tick in simulator.warmup_ticks() if tick.series == "US.GOV.10Y"]
    trading = CALENDARS["US"]
    gap = trading.open_between(ten[0], ten[-1]) / (len(ten) - 1) / 1e9
    assert 19.0 < gap < 21.0


def test_noise_within_a_day_is_of_the_stated_size(scenario: Scenario) -> None:
    quiet = scenario.model_copy(
        update={"anchors": one_day(scenario).anchors, "ends": parse_time("2026-04-30T00:00:00Z")}
    )
    ticks = [tick for tick in Bridges(quiet, CALENDARS).ticks() if tick.series == "JP.GOV.30Y"]
    last: dict[int, Tick] = {}
    for tick in ticks:
        last[CALENDARS["JP"].session_at(tick.time).day] = tick
    closes = [last[day].value for day in sorted(last)][2:]
    rms = math.sqrt(fmean(((b - a) * 100) ** 2 for a, b in pairwise(closes)))
    assert 0.75 < rms / 2.44 < 1.25


def test_daily_warm_up_ends_with_the_published_fixings(scenario: Scenario, simulator: Bridges) -> None:
    daily = simulator.warmup_daily()
    assert set(daily) == set(scenario.series())
    thirty = daily["JP.GOV.30Y"]
    assert thirty[-3:] == [
        (parse_day("2026-01-15"), 3.454),
        (parse_day("2026-01-16"), 3.462),
        (parse_day("2026-01-19"), 3.562),
    ]
    assert len(thirty) == scenario.history + 6
    assert day_iso(daily["US.GOV.10Y"][-1][0]) == "2026-01-16"
    moves = [(b - a) * 100 for (_, a), (_, b) in pairwise(thirty[:120])]
    assert 0.7 < math.sqrt(fmean(move * move for move in moves)) / 2.44 < 1.3


def test_sessions_before_skip_holidays() -> None:
    days = [day_iso(day) for day in sessions_before(CALENDARS["US"], parse_day("2026-01-21"), 3)]
    assert days == ["2026-01-20", "2026-01-16", "2026-01-15"]


def test_every_fact_of_the_scenario_agrees_with_the_official_data(
    scenario: Scenario, official: dict[str, dict[int, float]]
) -> None:
    checked = 0
    for anchor in scenario.anchors:
        if anchor.basis == "published":
            for series, level in anchor.levels.items():
                day = CALENDARS[market_of(series)].session_at(anchor.time - 1).day
                assert CALENDARS[market_of(series)].fixing_on(day) == anchor.time
                assert official[series][day] == level
                checked += 1
    assert checked == 70


GOOD = """
name: tiny
title: Tiny
about: Tiny
seed: 1
starts: "2026-01-20T00:00:00Z"
ends: "2026-01-20T06:00:00Z"
history: 5
sources: {mof: the Ministry}
markets:
  JP: {calendar: JP, gap: 20s, bounce: 0.1bp, grid: 0.05bp, fixing_grid: 0.1bp, common: 0.8, sigma: {JP.GOV.30Y: 2bp}}
anchors:
  - {time: "2026-01-19T06:00:00Z", basis: published, source: mof, levels: {JP.GOV.30Y: 3.562}}
"""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("name: tiny", "name: tiny\nnmae: x", "nmae: Extra inputs are not permitted"),
        ("gap: 20s", "gap: 20", "markets.JP.gap: a duration needs a unit"),
        ("source: mof", "source: bbc", "names no source of `sources`"),
        ('"2026-01-19T06:00:00Z"', "2026-01-19T06:00:00Z", "a time is written in quotes"),
        ('"2026-01-19T06:00:00Z"', '"2026-01-20T03:00:00Z"', "no anchor at or before `starts`"),
        ('ends: "2026-01-20T06', 'ends: "2026-01-19T06', "`ends` is not after `starts`"),
        ("levels: {JP.GOV.30Y", "levels: {JP.GOV.20Y", "which no market lists"),
        ("sigma: {JP", "sigma: {US", "stands under the market JP"),
        ("seed: 1", "seed: [", "not YAML"),
    ],
)
def test_a_wrong_scenario_is_refused_in_words(before: str, after: str, expected: str) -> None:
    assert read_scenario("x.yaml", GOOD).name == "tiny"
    with pytest.raises(UnreadFile) as caught:
        read_scenario("x.yaml", GOOD.replace(before, after))
    assert expected in str(caught.value)


def test_an_unknown_scenario_names_those_there_are() -> None:
    with pytest.raises(UnreadFile, match="there is january-2026"):
        load_scenario("january-2025")


def test_a_scenario_that_extends_another_has_its_anchors_and_markets_beside_its_own(scenario: Scenario) -> None:
    text = """
extends: january-2026
name: later
ends: "2026-01-21T17:40:00-05:00"
anchors:
  - {time: "2026-01-21T15:00:00+09:00", basis: published, source: mof, levels: {JP.GOV.30Y: 3.647}}
"""
    later = read_scenario("later.yaml", text)
    assert (later.name, later.starts, later.markets) == ("later", scenario.starts, scenario.markets)
    assert later.anchors[:-1] == scenario.anchors
    assert later.anchors[-1].levels == {"JP.GOV.30Y": 3.647}
    assert later.ends > scenario.ends
    with pytest.raises(UnreadFile, match="no such scenario"):
        read_scenario("later.yaml", text.replace("january-2026", "january-1926"))
