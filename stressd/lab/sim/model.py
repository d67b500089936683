"""What is simulated: the markets' models, and the settings of one run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from stressd.lab.sim.arrays import Floats
from stressd.market.series import parse_series, series_id
from stressd.market.times import parse_day

MINUTE: Final = 60.0

MONTH_SESSIONS: Final = 21
"""Sessions in a market-month."""


@dataclass(frozen=True, slots=True)
class Bump:
    """A rise of volatility and activity around a local time of day. at, width: minutes, the width one standard
    deviation; height: over the floor."""

    at: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Model:
    """One market. sigma: bp a session of the ten-year, closed hours apart. gap: mean seconds between ticks over a
    session. bounce: bp to either side. level: percent at which the ten-year starts. primaries: jumps a session that
    start here."""

    sigma: float
    gap: float
    bounce: float
    level: float
    primaries: float
    bumps: tuple[Bump, ...]


def _at(hour: int, minute: int, width: float, height: float) -> Bump:
    return Bump(hour * 60.0 + minute, width, height)


MODELS: Final[dict[str, Model]] = {
    "JP": Model(
        3.7, 8.0, 0.12, 2.0, 0.09, (_at(8, 45, 25, 0.9), _at(12, 35, 12, 0.8), _at(15, 0, 20, 0.7), _at(10, 30, 5, 0.9))
    ),
    "US": Model(
        6.0, 3.0, 0.06, 4.2, 0.09, (_at(9, 0, 75, 0.8), _at(14, 30, 60, 0.5), _at(8, 30, 4, 2.2), _at(10, 0, 4, 1.2))
    ),
    "UK": Model(
        7.0, 5.0, 0.10, 4.5, 0.05, (_at(8, 15, 30, 0.8), _at(15, 30, 60, 0.6), _at(10, 30, 5, 0.9), _at(12, 0, 4, 1.5))
    ),
    "DE": Model(
        5.5, 4.0, 0.08, 2.7, 0.05, (_at(9, 30, 70, 1.0), _at(15, 30, 75, 1.0), _at(14, 30, 4, 1.8), _at(10, 0, 5, 0.8))
    ),
    "CA": Model(6.0, 5.0, 0.08, 3.3, 0.05, (_at(9, 0, 60, 0.8), _at(14, 30, 60, 0.4), _at(8, 30, 4, 1.8))),
}
FLOOR: Final = 0.5
"""Of the shape of the day, before it is scaled to a mean square of one."""


@dataclass(frozen=True, slots=True)
class Link:
    """How a jump goes on elsewhere: with probability p, after a lognormal lag (median and log sd) of open time."""

    source: str
    follower: str
    p: float
    lag_s: float
    spread: float


LINKS: Final = (
    Link("JP", "US", 0.8, 90.0, 0.2),
    Link("US", "UK", 0.8, 30.0, 0.2),
    Link("US", "DE", 0.8, 30.0, 0.2),
    Link("US", "CA", 0.8, 30.0, 0.2),
)
BETA: Final = 0.9
"""A child's size in its own sigma over its parent's, give or take BETA_SPREAD of it."""
BETA_SPREAD: Final = 0.15

LOG_VOL_SD: Final = 0.25
LOG_VOL_AR: Final = 0.95
"""Of the daily log volatility, whose markets share LOG_VOL_COMMON of their variance."""
LOG_VOL_COMMON: Final = 0.7

LEVEL_RHO: Final = 0.35
TURMOIL_RHO: Final = 0.6
"""Correlation of two markets' level factors, and the same in turmoil."""

GAPS: Final = {"overnight": 0.35, "weekend": 0.45, "holiday": 0.45, "lunch": 0.03}
"""Variance of the move over a closure, in sessions' variances."""

TICK_BP: Final = 0.05

_MATURITIES: Final = (24.0, 60.0, 120.0, 360.0)
_LOADINGS: Final = ((1.0, 1.0, 1.0, 1.0), (-1.0, -0.3, 0.3, 1.0), (0.6, -0.4, -0.4, 0.6))
_SHARES: Final = (0.80, 0.13, 0.05, 0.02)
_SCALES: Final = (0.80, 0.95, 1.0, 0.95)
"""Level, slope and curvature (and what is a tenor's own): variance shares; volatility relative to the ten-year."""

