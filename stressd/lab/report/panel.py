"""The markets of a report as rows of numbers: what each moved from fixing to fixing, signed, and how violently.

A market's move is the first principal component of its tenors, each in its own robust sigma as it stood before the day,
or its gauge alone. Its variance is decayed over a week from moves clipped at three sigma, so that one jump does not
stand for a storm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stressd.engine.fixings import LONGEST_GAP
from stressd.engine.moments import LEAST_SIGMA, Scale
from stressd.engine.spec import DEFAULT_HORIZONS, EngineSpec, MarketSpec
from stressd.engine.usual import clip
from stressd.lab.backtest import Daily
from stressd.lab.connectedness import Matrix
from stressd.market.times import DAY, EPOCH_ORDINAL

Days = NDArray[np.int64]

WEEK: Final = 5.0
"""Half-life, in sessions, of the variance: short enough to be a state of the day, long enough not to be its noise."""

LEAST_TOGETHER: Final = 60
"""Days that two tenors must share before their correlation counts; below, it is taken as 0."""


class MarketMoves:
    """One market by its fixings. days: ordinals; at: instants (ns UTC); z: move of the day in sigma, signed, of unit
    scale; log_variance: of the week, about the tenors' own means (nan before it is known). tenors: the series in it;
    weights: of each in the component; explained: share of their variance that it carries."""

    __slots__ = ("at", "days", "explained", "log_variance", "name", "tenors", "weights", "z")

    def __init__(
        self, name: str, days: Days, at: Days, z: Matrix, log_variance: Matrix, tenors: Sequence[str], weights: Matrix,
        explained: float,
    ) -> None:  # fmt: skip
        self.name = name
        self.days = days
        self.at = at
        self.z = z
        self.log_variance = log_variance
        self.tenors = tuple(tenors)
        self.weights = weights
        self.explained = explained


def market_moves(daily: Mapping[str, Daily], spec: EngineSpec, last: int, *, gauges: bool) -> list[MarketMoves]:
    """Every market with a move up to the ordinal `last`, in the order of their fixings through the day. gauges: each by
    its gauge alone."""
    found = []
    for market in spec.markets:
        own = [s.id for s in spec.series if s.market == market.name and not s.legs and s.id in daily]
        if gauges and market.gauge in own:
            own = [market.gauge]
        moves = _market(market, {name: daily[name].rows for name in own}, last)
        if moves is not None:
            found.append(moves)
    return sorted(found, key=lambda each: (int(each.at[-1]) - _midnight(int(each.days[-1])), each.name))


def _midnight(day: int) -> int:
    return (day - EPOCH_ORDINAL) * DAY


def _market(market: MarketSpec, rows: Mapping[str, Sequence[tuple[int, float]]], last: int) -> MarketMoves | None:
    tenors = [name for name, each in rows.items() if len(each) > LEAST_TOGETHER]
    days = sorted({day for name in tenors for day, _ in rows[name] if day <= last})
    if len(days) <= LEAST_TOGETHER:
        return None
    place = {day: i for i, day in enumerate(days)}
    z = np.full((len(days), len(tenors)), math.nan)
    spread = z.copy()
    for k, name in enumerate(tenors):
        _tenor(rows[name], place, z[:, k], spread[:, k])
    known = ~np.isnan(z)
    tenors = [name for k, name in enumerate(tenors) if known[:, k].sum() > LEAST_TOGETHER]
    keep = known.sum(axis=0) > LEAST_TOGETHER
    z, spread = z[:, keep], spread[:, keep]
    if not tenors:
        return None
    weights, correlation, explained = component(z)
    moved = ~np.isnan(z).all(axis=1)
    z, spread, kept = z[moved], spread[moved], [day for day, there in zip(days, moved, strict=True) if there]
    at = np.array([market.calendar.fixing_on(day) for day in kept], dtype=np.int64)
    score = scores(z, weights, correlation)
    return MarketMoves(market.name, np.array(kept), at, score, _level(spread, weights), tenors, weights, explained)


def _tenor(rows: Sequence[tuple[int, float]], place: Mapping[int, int], z: Matrix, spread: Matrix) -> None:
    """Fill one tenor's moves in sigma and its log variances."""
    needed = DEFAULT_HORIZONS["1d"].min_samples
    scale = Scale(DEFAULT_HORIZONS["1d"].half_life)
    keep = 0.5 ** (1.0 / WEEK)
    weight = variance = 0.0
    for k, ((before, old), (day, new)) in enumerate(pairwise(rows)):
        if day not in place:
            break
        if day - before > LONGEST_GAP:
            continue
        move = (new - old) * 100.0
        if scale.count() >= needed and scale.sigma > 0.0:
            z[place[day]] = size = move / scale.sigma
            weight = keep * weight + 1.0
            variance = keep * variance + (clip(size) * scale.sigma) ** 2
            if weight >= WEEK:
                spread[place[day]] = math.log(variance / weight + LEAST_SIGMA**2)
        scale.learn(move, k)


