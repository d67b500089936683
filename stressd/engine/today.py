"""The session so far of one series: where it came from, its range, and the path it took, in a bounded number of steps.

Learned once every five seconds, from the extremes of the slot that has ended: a tick costs nothing more.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.plain import number, plain

STEPS: Final = 60
"""Steps that a path has at most; when it is longer, two become one."""

FIRST_STEP: Final = 60_000_000_000
"""ns of a step at the open."""

FIXINGS: Final = 30
"""Fixings that are remembered as the path of a series without ticks."""

Row = tuple[int, int, list[float | None], list[float | None], list[float | None]]
"""A path: start and step (ns), then the last value, the lowest and the highest in each step (percent)."""


class Today:
    """close, close_time: the last fixing or value of the session before (percent, nan for none; ns). open, open_time:
    of this one, 0 before any. low, low_time, high, high_time: its range up to the last slot that has ended, times to
    five seconds. dirt: bad ticks of the series before this session."""

    __slots__ = (
        "_high", "_highs", "_last", "_lasts", "_low", "_lows", "_step", "_until", "close", "close_time", "dirt", "high",
        "high_time", "low", "low_time", "open", "open_time",
    )  # fmt: skip

    def __init__(self) -> None:
        self.dirt = 0
        self.forget()

    def begin(self, t: int, y: float, close: tuple[float, int], dirt: int) -> None:
        """A session has begun with the tick (t, y). close: of the one before; dirt: bad ticks so far."""
        self.forget()
        self.close, self.close_time = close
        self.open = y
        self.open_time = t
        self.dirt = dirt

    def forget(self) -> None:
        """Nothing of before can be compared with what comes."""
        self.close = self.open = math.nan
        self.close_time = self.open_time = 0
        self.low = math.inf
        self.high = -math.inf
        self.low_time = self.high_time = 0
        self._step = FIRST_STEP
        # Steps that are over, then the one that is under way and when it ends.
        self._lasts: list[float] = []
        self._lows: list[float] = []
        self._highs: list[float] = []
        self._last = math.nan
        self._low = math.inf
        self._high = -math.inf
        self._until = 0

    def take(self, low: float, high: float, y: float, t: int) -> None:
        """A slot has ended whose values lay between low and high, the last of them y at t."""
        if t >= self._until and not self._next_step(t):
            return
        self._last = y
        if low < self._low:
            self._low = low
            if low < self.low:
                self.low = low
                self.low_time = t
        if high > self._high:
            self._high = high
            if high > self.high:
                self.high = high
                self.high_time = t

    def path(self, y: float, t: int, low: float, high: float) -> Row:
        """The path up to the tick (t, y), in a slot that has not ended yet and lies between low and high so far."""
        now = Today()
        now.open_time, now._step, now._until = self.open_time, self._step, self._until
        now._lasts, now._lows, now._highs = self._lasts[:], self._lows[:], self._highs[:]
        now._last, now._low, now._high = self._last, self._low, self._high
        now.take(min(low, y), max(high, y), y, t)
        now._end_step()
        return (
            now._start(),
            now._step,
            [plain(x) for x in now._lasts],
            [plain(x) for x in now._lows],
            [plain(x) for x in now._highs],
        )

    def shift(self, offset: float) -> None:
        """Another source carries the series, its values `offset` (percent) higher."""
        self.close += offset
        self.open += offset
        self.low += offset
        self.high += offset
        self._last += offset
        self._low += offset
        self._high += offset
        self._lasts = [x + offset for x in self._lasts]
        self._lows = [x + offset for x in self._lows]
        self._highs = [x + offset for x in self._highs]

    def _start(self) -> int:
        return self.open_time // FIRST_STEP * FIRST_STEP

    def _next_step(self, t: int) -> bool:
        """The step that holds t begins, where t is in the session."""
        if self.open_time == 0 or t < self.open_time:
            return False
        self._end_step()
        start = self._start()
        while (t - start) // self._step >= STEPS:
            self._halve()
        k = (t - start) // self._step
        while len(self._lasts) < k:
            self._lasts.append(math.nan)
            self._lows.append(math.inf)
            self._highs.append(-math.inf)
        self._last = math.nan
        self._low = math.inf
        self._high = -math.inf
        self._until = start + (k + 1) * self._step
        return True

    def _end_step(self) -> None:
        if self._until != 0:
            self._lasts.append(self._last)
            self._lows.append(self._low)
            self._highs.append(self._high)

    def _halve(self) -> None:
        """Two steps become one."""
        self._step *= 2
        lasts = self._lasts
        if len(lasts) % 2 == 1:
            lasts.append(math.nan)
            self._lows.append(math.inf)
            self._highs.append(-math.inf)
        pairs = range(0, len(lasts), 2)
        self._lasts = [lasts[k + 1] if lasts[k + 1] == lasts[k + 1] else lasts[k] for k in pairs]
        self._lows = [min(self._lows[k], self._lows[k + 1]) for k in pairs]
        self._highs = [max(self._highs[k], self._highs[k + 1]) for k in pairs]

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [
            [plain(self.close), self.close_time, plain(self.open), self.open_time, self.dirt],
            [plain(self.low), self.low_time, plain(self.high), self.high_time],
            [self._step, self._until, plain(self._last), plain(self._low), plain(self._high)],
            [plain(x) for x in self._lasts],
            [plain(x) for x in self._lows],
            [plain(x) for x in self._highs],
        ]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        close, self.close_time, opened, self.open_time, self.dirt = state[0]
        low, self.low_time, high, self.high_time = state[1]
        self._step, self._until, last, lowest, highest = state[2]
        self.close, self.open, self._last = number(close), number(opened), number(last)
        self.low, self._low = _low(low), _low(lowest)
        self.high, self._high = _high(high), _high(highest)
        self._lasts = [number(x) for x in state[3]]
        self._lows = [_low(x) for x in state[4]]
        self._highs = [_high(x) for x in state[5]]


def _low(x: float | None) -> float:
    return math.inf if x is None else float(x)


def _high(x: float | None) -> float:
    return -math.inf if x is None else float(x)
