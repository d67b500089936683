"""The randomness of a simulated world that is not a jump: volatility from day to day, tails, common factors."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from stressd.lab.sim.arrays import Bools, Floats, stream
from stressd.lab.sim.model import LEVEL_RHO, LOG_VOL_AR, LOG_VOL_COMMON, LOG_VOL_SD, TURMOIL_RHO, SimSpec

BLOCK_S: Final = 900
"""Seconds after which the size of moves is drawn anew: within them they are normal, over many of them t with nu."""

DAY_SECONDS: Final = 86_400
BURST_FACTOR: Final = 4.0
BURSTS_A_DAY: Final = 0.1


class LogVol:
    """Daily log volatility: a first-order autoregression from weekday to weekday, part of it common to all markets."""

    def __init__(self, spec: SimSpec, market: str) -> None:
        self._monday = spec.start - (spec.start - 1) % 7
        self._common = _Autoregression(stream(spec.seed, "vol"))
        self._own = _Autoregression(stream(spec.seed, "vol", market))

    def factor(self, day: int) -> float:
        """Volatility of a trading day (ordinal) over its long-run root mean square."""
        weeks, rest = divmod(day - self._monday, 7)
        step = weeks * 5 + min(rest, 4) + 5
        mixed = math.sqrt(LOG_VOL_COMMON) * self._common.at(step) + math.sqrt(1 - LOG_VOL_COMMON) * self._own.at(step)
        return math.exp(LOG_VOL_SD * mixed - LOG_VOL_SD**2)


class _Autoregression:
    """Values of unit variance, drawn when they are first asked for."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._values = [float(rng.standard_normal())]

    def at(self, step: int) -> float:
        fresh = math.sqrt(1.0 - LOG_VOL_AR**2)
        while len(self._values) <= step:
            self._values.append(LOG_VOL_AR * self._values[-1] + fresh * float(self._rng.standard_normal()))
        return self._values[step]


class Turmoil:
    """Days of higher correlation between markets: entered one day in twenty, left one day in five."""

    def __init__(self, spec: SimSpec) -> None:
        self._on = spec.turmoil
        self._start = spec.start
        self._rng = stream(spec.seed, "turmoil")
        self._states = [False]

    def rho(self, day: int) -> float:
        """Correlation of two markets' level factors on a UTC date (ordinal)."""
        if not self._on:
            return LEVEL_RHO
        while len(self._states) <= day - self._start:
            chance = float(self._rng.random())
            self._states.append(chance >= 0.2 if self._states[-1] else chance < 0.05)
        return TURMOIL_RHO if self._states[max(0, day - self._start)] else LEVEL_RHO


def mixing(spec: SimSpec, market: str, day: int) -> Floats:
    """By quarter of an hour of a UTC date: the factor on the variance, inverse gamma of mean one. Its reciprocal is the
    sum of a part common to all markets and one of the market's own, half of it each."""
    blocks = DAY_SECONDS // BLOCK_S
    common = stream(spec.seed, "mixing", day).gamma(spec.nu / 4.0, size=blocks)
    own = stream(spec.seed, "mixing", market, day).gamma(spec.nu / 4.0, size=blocks)
    return np.asarray((spec.nu / 2.0 - 1.0) / (common + own))


def gap_mixing(spec: SimSpec, market: str, closure: str, day: int) -> float:
    """The same for the move over a closure."""
    return float((spec.nu / 2.0 - 1.0) / stream(spec.seed, "gap", market, closure, day).gamma(spec.nu / 2.0))


def bursts(spec: SimSpec, day: int) -> list[tuple[int, int]]:
    """Stretches (seconds of a UTC date) in which the common factor is louder, between 07:00 and 20:00."""
    if not spec.bursts:
        return []
    rng = stream(spec.seed, "bursts", day)
    found = []
    for _ in range(int(rng.poisson(BURSTS_A_DAY))):
        begin = int(rng.uniform(7 * 3600, 18 * 3600))
        found.append((begin, begin + int(rng.uniform(3600, 7200))))
    return found


def common_level(spec: SimSpec, day: int) -> Floats:
    """The level factor that all markets share, by second of a UTC date."""
    shocks = stream(spec.seed, "common", day).standard_normal(DAY_SECONDS)
    for begin, end in bursts(spec, day):
        shocks[begin:end] *= BURST_FACTOR
    return shocks


def curve_shocks(spec: SimSpec, market: str, day: int, open_seconds: Bools, common: Floats, rho: float) -> Floats:
    """Level, slope and curvature of a market, a row each, by open second of a UTC date; of unit variance (but for
    bursts)."""
    n = int(open_seconds.sum())
    drawn = stream(spec.seed, "factors", market, day).standard_normal((3, n))
    drawn[0] = math.sqrt(rho) * common[open_seconds] + math.sqrt(1.0 - rho) * drawn[0]
    return drawn


def own_shocks(spec: SimSpec, series: str, day: int, n: int) -> Floats:
    """What is a tenor's own, by open second of a UTC date."""
    return stream(spec.seed, "own", series, day).standard_normal(n)
