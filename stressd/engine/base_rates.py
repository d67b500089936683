"""Base rates: how often a series has moved this far before, and what a gauge then did at its next fixing.

Counted from all fixings that were fed, imported history among them, by bar and sign; nothing is kept of single days.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.response import BaseRate

BARS: Final[tuple[float, ...]] = (2.0, 3.0, 4.0, 5.0)


class Count:
    """times: how often the source moved beyond the bar; same_sign: how often the gauge then moved the same way; total:
    sum of its answers in sigma."""

    __slots__ = ("same_sign", "times", "total")

    def __init__(self, times: int = 0, same_sign: int = 0, total: float = 0.0) -> None:
        self.times = times
        self.same_sign = same_sign
        self.total = total


class BaseCounts:
    """The counts of one source series and one gauge: rises beyond each bar, then falls."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: list[Count] = [Count() for _ in range(2 * len(BARS))]

    def learn(self, source_z: float, follower_z: float) -> None:
        """The source's largest move between two fixings of the gauge, and the gauge's answer."""
        first = 0 if source_z > 0.0 else len(BARS)
        size = abs(source_z)
        for k, bar in enumerate(BARS):
            if size <= bar:
                return
            count = self._counts[first + k]
            count.times += 1
            count.total += follower_z
            if follower_z * source_z > 0.0:
                count.same_sign += 1

    def rate(self, source: str, gauge: str, z: float, since: int) -> BaseRate | None:
        """For a move of z sigma: of the largest bar that it is beyond and that was passed before; None if there is
        none. since: ordinal of the first day counted."""
        first = 0 if z > 0.0 else len(BARS)
        sign = 1.0 if z > 0.0 else -1.0
        for k in range(len(BARS) - 1, -1, -1):
            count = self._counts[first + k]
            if abs(z) > BARS[k] and count.times > 0:
                mean = count.total / count.times
                return BaseRate(source, gauge, sign * BARS[k], count.times, count.same_sign, mean, since)
        return None

    def state(self) -> list[list[Any]]:
        """Everything, as plain numbers."""
        return [[count.times, count.same_sign, count.total] for count in self._counts]

    def load(self, state: list[list[Any]]) -> None:
        """Take up where `state` left off."""
        self._counts = [Count(int(row[0]), int(row[1]), float(row[2])) for row in state]
