"""Since when: monotone stacks that hold only the days that can still be an answer.

A day is dropped as soon as a later one is at least as large. What the bound on their number would lose is told as more
recent, never as older.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

STACKED: Final = 1024


class Extremes:
    """Answers "when was it last more than this", by day. sign: +1 for highs, -1 for lows; most: days kept."""

    __slots__ = ("_days", "_most", "_sign", "_values")

    def __init__(self, sign: int, most: int = STACKED) -> None:
        self._sign = float(sign)
        self._most = most
        self._days: list[int] = []
        # Negated and signed, so that the oldest and largest come first and the list ascends.
        self._values: list[float] = []

    def observe(self, day: int, value: float) -> None:
        """Take in a later day's value."""
        key = -self._sign * value
        while self._values and self._values[-1] >= key:
            self._values.pop()
            self._days.pop()
        self._values.append(key)
        self._days.append(day)
        if len(self._values) > self._most:
            # Let the second stand in for the first: its day is more recent than the truth, never older.
            self._values[1] = self._values[0]
            del self._values[0], self._days[0]

    def shift(self, offset: float) -> None:
        """Every value lay `offset` higher in the terms of today."""
        self._values = [value - self._sign * offset for value in self._values]

    def last_beyond(self, value: float) -> int | None:
        """The last day with a value beyond `value`, None where there is none."""
        index = bisect_left(self._values, -self._sign * value)
        return self._days[index - 1] if index > 0 else None

    def state(self) -> list[Any]:
        """Days and values."""
        return [list(self._days), list(self._values)]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._days = [int(day) for day in state[0]]
        self._values = [float(value) for value in state[1]]
