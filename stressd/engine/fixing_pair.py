"""A series of one market and the gauge of another, from fixing to fixing: what is usual, and what large moves did."""

from __future__ import annotations

from typing import Any

from stressd.engine.base_rates import BARS, BaseCounts
from stressd.engine.session_model import SessionModel
from stressd.engine.trail import Stretch


class FixingPair:
    """model: the follower's answers; base: what followed large moves, None before the first; since: ordinal of the
    first day that was learned, 0 before it."""

    __slots__ = ("base", "model", "since")

    def __init__(self) -> None:
        self.model = SessionModel()
        self.base: BaseCounts | None = None
        self.since = 0

    def learn(self, moved: Stretch, follower_z: float, day: int) -> None:
        """The gauge has fixed on `day`, after the source had `moved`."""
        if self.since == 0:
            self.since = day
        if moved.z == moved.z:
            self.model.learn(moved.z, follower_z)
        if abs(moved.largest) > BARS[0]:
            if self.base is None:
                self.base = BaseCounts()
            self.base.learn(moved.largest, follower_z)

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [self.model.state(), None if self.base is None else self.base.state(), self.since]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        model, base, self.since = state
        self.model.load(model)
        self.base = None
        if base is not None:
            self.base = BaseCounts()
            self.base.load(base)
