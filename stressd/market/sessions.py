"""Calendars: when a market is open, from the tables of hours and holidays; generated a year at a time when first asked.

Everything between two years' tables is exact integer arithmetic on UTC nanoseconds; daylight saving enters only where a
local time of day is turned into an instant.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo

from stressd.market.calendar import Calendar, Session, Span
from stressd.market.holidays import closures, trades_on_weekday
from stressd.market.hours import MARKETS, Hours, Market, clock, minutes
from stressd.market.times import DAY, EPOCH_ORDINAL, SECOND, day_iso, day_of, day_start, parse_day

ALWAYS: Final = "always"
ORIGIN_YEAR: Final = 2020
"""Open time is counted from the start of this year, negative before it: a count never depends on what was asked."""

_MINUTE: Final = 60 * SECOND


class TradingDay:
    """A session with its open windows. until: where the regular day would have ended."""

    __slots__ = ("session", "until", "windows")

    def __init__(self, session: Session, windows: list[tuple[int, int]], until: int) -> None:
        self.session = session
        self.windows = windows
        self.until = until


class _Year:
    """The spans and sessions of one local year, start <= t < end."""

    __slots__ = ("days", "end", "sessions", "spans", "start", "starts")

    def __init__(self, start: int, end: int, spans: list[Span], sessions: list[Session]) -> None:
        self.start = start
        self.end = end
        self.spans = spans
        self.starts = [span.start for span in spans]
        self.sessions = sessions
        self.days = [session.day for session in sessions]


class TableCalendar:
    """The Calendar of one market of the tables. fixing: minutes after local midnight.

    closed and early (minutes after local midnight, later than the opening) are further closures by ordinal, over those
    of the table.
    """

    __slots__ = (
        "_closed", "_counts", "_early", "_hours", "_last", "_reasons", "_since", "_trading", "_years", "_zone",
        "fixing", "name", "zone",
    )  # fmt: skip

    def __init__(
        self, name: str, market: Market, fixing: int, closed: Mapping[int, str], early: Mapping[int, int]
    ) -> None:
        self.name = name
        self.zone = market.zone
        self.fixing = fixing
        self._zone: tzinfo = ZoneInfo(market.zone)
        self._hours: list[Hours] = list(market.hours)
        self._since = [parse_day(hours.since) for hours in market.hours]
        self._closed = dict(closed)
        self._early = dict(early)
        self._years: dict[int, _Year] = {}
        self._trading: dict[int, list[TradingDay]] = {}
        self._reasons: dict[int, dict[int, str]] = {}
        self._counts: dict[int, int] = {ORIGIN_YEAR: 0}
        self._last: Span | None = None

    def span_at(self, t: int) -> Span:
        """The span that holds t."""
        last = self._last
        if last is not None and last.start <= t < last.end:
            return last
        year = self._year_at(t)
        span = year.spans[bisect_right(year.starts, t) - 1]
        self._last = span
        return span

    def open_between(self, a: int, b: int) -> int:
        """Open time in ns between a and b; 0 where b <= a."""
        if b <= a:
            return 0
        return self._count(b) - self._count(a)

    def session_at(self, t: int) -> Session:
        """The session that t belongs to: the running one, else the next to open."""
        span = self.span_at(t)
        session = self.session_on(span.day)
        if session is not None and t < session.close:
            return session
        return self.session_after(span.day)

    def next_open(self, t: int) -> int:
        """The first instant >= t at which the market is open."""
        span = self.span_at(t)
        while not span.is_open:
            t = span.end
            span = self.span_at(t)
        return t

    def next_close(self, t: int) -> int:
        """The close of `session_at(t)`."""
        return self.session_at(t).close

    def fixing_on(self, day: int) -> int:
        """The fixing time (ns UTC) on the date with this ordinal, whether or not the market trades then."""
        return self._instant(day, self.fixing)

    def next_fixing(self, t: int) -> int:
        """The first fixing time of a trading day that is > t."""
        # No zone is a whole day off UTC, so the day before t's UTC date is early enough to start.
        session = self.session_after(day_of(t) - 2)
        while session.fixing <= t:
            session = self.session_after(session.day)
        return session.fixing

    def session_on(self, day: int) -> Session | None:
        """The session of this date, None where the market does not trade on it."""
        year = self._year(date.fromordinal(day).year)
        index = bisect_left(year.days, day)
        if index < len(year.days) and year.days[index] == day:
            return year.sessions[index]
        return None

    def session_after(self, day: int) -> Session:
        """The first session of a date later than this one."""
        number = date.fromordinal(day).year
        while True:
            year = self._year(number)
            index = bisect_right(year.days, day)
            if index < len(year.days):
                return year.sessions[index]
            number += 1

    def _count(self, t: int) -> int:
        span = self.span_at(t)
        return span.open_before + (t - span.start) if span.is_open else span.open_before

    def _year_at(self, t: int) -> _Year:
        number = date.fromordinal(day_of(t)).year
        year = self._year(number)
        if t < year.start:
            return self._year(number - 1)
        if t >= year.end:
            return self._year(number + 1)
        return year

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            year = self._build(number)
            self._years[number] = year
        return year

    def _instant(self, day: int, minute: int) -> int:
        """A local time of day as an instant."""
        hour, rest = divmod(minute, 60)
        if hour == 24:
            return self._instant(day + 1, rest)
        when = date.fromordinal(day)
        offset = datetime(when.year, when.month, when.day, hour, rest, tzinfo=self._zone).utcoffset()
        assert offset is not None
        return (day - EPOCH_ORDINAL) * DAY + minute * _MINUTE - (offset.days * 86_400 + offset.seconds) * SECOND

    def _trading_days(self, number: int) -> list[TradingDay]:
        """The trading days of a local year; fills in why the other weekdays are closed."""
        known = self._trading.get(number)
        if known is not None:
            return known
        table = closures(self.name, number)
        closed = {**table.closed, **self._closed}
        early = {day: close for day, (close, _) in table.early.items()}
        early.update(self._early)
        first, last = date(number, 1, 1).toordinal(), date(number, 12, 31).toordinal()
        days = [
            self._trading_day(day, early.get(day))
            for day in range(first, last + 1)
            if day not in closed and trades_on_weekday(self.name, day)
        ]
        self._trading[number] = days
        self._reasons[number] = closed
        return days

    def _trading_day(self, day: int, early: int | None) -> TradingDay:
        hours = self._hours[bisect_right(self._since, day) - 1]
        windows = [(self._instant(day, start), self._instant(day, end)) for start, end in hours.windows]
        if hours.utc_open:
            windows[0] = (day_start(day) + hours.windows[0][0] * _MINUTE, windows[0][1])
        until = windows[-1][1]
        if early is not None:
            close = self._instant(day, early)
            windows = [(start, min(end, close)) for start, end in windows if start < close]
        session = Session(day, windows[0][0], windows[-1][1], self._instant(day, self.fixing), windows[-1][1] < until)
        return TradingDay(session, windows, until)

    def _opened_before(self, number: int) -> int:
        """Open time from the origin to the start of a local year."""
        known = number
        step = 1 if number > ORIGIN_YEAR else -1
        while known not in self._counts:
            known -= step
        while known != number:
            year = known if step > 0 else known - 1
            total = sum(end - start for day in self._trading_days(year) for start, end in day.windows)
            self._counts[known + step] = self._counts[known] + step * total
            known += step
        return self._counts[number]

    def _build(self, number: int) -> _Year:
        trading = self._trading_days(number)
        closed = self._reasons[number]
        first, last = date(number, 1, 1).toordinal(), date(number, 12, 31).toordinal()
        line = _Line(self._instant(first, 0), self._opened_before(number))
        following = self._trading_days(number + 1)[0].session.day
        index = 0
        for day in range(first, last + 1):
            end = self._instant(day + 1, 0)
            upcoming = trading[index] if index < len(trading) else None
            if upcoming is None or upcoming.session.day != day:
                belongs = following if upcoming is None else upcoming.session.day
                weekend = (day + 6) % 7 >= 5
                line.closed(end, belongs, "weekend" if weekend else f"holiday: {closed.get(day, 'closed')}")
                continue
            index += 1
            belongs = trading[index].session.day if index < len(trading) else following
            line.trading_day(upcoming, end, belongs)
        return _Year(line.spans[0].start, line.end, line.spans, [day.session for day in trading])


class _Line:
    """Spans in the making: each starts where the last one ended."""

    __slots__ = ("end", "opened", "spans")

    def __init__(self, start: int, opened: int) -> None:
        self.spans: list[Span] = []
        self.end = start
        self.opened = opened

    def trading_day(self, day: TradingDay, midnight: int, following: int) -> None:
        """One local date on which the market trades, to its midnight; `following`: the next trading day."""
        own = day.session.day
        reason = "overnight"
        for start, end in day.windows:
            self.closed(start, own, reason)
            self.spans.append(Span(start, end, True, self.opened, own, "open"))
            self.opened += end - start
            self.end = end
            reason = "lunch"
        if day.session.early:
            self.closed(day.until, own, "early close")
        self.closed(midnight, following, "overnight")

    def closed(self, end: int, day: int, reason: str) -> None:
        """Closed until `end`; joined to the span before where it is one and the same closure."""
        if end <= self.end:
            return
        before = self.spans[-1] if self.spans else None
        if before is not None and not before.is_open and before.reason == reason and before.day == day:
            before.end = end
        else:
            self.spans.append(Span(self.end, end, False, self.opened, day, reason))
        self.end = end


class AlwaysCalendar:
    """The calendar of what never closes: sessions are UTC days, and a day's fixing is its end."""

    __slots__ = ("_last", "name", "zone")

    def __init__(self, name: str = ALWAYS) -> None:
        self.name = name
        self.zone = "UTC"
        self._last: Span | None = None

    def span_at(self, t: int) -> Span:
        """The UTC day that holds t."""
        last = self._last
        if last is not None and last.start <= t < last.end:
            return last
        start = t // DAY * DAY
        span = Span(start, start + DAY, True, start, start // DAY + EPOCH_ORDINAL, "open")
        self._last = span
        return span

    def open_between(self, a: int, b: int) -> int:
        """All time between a and b; 0 where b <= a."""
        return max(b - a, 0)

    def session_at(self, t: int) -> Session:
        """The UTC day that holds t."""
        start = t // DAY * DAY
        return Session(start // DAY + EPOCH_ORDINAL, start, start + DAY, start + DAY, False)

    def next_open(self, t: int) -> int:
        """t itself."""
        return t

    def next_close(self, t: int) -> int:
        """The end of the UTC day."""
        return t // DAY * DAY + DAY

    def fixing_on(self, day: int) -> int:
        """The end of this UTC date."""
        return day_start(day + 1)

    def next_fixing(self, t: int) -> int:
        """The first end of a UTC day that is > t."""
        return t // DAY * DAY + DAY


def names() -> tuple[str, ...]:
    """The calendars there are."""
    return (*MARKETS, ALWAYS)


def local(t: int, zone: str) -> datetime:
    """An instant on the wall clock of a zone, to the second."""
    return datetime.fromtimestamp(t // SECOND, UTC).astimezone(ZoneInfo(zone))


def calendar(
    name: str,
    *,
    fixing: str | None = None,
    closed: Mapping[int, str] | None = None,
    early: Mapping[int, int] | None = None,
) -> Calendar:
    """The calendar of this name: "JP", "US", "UK", "DE", "CA" or "always".

    fixing: local time of day ("15:00") instead of the table's. closed: further closed days, ordinal to name. early:
    further early closes, ordinal to minutes after local midnight. Raises ValueError for an unknown name, a fixing that
    is no time of day, and for changes to "always".
    """
    if name == ALWAYS:
        if fixing is not None or closed or early:
            raise ValueError(
                "calendar 'always' never closes and its fixing is the end of the UTC day: nothing to change"
            )
        return AlwaysCalendar()
    market = MARKETS.get(name)
    if market is None:
        near = get_close_matches(name.upper(), MARKETS, n=1) or get_close_matches(name, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names())}"
        raise ValueError(f"calendar {name!r} is unknown: {hint}")
    opening = max(hours.windows[0][0] for hours in market.hours)
    for day, close in (early or {}).items():
        if close <= opening:
            raise ValueError(f"calendar {name}: early close {clock(close)} on {day_iso(day)} is before the opening")
    at = market.fixing if fixing is None else minutes(fixing)
    return TableCalendar(name, market, at, closed or {}, early or {})