DIRT: Final = ("bad", "duplicate", "swap", "stale", "gap", "restart", "unit", "hour", "skew")


@dataclass(frozen=True, slots=True)
class SimSpec:
    """One run.

    days: weekdays that are scored, after `warm` that are not. start: ordinal of the first. nu: degrees of freedom of
    the moves within a session (50 is close to normal). jumps: whether there are any; rate multiplies how many.
    propagate: jumps have children in other markets. clusters: jumps excite more in their own market. fakes: share of
    primary jumps that half revert within five minutes, and have no children. bursts: the common factor is at times four
    times as volatile, which moves markets together without one leading. turmoil: days of higher correlation. dirt:
    names of DIRT.
    """

    markets: tuple[str, ...] = ("JP", "US", "UK", "DE")
    tenors: tuple[str, ...] = ("10Y",)
    days: int = 20
    seed: int = 1
    start: int = field(default_factory=lambda: parse_day("2025-01-06"))
    warm: int = 0
    nu: float = 6.0
    jumps: bool = True
    rate: float = 1.0
    propagate: bool = True
    clusters: bool = False
    fakes: float = 0.0
    bursts: bool = False
    turmoil: bool = False
    dirt: tuple[str, ...] = DIRT

    def __post_init__(self) -> None:
        for market in self.markets:
            if market not in MODELS:
                raise ValueError(f"market {market!r} has no model: there are {', '.join(MODELS)}")
        for name in self.dirt:
            if name not in DIRT:
                raise ValueError(f"dirt {name!r} is unknown: there is {', '.join(DIRT)}")
        for tenor in self.tenors:
            if parse_series(series_id("JP", tenor)).kind != "yield":
                raise ValueError(f"tenor {tenor!r} is a spread: yields are simulated, of which it follows")
        if (
            not self.markets
            or not self.tenors
            or len(set(self.markets)) + len(set(self.tenors)) != len(self.markets) + len(self.tenors)
        ):
            raise ValueError("markets and tenors are named, each once")
        if self.days < 1 or self.warm < 0:
            raise ValueError("a run has one day or more, and no fewer than no days to warm up")
        if not (math.isfinite(self.nu) and self.nu > 2.0):
            raise ValueError("nu must be above 2: there is no variance below")
        if not 0.0 <= self.fakes <= 1.0 or not 0.0 <= self.rate <= 100.0:
            raise ValueError("fakes is a share (0 to 1), rate a multiple (0 to 100)")

    def series(self, market: str) -> list[str]:
        """Canonical ids of a market's tenors, in the order given."""
        return [series_id(market, tenor) for tenor in self.tenors]

    def lead(self) -> int:
        """Index of the tenor that a jump is told by: the one nearest ten years."""
        months = [parse_series(series_id("JP", tenor)).months for tenor in self.tenors]
        return min(range(len(months)), key=lambda i: abs(months[i] - 120))


def curve_weights(tenors: tuple[str, ...]) -> Floats:
    """By tenor: weights of level, slope, curvature and its own noise, squares summing to one. Between the maturities
    that have stated loadings they are interpolated in log maturity."""
    at = np.log([parse_series(series_id("JP", tenor)).months for tenor in tenors])
    rows = [np.interp(at, np.log(_MATURITIES), loading) for loading in _LOADINGS] + [np.ones(len(tenors))]
    weights = np.array(rows).T * np.sqrt(_SHARES)
    return np.asarray(weights / np.sqrt((weights**2).sum(axis=1, keepdims=True)), dtype=np.float64)


def curve_scales(tenors: tuple[str, ...]) -> Floats:
    """By tenor: volatility relative to the ten-year."""
    at = np.log([parse_series(series_id("JP", tenor)).months for tenor in tenors])
    return np.asarray(np.interp(at, np.log(_MATURITIES), _SCALES), dtype=np.float64)
