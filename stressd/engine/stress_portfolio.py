"""Stress as a portfolio: what is stressed together counts for more than what is stressed by itself.

Hollo, Kremer and Lo Duca (2012), "CISS - a composite indicator of systemic stress in the financial system": with the
stress s of each market in [0, 1], weights w that add up to one and u = w s, the index is u'Cu, where C are the decayed
cross-correlations of s - 1/2. Unlike there, a negative one counts as none, so that no market's calm takes from another
one's stress, and those of the day before are used, so that within a day the index moves with stress alone. It is never
below the sum of the squares of u, nor above the square of their sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

DECAY: Final = 0.93
"""Per day, of the cross-correlations."""

USUAL: Final = 1.0 / 12.0
"""Variance of a rank. An input that has not been seen with the others starts with it, correlated with none."""

FORGOTTEN: Final = 20
"""Days of absence after which an input that comes back starts anew."""

LEAST: Final = 1e-12
"""Variance below which an input says nothing of what it moves with."""


class Parts:
    """An index taken apart. parts: one an input, u_i times the sum of u: what the index would be made of if all inputs
    rose and fell as one; correlation: what it is less than that because they do not, never above 0. Together they are
    the value."""

    __slots__ = ("correlation", "parts", "value")

    def __init__(self, value: float, parts: list[float]) -> None:
        self.value = value
        self.parts = parts
        self.correlation = value - math.fsum(parts)


def squared(u: Sequence[float], c: Sequence[Sequence[float]]) -> float:
    """u'Cu. c: the lower triangle of C, its diagonal included; what lies above it is not read."""
    found = 0.0
    for i in range(len(u)):
        row = c[i]
        across = 0.0
        for j in range(i):
            across += row[j] * u[j]
        found += u[i] * (u[i] * row[i] + 2.0 * across)
    return found


def take_apart(u: Sequence[float], c: Sequence[Sequence[float]]) -> Parts:
    """The index of u = w s under the correlations C, with its parts."""
    whole = math.fsum(u)
    return Parts(min(max(squared(u, c), 0.0), 1.0), [each * whole for each in u])


class CrossCorrelations:
    """Decayed cross-correlations of inputs that are numbered 0 .. n-1, learned day by day. days: how many there were.

    Where an input is missing, a day counts with 0 for it and not for the others alone: so no correlation exceeds 1.
    """

    __slots__ = ("_absent", "_sums", "days", "n")

    def __init__(self, n: int) -> None:
        self.n = n
        self.days = 0
        self._sums = [[0.0] * (i + 1) for i in range(n)]
        self._absent = [FORGOTTEN] * n

    def learn(self, stress: Sequence[float]) -> None:
        """Take in a day's stress of every input, nan for one that is missing."""
        off = [s - 0.5 if s == s else 0.0 for s in stress]
        for i in range(self.n):
            if stress[i] == stress[i]:
                if self._absent[i] >= FORGOTTEN:
                    self._begin(i)
                self._absent[i] = 0
            else:
                self._absent[i] = min(self._absent[i] + 1, FORGOTTEN)
        for i in range(self.n):
            row = self._sums[i]
            for j in range(i + 1):
                row[j] = DECAY * row[j] + (1.0 - DECAY) * off[i] * off[j]
        self.days += 1

    def _begin(self, i: int) -> None:
        for j in range(self.n):
            if j < i:
                self._sums[i][j] = 0.0
            elif j > i:
                self._sums[j][i] = 0.0
        self._sums[i][i] = USUAL

    def among(self, used: Sequence[int]) -> list[list[float]]:
        """The lower triangle of C among the inputs `used`, as it stood at the end of the last day. Nothing is below 0:
        calm in one place is no cure for stress in another."""
        scales: list[float] = []
        found: list[list[float]] = []
        for a in range(len(used)):
            i = used[a]
            variance = self._sums[i][i] if self._absent[i] < FORGOTTEN else 0.0
            scale = 1.0 / math.sqrt(variance) if variance > LEAST else 0.0
            row: list[float] = []
            for b in range(a):
                j = used[b]
                shared = (self._sums[i][j] if j < i else self._sums[j][i]) * scale * scales[b]
                row.append(min(max(shared, 0.0), 1.0))
            row.append(1.0)
            scales.append(scale)
            found.append(row)
        return found

    def state(self) -> list[object]:
        """Everything, as plain values."""
        return [self.days, list(self._absent), [list(row) for row in self._sums]]

    def load(self, days: int, absent: list[int], sums: list[list[float]], places: Sequence[int]) -> None:
        """Take up where `state` left off; places: for each input, which one it was then, -1 for none."""
        self.days = days
        for i in range(self.n):
            k = places[i]
            if k < 0:
                continue
            self._absent[i] = int(absent[k])
            for j in range(i + 1):
                m = places[j]
                if m >= 0:
                    self._sums[i][j] = float(sums[k][m] if m <= k else sums[m][k])
