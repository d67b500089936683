"""The tail of a series' pauses, from sums over a few fixed levels: no sample is kept.

Peaks over threshold: beyond each level the number of pauses, their excess and its square are kept as decayed sums. The
highest level that is well filled gives a generalised Pareto tail by its first two moments (Hosking and Wallis 1987),
with a shape that is shrunk and bounded: a bounded shape is what keeps a rare pause within a few times a usual one.
"""

from __future__ import annotations

import math
from typing import Final

LEVELS: Final[tuple[float, ...]] = (4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
LEAST: Final = 4.0
"""Expected ticks without a tick from which a pause counts for the tail: one in 55 where ticks come at random."""

FILLED: Final = 20.0
"""Pauses beyond a level before its own tail is used."""

PRIOR: Final = 4.0
"""Pauses beyond the lowest level, exponential as where ticks come at random, that a series starts with."""

SHAPE: Final = 0.05
SHAPE_WEIGHT: Final = 30.0
LARGEST_SHAPE: Final = 0.2


class PauseTail:
    """Decayed counts and sums of pauses beyond each level, in expected ticks."""

    __slots__ = ("_count", "_excess", "_square")

    def __init__(self) -> None:
        self._count: list[float] = [0.0] * len(LEVELS)
        self._excess: list[float] = [0.0] * len(LEVELS)
        self._square: list[float] = [0.0] * len(LEVELS)

    def add(self, size: float) -> None:
        """A pause of `size` expected ticks, more than LEAST."""
        for k in range(len(LEVELS)):
            excess = size - LEVELS[k]
            if excess <= 0.0:
                return
            self._count[k] += 1.0
            self._excess[k] += excess
            self._square[k] += excess * excess

    def decay(self, keep: float) -> None:
        """Everything counts for `keep` of what it did."""
        for k in range(len(LEVELS)):
            self._count[k] *= keep
            self._excess[k] *= keep
            self._square[k] *= keep

    def exceeded_by(self, count: float) -> float:
        """The size that `count` of the (decayed) pauses exceed."""
        k = 0
        while k + 1 < len(LEVELS) and self._count[k + 1] >= max(FILLED, count):
            k += 1
        n, scale, shape = self._beyond(k)
        if n <= count:
            return LEVELS[k]
        return LEVELS[k] + scale / shape * (math.pow(n / count, shape) - 1.0)

    def count_beyond(self, size: float) -> float:
        """How many of the (decayed) pauses exceed `size`, which is LEAST at the least."""
        k = 0
        while k + 1 < len(LEVELS) and self._count[k + 1] >= FILLED and LEVELS[k + 1] <= size:
            k += 1
        n, scale, shape = self._beyond(k)
        return n * math.pow(1.0 + shape * (size - LEVELS[k]) / scale, -1.0 / shape)

    def _beyond(self, k: int) -> tuple[float, float, float]:
        """How many pauses exceed level k, and the scale and the shape of their tail."""
        n = self._count[k]
        weight = n
        excess = self._excess[k]
        square = self._square[k]
        if k == 0:
            n += 0.5
            weight += PRIOR
            excess += PRIOR
            square += 2.0 * PRIOR
        mean = excess / weight
        variance = square / weight - mean * mean
        raw = 0.5 * (1.0 - mean * mean / variance) if variance > 1e-9 * mean * mean else 0.0
        shape = (raw * weight + SHAPE * SHAPE_WEIGHT) / (weight + SHAPE_WEIGHT)
        shape = min(max(shape, 1e-6), LARGEST_SHAPE)
        return n, mean * (1.0 - shape), shape

    def state(self) -> list[list[float]]:
        """Everything, as plain numbers."""
        return [list(self._count), list(self._excess), list(self._square)]

    def load(self, state: list[list[float]]) -> None:
        """Take up where `state` left off."""
        self._count, self._excess, self._square = ([float(x) for x in row] for row in state)
