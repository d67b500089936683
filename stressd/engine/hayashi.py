"""Usual co-movement of two markets' gauges by ticks: a decayed covariance that needs no common clock.

Hayashi and Yoshida (2005): the products of all pairs of increments whose intervals overlap. Streaming, each pair of
increments is counted when the later of its two intervals ends: an increment of one series is multiplied by what the
other has moved since the former's last tick, which costs one product. Increments are in sigma and clipped, so that the
covariance is a slope: sigma of the one per sigma of the other, learned from usual moves.
"""

from __future__ import annotations

import math
from typing import Final

CLIP: Final = 4.0
"""Sigma that an increment counts at most, on ordinary noise."""

HALF_LIFE: Final = 1800.0
"""Minutes that both have traded."""

KNOWN: Final = 300.0
"""Such minutes from which the slope is said."""


class Path:
    """One gauge's path in sigma: the sum of its clipped increments, of which `minutes` had both ends seen."""

    __slots__ = ("minutes", "t", "y", "z")

    def __init__(self) -> None:
        self.z = 0.0
        self.y = math.nan
        self.t = 0
        self.minutes = 0.0

    def move(self, y: float, t: int, sigma_bp: float, noise: float) -> None:
        """The gauge stands at y (percent) at t (ns). sigma_bp: of a minute's move; noise: variance (bp^2) of a quote
        beside its yield, which raises what is clipped, not the scale."""
        if self.y == self.y and sigma_bp > 0.0 and t > self.t:
            span = (t - self.t) / 60e9
            usual = math.sqrt(sigma_bp * sigma_bp * span + 2.0 * noise)
            move = (y - self.y) * 100.0
            bound = CLIP * usual
            self.z += min(max(move, -bound), bound) / sigma_bp
            self.minutes += span
        self.y = y
        self.t = t

    def break_off(self) -> None:
        """What comes next is not comparable with what was: a close, another source."""
        self.y = math.nan

    def state(self) -> list[float | int | None]:
        """Everything, as plain values."""
        return [self.z, self.y if self.y == self.y else None, self.t, self.minutes]

    def load(self, state: list[float | int | None]) -> None:
        """Take up where `state` left off."""
        z, y, t, minutes = state
        self.z = float(z or 0.0)
        self.y = math.nan if y is None else float(y)
        self.t = int(t or 0)
        self.minutes = float(minutes or 0.0)


class Hayashi:
    """The covariance of two paths, `first` and `second`, told of each of their increments.

    decay: None for a plain sum (as the batch formula has it). weight: minutes, decayed, in which both moved.
    """

    __slots__ = (
        "_first_at", "_first_t", "_first_z", "_half_life", "_second_at", "_second_t", "_second_z", "sum", "weight",
    )  # fmt: skip

    def __init__(self, half_life: float = HALF_LIFE) -> None:
        self._half_life = half_life
        self.sum = 0.0
        self.weight = 0.0
        # Where each path stood at its own last tick, when that was, and where it stood at the other's last tick.
        self._first_z = math.nan
        self._first_t = 0
        self._first_at = math.nan
        self._second_z = math.nan
        self._second_t = 0
        self._second_at = math.nan

    def tick_first(self, z: float, t: int, minutes: float) -> None:
        """The first path has ticked: it stands at z (sigma) since t (ns). minutes: how long the increment is, 0 while
        the other one is not trading."""
        if self._first_z == self._first_z and self._second_at == self._second_at:
            self._add((z - self._first_z) * (self._second_z - self._second_at), minutes)
        self._first_z = z
        self._first_t = t
        self._second_at = self._second_z
        if t == self._second_t or self._first_at != self._first_at:
            self._first_at = z

    def tick_second(self, z: float, t: int) -> None:
        """The second path has ticked."""
        if self._second_z == self._second_z and self._first_at == self._first_at:
            self._add((z - self._second_z) * (self._first_z - self._first_at), 0.0)
        self._second_z = z
        self._second_t = t
        self._first_at = self._first_z
        if t == self._first_t or self._second_at != self._second_at:
            self._second_at = z

    def _add(self, product: float, minutes: float) -> None:
        if minutes > 0.0 and self._half_life < math.inf:
            decay = math.pow(2.0, -minutes / self._half_life)
            self.sum *= decay
            self.weight *= decay
        self.sum += product
        self.weight += minutes

    def slope(self) -> float:
        """Sigma of the one per sigma of the other; 0 while too little is known."""
        if self.weight < KNOWN:
            return 0.0
        return min(max(self.sum / self.weight, -1.0), 1.0)

    def state(self) -> list[float | int | None]:
        """Everything, as plain values."""
        seen = [self._first_z, self._first_at, self._second_z, self._second_at]
        return [self.sum, self.weight, self._first_t, self._second_t, *(x if x == x else None for x in seen)]

    def load(self, state: list[float | int | None]) -> None:
        """Take up where `state` left off."""
        self.sum, self.weight = float(state[0] or 0.0), float(state[1] or 0.0)
        self._first_t, self._second_t = int(state[2] or 0), int(state[3] or 0)
        self._first_z = math.nan if state[4] is None else float(state[4])
        self._first_at = math.nan if state[5] is None else float(state[5])
        self._second_z = math.nan if state[6] is None else float(state[6])
        self._second_at = math.nan if state[7] is None else float(state[7])
