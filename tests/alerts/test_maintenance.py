"""Maintenance windows: hours of a local clock, right when it changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.alerts.matching import Match
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.config.agenda import WEEKDAYS
from stressd.engine.agenda import NEVER, Recurrence
from stressd.market.hours import minutes
from stressd.market.times import SECOND, iso, parse_time

ZONES = ["Europe/London", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]
MINUTE = 60 * SECOND


def window(begin: str, to: str, zone: str = "Europe/London", on: tuple[str, ...] = ("sunday",)) -> MaintenanceSpec:
    days = tuple(WEEKDAYS.index(name) for name in on)
    return MaintenanceSpec("broker", Match(kinds=("feed",)), Recurrence(zone, minutes(begin), days), minutes(to), "why")


def span(spec: MaintenanceSpec, at: str) -> tuple[str, str] | None:
    found = spec.window_at(parse_time(at))
    return None if found is None else (iso(found[0]), iso(found[1]))


def test_a_window_is_by_the_local_clock_in_summer_and_in_winter() -> None:
    spec = window("06:00", "08:00")
    assert span(spec, "2026-01-18T07:00Z") == ("2026-01-18T06:00:00Z", "2026-01-18T08:00:00Z")
    assert span(spec, "2026-07-19T06:00Z") == ("2026-07-19T05:00:00Z", "2026-07-19T07:00:00Z")
    assert span(spec, "2026-07-19T07:00Z") is None
    assert span(spec, "2026-07-20T06:00Z") is None


def test_a_window_may_go_over_midnight_and_belongs_to_the_day_on_which_it_begins() -> None:
    spec = window("22:30", "01:30", "Asia/Tokyo", ("saturday",))
    assert span(spec, "2026-01-17T16:00Z") == ("2026-01-17T13:30:00Z", "2026-01-17T16:30:00Z")
    assert span(spec, "2026-01-18T14:00Z") is None
    whole = window("00:00", "24:00", "Asia/Tokyo")
    assert span(whole, "2026-01-18T03:00Z") == ("2026-01-17T15:00:00Z", "2026-01-18T15:00:00Z")


@pytest.mark.parametrize(
    ("begin", "to", "expected"),
    [
        ("02:30", "03:30", ("2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z")),
        ("01:30", "02:30", ("2026-03-08T06:30:00Z", "2026-03-08T07:00:00Z")),
        ("01:30", "03:30", ("2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z")),
        ("02:15", "02:45", None),
    ],
)
def test_a_time_that_the_clock_skips_is_the_moment_of_the_jump(
    begin: str, to: str, expected: tuple[str, str] | None
) -> None:
    spec = window(begin, to, "America/New_York")
    found = spec.window(date(2026, 3, 8).toordinal())
    assert (None if found is None else (iso(found[0]), iso(found[1]))) == expected


@pytest.mark.parametrize(
    ("begin", "to", "expected"),
    [
        ("01:15", "01:45", ("2026-11-01T05:15:00Z", "2026-11-01T06:45:00Z")),
        ("00:30", "01:30", ("2026-11-01T04:30:00Z", "2026-11-01T06:30:00Z")),
        ("01:30", "02:30", ("2026-11-01T05:30:00Z", "2026-11-01T07:30:00Z")),
    ],
)
def test_an_hour_that_comes_twice_is_in_the_window_twice(begin: str, to: str, expected: tuple[str, str]) -> None:
    spec = window(begin, to, "America/New_York")
    found = spec.window(date(2026, 11, 1).toordinal())
    assert found is not None
    assert (iso(found[0]), iso(found[1])) == expected


SPECS = st.builds(
    lambda zone, begin, lasts, days: MaintenanceSpec(
        "w", Match(), Recurrence(zone, begin, tuple(days)), ((begin + lasts - 1) % 1440) + 1, "why"
    ),
    st.sampled_from(ZONES),
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.sets(st.integers(0, 6)).map(sorted),
)
INSTANTS = st.one_of(
    st.integers(parse_time("2017-01-01T00:00Z") // MINUTE, parse_time("2031-01-01T00:00Z") // MINUTE),
    # around the changes of the clock
    st.builds(
        lambda day, minute: parse_time(day) // MINUTE + minute,
        st.sampled_from(["2026-03-08T00:00Z", "2026-11-01T00:00Z", "2026-03-29T00:00Z", "2026-10-25T00:00Z",
                         "2026-04-04T12:00Z", "2026-10-03T12:00Z", "2018-11-04T00:00Z"]),
        st.integers(0, 1500),
    ),
).map(lambda minute: minute * MINUTE)  # fmt: skip


def shows(spec: MaintenanceSpec, t: int) -> bool:
    """Whether the local clock shows a time of the window, on a day of it."""
    local = datetime.fromtimestamp(t // SECOND, ZoneInfo(spec.on.zone))
    minute, until, begin = local.hour * 60 + local.minute, spec.until, spec.on.minute
    today, yesterday = spec.on.holds(local.toordinal()), spec.on.holds(local.toordinal() - 1)
    if until > begin:
        return today and begin <= minute < until
    return (today and minute >= begin) or (yesterday and minute < until)


@given(SPECS, INSTANTS)
@settings(max_examples=300)
def test_whatever_the_clock_shows_between_the_ends_is_in_the_window_and_nothing_else_but_for_a_change(
    spec: MaintenanceSpec, t: int
) -> None:
    found = spec.window_at(t)
    if shows(spec, t):
        assert found is not None
    if found is not None and not shows(spec, t):
        zone = ZoneInfo(spec.on.zone)
        offsets = {
            datetime.fromtimestamp(end // SECOND, UTC).astimezone(zone).utcoffset()
            for end in (found[0] - SECOND, *found)
        }
        assert len(offsets) > 1, "the clock was changed in it"
    if found is not None:
        longest = timedelta(minutes=(spec.until - spec.on.minute) % 1440 or 1440) + timedelta(hours=1)
        assert 0 < found[1] - found[0] <= longest.total_seconds() * SECOND


@given(SPECS, INSTANTS)
@settings(max_examples=100)
def test_the_next_end_is_the_first_after_which_no_such_window_lasts(spec: MaintenanceSpec, t: int) -> None:
    end = spec.next_end(t)
    assert t < end < NEVER
    held = spec.window_at(end - SECOND)
    assert held is not None
    assert spec.window_at(t) is None or spec.window_at(t)[1] >= end  # type: ignore[index]
    assert spec.next_end(end - SECOND) == end
