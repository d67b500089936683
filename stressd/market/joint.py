"""The calendar of a spread between two markets: it is open where both are."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from typing import Final

from stressd.market.calendar import Calendar, Session, Span
from stressd.market.times import DAY, LATEST, day_of, day_start

FURTHEST: Final = 370 * DAY
"""ns for which the next common hour is looked for: Tokyo's and New York's days never meet."""

ORIGIN_YEAR: Final = 2020
"""Open time is counted from the start of this year (UTC), negative before it."""


class _Year:
    """The spans of one UTC year. opened: open time in it, ns."""

    __slots__ = ("opened", "spans", "starts")

    def __init__(self, spans: list[Span], opened: int) -> None:
        self.spans = spans
        self.starts = [span.start for span in spans]
        self.opened = opened


class JointCalendar:
    """Open while `first` and `second` both are. Dates, zone and fixing are those of whichever fixes later in the day:
    only then do both legs of a spread have their fixing."""

    __slots__ = ("_counts", "_last", "_other", "_own", "_years", "name", "zone")

    def __init__(self, name: str, first: Calendar, second: Calendar) -> None:
        day = date(ORIGIN_YEAR, 7, 1).toordinal()
        later = first.fixing_on(day) > second.fixing_on(day)
        self.name = name
        self._own: Calendar = first if later else second
        self._other: Calendar = second if later else first
        self.zone = self._own.zone
        self._years: dict[int, _Year] = {}
        self._counts: dict[int, int] = {ORIGIN_YEAR: 0}
        self._last: Span | None = None

    def span_at(self, t: int) -> Span:
        """The span that holds t."""
        last = self._last
        if last is not None and last.start <= t < last.end:
            return last
        number = date.fromordinal(day_of(t)).year
        year = self._year(number)
        found = year.spans[bisect_right(year.starts, t) - 1]
        opened = found.open_before + self._opened_before(number)
        span = Span(found.start, found.end, found.is_open, opened, found.day, found.reason)
        self._last = span
        return span

    def open_between(self, a: int, b: int) -> int:
        """Open time in ns between a and b; 0 where b <= a."""
        return self._count(b) - self._count(a) if b > a else 0

    def session_at(self, t: int) -> Session:
        """The joint session that t belongs to: the running one, else the next to open. Where the two never meet, one
        without length at their next fixing."""
        session = self._session(self.span_at(t))
        if session is not None and t < session.close:
            return session
        opens = self.next_open(max(t, session.close) if session is not None else t)
        session = self._session(self.span_at(opens)) if opens != LATEST else None
        if session is None:
            fixing = self.next_fixing(t)
            return Session(self.span_at(fixing - 1).day, fixing, fixing, fixing, False)
        return session

    def next_open(self, t: int) -> int:
        """The first instant >= t at which both markets are open; LATEST where there is none within a year."""
        furthest = t + FURTHEST
        span = self.span_at(t)
        while not span.is_open:
            t = span.end
            if t > furthest:
                return LATEST
            span = self.span_at(t)
        return t

    def next_close(self, t: int) -> int:
        """The close of `session_at(t)`."""
        return self.session_at(t).close

    def fixing_on(self, day: int) -> int:
        """The later of the two fixing times on the date with this ordinal."""
        return self._own.fixing_on(day)

    def next_fixing(self, t: int) -> int:
        """The first fixing time > t of a date on which both markets trade."""
        while True:
            t = self._own.next_fixing(t)
            day = day_of(t - DAY)
            while self._own.fixing_on(day) < t:
                day += 1
            if self._other.next_fixing(self._other.fixing_on(day) - 1) == self._other.fixing_on(day):
                return t

    def _session(self, within: Span) -> Session | None:
        """The session of the trading day that a span belongs to, None where the two do not meet on that day."""
        first = last = 0
        span = within
        while span.day == within.day:
            first = span.start if span.is_open else first
            last = max(last, span.end if span.is_open else 0)
            span = self.span_at(span.start - 1)
        span = self.span_at(within.end)
        while span.day == within.day:
            first = span.start if span.is_open and first == 0 else first
            last = max(last, span.end if span.is_open else 0)
            span = self.span_at(span.end)
        return Session(within.day, first, last, self.fixing_on(within.day), False) if last != 0 else None

    def _count(self, t: int) -> int:
        span = self.span_at(t)
        return span.open_before + (t - span.start) if span.is_open else span.open_before

    def _opened_before(self, number: int) -> int:
        """Open time from the origin to the start of a UTC year."""
        step = 1 if number > ORIGIN_YEAR else -1
        known = number
        while known not in self._counts:
            known -= step
        while known != number:
            self._counts[known + step] = (
                self._counts[known] + step * self._year(known if step > 0 else known - 1).opened
            )
            known += step
        return self._counts[number]

    def _year(self, number: int) -> _Year:
        """A year's spans, their open time counted from its start."""
        year = self._years.get(number)
        if year is None:
            year = self._build(number)
            self._years[number] = year
        return year

    def _build(self, number: int) -> _Year:
        start = day_start(date(number, 1, 1).toordinal())
        until = start + (date(number, 12, 31).toordinal() - date(number, 1, 1).toordinal() + 1) * DAY
        spans: list[Span] = []
        opened = 0
        t = start
        while t < until:
            mine = self._own.span_at(t)
            theirs = self._other.span_at(t)
            end = min(mine.end, theirs.end, until)
            is_open = mine.is_open and theirs.is_open
            reason = "open" if is_open else mine.reason if not mine.is_open else theirs.reason
            before = spans[-1] if spans else None
            if before is not None and not before.is_open and before.reason == reason and before.day == mine.day:
                before.end = end
            else:
                spans.append(Span(t, end, is_open, opened, mine.day, reason))
            if is_open:
                opened += end - t
            t = end
        return _Year(spans, opened)
