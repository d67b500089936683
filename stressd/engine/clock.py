"""A market's clock: which span of its calendar now is, and how much open time has passed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from stressd.market.calendar import Calendar, Span

_SECOND = 1_000_000_000


class MarketClock:
    """The calendar of one market with its current span at hand, so that a tick costs two comparisons.

    start, end: of the span that holds the last instant asked about; is_open, day, reason: as in `Span`.
    """

    __slots__ = ("_open_before", "calendar", "day", "end", "is_open", "reason", "start", "zone")

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.zone = ZoneInfo(calendar.zone)
        self.start = 0
        self.end = 0
        self.is_open = False
        self.day = 0
        self.reason = ""
        self._open_before = 0

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

    def open_time(self, t: int) -> int:
        """Open time in ns up to t, from the calendar's origin."""
        self.move(t)
        return self._open_before + (t - self.start if self.is_open else 0)

    def local_day(self, t: int) -> int:
        """Proleptic ordinal of the market's own date at t."""
        return datetime.fromtimestamp(t // _SECOND, UTC).astimezone(self.zone).toordinal()

    def after_open_time(self, t: int, open_ns: int) -> int:
        """The instant at which `open_ns` of open time have passed since t."""
        calendar = self.calendar
        span = calendar.span_at(t)
        left = open_ns
        while True:
            if span.is_open:
                here = span.end - t
                if here >= left:
                    return t + left
                left -= here
            t = span.end
            span = calendar.span_at(t)
