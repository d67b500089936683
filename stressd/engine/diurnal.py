"""The shape of the day: how much of a market's variance falls in each five minutes of its local day.

Intraday periodicity after Andersen and Bollerslev (1997), in a robust form in the spirit of Boudt, Croux and Laurent
(2011): each bin holds the decayed mean of its own variance rate over the day's, clipped at nine times what it was.
"""

from __future__ import annotations

from typing import Any, Final

BINS: Final = 288
BIN_SECONDS: Final = 300
HALF_LIFE: Final = 50.0
"""Visits of a bin, one a session."""

LEAST_STEP: Final = 1.0 - 2.0 ** (-1.0 / HALF_LIFE)
CLIP: Final = 9.0
PRIOR: Final = 3.0
"""Weight, in sessions, of a flat day."""

LEAST_FACTOR: Final = 0.05


class Diurnal:
    """Factors by bin, as variance: 1 is the mean of the day. They stand still within a day; `publish` makes new ones
    from what has been seen."""

    __slots__ = ("_bin", "_counts", "_means", "_seconds", "_sum", "factors")

    def __init__(self) -> None:
        self.factors: list[float] = [1.0] * BINS
        self._means: list[float] = [1.0] * BINS
        self._counts: list[int] = [0] * BINS
        self._bin = -1
        self._sum = 0.0
        self._seconds = 0.0

    def learn(self, number: int, variance: float, seconds: float, usual_rate: float) -> None:
        """Take in a variance (bp^2) over so many seconds of bin `number`, where `usual_rate` (bp^2/s) is the day's."""
        if number != self._bin:
            self.close(usual_rate)
            self._bin = number
        self._sum += variance
        self._seconds += seconds

    def close(self, usual_rate: float) -> None:
        """The bin that was being filled is over."""
        k = self._bin
        if k >= 0 and self._seconds >= 0.2 * BIN_SECONDS and usual_rate > 0.0:
            self._counts[k] += 1
            step = max(LEAST_STEP, 1.0 / (self._counts[k] + 1.0))
            ratio = self._sum / self._seconds / usual_rate
            limit = CLIP * self.factors[k]
            self._means[k] += step * ((ratio if ratio < limit else limit) - self._means[k])
        self._bin = -1
        self._sum = 0.0
        self._seconds = 0.0

    def publish(self) -> None:
        """New factors: smoothed over the neighbouring bins that trade, drawn to a flat day, with a mean of 1."""
        seen = [k for k in range(BINS) if self._counts[k] > 0]
        if not seen:
            return
        made: list[float] = []
        total = 0.0
        for k in seen:
            mean = weight = 0.0
            for off in range(-2, 3):
                j = (k + off) % BINS
                if self._counts[j] > 0:
                    w = 3.0 - (off if off >= 0 else -off)
                    mean += w * self._means[j]
                    weight += w
            count = float(self._counts[k])
            factor = (count * mean / weight + PRIOR) / (count + PRIOR)
            made.append(factor if factor > LEAST_FACTOR else LEAST_FACTOR)
            total += made[-1]
        level = total / len(seen)
        for k, factor in zip(seen, made, strict=True):
            self.factors[k] = factor / level

    def state(self) -> list[Any]:
        """Everything that changes, as plain values: the bins that were seen."""
        rows = [[k, self.factors[k], self._means[k], self._counts[k]] for k in range(BINS) if self._counts[k] > 0]
        return [rows, self._bin, self._sum, self._seconds]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        for k, factor, mean, count in state[0]:
            self.factors[k] = float(factor)
            self._means[k] = float(mean)
            self._counts[k] = int(count)
        self._bin = int(state[1])
        self._sum = float(state[2])
        self._seconds = float(state[3])
