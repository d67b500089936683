"""How long a market's moves take to show in another: a lognormal kernel that learns online, from one link to the next.

Responsibilities instead of counts (Dempster, Laird and Rubin 1977; online as in Cappe and Moulines 2009): a pulse that
is put down to a source by a share r teaches that pair's kernel with weight r. The prior counts as two links with a lag
of 45 seconds, give or take a factor of e^(1/2).
"""

from __future__ import annotations

import math
from typing import Any, Final

PRIOR_LAG: Final = math.log(45.0)
PRIOR_SPREAD: Final = 0.5
PRIOR_WEIGHT: Final = 2.0
LEAST_SPREAD: Final = 0.15

REACH: Final = 900.0
"""Seconds of the follower's open time over which a source is looked for."""

STRAY: Final = 0.1
"""Part of the kernel that is spread evenly over its reach: a lag unlike the earlier ones is odd, not impossible."""

ROOT_TWO_PI: Final = math.sqrt(2.0 * math.pi)


class LagKernel:
    """Log lags (seconds): their decayed weight, mean and sum of squares."""

    __slots__ = ("mean", "squares", "weight")

    def __init__(self) -> None:
        self.weight = 0.0
        self.mean = 0.0
        self.squares = 0.0

    def learn(self, lag_s: float, share: float, decay: float) -> None:
        """Take in a lag with weight `share`; what was learned before counts `decay` of what it did."""
        x = math.log(max(lag_s, 1.0))
        kept = decay * self.weight
        total = kept + share
        if total <= 0.0:
            return
        step = x - self.mean
        self.mean += share / total * step
        self.squares = decay * self.squares + kept * share / total * step * step
        self.weight = total

    def centre(self) -> float:
        """Mean of the log lag, prior included."""
        return (PRIOR_WEIGHT * PRIOR_LAG + self.weight * self.mean) / (PRIOR_WEIGHT + self.weight)

    def spread(self) -> float:
        """Standard deviation of the log lag, prior included."""
        off_prior = PRIOR_LAG - self.centre()
        off = self.mean - self.centre()
        squares = PRIOR_WEIGHT * (PRIOR_SPREAD * PRIOR_SPREAD + off_prior * off_prior)
        squares += self.squares + self.weight * off * off
        return max(math.sqrt(squares / (PRIOR_WEIGHT + self.weight)), LEAST_SPREAD)

    def density(self, lag_s: float) -> float:
        """Per second, at a lag within (0, REACH]."""
        if lag_s <= 0.0 or lag_s > REACH:
            return 0.0
        spread = self.spread()
        off = (math.log(lag_s) - self.centre()) / spread
        return (1.0 - STRAY) * math.exp(-0.5 * off * off) / (lag_s * spread * ROOT_TWO_PI) + STRAY / REACH

    def median(self) -> float:
        """Seconds; of what was learned alone."""
        return math.exp(self.mean) if self.weight > 0.0 else math.nan

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [self.weight, self.mean, self.squares]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.weight, self.mean, self.squares = (float(x) for x in state)
