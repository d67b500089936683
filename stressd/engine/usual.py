"""What is usual between the gauges of all markets within the day: one covariance a pair, moved once a minute."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.hayashi import Hayashi, Path
from stressd.engine.series import SeriesState
from stressd.engine.spec import MINUTE

TRADING: Final = 2 * MINUTE
"""ns since its last tick for which a market counts as trading."""

CLIP: Final = 3.0
"""Sigma of a source's move up to which a usual answer is expected: it is not extended beyond usual moves."""

LEAST_SIGNAL: Final = 0.25
"""Part of a minute's variance that is left at least after the noise of its quotes is taken off."""


def clip(z: float) -> float:
    """z, held within +-CLIP sigma."""
    return CLIP if z > CLIP else -CLIP if z < -CLIP else z


class Usual:
    """Paths by market, covariances by "first|second"."""

    __slots__ = ("_gauges", "_pairs", "_paths", "_spans")

    def __init__(self, gauges: dict[str, SeriesState]) -> None:
        self._gauges = gauges
        self._paths: dict[str, Path] = {market: Path() for market in gauges}
        self._spans: dict[str, int] = dict.fromkeys(gauges, 0)
        self._pairs: dict[str, Hayashi] = {}

    def minute(self, state: SeriesState) -> None:
        """A minute has passed for the gauge `state`."""
        market = state.market
        horizons = state.horizons
        path = self._paths[market]
        if horizons.span_start != self._spans[market]:
            self._spans[market] = horizons.span_start
            path.break_off()
        h1 = horizons.h1
        sigma = 0.0
        noise = horizons.volatility.noise.value
        if h1.known:
            square = h1.sigma * h1.sigma
            sigma = math.sqrt(max(square - 2.0 * noise, LEAST_SIGNAL * square))
        before = path.minutes
        path.move(state.y, state.t, sigma, noise)
        passed = path.minutes - before
        for other, gauge in self._gauges.items():
            if other == market:
                continue
            both = passed if abs(state.t - gauge.t) <= TRADING else 0.0
            if market < other:
                self._pair(market, other).tick_first(path.z, state.t, both)
            else:
                self._pair(other, market).tick_second(path.z, state.t)

    def _pair(self, first: str, second: str) -> Hayashi:
        key = f"{first}|{second}"
        found = self._pairs.get(key)
        if found is None:
            found = Hayashi()
            self._pairs[key] = found
        return found

    def slope(self, one: str, other: str) -> float:
        """Sigma of the one per sigma of the other; 0 while too little is known."""
        return self._pair(one, other).slope() if one < other else self._pair(other, one).slope()

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "paths": {market: path.state() for market, path in self._paths.items()},
            "spans": dict(self._spans),
            "pairs": {key: pair.state() for key, pair in self._pairs.items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; what it says of markets that are gone is dropped."""
        for market, path in self._paths.items():
            if market in state["paths"]:
                path.load(state["paths"][market])
                self._spans[market] = int(state["spans"][market])
        for key, values in state["pairs"].items():
            first, second = key.split("|")
            if first in self._gauges and second in self._gauges:
                self._pair(first, second).load(values)
