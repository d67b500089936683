"""The calendar of a spread between two markets."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.market.calendar import Calendar
from stressd.market.joint import JointCalendar
from stressd.market.sessions import calendar
from stressd.market.times import LATEST, iso, parse_time

HOUR = 3_600_000_000_000
FROM, TO = parse_time("2019-11-01T00:00:00Z"), parse_time("2027-03-01T00:00:00Z")
NAMES = ("JP", "US", "UK", "DE", "CA", "always")
KNOWN: dict[str, Calendar] = {name: calendar(name) for name in NAMES}
JOINT = {(a, b): JointCalendar(f"{a}-{b}", KNOWN[a], KNOWN[b]) for a in NAMES for b in NAMES if a != b}
APART = {("JP", "US"), ("US", "JP"), ("JP", "CA"), ("CA", "JP")}
pairs = st.sampled_from(sorted(JOINT))
meeting = st.sampled_from(sorted(set(JOINT) - APART))
few = settings(max_examples=40)


@few
@given(pairs, st.integers(FROM, TO))
def test_it_is_open_where_both_are(pair: tuple[str, str], t: int) -> None:
    span = JOINT[pair].span_at(t)
    assert span.start <= t < span.end
    assert span.is_open == all(KNOWN[name].span_at(t).is_open for name in pair)
    assert span.reason == "open" or not span.is_open


@few
@given(pairs, st.integers(FROM, TO), st.integers(0, 40 * 24 * HOUR))
def test_open_time_is_that_of_its_spans(pair: tuple[str, str], a: int, length: int) -> None:
    joint = JOINT[pair]
    b = a + length
    total, t = 0, a
    while t < b:
        span = joint.span_at(t)
        total += (min(span.end, b) - t) if span.is_open else 0
        t = span.end
    assert joint.open_between(a, b) == total
    assert joint.open_between(b, a) == 0


@few
@given(meeting, st.integers(FROM, TO))
def test_sessions_follow_each_other_and_hold_what_they_claim(pair: tuple[str, str], t: int) -> None:
    joint = JOINT[pair]
    session = joint.session_at(t)
    assert session.open < session.close
    assert t < session.close == joint.next_close(t)
    assert joint.span_at(session.open).is_open
    assert joint.span_at(session.close - 1).is_open
    assert joint.span_at(session.open).day == joint.span_at(session.close - 1).day == session.day
    assert joint.next_open(session.open) == session.open


@few
@given(pairs, st.integers(FROM, TO))
def test_its_fixing_is_the_later_of_the_two_on_a_day_on_which_both_trade(pair: tuple[str, str], t: int) -> None:
    joint = JOINT[pair]
    fixing = joint.next_fixing(t)
    assert fixing > t
    day = date.fromisoformat(iso(fixing - 1)[:10]).toordinal()
    day = next(each for each in (day - 1, day, day + 1) if joint.fixing_on(each) == fixing)
    times = [KNOWN[name].fixing_on(day) for name in pair]
    assert fixing == max(times)
    assert all(KNOWN[name].next_fixing(time - 1) == time for name, time in zip(pair, times, strict=True))


def test_tokyo_and_new_york_meet_at_no_hour_and_frankfurt_and_london_by_day() -> None:
    thursday = parse_time("2026-01-22T00:00:00Z")
    assert JOINT["JP", "UK"].open_between(thursday, thursday + 24 * HOUR) == HOUR + HOUR // 2
    assert JOINT["DE", "UK"].open_between(thursday, thursday + 24 * HOUR) == 9 * HOUR
    assert iso(JOINT["DE", "UK"].next_fixing(thursday)) == "2026-01-22T16:15:00Z"


def test_a_holiday_of_either_is_one_of_both() -> None:
    king = parse_time("2026-01-19T15:00:00Z")
    span = JOINT["US", "UK"].span_at(king)
    assert not span.is_open
    assert span.reason.startswith("holiday")


@pytest.mark.parametrize("pair", sorted(APART))
def test_two_markets_that_never_meet_have_fixings_only(pair: tuple[str, str]) -> None:
    joint = JOINT[pair]
    t = parse_time("2026-01-22T00:00:00Z")
    assert joint.next_open(t) == LATEST
    assert joint.open_between(t, t + 30 * 24 * HOUR) == 0
    session = joint.session_at(t)
    assert session.open == session.close == session.fixing == joint.next_fixing(t)


@pytest.mark.parametrize("pair", [("JP", "US"), ("US", "JP")])
def test_its_dates_are_those_of_the_market_that_fixes_last(pair: tuple[str, str]) -> None:
    assert JOINT[pair].zone == "America/New_York"
