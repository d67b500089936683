"""How long something is usually absent, learned from how long it was: messages of a feed, or changes of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

HOUR: Final = 3_600_000_000_000
MINUTE: Final = 60_000_000_000

NEEDED: Final = 100
"""Absences that must have ended before the longest says something."""

NEEDED_TIME: Final = 24 * HOUR
"""ns of time over which: the quiet hours of a day must be among them."""

TIMES: Final = 4
"""What is longer than so many of the longest so far is no chance."""

FORGETS: Final = 0.5 ** (1.0 / (30.0 * 24.0))
"""Of the longest an hour: it counts half after a month, so that one outage is not remembered for ever."""


class Stretch:
    """The longest absence so far, decayed. floor: ns, no shorter one is ever told. longest: ns; ended: how many."""

    __slots__ = ("_decayed", "_since", "ended", "floor", "longest")

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.longest = 0
        self.ended = 0
        self._since = 0
        self._decayed = 0

    def add(self, absence: int, now: int) -> None:
        """One has ended. Both ns; absence: open time."""
        if self._since == 0:
            self._since = self._decayed = now
        hours = (now - self._decayed) // HOUR
        if hours > 0:
            self._decayed += hours * HOUR
            self.longest = int(self.longest * FORGETS**hours)
        self.longest = max(self.longest, absence)
        self.ended += 1

    def known(self, now: int) -> bool:
        return self.ended >= NEEDED and now - self._since >= NEEDED_TIME

    def bound(self, ceiling: int, now: int) -> int:
        """ns of open time from which on it is absent for too long; the ceiling until enough is known."""
        return min(ceiling, max(self.floor, TIMES * self.longest)) if self.known(now) else ceiling

    def state(self) -> list[int]:
        return [self.longest, self.ended, self._since, self._decayed]

    def load(self, state: Sequence[int]) -> None:
        self.longest, self.ended, self._since, self._decayed = (int(each) for each in state[:4])
