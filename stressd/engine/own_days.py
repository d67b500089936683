"""How unusual a gauge's move is among comparable days of its own, whatever other markets did on those.

Days are comparable that have the same regime of volatility (the gauge's sigma against its own long mean) and the same
closure before them (overnight, or at least one day without a fixing). Since nothing of the source enters, the rank is
uniform on days that have nothing to do with it.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.conformal import PastScores
from stressd.engine.plain import number, plain

CALM: Final = 0.8
WILD: Final = 1.25
"""Sigma over its long (geometric) mean, below and above which days are compared among themselves."""

LONG: Final = math.pow(2.0, -1.0 / 500.0)
"""Weight that the long mean keeps a day: it halves in two years."""

LEAST: Final = 100
"""Comparable days below which a day is ranked among all of its own days."""

KINDS: Final = 6


class OwnDays:
    """The days of one gauge. time, value: of its last fixing; before, before_value: of the one before it. n: among how
    many days the last one was ranked, p_up, p_down: its rank among rises and among falls. regime: of the next fixing, 0
    calm, 1 usual, 2 wild."""

    __slots__ = (
        "_all", "_day", "_kinds", "_sum", "_weight", "before", "before_value", "n", "p_down", "p_up", "regime", "time",
        "value",
    )  # fmt: skip

    def __init__(self) -> None:
        self._kinds = [PastScores() for _ in range(KINDS)]
        self._all = PastScores()
        self.regime = 1
        self._sum = 0.0
        self._weight = 0.0
        self._day = 0
        self.time = 0
        self.value = math.nan
        self.before = 0
        self.before_value = math.nan
        self.n = 0
        self.p_up = 1.0
        self.p_down = 1.0

    def take(self, day: int, time: int, value: float, z: float, sigma: float) -> None:
        """Rank a fixing, then learn it. day: ordinal; z: its move in the sigma that stood before it; sigma: the one
        that stands after it (bp)."""
        own = self._kind(day)
        among = own if own.n >= LEAST else self._all
        self.n = among.n if z == z else 0
        self.p_up, self.p_down = among.p(z), among.p_low(z)
        own.learn(z)
        self._all.learn(z)
        self.before, self.before_value = self.time, self.value
        self._day, self.time, self.value = day, time, value
        if sigma > 0.0:
            size = math.log(sigma)
            self._weight = LONG * self._weight + 1.0
            self._sum = LONG * self._sum + size
            ratio = math.exp(size - self._sum / self._weight)
            self.regime = 0 if ratio < CALM else 2 if ratio > WILD else 1

    def _kind(self, day: int) -> PastScores:
        closure = 1 if day - self._day > 1 else 0
        return self._kinds[2 * self.regime + closure]

    def rank(self, day: int, z: float, direction: int) -> tuple[float, int]:
        """p of a move of z sigma since the last fixing, on the day (ordinal) that is under way; and among how many."""
        own = self._kind(day)
        among = own if own.n >= LEAST else self._all
        return among.p(z) if direction > 0 else among.p_low(z), among.n

    def p(self, direction: int) -> float:
        """Of the last fixing: the share of comparable days that went as far in this direction, itself among them."""
        return self.p_up if direction > 0 else self.p_down

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        numbers = [self.regime, self._sum, self._weight, self.n, self.p_up, self.p_down]
        fixed = [self._day, self.time, plain(self.value), self.before, plain(self.before_value)]
        return [numbers, fixed, [kind.state() for kind in self._kinds], self._all.state()]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        numbers, fixed, kinds, everything = state
        self.regime, self.n = int(numbers[0]), int(numbers[3])
        self._sum, self._weight = float(numbers[1]), float(numbers[2])
        self.p_up, self.p_down = float(numbers[4]), float(numbers[5])
        self._day, self.time, self.before = int(fixed[0]), int(fixed[1]), int(fixed[3])
        self.value, self.before_value = number(fixed[2]), number(fixed[4])
        for kind, scores in zip(self._kinds, kinds, strict=True):
            kind.load(scores)
        self._all.load(everything)
