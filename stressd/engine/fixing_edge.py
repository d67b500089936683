"""One directed pair of markets in the graph, from fixing to fixing: how often large moves of the one were followed."""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.session_model import clipped

SECONDS: Final = 1e9


class FixingEdge:
    """sources: days on which a series of the source market had moved far before the follower's next fixing; followed:
    how often that answered, at the level of the wording. last: time of the last such move (ns). lag_low, lag_high: open
    time (ns) of the follower up to its fixing, over those that it followed."""

    __slots__ = ("_cross", "_lag", "_own", "followed", "lag_high", "lag_low", "last", "sources")

    def __init__(self) -> None:
        self.sources = 0
        self.followed = 0
        self.last = 0
        self.lag_low = 0
        self.lag_high = 0
        self._lag = 0
        self._own = 0.0
        self._cross = 0.0

    def judged(self, at: int, source_z: float, follower_z: float) -> None:
        """A large move at `at` has had its answer, both in their own sigma."""
        self.sources += 1
        self.last = max(self.last, at)
        x = clipped(source_z)
        if x == x:
            self._own += x * x
            self._cross += x * clipped(follower_z)

    def follow(self, lag: int) -> None:
        """It was followed, after `lag` ns of the follower's open time."""
        self.lag_low = lag if self.followed == 0 else min(self.lag_low, lag)
        self.lag_high = max(self.lag_high, lag)
        self._lag += lag
        self.followed += 1

    def slope(self) -> float | None:
        """Sigma of answer per sigma of large move, by least squares through the origin."""
        return self._cross / self._own if self._own > 0.0 else None

    def row(self, source: str, follower: str) -> dict[str, Any]:
        """The edge as the graph tells it; p, betas and hints are its caller's to fill in."""
        known = self.followed > 0
        return {
            "source": source,
            "follower": follower,
            "layer": "fixings",
            "sources": self.sources,
            "followed": self.followed,
            "rate": self.followed / self.sources if self.sources else None,
            "beta": None,
            "usual_beta": None,
            "lag_s": self._lag / self.followed / SECONDS if known else None,
            "lag_low_s": self.lag_low / SECONDS if known else None,
            "lag_high_s": self.lag_high / SECONDS if known else None,
            "p": None,
            "forward": None,
            "backward": None,
            "spilled_over": False,
            "hinted": False,
            "last": self.last,
        }

    def state(self) -> list[Any]:
        """Everything, as plain numbers."""
        lags = [self._lag, self.lag_low, self.lag_high]
        return [self.sources, self.followed, self.last, *lags, self._own, self._cross]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.sources, self.followed, self.last, self._lag, self.lag_low, self.lag_high = (int(x) for x in state[:6])
        self._own, self._cross = float(state[6]), float(state[7])
