"""The fixings of one series, official or its own: once a day, the only thing the 1d horizon learns from."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.breaches import LIVE, Breaches
from stressd.engine.events import Event
from stressd.engine.horizon import SESSIONS_A_YEAR
from stressd.engine.horizons import Horizons
from stressd.engine.move import Move
from stressd.engine.plain import number, plain
from stressd.engine.records import Records
from stressd.engine.today import FIXINGS
from stressd.market.tick import BACKLOG, Tick

OWN_FIXINGS: Final = 63
"""Fixings of a live series after which its own convention rules the scale."""

LONGEST_GAP: Final = 14
"""Days between two fixings beyond which their difference is no daily move."""


class Fixings:
    """value (percent), time (ns), day (ordinal), source: of the last fixing; bp, z: its move, and the same in sigma;
    count: how many there were, own: how many of them were made of live ticks. recent: the last ones of one source that
    can be compared, as (percent, ns)."""

    __slots__ = (
        "_breaches", "_horizons", "_records", "bp", "count", "day", "own", "recent", "source", "time", "value", "z",
    )  # fmt: skip

    def __init__(self, breaches: Breaches, horizons: Horizons, records: Records) -> None:
        self._breaches = breaches
        self._horizons = horizons
        self._records = records
        self.value = math.nan
        self.time = 0
        self.day = 0
        self.source = ""
        self.bp = math.nan
        self.z = math.nan
        self.count = 0
        self.own = 0
        self.recent: list[tuple[float, int]] = []

    def change(self, day: int, y: float, source: str) -> float:
        """The move (bp) that a fixing would be, nan where it cannot be compared with the last one."""
        if self.source != source or not 0 < day - self.day <= LONGEST_GAP:
            return math.nan
        return (y - self.value) * 100.0

    def close(self, since: int) -> tuple[float, int]:
        """What a session is compared with that begins now: the series' own fixing where the session before, which began
        at `since`, had one, else the last value in it (percent, ns)."""
        if since != 0 and self.source == LIVE and self.time >= since:
            return self.value, self.time
        return self._horizons.close_value, self._horizons.close_time

    def size(self, day: int, tick: Tick) -> float:
        """|move| in sigma that this fixing would be, 0 where that is not known."""
        change = self.change(day, tick.value, tick.source)
        if change != change or not self._horizons.daily.known:
            return 0.0
        return abs(change) / self._horizons.daily.scale.sigma

    def take(self, day: int, tick: Tick, at: int, out: list[Event]) -> None:
        """Judge a fixing and learn from it."""
        horizons = self._horizons
        daily = horizons.daily
        y, time = tick.value, tick.time
        self.count += 1
        change = self.change(day, y, tick.source)
        z = math.nan
        if change == change:
            if daily.known:
                sigma = daily.scale.sigma
                z = change / sigma
                if tick.flags & BACKLOG == 0:
                    move = Move(at, time, y, self.value, self.time, sigma, tick.source, True)
                    self._breaches.judge_fixing(move, out)
                size = z if z >= 0.0 else -z
                daily.observe(size if size > daily.block_max else daily.block_max, time, SESSIONS_A_YEAR, True)
                daily.block_max = 0.0
            horizons.learn_day(change, self.count)
        self._records.observe(day, change, z, y, tick.source)
        self._remember(y, time, tick.source)
        self.value = y
        self.time = time
        self.day = day
        self.source = tick.source
        self.bp = change
        self.z = z
        if tick.source == LIVE:
            self.own += 1
            if self.own >= OWN_FIXINGS:
                self._breaches.provisional = ""
            daily.ref = y
            daily.ref_time = time

    def skip(self, day: int, tick: Tick) -> float:
        """A fixing that is no move: what comes is measured from it. Its distance (percent) from the last one."""
        offset = tick.value - self.value
        self.count += 1
        self._records.shift(tick.source, offset)
        self.recent = []
        self._remember(tick.value, tick.time, self.source)
        self.value = tick.value
        self.time = tick.time
        self.day = day
        self.bp = self.z = math.nan
        return offset

    def rebase(self, offset: float) -> None:
        """Another source carries the series, its values `offset` (percent) higher, nan where that is not known."""
        if self.source != LIVE:
            return
        if offset == offset:
            self.value += offset
            self.recent = [(y + offset, t) for y, t in self.recent]
        else:
            self.source = ""
            self.day = 0
            self.recent = []

    def _remember(self, y: float, t: int, source: str) -> None:
        if source != self.source:
            self.recent = []
        self.recent.append((y, t))
        if len(self.recent) > FIXINGS:
            del self.recent[0]

    def state(self) -> list[Any]:
        """Everything that changes, as plain values."""
        last = [plain(self.value), self.time, self.day, self.source, plain(self.bp), plain(self.z)]
        return [*last, self.count, self.own, [list(row) for row in self.recent]]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        value, self.time, self.day, self.source, bp, z, self.count, self.own = state[:8]
        self.recent = [(float(y), int(t)) for y, t in state[8]] if len(state) > 8 else []
        self.value, self.bp, self.z = number(value), number(bp), number(z)
