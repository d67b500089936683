"""The last hour of one series: the last value of every five seconds, for the references of the intraday horizons."""

from __future__ import annotations

from typing import Any, Final

SLOT: Final = 5_000_000_000
"""ns a slot."""

SLOTS: Final = 732
"""61 minutes."""

WALK_BACK: Final = 24
"""Slots (120 s) by which a value may be older than the instant it stands for; beyond that it is stale, not a
reference."""


class Ring:
    """Value (percent) and time (ns UTC) of the last tick in each slot; slots are counted from the Unix epoch. late: how
    many ticks came after newer ones and are in it."""

    __slots__ = ("late", "times", "values")

    def __init__(self) -> None:
        self.late = 0
        self.values: list[float] = [0.0] * SLOTS
        self.times: list[int] = [0] * SLOTS

    def put(self, slot: int, value: float, time: int) -> None:
        """The newest tick of `slot`."""
        k = slot % SLOTS
        self.values[k] = value
        self.times[k] = time

    def put_late(self, value: float, time: int) -> None:
        """A tick that came after newer ones: the newest of its slot, if it is that."""
        k = time // SLOT % SLOTS
        if self.times[k] < time:
            self.values[k] = value
            self.times[k] = time
            self.late += 1

    def find(self, slot: int, earliest: int) -> int:
        """Index of the newest tick in `slot` or up to WALK_BACK slots before it, none before the slot `earliest`; -1
        where there is none."""
        lowest = slot - WALK_BACK
        if lowest < earliest:
            lowest = earliest
        while slot >= lowest:
            k = slot % SLOTS
            if self.times[k] // SLOT == slot:
                return k
            slot -= 1
        return -1

    def shift(self, offset: float) -> None:
        """Add `offset` (percent) to every value: the series is carried by another source from now on."""
        for k in range(SLOTS):
            self.values[k] += offset

    def clear(self) -> None:
        """Forget everything."""
        for k in range(SLOTS):
            self.times[k] = 0

    def state(self) -> list[Any]:
        """The filled slots: all times, then all values. No list a slot: hundreds of them would wake the collector."""
        times = [t for t in self.times if t != 0]
        return [times, [self.values[k] for k, t in enumerate(self.times) if t != 0]]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.clear()
        for time, value in zip(state[0], state[1], strict=True):
            t = int(time)
            self.put(t // SLOT, float(value), t)
