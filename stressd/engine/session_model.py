"""What a move from one fixing to the next does to the gauge that fixes after it, in sigma:

    follower = b0 * source + gamma * source * 1{|source| > LARGE} + rest

b0 is what is usual, gamma what large moves do beyond that. Weights halve every 250 sessions. With these two regressors
the decayed least squares are those of two slopes through the origin, one over small and one over large moves, so that a
handful of sums hold it exactly; gamma is the difference of the two. Standard errors allow the rest to be wilder on some
days than on others (White 1980, Econometrica 48, with weights).
"""

from __future__ import annotations

import math
from typing import Final

LARGE: Final = 2.5
CLIP: Final = 6.0
"""Sigma at which both sides are clipped: no single day settles a slope."""

HALF_LIFE: Final = 250.0
DECAY: Final = math.pow(2.0, -1.0 / HALF_LIFE)
NEEDED: Final = 40.0
"""Effective small moves before what is usual counts as known."""

NEEDED_LARGE: Final = 10.0
"""Effective large moves before anything is said of gamma."""


class Slope:
    """One slope through the origin: decayed sums of w, w^2, w xx, w xy, and of w^2 times xxyy, xxxy, xxxx."""

    __slots__ = ("q22", "q31", "q40", "sxx", "sxy", "w", "w2")

    def __init__(self) -> None:
        self.w = 0.0
        self.w2 = 0.0
        self.sxx = 0.0
        self.sxy = 0.0
        self.q22 = 0.0
        self.q31 = 0.0
        self.q40 = 0.0

    def fade(self, d: float) -> None:
        """Every observation so far weighs d times what it did."""
        self.w *= d
        self.sxx *= d
        self.sxy *= d
        d *= d
        self.w2 *= d
        self.q22 *= d
        self.q31 *= d
        self.q40 *= d

    def learn(self, x: float, y: float) -> None:
        """Take in one pair with weight 1."""
        xx = x * x
        xy = x * y
        self.w += 1.0
        self.w2 += 1.0
        self.sxx += xx
        self.sxy += xy
        self.q22 += xy * xy
        self.q31 += xx * xy
        self.q40 += xx * xx

    def count(self) -> float:
        """Effective number of pairs."""
        return self.w * self.w / self.w2 if self.w2 > 0.0 else 0.0

    def value(self) -> float:
        """The slope; 0 before there is anything to tell it by."""
        return self.sxy / self.sxx if self.sxx > 0.0 else 0.0

    def variance(self) -> float:
        """Of the slope, heteroskedasticity-consistent, corrected for the one parameter (HC1); inf below two pairs."""
        n = self.count()
        if n <= 1.5 or self.sxx <= 0.0:
            return math.inf
        b = self.value()
        rest = self.q22 - 2.0 * b * self.q31 + b * b * self.q40
        return max(rest, 0.0) / (self.sxx * self.sxx) * n / (n - 1.0)

    def state(self) -> list[float]:
        """Everything, as plain numbers."""
        return [self.w, self.w2, self.sxx, self.sxy, self.q22, self.q31, self.q40]

    def load(self, state: list[float]) -> None:
        """Take up where `state` left off."""
        self.w, self.w2, self.sxx, self.sxy, self.q22, self.q31, self.q40 = (float(x) for x in state)


def clipped(z: float) -> float:
    """z, held within +-CLIP sigma."""
    return CLIP if z > CLIP else -CLIP if z < -CLIP else z


class SessionModel:
    """The model between one source series and one gauge."""

    __slots__ = ("large", "small")

    def __init__(self) -> None:
        self.small = Slope()
        self.large = Slope()

    def learn(self, source_z: float, follower_z: float) -> None:
        """Take in one fixing of the gauge and what the source had done since the gauge's previous one."""
        x = clipped(source_z)
        self.small.fade(DECAY)
        self.large.fade(DECAY)
        (self.large if abs(x) > LARGE else self.small).learn(x, clipped(follower_z))

    def usual(self) -> float:
        """b0: sigma of the follower per sigma of the source; 0 while too little is known."""
        return self.small.value() if self.small.count() >= NEEDED else 0.0

    def expected(self, source_z: float) -> float:
        """What is usual after a move of the source, in the follower's sigma."""
        return self.usual() * clipped(source_z)

    def gamma(self) -> tuple[float, float] | None:
        """(gamma, its standard error); None while too little is known."""
        if self.small.count() < NEEDED or self.large.count() < NEEDED_LARGE:
            return None
        error = math.sqrt(self.large.variance() + self.small.variance())
        return self.large.value() - self.small.value(), error

    def p(self) -> float | None:
        """One-sided p of gamma > 0 in the normal approximation; None while too little is known."""
        found = self.gamma()
        if found is None or found[1] <= 0.0:
            return None
        return 0.5 * math.erfc(found[0] / found[1] / math.sqrt(2.0))

    def state(self) -> list[list[float]]:
        """Everything, as plain numbers."""
        return [self.small.state(), self.large.state()]

    def load(self, state: list[list[float]]) -> None:
        """Take up where `state` left off."""
        self.small.load(state[0])
        self.large.load(state[1])
