"""How long to wait before the next attempt, for everything that tries again: capped growth with full jitter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

FIRST: Final = 0.5
CAP: Final = 60.0
STABLE: Final = 30.0

DIALS: Final = 4
"""Connections that are being made at a time: after an outage of everything the rest wait their turn."""

_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def ceiling(failures: int, first: float, cap: float) -> float:
    """The longest wait, s, after so many failures in a row (from 1): it doubles from `first` up to `cap`."""
    # bounded: what is away for a year must not overflow the power
    return min(cap, first * 2.0 ** min(max(failures, 1) - 1, 32))


class Backoff:
    """Seconds between attempts, drawn evenly from [least, ceiling) ("full jitter": many clients that lost one server do
    not come back in step). first, cap, stable, least: seconds; only what held for `stable` starts the growth anew, so
    that a connection which is accepted and dropped at once is not made again and again."""

    __slots__ = ("_failures", "_random", "cap", "first", "least", "stable")

    def __init__(
        self,
        first: float = FIRST,
        cap: float = CAP,
        stable: float = STABLE,
        draw: Callable[[], float] = random.random,
        least: float = 0.0,
    ) -> None:
        self.first = first
        self.cap = cap
        self.stable = stable
        self.least = least
        self._random = draw
        self._failures = 0

    @property
    def failures(self) -> int:
        """In a row, without a period of health between them."""
        return self._failures

    def next(self) -> float:
        """The next wait, s."""
        self._failures += 1
        return max(self.least, self._random() * ceiling(self._failures, self.first, self.cap))

    def lived(self, seconds: float) -> None:
        """A connection, or a run, ended after `seconds`: only one that held starts the growth anew."""
        if seconds >= self.stable:
            self._failures = 0


@asynccontextmanager
async def dialing() -> AsyncIterator[None]:
    """While a connection is being made: no more than DIALS at a time on this event loop."""
    gate = _gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(DIALS))
    async with gate:
        yield
