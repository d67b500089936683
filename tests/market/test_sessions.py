"""Calendars: spans that tile time, open time that adds up, and the days that the desk remembers."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.market.calendar import Calendar, Span
from stressd.market.holidays import LAST_YEAR, SOURCES, closures, trades_on_weekday
from stressd.market.hours import MARKETS, minutes
from stressd.market.sessions import AlwaysCalendar, TableCalendar, calendar, names
from stressd.market.times import DAY, SECOND, day_iso, day_of, iso, parse_day, parse_time

HOUR = 3_600 * SECOND
CALENDARS: dict[str, Calendar] = {name: calendar(name) for name in names()}
TABLES = sorted(MARKETS)

some_name = st.sampled_from(names())
some_table = st.sampled_from(TABLES)
instants = st.integers(min_value=parse_time("1974-01-01T00:00Z"), max_value=parse_time("2101-01-01T00:00Z"))
stretches = st.integers(min_value=0, max_value=60 * DAY)


def table(name: str) -> TableCalendar:
    found = CALENDARS[name]
    assert isinstance(found, TableCalendar)
    return found


def at(text: str) -> int:
    return parse_time(text)


def spans(trades: Calendar, a: int, b: int) -> list[Span]:
    found = []
    while a < b:
        span = trades.span_at(a)
        found.append(span)
        a = span.end
    return found


# --- properties ---


@given(some_name, instants, stretches)
def test_spans_tile_time_without_gap_or_overlap(name: str, t: int, length: int) -> None:
    trades = CALENDARS[name]
    row = spans(trades, t, t + length + 1)
    assert row[0].start <= t < row[0].end
    for before, after in itertools.pairwise(row):
        assert before.end == after.start
        assert after.open_before - before.open_before == (before.end - before.start if before.is_open else 0)
        assert (before.is_open, before.reason, before.day) != (after.is_open, after.reason, after.day) or (
            name == "always" or day_iso(day_of(after.start + 14 * HOUR)).endswith("01-01")
        )
        assert after.day >= before.day
    for span in row:
        assert span.is_open == (span.reason == "open")
        assert span.start < span.end


@given(some_name, instants, stretches, stretches)
def test_open_time_adds_up_and_equals_the_sum_over_spans(name: str, a: int, first: int, second: int) -> None:
    trades = CALENDARS[name]
    b, c = a + first, a + first + second
    assert trades.open_between(a, b) + trades.open_between(b, c) == trades.open_between(a, c)
    by_hand = sum(min(s.end, c) - max(s.start, a) for s in spans(trades, a, c) if s.is_open)
    assert trades.open_between(a, c) == by_hand
    assert trades.open_between(c, a) == 0 or first + second == 0


@given(some_name, instants, instants, instants)
def test_open_time_adds_up_over_decades(name: str, x: int, y: int, z: int) -> None:
    a, b, c = sorted((x, y, z))
    trades = CALENDARS[name]
    assert trades.open_between(a, b) + trades.open_between(b, c) == trades.open_between(a, c)
    assert 0 <= trades.open_between(a, c) <= c - a


@given(some_name, instants)
def test_the_next_opening_is_open_and_nothing_before_it_is(name: str, t: int) -> None:
    trades = CALENDARS[name]
    opening = trades.next_open(t)
    assert opening >= t
    assert trades.span_at(opening).is_open
    assert trades.open_between(t, opening) == 0
    if trades.span_at(t).is_open:
        assert opening == t


@given(some_name, instants)
def test_a_session_is_the_running_one_or_the_next(name: str, t: int) -> None:
    trades = CALENDARS[name]
    session = trades.session_at(t)
    assert t < session.close
    assert session.open < session.close
    assert trades.next_close(t) == session.close
    assert trades.span_at(session.open).day == session.day
    assert trades.span_at(session.close - 1).is_open
    assert not trades.span_at(session.open - 1).is_open or name == "always"
    if t < session.open:
        assert trades.open_between(t, session.open) == 0
        assert trades.next_open(t) == session.open


@given(some_name, instants)
def test_the_next_fixing_is_the_first_of_a_trading_day(name: str, t: int) -> None:
    trades = CALENDARS[name]
    fixing = trades.next_fixing(t)
    day = trades.span_at(fixing - 1).day
    assert fixing > t
    assert trades.fixing_on(day) == fixing
    days = {s.day for s in spans(trades, t - 2 * DAY, fixing) if s.is_open}
    assert [trades.fixing_on(d) for d in sorted(days) if t < trades.fixing_on(d) < fixing] == []


@given(some_table, instants)
def test_open_is_what_the_local_clock_says(name: str, t: int) -> None:
    """The other way round: the instant to local time, then the tables by eye."""
    market = MARKETS[name]
    local = datetime.fromtimestamp(t // SECOND, UTC).astimezone(ZoneInfo(market.zone))
    day = local.date().toordinal()
    year = closures(name, local.year)
    hours = [each for each in market.hours if parse_day(each.since) <= day][-1]
    minute = local.hour * 60 + local.minute + (local.second + t % SECOND / SECOND) / 60
    windows = list(hours.windows)
    if hours.utc_open:
        offset = local.utcoffset()
        assert offset is not None
        windows[0] = (windows[0][0] + int(offset.total_seconds()) // 60, windows[0][1])
    trading = trades_on_weekday(name, day) and day not in year.closed
    close = year.early[day][0] if day in year.early else 1440
    expected = trading and any(start <= minute < min(end, close) for start, end in windows)
    assert table(name).span_at(t).is_open == expected


@pytest.mark.once
@settings(max_examples=20)
@given(some_table, st.lists(instants, min_size=1, max_size=4), instants)
def test_what_was_asked_before_changes_no_answer(name: str, asked: list[int], t: int) -> None:
    fresh = calendar(name)
    for each in asked:
        fresh.open_between(each, t)
    span, known = fresh.span_at(t), CALENDARS[name].span_at(t)
    assert (span.start, span.end, span.open_before, span.day, span.reason) == (
        known.start, known.end, known.open_before, known.day, known.reason,
    )  # fmt: skip


# --- days that are known ---


def test_open_time_from_tokyos_fixing_to_new_yorks_on_20_january_2026_is_eight_and_a_half_hours() -> None:
    a, b = at("2026-01-20T06:00Z"), at("2026-01-20T20:30Z")
    assert CALENDARS["US"].open_between(a, b) == 30_600 * SECOND
    assert CALENDARS["US"].open_between(at("2026-01-17T00:00Z"), b) == 30_600 * SECOND


@pytest.mark.parametrize(
    ("name", "time", "reason", "opens"),
    [
        ("US", "2026-01-19T15:00Z", "holiday: Martin Luther King Jr. Day", "2026-01-20T12:00:00Z"),
        ("US", "2026-07-02T18:00Z", "early close", "2026-07-06T11:00:00Z"),
        ("US", "2026-07-03T15:00Z", "holiday: Independence Day (observed)", "2026-07-06T11:00:00Z"),
        ("US", "2026-07-04T15:00Z", "weekend", "2026-07-06T11:00:00Z"),
        ("US", "2012-10-30T15:00Z", "holiday: Hurricane Sandy", "2012-10-31T11:00:00Z"),
        ("US", "2018-12-05T15:00Z", "holiday: National Day of Mourning for former President George H. W. Bush",
         "2018-12-06T12:00:00Z"),
        ("US", "2001-09-12T15:00Z", "holiday: Closed following Attacks on the World Trade Center",
         "2001-09-13T11:00:00Z"),
        ("US", "2026-01-20T23:00Z", "overnight", "2026-01-21T12:00:00Z"),
        ("JP", "2026-01-20T02:02Z", "lunch", "2026-01-20T03:30:00Z"),
        ("JP", "2026-01-20T09:30Z", "overnight", "2026-01-20T23:30:00Z"),
        ("JP", "2026-05-05T03:00Z", "holiday: Children's Day", "2026-05-06T23:30:00Z"),
        ("JP", "2019-05-01T03:00Z", "holiday: Emperor's Enthronement Day", "2019-05-06T23:30:00Z"),
        ("JP", "2025-12-31T03:00Z", "holiday: Bank Holiday", "2026-01-04T23:30:00Z"),
        ("UK", "2022-09-19T12:00Z", "holiday: State Funeral of Queen Elizabeth II", "2022-09-20T07:00:00Z"),
        ("UK", "2026-12-24T12:30Z", "early close", "2026-12-29T08:00:00Z"),
        ("DE", "2026-05-01T12:00Z", "holiday: Labor Day", "2026-05-04T00:10:00Z"),
        ("CA", "2026-07-01T15:00Z", "holiday: Canada Day", "2026-07-02T12:00:00Z"),
    ],
)  # fmt: skip
def test_a_closed_market_says_why_and_when_it_opens(name: str, time: str, reason: str, opens: str) -> None:
    trades = CALENDARS[name]
    span = trades.span_at(at(time))
    assert not span.is_open
    assert span.reason == reason
    assert iso(trades.next_open(at(time))) == opens


@pytest.mark.parametrize(
    ("day", "close"),
    [
        ("2026-07-02", "2026-07-02T18:00:00Z"),
        ("2007-01-02", "2007-01-02T19:00:00Z"),
        ("2012-10-29", "2012-10-29T16:00:00Z"),
        ("2025-01-09", "2025-01-09T19:00:00Z"),
        ("2026-04-03", "2026-04-03T16:00:00Z"),
        ("2026-11-27", "2026-11-27T19:00:00Z"),
    ],
)
def test_treasuries_close_early_on_the_days_that_sifma_names(day: str, close: str) -> None:
    trades = table("US")
    session = trades.session_on(parse_day(day))
    assert session is not None
    assert session.early
    assert iso(session.close) == close
    assert trades.span_at(session.close).day == session.day
    assert trades.session_at(session.close).day > session.day


def test_the_ten_days_of_golden_week_2019_were_closed() -> None:
    trades = table("JP")
    open_days = [day for day in range(parse_day("2019-04-26"), parse_day("2019-05-09")) if trades.session_on(day)]
    assert [day_iso(day) for day in open_days] == ["2019-04-26", "2019-05-07", "2019-05-08"]


@pytest.mark.parametrize(
    ("name", "day", "opens", "closes"),
    [
        ("US", "2026-03-06", "12:00:00", "22:30:00"),
        ("US", "2026-03-09", "11:00:00", "21:30:00"),
        ("US", "2026-10-30", "11:00:00", "21:30:00"),
        ("US", "2026-11-02", "12:00:00", "22:30:00"),
        ("UK", "2026-03-27", "08:00:00", "17:00:00"),
        ("UK", "2026-03-30", "07:00:00", "16:00:00"),
        ("DE", "2026-03-27", "00:10:00", "21:00:00"),
        ("DE", "2026-03-30", "00:10:00", "20:00:00"),
        ("DE", "2018-12-07", "07:00:00", "21:00:00"),
        ("DE", "2018-12-10", "00:10:00", "21:00:00"),
        ("CA", "2026-03-09", "12:00:00", "21:00:00"),
    ],
)
def test_sessions_follow_the_clock_change_of_their_own_country(name: str, day: str, opens: str, closes: str) -> None:
    session = table(name).session_on(parse_day(day))
    assert session is not None
    assert (iso(session.open), iso(session.close)) == (f"{day}T{opens}Z", f"{day}T{closes}Z")


def test_tokyo_never_shifts() -> None:
    trades = table("JP")
    day = parse_day("2026-01-01")
    opens = {session.open % DAY for day in range(day, day + 365) if (session := trades.session_on(day)) is not None}
    assert opens == {23 * HOUR + HOUR // 2}


@pytest.mark.parametrize(
    ("name", "fixing"),
    [
        ("JP", "2026-01-20T06:00:00Z"),
        ("US", "2026-01-20T20:30:00Z"),
        ("UK", "2026-01-20T16:15:00Z"),
        ("DE", "2026-01-20T16:15:00Z"),
        ("CA", "2026-01-20T21:30:00Z"),
        ("always", "2026-01-21T00:00:00Z"),
    ],
)
def test_each_market_has_its_fixing_time(name: str, fixing: str) -> None:
    trades = CALENDARS[name]
    assert iso(trades.fixing_on(parse_day("2026-01-20"))) == fixing
    assert trades.next_fixing(at(fixing) - 1) == at(fixing)
    assert trades.next_fixing(at(fixing)) > at(fixing)


def test_a_fixing_on_a_holiday_is_named_but_never_next() -> None:
    trades = CALENDARS["US"]
    assert iso(trades.fixing_on(parse_day("2026-01-19"))) == "2026-01-19T20:30:00Z"
    assert iso(trades.next_fixing(at("2026-01-16T20:30Z"))) == "2026-01-20T20:30:00Z"


def test_what_never_closes_has_utc_days() -> None:
    trades = AlwaysCalendar()
    t = at("2026-01-18T13:00Z")
    assert (iso(trades.span_at(t).start), iso(trades.span_at(t).end)) == (
        "2026-01-18T00:00:00Z",
        "2026-01-19T00:00:00Z",
    )
    assert trades.open_between(t, t + 100 * DAY) == 100 * DAY
    assert trades.next_open(t) == t
    assert day_iso(trades.session_at(t).day) == "2026-01-18"


# --- overrides and errors ---


def test_fixing_closures_and_early_closes_can_be_overridden() -> None:
    day, eve = parse_day("2026-01-20"), parse_day("2026-01-21")
    trades = calendar("JP", fixing="14:00", closed={day: "Test"}, early={eve: minutes("12:00")})
    assert iso(trades.fixing_on(day)) == "2026-01-20T05:00:00Z"
    assert trades.span_at(at("2026-01-20T03:00Z")).reason == "holiday: Test"
    assert iso(trades.next_close(at("2026-01-20T03:00Z"))) == "2026-01-21T02:02:00Z"
    assert trades.session_at(at("2026-01-20T03:00Z")).early


@pytest.mark.parametrize(
    ("name", "fixing", "why"),
    [
        ("USA", None, "did you mean US?"),
        ("alway", None, "did you mean always?"),
        ("XX", None, "there are JP, US, UK, DE, CA, always"),
        ("JP", "25:00", "is not a time of day"),
        ("JP", "3pm", "is not a time of day"),
        ("always", "15:00", "nothing to change"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused_with_the_reason(name: str, fixing: str | None, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        calendar(name, fixing=fixing)
    assert why in str(refused.value)


def test_an_early_close_before_the_opening_is_refused() -> None:
    with pytest.raises(ValueError) as refused:
        calendar("US", early={parse_day("2026-01-20"): minutes("06:00")})
    assert "early close 06:00 on 2026-01-20 is before the opening" in str(refused.value)


def test_every_row_of_the_tables_names_its_source() -> None:
    assert set(SOURCES) == set(MARKETS)
    for market in MARKETS.values():
        assert market.fixing_source
        assert [each.since for each in market.hours] == sorted(each.since for each in market.hours)
        for hours in market.hours:
            assert len(hours.source) > 20
            assert all(start < end for start, end in hours.windows)


@pytest.mark.parametrize("name", TABLES)
def test_holidays_are_known_to_the_last_year_and_weekends_after_it(name: str) -> None:
    assert 5 <= len(closures(name, LAST_YEAR).closed) <= 25
    monday = next(d for d in range(date(2150, 6, 1).toordinal(), date(2150, 6, 9).toordinal()) if d % 7 == 1)
    assert table(name).session_on(monday) is not None
    assert table(name).session_on(monday - 1) is None
