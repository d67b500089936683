"""The last fixings of one series: what it did between two fixings of another market, whatever dates those carry."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.plain import number, plain

KEPT: Final = 12
"""Fixings; a gauge's previous fixing is at most fourteen days old."""


class Stretch:
    """One or more fixings of a series in a row. bp, z: their move together, the latter in sigma of as many fixings;
    nan where one of them cannot be compared with the one before it. largest: the z of the largest, signed, 0 where none
    is known; at: its time (ns)."""

    __slots__ = ("at", "bp", "largest", "z")

    def __init__(self, bp: float, z: float, largest: float, at: int) -> None:
        self.bp = bp
        self.z = z
        self.largest = largest
        self.at = at


class Trail:
    """The last fixings of one series as (time in ns, move in bp, the same in sigma), oldest first."""

    __slots__ = ("_moves", "_times", "_zs")

    def __init__(self) -> None:
        self._times: list[int] = []
        self._moves: list[float] = []
        self._zs: list[float] = []

    def add(self, time: int, bp: float, z: float) -> None:
        """The series has fixed. One that is older than the last is left out."""
        if self._times and time <= self._times[-1]:
            return
        if len(self._times) == KEPT:
            del self._times[0], self._moves[0], self._zs[0]
        self._times.append(time)
        self._moves.append(bp)
        self._zs.append(z)

    def between(self, start: int, end: int) -> Stretch | None:
        """The fixings at start <= time < end; None where there is none, or more than are kept."""
        last = len(self._times) - 1
        while last >= 0 and self._times[last] >= end:
            last -= 1
        first = last
        bp = z = largest = 0.0
        at = 0
        while first >= 0 and self._times[first] >= start:
            bp += self._moves[first]
            each = self._zs[first]
            z += each
            if abs(each) > abs(largest):
                largest, at = each, self._times[first]
            first -= 1
        count = last - first
        if count == 0 or (first < 0 and len(self._times) == KEPT):
            return None
        return Stretch(bp, z / math.sqrt(float(count)), largest, at)

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [self._times[:], [plain(x) for x in self._moves], [plain(x) for x in self._zs]]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self._times = [int(t) for t in state[0]]
        self._moves = [number(x) for x in state[1]]
        self._zs = [number(x) for x in state[2]]
