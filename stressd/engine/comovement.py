"""Usual co-movement: how far one market's gauge goes, on ordinary days, when a series of another market moves.

A decayed regression through the origin in units of sigma, over five-minute blocks that both markets traded. Both sides
are clipped at three sigma: what is usual is learned from usual moves, and is not extended beyond them.
"""

from __future__ import annotations

import math
from typing import Final

CLIP: Final = 3.0
NEEDED: Final = 40.0
"""Effective pairs of moves before a co-movement counts as known."""


def clip(z: float) -> float:
    """z, held within +-3 sigma."""
    return CLIP if z > CLIP else -CLIP if z < -CLIP else z


class Comovement:
    """Slope of a follower's z on a source's z, with weights that halve every `half_life` pairs."""

    __slots__ = ("decay", "sxx", "sxy", "weight", "weight_sq")

    def __init__(self, half_life: float) -> None:
        self.decay = math.pow(2.0, -1.0 / half_life)
        self.weight = 0.0
        self.weight_sq = 0.0
        self.sxx = 0.0
        self.sxy = 0.0

    def learn(self, source_z: float, follower_z: float) -> None:
        """Take in one pair of simultaneous moves."""
        x = clip(source_z)
        d = self.decay
        self.weight = d * self.weight + 1.0
        self.weight_sq = d * d * self.weight_sq + 1.0
        self.sxx = d * self.sxx + x * x
        self.sxy = d * self.sxy + x * clip(follower_z)

    def slope(self) -> float:
        """Sigma of the follower per sigma of the source; 0 while too little is known."""
        if self.weight_sq <= 0.0 or self.weight * self.weight / self.weight_sq < NEEDED or self.sxx <= 0.0:
            return 0.0
        return self.sxy / self.sxx

    def state(self) -> list[float]:
        """Everything, as plain numbers."""
        return [self.weight, self.weight_sq, self.sxx, self.sxy]

    def load(self, state: list[float]) -> None:
        """Take up where `state` left off."""
        self.weight, self.weight_sq, self.sxx, self.sxy = (float(x) for x in state)
