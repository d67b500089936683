"""Whether a sink is worth trying: after failures in a row one message at a time finds out whether it is back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, Literal

from stressd.backoff import Backoff

THRESHOLD: Final = 4
"""Failures in a row, of whatever episodes, after which the sink is left alone for a while."""

FIRST: Final = 5.0
CAP: Final = 30.0
LEAST: Final = 1.0
"""Seconds between two tries, the cap for ever: an alert that has nobody to stand in for its sink waits no longer."""


class Breaker:
    """Closed while the other side answers; open after THRESHOLD failures; half open while one message tries it.

    A failure is silence or trouble of the other side. A message refused for itself, or a plea to slow down, is an
    answer. Times are monotonic s.
    """

    __slots__ = ("_failures", "_trying", "_until", "_waits")

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._waits = Backoff(FIRST, CAP, 0.0, draw, LEAST)
        self._failures = 0
        self._until = 0.0
        self._trying = False

    @property
    def open(self) -> bool:
        return self._failures >= THRESHOLD

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        return "closed" if not self.open else "half-open" if self._trying else "open"

    def wait(self, now: float) -> float | None:
        """Seconds until a message may be tried; None while one is being tried."""
        if not self.open:
            return 0.0
        return None if self._trying else max(0.0, self._until - now)

    def begin(self) -> None:
        """A message is about to be tried."""
        self._trying = self.open

    def abandon(self) -> None:
        """It was not: nothing is known of the other side."""
        self._trying = False

    def passed(self) -> bool:
        """The other side answered. True where that closes it."""
        was_open, self._failures, self._trying = self.open, 0, False
        self._waits.lived(0.0)
        return was_open

    def failed(self, now: float) -> bool:
        """It did not. True where that opens it."""
        was_open = self.open
        self._failures += 1
        self._trying = False
        if self.open:
            self._until = now + self._waits.next()
        return self.open and not was_open
