"""How long a series is usually quiet: its rate by time of day, and the tail of its pauses.

A pause is measured in the ticks that were to be expected in it, not in seconds: the rate of each half hour of the
market's own day, times the open time that passed. What is left after that is one distribution per series, whose tail
says how long a pause is too long. Everything is O(1), decayed, and learned at ticks alone.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from stressd.engine.pausetail import LEAST, PauseTail
from stressd.engine.spec import DAY, HOUR, MINUTE
from stressd.market.calendar import Calendar

HALF_HOUR: Final = 30 * MINUTE
BINS: Final = 48
INFINITE: Final = (1 << 62) - 1

VISITS: Final = 20.0
"""Days after which what is known of a half hour counts half."""

MEMORY: Final = 250.0 * HOUR
"""ns of open time after which a pause counts half: about a month and a half of sessions."""

RECENT: Final = 4.0 * HOUR
"""ns of open time, half-life of the rate that stands in for half hours not seen yet."""

TODAY: Final = 2.0 * HOUR
"""ns of open time, half-life of how busy the day is against what is usual."""

PSEUDO: Final = 8.0
"""Ticks at the recent rate that each half hour starts with."""

QUIETEST: Final = 0.25
"""A thin day stretches pauses by four at most: a feed that dries up must not teach patience."""

NEEDED_GAPS: Final = 100.0
NEEDED_TIME: Final = 2.0 * HOUR
"""What must have been heard before the tail sets the bar."""

SAFETY: Final = 0.35
"""Share of the budget that the bar is set at: pauses come in clusters, and the tail is an estimate."""

WIDEST: Final = 5.0
"""The bar never exceeds so many of the pauses that one in a thousand is longer than."""

BEYOND: Final = 1.25
"""A pause that was told as a silence is learned as no more than this many bars: an outage teaches little, and a bar
that stands too low rises."""

OPENS: Final = math.pow(2.0, -1.0 / 20.0)
"""Decay, per open, of the longest wait for a first tick."""


class Pauses:
    """The pauses of one series. budget: false silences a month of open time; ceiling: ns of open time, beyond it a
    pause is an outage whatever was learned.

    bar: expected ticks without a tick from which on it is silent, 0 while too little has been heard; usual: the
    same for the pause that one in a thousand exceeds. rate: ticks per ns in the present half hour. notable, until: a
    tick after a pause longer than `notable` ns, or at `until` or later, is taken in by `take`; all others only by
    `count`.
    """

    __slots__ = (
        "_busy_expected", "_busy_seen", "_calendar", "_counts", "_mark", "_month", "_month_at", "_opens",
        "_recent_count", "_recent_open", "_shift", "_slot", "_zone", "bar", "budget", "ceiling", "count", "delay",
        "ended", "heard", "last", "longest", "notable", "rate", "tail", "until", "usual",
    )  # fmt: skip

    def __init__(self, calendar: Calendar, budget: float, ceiling: int) -> None:
        self._calendar = calendar
        self._zone = ZoneInfo(calendar.zone)
        self.budget = budget
        self.ceiling = ceiling
        self.tail = PauseTail()
        self._counts: list[float] = [0.0] * BINS
        self._opens: list[float] = [0.0] * BINS
        self._recent_count = 0.0
        self._recent_open = 0.0
        self._busy_seen = 0.0
        self._busy_expected = 0.0
        self._mark = 0
        self._slot = -1
        self._shift = 0
        self._month = 0.0
        self._month_at = 0
        self.count = 0
        self.last = 0
        self.longest = 0
        self.delay = 0
        self.heard = 0.0
        self.ended = 0.0
        self.bar = 0.0
        self.usual = 0.0
        self.rate = 0.0
        self.notable = 0
        self.until = 0

    def knows(self) -> bool:
        """Whether enough was heard for the tail to set the bar."""
        return self.bar > 0.0

    # --- learning -----------------------------------------------------------------------------------------------------

    def take(self, at: int, heard: bool, told: bool) -> None:
        """A tick at `at` that `count` alone does not do justice to. heard: we listened all the time since the last one.
        told: the pause that it ends had been told as a silence."""
        last = self.last
        self.last = at
        span = self._calendar.span_at(at)
        if last == 0 or not heard or at < last:
            self._begin(at, span.start, span.end, span.is_open)
            return
        passed = self._calendar.open_between(last, at)
        outage = told or passed > self.ceiling
        opened = span.is_open and last < span.start and not self._calendar.span_at(span.start - 1).is_open
        if not span.is_open or opened:
            self._account(last if outage else span.start)
            if opened and passed <= self.ceiling:
                self._learn_delay(at - span.start)
            self._begin(at, span.start, span.end, span.is_open)
            return
        if passed > self.longest:
            self.longest = min(passed, max(2 * self.longest, HOUR)) if outage else passed
        if self.rate > 0.0:
            limit = BEYOND * self.bar if self.bar > 0.0 else INFINITE
            size = limit if passed > self.ceiling else min(self.expected(last, at), limit)
            if size > LEAST:
                self.tail.add(size)
        if at >= self.until:
            self._account(last if outage else at)
            self._begin(at, span.start, span.end, True)
        elif outage:
            # Time in which nothing could be heard is no time in which nothing came.
            self._mark += at - last

    def _begin(self, at: int, start: int, end: int, is_open: bool) -> None:
        """A half hour, or a stretch of closed time, has begun with a tick."""
        self._mark = at
        if not is_open:
            self.count = 0
            self.notable = INFINITE
            self.until = end
            return
        self.count = 1
        offset = datetime.fromtimestamp(at // 1_000_000_000, UTC).astimezone(self._zone).utcoffset()
        assert offset is not None
        self._shift = (offset.days * 86_400 + offset.seconds) // 1_800
        self._fit(at)
        self.rate = self.rate_at(at)
        self.notable = int(LEAST / self.rate) if self.rate > 0.0 else self.longest
        self.until = min((at // HALF_HOUR + 1) * HALF_HOUR, end)
        if self.heard < HOUR:
            self.until = min(self.until, at + 2 * MINUTE)
            self.notable = min(self.notable, self.longest)

    def _account(self, to: int) -> None:
        """The open time from the mark to `to`, and the ticks counted in it."""
        if to <= self._mark:
            self.count = 0
            return
        ticks = float(max(self.count - 1, 0))
        busy = self._busy()
        passed = 0.0
        expected = 0.0
        t = self._mark
        first = True
        while t < to:
            span = self._calendar.span_at(t)
            if not span.is_open:
                t = span.end
                continue
            end = min((t // HALF_HOUR + 1) * HALF_HOUR, span.end, to)
            slot = self._bin(t)
            expected += self.rate_at(t) * (end - t)
            if slot != self._slot:
                keep = math.pow(2.0, -1.0 / VISITS)
                self._counts[slot] *= keep
                self._opens[slot] *= keep
                self._slot = slot
            if first:
                self._counts[slot] += ticks
                first = False
            self._opens[slot] += end - t
            passed += end - t
            t = end
        keep = math.pow(2.0, -passed / RECENT)
        self._recent_count = self._recent_count * keep + ticks
        self._recent_open = self._recent_open * keep + passed
        keep = math.pow(2.0, -passed / TODAY)
        self._busy_seen = self._busy_seen * keep + ticks
        self._busy_expected = self._busy_expected * keep + expected / busy
        keep = math.pow(2.0, -passed / MEMORY)
        self.heard = self.heard * keep + passed
        self.ended = self.ended * keep + ticks
        self.tail.decay(keep)

    def _learn_delay(self, wait: int) -> None:
        """The first tick after an open came after `wait` ns. Beyond two mean pauses it is the open that was late."""
        if self.rate > 0.0:
            wait -= int(2.0 / self.rate)
        kept = int(self.delay * OPENS)
        self.delay = max(kept, min(3 * wait // 2, 2 * kept + 5 * MINUTE))

    def _fit(self, at: int) -> None:
        """Find the bar that keeps the budget."""
        if self.ended < NEEDED_GAPS or self.heard < NEEDED_TIME:
            return
        if at - self._month_at >= DAY or self._month <= 0.0:
            self._month_at = at
            self._month = self._calendar.open_between(at - 28 * DAY, at) * (365.25 / 12.0 / 28.0)
            if self._month <= 0.0:
                return
        self.usual = self.tail.exceeded_by(0.001 * self.ended)
        bar = self.tail.exceeded_by(SAFETY * self.budget * self.heard / self._month)
        self.bar = min(bar, WIDEST * self.usual)

    # --- what it says -------------------------------------------------------------------------------------------------

    def rate_at(self, t: int) -> float:
        """Ticks per ns that are to be expected at t, on a day like this one."""
        if self._recent_count <= 0.0 or self._recent_open <= 0.0:
            return 0.0
        slot = self._bin(t)
        usual = (self._counts[slot] + PSEUDO) / (self._opens[slot] + PSEUDO * self._recent_open / self._recent_count)
        return usual * self._busy()

    def expected(self, a: int, b: int) -> float:
        """Ticks to be expected from a to b."""
        t = a
        total = 0.0
        while t < b:
            span = self._calendar.span_at(t)
            if not span.is_open:
                t = span.end
                continue
            end = min((t // HALF_HOUR + 1) * HALF_HOUR, span.end, b)
            total += self.rate_at(t) * (end - t)
            t = end
        return total

    def when(self, since: int, ticks: float, latest: int) -> int:
        """The instant at which `ticks` were to be expected since `since`, at most `latest`. After each open on the
        way the usual wait for a first tick does not count."""
        t = since
        was_open = True
        while t < latest:
            span = self._calendar.span_at(t)
            if not span.is_open:
                was_open = False
                t = span.end
                continue
            if not was_open:
                was_open = True
                t = min(t + self.delay, span.end)
                continue
            end = min((t // HALF_HOUR + 1) * HALF_HOUR, span.end)
            rate = self.rate_at(t)
            worth = rate * (end - t)
            if worth >= ticks:
                return min(t + int(ticks / rate), latest)
            ticks -= worth
            t = end
        return latest

    def usual_gap(self, t: int) -> int:
        """ns of open time that one pause in a thousand exceeds at this time of day; 0 where it is not known."""
        rate = self.rate_at(t)
        return int(self.usual / rate) if rate > 0.0 and self.usual > 0.0 else 0

    def as_long(self, a: int, b: int) -> float:
        """Share of its pauses that are as long as one from a to b, at the time of day at which that is. Only where it
        `knows`."""
        size = self.expected(a, b)
        least = min(self.tail.count_beyond(LEAST) / self.ended, 1.0)
        if size < LEAST:
            # nothing is kept of short pauses: they are taken to come at random
            return math.pow(least, size / LEAST)
        return min(self.tail.count_beyond(size) / self.ended, least)

    def _busy(self) -> float:
        share = (self._busy_seen + 10.0) / (self._busy_expected + 10.0)
        return 1.0 if share > 1.0 else QUIETEST if share < QUIETEST else share

    def _bin(self, t: int) -> int:
        return (t // HALF_HOUR + self._shift) % BINS

    # --- state --------------------------------------------------------------------------------------------------------

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        return [
            self.tail.state(),
            list(self._counts),
            list(self._opens),
            [self._recent_count, self._recent_open, self._busy_seen, self._busy_expected],
            [self._mark, self._slot, self._shift, self._month, self._month_at],
            [self.count, self.last, self.longest, self.delay, self.heard, self.ended],
            [self.bar, self.usual, self.rate, self.notable, self.until],
        ]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.tail.load(state[0])
        self._counts = [float(x) for x in state[1]]
        self._opens = [float(x) for x in state[2]]
        recent = state[3]
        self._recent_count, self._recent_open = float(recent[0]), float(recent[1])
        self._busy_seen, self._busy_expected = float(recent[2]), float(recent[3])
        place = state[4]
        self._mark, self._slot, self._shift = int(place[0]), int(place[1]), int(place[2])
        self._month, self._month_at = float(place[3]), int(place[4])
        counts = state[5]
        self.count, self.last, self.longest, self.delay = (int(x) for x in counts[:4])
        self.heard, self.ended = float(counts[4]), float(counts[5])
        bars = state[6]
        self.bar, self.usual, self.rate = float(bars[0]), float(bars[1]), float(bars[2])
        self.notable, self.until = int(bars[3]), int(bars[4])
