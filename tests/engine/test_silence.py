"""Silence: due exactly when so much open time has passed, told once, ended by the next tick."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.engine.events import ENTERED, LEFT, Silence
from stressd.engine.silence import SilenceWatch
from stressd.engine.spec import HOUR, MINUTE, SilenceRule
from stressd.market.calendar import Calendar
from stressd.market.sessions import calendar, names
from stressd.market.times import DAY, iso, parse_time

CALENDARS: dict[str, Calendar] = {name: calendar(name) for name in names()}

some_calendar = st.sampled_from(names())
instants = st.integers(min_value=parse_time("2025-12-20T00:00Z"), max_value=parse_time("2026-12-20T00:00Z"))
patience = st.integers(min_value=1, max_value=30 * HOUR)
gaps = st.lists(st.one_of(st.integers(0, 2 * HOUR), st.integers(0, 6 * DAY)), max_size=12)


def watch(name: str, after: int) -> SilenceWatch:
    rule = SilenceRule("quiet", ("JP.GOV.10Y",), 1, after)
    return SilenceWatch(rule, "JP.GOV.10Y", "JP", CALENDARS[name])


def fall_due(over: SilenceWatch, now: int) -> Silence | None:
    deadline = over.deadline()
    return over.tell(deadline) if deadline is not None and deadline <= now else None


@given(some_calendar, patience, instants)
def test_the_deadline_is_the_first_open_instant_at_which_the_age_is_reached(name: str, after: int, last: int) -> None:
    trades = CALENDARS[name]
    over = watch(name, after)
    over.begin(last)
    deadline = over.deadline()
    assert deadline is not None
    assert trades.span_at(deadline).is_open
    assert trades.open_between(last, deadline) == after
    assert not trades.span_at(deadline - 1).is_open or trades.open_between(last, deadline - 1) < after


@given(some_calendar, patience, instants, gaps)
def test_it_fires_in_a_gap_if_and_only_if_the_open_age_reaches_the_limit(
    name: str, after: int, start: int, waits: list[int]
) -> None:
    trades = CALENDARS[name]
    over = watch(name, after)
    over.begin(start)
    last, seen = start, 0
    for wait in waits:
        at = last + wait
        said = fall_due(over, at)
        reached = trades.open_between(last, at) > after or (
            trades.open_between(last, at) == after and trades.span_at(at).is_open
        )
        assert (said is not None) == reached
        if said is not None:
            assert said.phase == ENTERED
            assert said.at == said.time <= at
            assert said.open_age == after
            assert said.last == seen
            assert over.deadline() is None
            assert fall_due(over, at + DAY) is None
        ended = over.tick(at, at - 5)
        assert (ended is not None) == reached
        if ended is not None:
            assert ended.phase == LEFT
            assert (ended.at, ended.time, ended.last) == (at, at - 5, seen)
            assert ended.open_age == trades.open_between(last, at)
        last, seen = at, at - 5


@given(some_calendar, patience, instants, gaps, st.integers(min_value=0, max_value=12))
def test_a_restart_changes_nothing(name: str, after: int, start: int, waits: list[int], cut: int) -> None:
    kept = watch(name, after)
    kept.begin(start)
    at = start
    for n, wait in enumerate(waits):
        if n == cut:
            restored = watch(name, after)
            restored.load(json.loads(json.dumps(kept.state())))
            restored.begin(at)
            assert restored.deadline() == kept.deadline()
            kept = restored
        at += wait
        twin = watch(name, after)
        twin.load(kept.state())
        assert (fall_due(kept, at) is None) == (fall_due(twin, at) is None)
        assert (kept.tick(at, at) is None) == (twin.tick(at, at) is None)
        assert kept.state() == twin.state()


@pytest.mark.parametrize(
    ("name", "after", "last", "due"),
    [
        ("JP", 30 * MINUTE, "2026-01-20T01:50:00Z", "2026-01-20T03:48:00Z"),
        ("JP", 30 * MINUTE, "2026-01-20T09:20:00Z", "2026-01-20T23:50:00Z"),
        ("JP", 30 * MINUTE, "2026-05-01T09:20:00Z", "2026-05-06T23:50:00Z"),
        ("US", 30 * MINUTE, "2026-01-16T22:20:00Z", "2026-01-20T12:20:00Z"),
        ("US", 30 * MINUTE, "2026-07-02T17:50:00Z", "2026-07-06T11:20:00Z"),
        ("US", 30 * MINUTE, "2026-03-06T22:20:00Z", "2026-03-09T11:20:00Z"),
        ("always", 30 * MINUTE, "2026-01-18T12:00:00Z", "2026-01-18T12:30:00Z"),
    ],
)
def test_lunch_nights_weekends_and_holidays_do_not_count(name: str, after: int, last: str, due: str) -> None:
    over = watch(name, after)
    over.tick(parse_time(last), parse_time(last))
    deadline = over.deadline()
    assert deadline is not None
    assert iso(deadline) == due
    assert fall_due(over, deadline - 1) is None
    said = fall_due(over, deadline + DAY)
    assert said is not None
    assert iso(said.at) == due


def test_a_watch_that_has_not_begun_is_never_due() -> None:
    over = watch("always", MINUTE)
    assert over.deadline() is None
    assert fall_due(over, 2**62) is None


def test_a_series_never_seen_counts_from_the_start() -> None:
    over = watch("always", MINUTE)
    start = parse_time("2026-01-20T00:00Z")
    over.begin(start)
    over.begin(start + HOUR)
    said = fall_due(over, start + DAY)
    assert said is not None
    assert (said.at, said.last) == (start + MINUTE, 0)


def test_history_taken_in_after_the_start_makes_no_series_older() -> None:
    over = watch("always", MINUTE)
    start = parse_time("2026-01-20T00:00Z")
    over.begin(start)
    over.tick(start - 30 * DAY, start - 30 * DAY)
    assert over.deadline() == start + MINUTE
