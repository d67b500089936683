"""The summary of each market's session: one a session, at its own close, whatever the batches and the restarts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.alerts.day import Day
from stressd.alerts.days import LATEST, MOST, DailySpec, Days
from stressd.alerts.desk import DeskSpec, Routed
from stressd.alerts.notification import Telling
from stressd.alerts.pipeline import Pipeline
from stressd.alerts.render import render
from stressd.alerts.routing import RouteSpec, is_one_shot
from stressd.alerts.wire import ENVELOPE, LIMIT, to_wire
from stressd.config.builtin import default_spec
from stressd.engine.spec import LevelRule
from stressd.lab.offline import Setup
from stressd.market.sessions import calendar
from stressd.market.tick import Tick
from stressd.market.times import iso, parse_time
from stressd.testing.worlds import walk
from tests.alerts.batches import played

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
MARKETS = ("JP", "US")
SERIES = ("JP.GOV.10Y", "JP.GOV.30Y", "JP.GOV.40Y", "US.GOV.2Y", "US.GOV.10Y")
START = parse_time("2026-01-15T20:00:00Z")
END = parse_time("2026-01-21T12:00:00Z")
"""Over a weekend, and over the 19th, on which New York is closed."""

DAILY = DailySpec(MARKETS, ("mail",), 60 * SECOND)
SPEC = replace(default_spec(SERIES), level_rules=(LevelRule("round", SERIES, 1, round_bp=5.0),))


def pipeline(daily: DailySpec = DAILY, start: int = START) -> Pipeline:
    desk = DeskSpec((RouteSpec(("desk",)),), daily=daily)
    return Setup(SPEC, desk=desk).pipeline(start, "live")


TRADES = {market: calendar(market) for market in MARKETS}
WALKED = walk(SPEC, 7, 1_200, START, gap=400 * SECOND, jumps=0.01)
TICKS = [tick for tick in WALKED if TRADES[tick.series[:2]].span_at(tick.time).is_open]


def closes() -> list[tuple[str, int]]:
    """Every close of either market in the scene, by the calendar alone."""
    found = []
    for market in MARKETS:
        trades, at = TRADES[market], START
        while (at := trades.next_close(trades.next_open(at + 1))) < END:
            found.append((market, at))
    first = [(m, TRADES[m].next_close(START)) for m in MARKETS if TRADES[m].span_at(START).is_open]
    return sorted({*found, *first}, key=lambda each: each[1])


def play(cuts: list[int], restart: int | None = None) -> list[Routed]:
    return played(pipeline, TICKS, END, cuts, restart)


WHOLE = play([])
SUMMARIES = [one.event for one in WHOLE if one.event.day is not None]


def test_each_session_of_each_market_is_summed_up_once_a_minute_after_its_own_close() -> None:
    expected = [(market, iso(at + 60 * SECOND)) for market, at in closes()]
    assert [(event.market, event.time) for event in SUMMARIES] == expected
    assert len({event.episode for event in SUMMARIES}) == len(SUMMARIES)
    sessions = [(event.market, event.day.session) for event in SUMMARIES if event.day is not None]
    assert ("US", "2026-01-19") not in sessions
    assert ("JP", "2026-01-19") in sessions
    assert not [session for _, session in sessions if session in ("2026-01-17", "2026-01-18")]
    assert all(one.sinks == ("mail",) for one in WHOLE if one.event.day is not None)


@given(st.lists(st.integers(0, len(TICKS)), max_size=10), st.none() | st.integers(0, 10))
@settings(max_examples=10, deadline=None)
def test_batches_and_restarts_change_nothing_in_a_summary(cuts: list[int], restart: int | None) -> None:
    again = [one.event for one in play(cuts, restart) if one.event.day is not None]
    assert again == SUMMARIES


def test_a_summary_tells_where_every_series_of_its_market_stands_and_from_where() -> None:
    for event in SUMMARIES:
        day = event.day
        assert day is not None
        assert {row.series for row in day.series} == {name for name in SERIES if name.startswith(event.market)}
        close = parse_time(day.closed)
        for row in day.series:
            own = [tick for tick in TICKS if tick.series == row.series and tick.time <= close]
            during = [tick.value for tick in own if tick.time >= parse_time(day.opened)]
            if row.state == "no ticks":
                # the very first value waits until another one confirms it
                assert not during or row.value is None
                continue
            assert during
            assert row.state == "live"
            # outliers wait to be confirmed, and may not count
            assert row.low is not None
            assert row.high is not None
            assert min(during) - 1e-6 <= row.low <= row.value <= row.high <= max(during) + 1e-6  # type: ignore[operator]
            if row.close is not None and row.value is not None:
                assert row.change_bp == pytest.approx((row.value - row.close) * 100.0, abs=2e-3)
    assert any(row.change_bp is not None for event in SUMMARIES if event.day for row in event.day.series)


def test_the_episodes_of_a_session_stand_in_its_summary_and_those_that_go_on_in_the_next() -> None:
    on: dict[str, set[str]] = {market: set() for market in MARKETS}
    over: set[str] = set()
    seen = 0
    for one in WHOLE:
        event = one.event
        if event.day is not None:
            assert {item.episode for item in event.digest} == on[event.market]
            assert {item.episode for item in event.digest if item.state != "open"} == on[event.market] & over
            seen += len(on[event.market])
            on[event.market] -= over
        elif event.kind == "market" and event.market in on:
            on[event.market].add(event.episode)
            over.add(event.episode) if event.ends or is_one_shot(event) else over.discard(event.episode)
    assert seen > 3


def test_it_is_known_which_session_was_summed_up_last_over_a_restart_too() -> None:
    running = pipeline()
    assert running.desk.days.last() == {}
    running.feed(TICKS)
    running.advance(END)
    again = pipeline()
    again.restore(json.loads(msgspec.json.encode(running.snapshot())))
    assert again.desk.days.last() == {"JP": "2026-01-21", "US": "2026-01-20"}


def test_a_summary_is_no_alert() -> None:
    assert {event.severity for event in SUMMARIES} == {"info"}
    for event in SUMMARIES:
        said = render(event, Telling(first=True, page_url="https://stressd.bank.example"))
        assert said.life == "once"
        assert len(event.headline) <= 140
        assert event.headline.startswith(f"{event.market} closed: ")
        assert said.link == (
            f"https://stressd.bank.example/api/v1/days/{event.market}-{event.day.session}/report.html"  # type: ignore[union-attr]
        )
        assert "stressd ack" not in said.text
        assert [row.cells[0] for row in said.table] == [row.series.split(".")[-1] for row in event.day.series]  # type: ignore[union-attr]


def test_without_a_daily_section_nothing_is_told_and_nothing_is_due() -> None:
    running = pipeline(DailySpec())
    assert running.desk.days.next_deadline() is None
    assert not [one for one in [*running.feed(TICKS), *running.advance(END)] if one.event.day is not None]


@pytest.mark.parametrize(("hours", "told"), [(1, True), (11, True), (13, False), (60, False)])
def test_a_daemon_that_was_down_at_a_close_tells_it_once_if_that_is_not_long_ago(hours: int, told: bool) -> None:
    market, close = closes()[0]
    running = pipeline()
    before = running.feed([tick for tick in TICKS if tick.received < close - 60 * SECOND])
    assert not [one for one in before if one.event.day is not None]
    state = json.loads(msgspec.json.encode(running.snapshot()))
    now = close + hours * HOUR
    running = pipeline(start=now)
    running.restore(state)
    said = [
        one.event for one in running.advance(now + SECOND) if one.event.day is not None and one.event.market == market
    ]
    assert bool(said) == told or (hours > 12 and all(parse_time(e.time) > close + 60 * SECOND for e in said))
    if told:
        assert [event.time for event in said] == [iso(close + 60 * SECOND)]
        assert not [one for one in running.advance(now + 2 * SECOND) if one.event.day is not None]
    assert LATEST == 12 * HOUR


@pytest.mark.parametrize(("before", "after"), [(60, 3_600), (3_600, 60), (0, 60)])
def test_another_time_after_the_close_tells_the_same_sessions_once(before: int, after: int) -> None:
    """The configuration is read again in the middle of the scene, and between a close and its summary."""
    market, close = closes()[2]
    for at in (close - HOUR, close + min(before, after) * SECOND + SECOND, close + HOUR // 2):
        running = pipeline(replace(DAILY, after=before * SECOND))
        told = running.feed([tick for tick in TICKS if tick.received <= at]) + running.advance(at)
        state = json.loads(msgspec.json.encode(running.snapshot()))
        running = pipeline(replace(DAILY, after=after * SECOND), at)
        running.restore(state)
        told += running.feed([tick for tick in TICKS if tick.received > at]) + running.advance(END)
        said = [(one.event.market, one.event.day.session) for one in told if one.event.day is not None]
        assert said == [(event.market, event.day.session) for event in SUMMARIES if event.day is not None], (market, at)


def test_an_early_close_and_a_holiday_are_said() -> None:
    """New York closes at two on the day after Thanksgiving, and not at all on the day itself."""
    begin = parse_time("2025-11-26T12:00:00Z")
    running = pipeline(DailySpec(("US",)), begin)
    told = [one.event for one in running.advance(parse_time("2025-12-01T00:00:00Z")) if one.event.day is not None]
    days = [event.day for event in told if event.day is not None]
    assert [(day.session, day.early) for day in days] == [("2025-11-26", False), ("2025-11-28", True)]
    assert days[0].because is not None
    assert "Thanksgiving" in days[0].because
    assert days[1].because is None
    text = render(told[1], Telling(first=True)).text
    assert "an early close" in text
    assert told[1].headline.startswith("US closed early: no change is known")
    assert "opens 1 Dec" in text
    assert [row.state for row in days[1].series] == ["no ticks", "no ticks"]


def test_an_event_of_a_whole_day_fits_every_wire() -> None:
    names = tuple(f"JP.GOV.{k}Y" for k in range(1, 51))
    spec = default_spec(names)
    begin = parse_time("2026-01-20T00:00:00Z")
    running = Setup(spec, desk=DeskSpec(daily=DailySpec(("JP",)))).pipeline(begin, "live")
    for k, name in enumerate(names):
        for step in range(3):
            at = begin + step * 600 * SECOND + k * SECOND
            running.feed([Tick(name, 2.0 + 0.01 * k + 0.0001 * step, at, at, "desk")])
    (event,) = [one.event for one in running.advance(begin + 12 * HOUR) if one.event.day is not None]
    day = event.day
    assert day is not None
    assert len(day.series) + day.more == len(names)
    assert len(to_wire(event)) <= LIMIT - ENVELOPE
    assert "more did not fit" in render(event, Telling(first=True)).text


def test_of_very_many_episodes_the_gravest_are_kept_and_the_others_counted() -> None:
    running = pipeline()
    days = Days(DAILY, running.episodes.spec, lambda market, session: (_empty(market), None))
    days.start(START)
    opened = next(one.event for one in WHOLE if one.event.type == "opened" and one.event.market == "JP")
    for k in range(3 * MOST):
        severity = ("info", "warn", "high", "critical")[k % 4]
        days.follow(msgspec.structs.replace(opened, episode=f"JP-260116-{k:04d}", severity=severity))
    due = days.next_deadline()
    assert due is not None
    while not (found := [event for event in days.take(due, {}) if event.market == "JP"]):
        due = days.next_deadline()
        assert due is not None
    assert len(found[0].digest) == MOST
    assert Counter(item.severity for item in found[0].digest)["critical"] >= MOST * 3 // 4
    assert f"{3 * MOST} episodes" in found[0].headline


def _empty(market: str) -> Day:
    return Day(
        market=market, session="2026-01-16", zone="UTC", opened=iso(START), closed=iso(START), next_open=iso(END),
        next_open_local="",
    )  # fmt: skip
