"""Decayed mean and variance in West's form, and the robust scale of moves that sigma is read from.

West, D. H. D. (1979), "Updating mean and variance estimates: an improved method", with weights that decay in time
instead of per observation. The sum of squares is always kept about the running mean: E[x^2] - E[x]^2 cancels
catastrophically and goes negative on a constant quote.
"""

from __future__ import annotations

import math
from typing import Final

CLIP: Final = 3.0
"""Moves enter their own scale clipped at this many sigma: a jump must not raise the bar for the next one."""

KAPPA: Final = 1.06
"""Makes up for what clipping at 3 sigma takes from the second moment of fat-tailed moves (for a normal it is 1.005)."""

CLIP_FROM: Final = 20.0
"""Effective observations before clipping starts: earlier there is no scale to clip by."""

LEAST_SIGMA: Final = 0.05
"""bp. Clipping never narrows below three times this, else a series that stood still could never move again."""


class DecayedMoments:
    """Weighted mean and variance of x whose weights halve every `half_life` units of a clock.

    The clock is whatever the caller counts (open-time ns, sessions); it must not run backwards. O(1), seven floats.
    Within 1e-12 of exact arithmetic also where the level is 1e12 times the spread: the mean is a sum of two floats, and
    the sum of w_i w_j over all pairs is kept by itself, since W^2 - W2 cancels.
    """

    __slots__ = ("clock", "half_life", "mean", "pairs", "rest", "scatter", "weight", "weight_sq")

    def __init__(self, half_life: float) -> None:
        if not half_life > 0.0:
            raise ValueError(f"half_life is {half_life}, it must be positive")
        self.half_life = half_life
        self.clock = 0
        self.weight = 0.0
        self.weight_sq = 0.0
        self.pairs = 0.0
        self.mean = 0.0
        self.rest = 0.0
        self.scatter = 0.0

    def update(self, x: float, clock: int, w: float = 1.0) -> None:
        """Take in x, seen at `clock`, with weight w."""
        d = 1.0
        if self.weight > 0.0 and clock > self.clock:
            elapsed = float(clock - self.clock) / self.half_life
            d = math.pow(2.0, -elapsed) if elapsed < 60.0 else 0.0
        kept = d * self.weight
        weight = kept + w
        mean = self.mean
        delta = (x - mean) - self.rest
        step = (w / weight) * delta + self.rest
        # the sum and what it lost in rounding (Knuth's TwoSum)
        moved = mean + step
        part = moved - mean
        self.rest = (mean - (moved - part)) + (step - part)
        self.mean = moved
        self.scatter = d * self.scatter + (kept * w / weight) * delta * delta
        self.pairs = d * d * self.pairs + kept * w
        self.weight = weight
        self.weight_sq = d * d * self.weight_sq + w * w
        if clock > self.clock:
            self.clock = clock

    def count(self) -> float:
        """Effective number of observations, (sum w)^2 / sum w^2; 0 before the first."""
        return self.weight * self.weight / self.weight_sq if self.weight_sq > 0.0 else 0.0

    def variance(self) -> float:
        """Unbiased weighted variance about the mean; 0 where only one observation has weight."""
        spare = 2.0 * self.pairs
        return self.scatter * self.weight / spare if spare > 1e-12 * self.weight * self.weight else 0.0

    def mean_square(self) -> float:
        """Second moment about zero, as a sum of two squares: it cannot go negative."""
        return self.scatter / self.weight + self.mean * self.mean if self.weight > 0.0 else 0.0

    def state(self) -> list[int | float]:
        """Everything, as plain numbers."""
        return [self.clock, self.weight, self.weight_sq, self.pairs, self.mean, self.rest, self.scatter]

    def load(self, state: list[int | float]) -> None:
        """Take up where `state` left off."""
        self.clock = int(state[0])
        self.weight = float(state[1])
        self.weight_sq = float(state[2])
        self.pairs = float(state[3])
        self.mean = float(state[4])
        self.rest = float(state[5])
        self.scatter = float(state[6])


class Scale:
    """The robust sigma (bp) of one series over one horizon.

    sigma^2 = KAPPA * E[min(x, 3 sigma)^2] about zero: at these horizons the drift of a yield is far below its noise. A
    move is judged against the sigma that stood before it.
    """

    __slots__ = ("moments", "sigma")

    def __init__(self, half_life: float) -> None:
        self.moments = DecayedMoments(half_life)
        self.sigma = 0.0

    def learn(self, move_bp: float, clock: int) -> None:
        """Take in one completed move."""
        moments = self.moments
        if moments.count() >= CLIP_FROM:
            limit = CLIP * max(self.sigma, LEAST_SIGMA)
            if move_bp > limit:
                move_bp = limit
            elif move_bp < -limit:
                move_bp = -limit
        moments.update(move_bp, clock)
        self.sigma = math.sqrt(KAPPA * moments.mean_square())

    def count(self) -> float:
        """Effective number of moves behind sigma."""
        return self.moments.count()

    def state(self) -> list[int | float]:
        """Everything, as plain numbers."""
        return self.moments.state()

    def load(self, state: list[int | float]) -> None:
        """Take up where `state` left off."""
        self.moments.load(state)
        self.sigma = math.sqrt(KAPPA * self.moments.mean_square())