def component(z: Matrix) -> tuple[Matrix, Matrix, float]:
    """Weights (k) of the first principal component of the columns of `z` (days x k, nan where there is none), clipped
    at three sigma, with a positive sum; their correlations (k, k); the share of variance that it carries."""
    clipped = np.clip(z, -3.0, 3.0)
    there = ~np.isnan(clipped)
    filled = np.where(there, clipped, 0.0)
    both = there.T.astype(float) @ there
    cross = filled.T @ filled
    size = (filled**2).T @ there
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.where(both >= LEAST_TOGETHER, cross / np.sqrt(size * size.T), 0.0)
    correlation = np.nan_to_num(correlation)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    weights = vectors[:, -1] * (1.0 if vectors[:, -1].sum() >= 0.0 else -1.0)
    return weights, correlation, float(values[-1] / np.trace(correlation))


def scores(z: Matrix, weights: Matrix, correlation: Matrix) -> Matrix:
    """The component on each day, from the tenors that there are, in units of its own sigma."""
    there = ~np.isnan(z)
    active = np.where(there, weights, 0.0)
    variance = np.einsum("ti,ij,tj->t", active, correlation, active)
    return np.asarray((np.where(there, z, 0.0) * active).sum(axis=1) / np.sqrt(np.maximum(variance, 1e-12)))


def _level(spread: Matrix, weights: Matrix) -> Matrix:
    """Mean log variance of the tenors about their own means: a tenor that joins moves no level."""
    there = ~np.isnan(spread)
    counts = np.maximum(there.sum(axis=0), 1)
    means = np.where(there, spread, 0.0).sum(axis=0) / counts
    active = np.where(there, np.abs(weights), 0.0)
    whole = active.sum(axis=1)
    about = np.where(there, spread - means, 0.0)
    middle = float(np.abs(weights) @ means / np.abs(weights).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0.0, (about * active).sum(axis=1) / whole, math.nan) + middle)


class Panel:
    """Days on which every market has fixed. days: ordinals; z: what each moved since the row before, in sigma of as
    many fixings; log_variance; both (days, markets), the markets in the order of their fixings through the day."""

    __slots__ = ("days", "log_variance", "markets", "z")

    def __init__(self, markets: Sequence[str], days: Days, z: Matrix, log_variance: Matrix) -> None:
        self.markets = tuple(markets)
        self.days = days
        self.z = z
        self.log_variance = log_variance


def common_days(moves: Sequence[MarketMoves]) -> Panel:
    """The panel of all markets that share at least a year of days with the others; the one with the fewest is left out
    until they do."""
    markets = list(moves)
    while len(markets) > 1:
        panel = _panel(markets)
        if len(panel.days) >= 250:
            return panel
        markets.remove(min(markets, key=lambda each: len(each.days)))
    return Panel((), np.zeros(0, dtype=np.int64), np.zeros((0, 0)), np.zeros((0, 0)))


def _panel(markets: Sequence[MarketMoves]) -> Panel:
    known = [each.days[~np.isnan(each.log_variance)] for each in markets]
    days = known[0]
    for more in known[1:]:
        days = np.intersect1d(days, more)
    z = np.zeros((len(days), len(markets)))
    level = np.zeros_like(z)
    for k, market in enumerate(markets):
        at = np.searchsorted(market.days, days)
        level[:, k] = market.log_variance[at]
        gone = np.concatenate(([0.0], np.cumsum(market.z)))
        start = np.concatenate((at[:1], at[:-1] + 1))
        z[:, k] = (gone[at + 1] - gone[start]) / np.sqrt(np.maximum(at + 1 - start, 1))
    return Panel([each.name for each in markets], days, z, level)
