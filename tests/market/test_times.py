"""Times: exact to the nanosecond in both directions, and refused with a reason."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.market.times import LATEST, day_iso, day_of, day_start, iso, parse_day, parse_time

instants = st.integers(min_value=-LATEST, max_value=LATEST)
present = st.integers(min_value=10**17, max_value=LATEST)


@given(instants)
def test_an_instant_survives_the_way_to_text_and_back(ns: int) -> None:
    assert parse_time(iso(ns)) == ns


@given(present)
def test_an_integer_epoch_is_told_by_its_size(ns: int) -> None:
    assert parse_time(ns) == ns
    assert parse_time(ns // 1_000) == ns // 1_000 * 1_000
    assert parse_time(ns // 1_000_000) == ns // 1_000_000 * 1_000_000
    assert parse_time(str(ns // 10**9)) == ns // 10**9 * 10**9


@given(
    st.integers(min_value=-8 * 10**15, max_value=9 * 10**15),
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_any_offset_names_the_same_instant(micros: int, minutes: int) -> None:
    there = datetime(1970, 1, 1, tzinfo=timezone(timedelta(minutes=minutes))) + timedelta(
        microseconds=micros, minutes=minutes
    )
    assert parse_time(there.isoformat()) == micros * 1_000
    assert parse_time(there.isoformat(" ")) == micros * 1_000


@given(st.integers(min_value=10**8, max_value=4 * 10**9), st.integers(min_value=0, max_value=999))
def test_a_float_epoch_is_the_decimal_that_was_written(seconds: int, millis: int) -> None:
    assert parse_time(float(f"{seconds}.{millis:03d}")) == seconds * 10**9 + millis * 10**6
    assert parse_time(f"{seconds}.{millis:03d}") == seconds * 10**9 + millis * 10**6


@given(st.integers(min_value=1, max_value=date.max.toordinal()))
def test_a_day_survives_the_way_to_text_and_back(day: int) -> None:
    assert parse_day(day_iso(day)) == day
    assert day_of(day_start(day)) == day
    assert day_of(day_start(day) - 1) == day - 1


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (1_768_941_000_000_000_000, "2026-01-20T20:30:00Z"),
        (1_768_941_000_120_000_000, "2026-01-20T20:30:00.12Z"),
        (1_768_941_000_000_000_001, "2026-01-20T20:30:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_decimals_are_written_only_where_they_are_not_zero(ns: int, text: str) -> None:
    assert iso(ns) == text


@pytest.mark.parametrize(
    ("given_", "ns"),
    [
        ("2026-01-20T20:30:00.123456789Z", 1_768_941_000_123_456_789),
        ("2026-01-20T20:30:00.1234567899z", 1_768_941_000_123_456_789),
        ("2026-01-21T05:30:00+09:00", 1_768_941_000_000_000_000),
        ("20260120T203000Z", 1_768_941_000_000_000_000),
        ("  2026-01-20 20:30Z ", 1_768_941_000_000_000_000),
        ("1768941000123", 1_768_941_000_123_000_000),
        (1_768_941_000.123, 1_768_941_000_123_000_000),
        (1.768941000123e18, 1_768_941_000_123_000_064),
    ],
)
def test_known_times_are_read_exactly(given_: str | float, ns: int) -> None:
    assert parse_time(given_) == ns


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ("2026-01-20T20:30:00", "has no zone"),
        ("2026-01-20", "has no zone"),
        ("20 Jan 2026", "neither ISO 8601"),
        ("", "neither ISO 8601"),
        ("2026-02-30T00:00:00Z", "neither ISO 8601"),
        ("20260120", "too small"),
        (0, "too small"),
        (-5.5, "too small or negative"),
        (10**19, "too large"),
        (float("nan"), "not a finite number"),
        (True, "boolean"),
        ("2026-01-20T20:30:00+09:00:00.5", "fractions of a second"),
        ("2400-01-01T00:00:00Z", "outside"),
    ],
)
def test_what_is_no_time_is_refused_with_the_reason(given_: str | float, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_time(given_)
    assert why in str(refused.value)


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_a_value_error(text: str) -> None:
    try:
        ns = parse_time(text)
    except ValueError:
        return
    assert abs(ns) <= LATEST


@pytest.mark.parametrize("text", ["2026-1-20", "20260120", "2026-02-30", "2026-01-20T00:00:00Z", "yesterday"])
def test_what_is_no_iso_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_day(text)
    assert "is not an ISO date" in str(refused.value)
