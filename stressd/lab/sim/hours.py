"""A simulated market's hours and the shape of its day, on the calendar that the engine uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from stressd.lab.sim.arrays import Floats
from stressd.lab.sim.model import FLOOR, GAPS, Model
from stressd.market.calendar import Calendar, Session
from stressd.market.sessions import calendar, local
from stressd.market.times import DAY, SECOND, day_start

DAY_MINUTES: Final = 1440


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A stretch of one UTC day over which the market is open, begin <= s < end in seconds of that day. day: its trading
    day. opens: what was closed before it ("" where it goes on from the day before)."""

    begin: int
    end: int
    day: int
    opens: str


class Hours:
    """One market. shape: volatility by minute of the local day, of mean square one over a regular session; activity:
    the same for ticks, of mean one. open_s: seconds of a regular session."""

    def __init__(self, market: str, model: Model, start: int) -> None:
        self.calendar: Calendar = calendar(market)
        self._zone = ZoneInfo(self.calendar.zone)
        session = self.calendar.session_at(day_start(start))
        while session.early:
            session = self.calendar.session_at(session.close)
        self.open_s = self.calendar.open_between(session.open, session.close) // SECOND
        minutes = np.concatenate([self._minutes(a, b) for a, b in self._windows(session)])
        raw = np.full(DAY_MINUTES, FLOOR)
        at = np.arange(DAY_MINUTES) + 0.5
        for bump in model.bumps:
            raw += bump.height * np.exp(-0.5 * ((at - bump.at) / bump.width) ** 2)
        self.shape: Floats = raw / np.sqrt(np.mean(raw[minutes] ** 2))
        self.activity: Floats = raw / np.mean(raw[minutes])

    def spans(self, day: int) -> list[OpenSpan]:
        """The open stretches of the UTC date with this ordinal."""
        start = day_start(day)
        found = []
        at = start
        while at < start + DAY:
            span = self.calendar.span_at(at)
            if span.is_open:
                opens = self._closure(span.start) if span.start >= start else ""
                end = min(span.end, start + DAY)
                found.append(OpenSpan((at - start) // SECOND, (end - start) // SECOND, span.day, opens))
            at = span.end
        return found

    def sessions(self, start: int, end: int) -> list[Session]:
        """The sessions that open within start <= t < end (ns)."""
        found = []
        session = self.calendar.session_at(start)
        while session.open < end:
            if session.open >= start:
                found.append(session)
            session = self.calendar.session_at(session.close)
        return found

    def minute_of(self, t: int) -> int:
        """Minute of the local day at an instant (ns)."""
        moment = local(t, self.calendar.zone)
        return moment.hour * 60 + moment.minute

    def by_second(self, table: Floats, day: int, span: OpenSpan) -> Floats:
        """A table by local minute, spread over the seconds of a span. Clocks are changed while markets are closed."""
        first = day_start(day) + span.begin * SECOND
        moment = local(first, self.calendar.zone)
        offset = moment.hour * 3600 + moment.minute * 60 + moment.second
        return table[(np.arange(offset, offset + span.end - span.begin) // 60) % DAY_MINUTES]

    def shape_over(self, t: int, seconds: int) -> float:
        """Root mean square of the shape over the time from t (ns) on."""
        minute = self.minute_of(t)
        return float(np.sqrt(np.mean(self.shape[np.arange(minute, minute + max(1, seconds // 60)) % DAY_MINUTES] ** 2)))

    def liquid_minutes(self, session: Session, at_least: float, lead_s: int, tail_s: int) -> list[int]:
        """Starts (ns) of the minutes of a session in which the shape is `at_least` so high, not within lead_s of an
        opening or tail_s of a close."""
        starts = []
        for begin, end in self._windows(session):
            first = self.minute_of(begin)
            for minute in range(lead_s // 60, ((end - begin) // SECOND - tail_s) // 60):
                if self.shape[(first + minute) % DAY_MINUTES] >= at_least:
                    starts.append(begin + minute * 60 * SECOND)
        return starts

    def _windows(self, session: Session) -> list[tuple[int, int]]:
        windows = []
        at = session.open
        while at < session.close:
            span = self.calendar.span_at(at)
            if span.is_open:
                windows.append((at, min(span.end, session.close)))
            at = span.end
        return windows

    def _minutes(self, begin: int, end: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        first = self.minute_of(begin)
        return np.arange(first, first + (end - begin) // (60 * SECOND)) % DAY_MINUTES

    def _closure(self, opening: int) -> str:
        reasons = []
        span = self.calendar.span_at(opening - 1)
        while not span.is_open:
            reasons.append(span.reason.partition(":")[0])
            span = self.calendar.span_at(span.start - 1)
        return next((name for name in ("holiday", "weekend", "lunch") if name in reasons and name in GAPS), "overnight")
