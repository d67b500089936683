"""Maintenance windows: recurring hours of a local clock over which nobody is told of what is expected to happen.

A window lasts from the first instant at which the clock shows its beginning to the last at which it shows its end: when
the clock goes back, the hour that comes twice is in it twice. A time that the clock skips is the moment of the jump;
a window that is skipped whole does not take place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from stressd.alerts.matching import Match
from stressd.engine.agenda import NEVER, Recurrence

SECOND: Final = 1_000_000_000
_MIDNIGHT: Final = 24 * 60
_LOOK_AHEAD: Final = 12 * 366
"""Days after which a window that has not come is taken never to come."""


@dataclass(frozen=True, slots=True)
class MaintenanceSpec:
    """on: the days, the zone and the minute of its beginning. until: minute after local midnight at which it ends, on
    the next day where it is not after the beginning. reason: why nobody is told."""

    name: str
    match: Match
    on: Recurrence
    until: int
    reason: str

    @property
    def key(self) -> str:
        """What withholds, as it is kept."""
        return f"maintenance {self.name}"

    def window(self, ordinal: int) -> tuple[int, int] | None:
        """(start, end), ns UTC, of the window that begins on the local date with this ordinal; None for none."""
        if not self.on.holds(ordinal):
            return None
        zone = ZoneInfo(self.on.zone)
        over = self.until <= self.on.minute
        start = _instant(zone, ordinal, self.on.minute, last=False)
        end = _instant(zone, ordinal + over, self.until, last=True)
        return (start, end) if start < end else None

    def window_at(self, t: int) -> tuple[int, int] | None:
        """The window that holds t (ns UTC), start <= t < end."""
        day = self._day(t)
        for ordinal in (day - 1, day):
            window = self.window(ordinal)
            if window is not None and window[0] <= t < window[1]:
                return window
        return None

    def next_window(self, t: int) -> tuple[int, int] | None:
        """The window that holds t (ns UTC), else the next to come; None where none does."""
        first = self._day(t) - 1
        for ordinal in range(first, first + _LOOK_AHEAD):
            window = self.window(ordinal)
            if window is not None and window[1] > t:
                return window
        return None

    def next_end(self, t: int) -> int:
        """The first end of a window after t (ns UTC); NEVER where none comes."""
        window = self.next_window(t)
        return NEVER if window is None else window[1]

    def _day(self, t: int) -> int:
        return datetime.fromtimestamp(t // SECOND, ZoneInfo(self.on.zone)).toordinal()


def _instant(zone: ZoneInfo, ordinal: int, minute: int, *, last: bool) -> int:
    """When the clock shows a time of a date, ns UTC: the first or the last time, or the jump over it."""
    local = datetime.fromordinal(ordinal + minute // _MIDNIGHT) + timedelta(minutes=minute % _MIDNIGHT)
    first, second = (int(local.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1))
    if first <= second:
        return (second if last else first) * SECOND
    # the clock jumps over it somewhere in between: by bisection to the second
    before, after = second, first
    offset = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after * SECOND


def _offset(zone: ZoneInfo, seconds: int) -> timedelta | None:
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).utcoffset()
