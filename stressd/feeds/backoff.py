"""How long to wait before the next attempt: capped exponential growth with full jitter."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST: Final = 0.5
CAP: Final = 60.0
STABLE: Final = 30.0


class Backoff:
    """Seconds between attempts, drawn evenly from [0, min(cap, first * 2^n)) ("full jitter": many clients that lost one
    broker do not come back in step). first, cap, stable: seconds; a connection that lived for `stable` starts it anew.
    """

    __slots__ = ("_attempt", "_random", "cap", "first", "stable")

    def __init__(
        self,
        first: float = FIRST,
        cap: float = CAP,
        stable: float = STABLE,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.first = first
        self.cap = cap
        self.stable = stable
        self._random = draw
        self._attempt = 0

    def next(self) -> float:
        """The next wait, s."""
        # bounded: a broker that is away for a year must not overflow the power
        limit = min(self.cap, self.first * 2.0 ** min(self._attempt, 32))
        self._attempt += 1
        return self._random() * limit

    def lived(self, seconds: float) -> None:
        """A connection ended after `seconds`: only one that held starts the growth anew."""
        if seconds >= self.stable:
            self._attempt = 0
