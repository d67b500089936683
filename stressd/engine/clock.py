"""A market's clock: which span of its calendar now is, and how much open time has passed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from stressd.market.calendar import Calendar, Span

_SECOND = 1_000_000_000

HOLIDAY: Final = "holiday"
"""Begins the reason of a closure that a holiday makes; its name follows."""


class MarketClock:
    """The calendar of one market with its current span at hand, so that a tick costs two comparisons.

    start, end: of the span that holds the last instant asked about; is_open, day, reason: as in `Span`; offset: seconds
    by which the market's own clock is ahead of UTC there.
    """

    __slots__ = (
        "_date",
        "_date_end",
        "_date_start",
        "_open_before",
        "calendar",
        "day",
        "end",
        "is_open",
        "offset",
        "reason",
        "start",
        "zone",
    )

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.zone = ZoneInfo(calendar.zone)
        self.start = 0
        self.end = 0
        self.is_open = False
        self.day = 0
        self.reason = ""
        self.offset = 0
        self._open_before = 0
        self._date = 0
        self._date_start = 0
        self._date_end = 0

    def move(self, t: int) -> None:
        """Make the span that holds t the current one."""
        if self.start <= t < self.end:
            return
        span: Span = self.calendar.span_at(t)
        self.start = span.start
        self.end = span.end
        self.is_open = span.is_open
        self.day = span.day
        self.reason = span.reason
        self._open_before = span.open_before
        ahead = datetime.fromtimestamp(max(span.start, 0) // _SECOND, UTC).astimezone(self.zone).utcoffset()
        self.offset = int(ahead.total_seconds()) if ahead is not None else 0

    def open_time(self, t: int) -> int:
        """Open time in ns up to t, from the calendar's origin."""
        self.move(t)
        return self._open_before + (t - self.start if self.is_open else 0)

    def why_closed(self, t: int) -> str:
        """Why the market does not trade from t until its next open: a holiday among it says more than a night or a
        weekend."""
        span = self.calendar.span_at(t)
        first = span.reason
        while not span.is_open:
            if span.reason.startswith(HOLIDAY):
                return span.reason
            span = self.calendar.span_at(span.end)
        return first

    def local_day(self, t: int) -> int:
        """Proleptic ordinal of the market's own date at t."""
        if not self._date_start <= t < self._date_end:
            midnight = (
                datetime.fromtimestamp(t // _SECOND, UTC).astimezone(self.zone).replace(hour=0, minute=0, second=0)
            )
            self._date = midnight.toordinal()
            self._date_start = int(midnight.timestamp()) * _SECOND
            following = datetime.fromordinal(self._date + 1).replace(tzinfo=self.zone)
            self._date_end = int(following.timestamp()) * _SECOND
        return self._date

    def after_open_time(self, t: int, open_ns: int) -> int:
        """The instant at which `open_ns` of open time have passed since t."""
        return after_open_time(self.calendar, t, open_ns)


def after_open_time(calendar: Calendar, t: int, open_ns: int) -> int:
    """The first instant at which the market is open and `open_ns` of its open time have passed since t."""
    span = calendar.span_at(t)
    left = open_ns
    while True:
        if span.is_open:
            if t + left < span.end:
                return t + left
            left -= span.end - t
        t = span.end
        span = calendar.span_at(t)
