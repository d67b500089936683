"""The runtime's time: integer nanoseconds UTC that never run backwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from stressd.alerts.words import duration_text
from stressd.market.tick import BACKLOG, Tick

SECOND: Final = 1_000_000_000
TOLERANCE: Final = 5 * SECOND
"""ns by which the machine's clock may be set before it is doubted, and people are told."""

DOUBTED: Final = 600 * SECOND
"""ns after which a setting is adopted that no tick's own time speaks for or against."""

NEAR: Final = 60 * SECOND
"""ns within which a tick's own time agrees with a clock."""

BORNE_OUT: Final = 20
"""Ticks that must agree with one clock and not with the other, on balance."""

TOLD_FOR: Final = 600 * SECOND
"""ns for which people are told at least."""

LAPSE: Final = 3 * SECOND
"""ns between two passes of the pump from which on nobody was listening; it passes once a second."""


def since_boot() -> int:
    """ns since boot, those of a suspended machine included; nobody sets it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


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

    def heed(self, ticks: Sequence[Tick]) -> None:
        """What the ticks' own times say of this clock, while it differs from the machine's; those that are of the
        machine's are put into this one's."""
        ...

    def unheard(self, gap: int) -> int:
        """Of `gap` ns between two passes of the pump, those in which nobody listened: the process or the machine stood
        still, or the clock was set."""
        ...


class WallClock:
    """The machine's UTC clock, made monotonic, and doubted when it is set.

    Small corrections are followed. Where the machine's clock is set by more than TOLERANCE (against the time since
    boot, in which a suspended machine counts as having gone on), this one goes on by the time since boot: no tick grows
    old by it, no deadline falls due, nothing counts as silent. The setting is adopted when the ticks' own times bear it
    out, or after DOUBTED where they say nothing: forward at once, back by going at half speed until the other has
    caught up, so that deadlines still fall due and engine time never runs backwards.

    disputed: the machine's clock was set, and that is neither adopted nor undone. set_by: ns by which it was last set,
    set_at: when, by this clock; 0 for never.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = since_boot) -> None:
        self._wall = wall
        self._steady = steady
        self._said = wall()
        self._steady_at = self._doubted = steady()
        self._offset = self._said - self._steady_at
        self._votes = 0
        self._refuted = False
        self.disputed = False
        self.set_by = 0
        self.set_at = 0

    def now(self) -> int:
        wall, steady = self._wall(), self._steady()
        passed = max(0, steady - self._steady_at)
        offset, before = wall - steady, self._offset
        self._steady_at, self._offset = steady, offset
        if abs(offset - before) > TOLERANCE:
            self._doubt(wall - self._said - passed, steady)
        going_on = self._said + passed
        if abs(wall - going_on) <= TOLERANCE or (not self._refuted and steady - self._doubted > DOUBTED):
            self.disputed = False
        if self.disputed:
            self._said = going_on
        else:
            self._said = wall if wall >= self._said else self._said + passed // 2
        return self._said

    def _doubt(self, by: int, steady: int) -> None:
        """The machine's clock was set, and differs by `by` (ns) now."""
        self._votes, self._doubted, self._refuted = 0, steady, False
        self.disputed = abs(by) > TOLERANCE
        if self.disputed:
            self.set_by, self.set_at = by, self._said

    def behind(self) -> int:
        """ns by which the machine's clock is behind this one: 0 unless it was set back."""
        return max(0, self.now() - self._wall())

    def heed(self, ticks: Sequence[Tick]) -> None:
        now = self.now()
        ahead = now - self._wall()
        if not self.disputed and ahead <= TOLERANCE:
            return
        for tick in ticks:
            if tick.time == tick.received or tick.flags & BACKLOG:
                continue
            by_this, by_machine = abs(tick.received - tick.time), abs(tick.received - ahead - tick.time)
            if by_machine <= NEAR < by_this:
                self._votes += 1
                if ahead > 0:
                    # Its own time is of the clock that this one waits for: into the time that everything else is in.
                    tick.time += ahead
            elif by_this <= NEAR < by_machine:
                self._votes -= 1
        if self._votes >= BORNE_OUT:
            self.disputed = False
        elif self._votes <= -BORNE_OUT:
            self._votes, self._refuted = 0, True

    def unheard(self, gap: int) -> int:
        return gap if gap > LAPSE else 0

    def complaint(self) -> str:
        """What people must know of the machine's clock, "" where it is right."""
        behind = self.behind()
        if not self.disputed and behind <= TOLERANCE and (not self.set_at or self._said - self.set_at > TOLD_FOR):
            return ""
        way = "forward" if self.set_by > 0 else "back"
        text = f"the machine's clock was set {way} by {duration_text(abs(self.set_by) / SECOND)}"
        if self._refuted and self.disputed:
            return f"{text}, and the ticks' own times say that it is wrong: stressd goes on by the time since boot"
        if self.disputed:
            return f"{text}: stressd goes on by the time since boot until the ticks' own times bear it out"
        if behind > TOLERANCE:
            return f"{text}: stressd goes at half speed until that has caught up, in {duration_text(behind / SECOND)}"
        return f"{text}: stressd goes by it again"

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

    def heed(self, ticks: Sequence[Tick]) -> None:
        """It depends on no clock that can be set."""

    def unheard(self, gap: int) -> int:
        return 0


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


class SteeredClock(PacedClock):
    """A paced clock whose speed people change while it goes, that stands still when they say so, and hurries to a
    time that they name."""

    def __init__(self, start: int, speed: float, steady: Callable[[], int] = time.monotonic_ns) -> None:
        super().__init__(start, speed, steady)
        self.paused = False

    @property
    def speed(self) -> float:
        """Times real time, while it is not paused."""
        return self._speed

    def wanted(self) -> int:
        """How far it would have gone had it been let."""
        return self._start if self.paused else super(PacedClock, self).now()

    def now(self) -> int:
        return min(self.wanted(), self._limit)

    def pace(self, speed: float) -> None:
        """Go on at this speed."""
        if speed <= 0.0:
            raise ValueError(f"a clock's speed must be positive, was {speed}")
        self._anchor(self.wanted())
        self._speed = speed

    def pause(self, paused: bool) -> None:
        """Stand still, also on the way to a time, or go on."""
        self._anchor(self.now())
        self.paused = paused

    def hurry(self, to: int) -> None:
        """Go to `to` (ns UTC) as fast as it is let; a time that is over changes nothing."""
        self._anchor(max(to, self.wanted()))

    def relent(self) -> None:
        """What it was not let go is not made up for."""
        self._anchor(self.now())

    def seconds_until(self, t: int) -> float:
        return _STANDING if self.paused and t > self.now() else super().seconds_until(t)

    async def sleep_until(self, t: int) -> None:
        while (wait := self.seconds_until(t)) > 0:
            await asyncio.sleep(min(wait, _HEED))

    def _anchor(self, start: int) -> None:
        self._start, self._steady_at = start, self._steady()


_STANDING: Final = 3_600.0
_HEED: Final = 0.1
"""Seconds: what a time that will not come is waited for, and how long a change of speed goes unnoticed."""
