"""The garbage collector: what lives as long as the process is not looked through again, and how long it stops the loop.

The engine refers to nothing in circles: what it lets go is freed at once, and freezing it loses nothing.
"""

from __future__ import annotations

import gc
import time


class Garbage:
    """Pauses of this process. count, seconds: of all collections since `watch`; longest: seconds of the longest."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.longest = 0.0
        self._began = 0.0

    def watch(self) -> None:
        """Measure from now on."""
        gc.callbacks.append(self._told)

    def close(self) -> None:
        """Measure no more."""
        if self._told in gc.callbacks:
            gc.callbacks.remove(self._told)

    @staticmethod
    def settle() -> None:
        """Before the first tick: collect what the start has left, and never look through the rest again."""
        gc.collect()
        gc.freeze()

    @staticmethod
    def keep() -> None:
        """At work: what is there now is here to stay. No collection before it, which would stop the pump."""
        gc.freeze()

    def _told(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        took = time.perf_counter() - self._began
        self.count += 1
        self.seconds += took
        self.longest = max(self.longest, took)
