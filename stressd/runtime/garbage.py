"""The garbage collector: what is here to stay is not looked through again and again, and how long it stops the loop.

Left alone it goes through everything that came since the start whenever that has grown by a quarter: while the series
warm up, a quarter of all CPU. So what is there is frozen, more and more seldom. Once a day, while all markets are
closed, it is looked through as a whole, lest what was frozen at the wrong moment pile up over years. The engine refers
to nothing in circles: what it lets go is freed at once, frozen or not.
"""

from __future__ import annotations

import gc
import time
from typing import Final

GROWING: Final = (60.0, 600.0, 3_600.0)
"""Seconds after the start when what has grown since is frozen; from the last one on it is done that often."""

WHOLE: Final = 86_400.0
"""Seconds between two looks through everything, which take a third of a second for a thousand series."""

AT_LAST: Final = 7.0 * WHOLE
"""Seconds after which that is done although a market is open."""


class Garbage:
    """Pauses of this process. count, seconds: of all collections since `watch`; longest: seconds of the longest."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.longest = 0.0
        self._began = 0.0
        self._turns = 0
        self._due = self._looked = 0.0

    def watch(self) -> None:
        """From now on what is there is here to stay, and pauses are measured."""
        settle()
        gc.callbacks.append(self._told)
        now = time.monotonic()
        self._due, self._looked = now + GROWING[0], now

    def turn(self, now: float, calm: bool) -> None:
        """To be called now and then. now: monotonic s; calm: a pause hurts nobody, since no market is open."""
        if now < self._due:
            return
        self._turns += 1
        self._due = now + GROWING[min(self._turns, len(GROWING) - 1)]
        if now - self._looked >= (WHOLE if calm else AT_LAST):
            self._looked = now
            gc.unfreeze()
        settle()

    def close(self) -> None:
        """Measure no more."""
        if self._told in gc.callbacks:
            gc.callbacks.remove(self._told)

    def _told(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        took = time.perf_counter() - self._began
        self.count += 1
        self.seconds += took
        self.longest = max(self.longest, took)


def settle() -> None:
    """Collect what is new, and never look through the rest of it again."""
    gc.collect()
    gc.freeze()
