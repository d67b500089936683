"""The runtime's time: integer nanoseconds UTC that never run backwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

SECOND: Final = 1_000_000_000


class Clock(Protocol):
    """What the runtime asks of a clock."""

    def now(self) -> int:
        """Event time, ns UTC; never less than it said before."""
        ...

    def seconds_until(self, t: int) -> float:
        """Real seconds to wait until event time `t`; 0 where it has passed."""
        ...

    async def sleep_until(self, t: int) -> None:
        """Returns once `now() >= t`."""
        ...


class WallClock:
    """The machine's UTC clock, made monotonic.

    When the machine's clock is set back, this one goes on at half speed until the other has caught up: deadlines still
    fall due, and engine time never runs backwards. A step forward is followed at once.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall = wall
        self._steady = steady
        self._said = wall()
        self._steady_at = steady()

    def now(self) -> int:
        wall, steady = self._wall(), self._steady()
        if wall >= self._said:
            self._said = wall
        else:
            self._said += max(0, steady - self._steady_at) // 2
        self._steady_at = steady
        return self._said

    def behind(self) -> int:
        """ns by which the machine's clock is behind this one: 0 unless it was set back."""
        return max(0, self.now() - self._wall())

    def seconds_until(self, t: int) -> float:
        return max(0, t - self.now()) / SECOND

    async def sleep_until(self, t: int) -> None:
        while (wait := self.seconds_until(t)) > 0:
            await asyncio.sleep(wait)


class ScaledClock:
    """Event time that starts at `start` (ns UTC) and runs `speed` times as fast as the wall."""

    def __init__(self, start: int, speed: float, steady: Callable[[], int] = time.monotonic_ns) -> None:
        if speed <= 0.0:
            raise ValueError(f"a clock's speed must be positive, was {speed}")
        self._start = start
        self._speed = speed
        self._steady = steady
        self._steady_at = steady()

    def now(self) -> int:
        return self._start + int((self._steady() - self._steady_at) * self._speed)

    def seconds_until(self, t: int) -> float:
        return max(0, t - self.now()) / self._speed / SECOND

    async def sleep_until(self, t: int) -> None:
        while (wait := self.seconds_until(t)) > 0:
            await asyncio.sleep(wait)


class PacedClock(ScaledClock):
    """A scaled clock that goes no further than it is let: a reader that falls behind slows time down instead of
    missing it."""

    def __init__(self, start: int, speed: float, steady: Callable[[], int] = time.monotonic_ns) -> None:
        super().__init__(start, speed, steady)
        self._limit = start

    def let(self, limit: int) -> None:
        """Let it run up to `limit` (ns UTC); a limit never falls."""
        self._limit = max(self._limit, limit)

    def now(self) -> int:
        return min(super().now(), self._limit)
