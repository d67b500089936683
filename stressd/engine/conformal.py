"""Conformal rank: how large a score is among the comparable ones of the past, without an assumption about their law.

Where the new score and the past ones are exchangeable, P(p <= a) <= a for every a (Vovk, Gammerman, Shafer 2005,
Algorithmic Learning in a Random World, 2.2), whatever their distribution.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from typing import Final

THREE_YEARS: Final = 750
"""Days."""


class PastScores:
    """The last `capacity` scores, oldest forgotten first, kept sorted: a rank is found in O(log n)."""

    __slots__ = ("_at", "_in_order", "_sorted", "capacity")

    def __init__(self, capacity: int = THREE_YEARS) -> None:
        """Raises ValueError for a capacity below 1."""
        if capacity < 1:
            raise ValueError("at least one score must be kept")
        self.capacity = capacity
        self._in_order: array[float] = array("d")
        self._sorted: array[float] = array("d")
        self._at = 0

    @property
    def n(self) -> int:
        """How many scores are kept."""
        return len(self._in_order)

    def learn(self, score: float) -> None:
        """Take in one score; one that is not known (nan) has no rank and is left out."""
        if score != score:
            return
        if len(self._in_order) < self.capacity:
            self._in_order.append(score)
        else:
            oldest = self._in_order[self._at]
            del self._sorted[bisect_left(self._sorted, oldest)]
            self._in_order[self._at] = score
            self._at = (self._at + 1) % self.capacity
        insort(self._sorted, score)

    def at_least(self, score: float) -> int:
        """How many of the scores kept are as large as `score` or larger."""
        return len(self._sorted) - bisect_left(self._sorted, score)

    def p(self, score: float) -> float:
        """(1 + scores at least as large) / (n + 1): never 0, and 1 where nothing is known or `score` is nan."""
        if score != score:
            return 1.0
        return (1.0 + float(self.at_least(score))) / (1.0 + float(len(self._sorted)))

    def p_low(self, score: float) -> float:
        """(1 + scores at most as large) / (n + 1): the same at the other end."""
        if score != score:
            return 1.0
        return (1.0 + float(bisect_right(self._sorted, score))) / (1.0 + float(len(self._sorted)))

    def state(self) -> list[float]:
        """The scores, oldest first."""
        return [*self._in_order[self._at :], *self._in_order[: self._at]]

    def load(self, state: list[float]) -> None:
        """Take up where `state` left off; of more scores than are kept, the newest."""
        kept = state[-self.capacity :]
        self._in_order = array("d", kept)
        self._sorted = array("d", sorted(kept))
        self._at = 0
