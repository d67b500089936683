"""Who moves before whom, from fixings: each market's move beside the other's next one, by the order of the instants.

A date orders nothing: what Tokyo fixes on a date comes before what New York fixes on it, and what New York fixed on the
date before comes before both. The source's move is all that it fixed since the follower's fixing before, the follower's
that of its next fixing. Their spans overlap, by so many hours, and what happened in those hours is in both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from stressd.engine.usual import CLIP
from stressd.lab.connectedness import Matrix
from stressd.lab.contagion import Change, change
from stressd.lab.leadlag import FALSE, kept
from stressd.lab.report.panel import Days, MarketMoves
from stressd.market.times import day_iso

STEPS: Final = 3
"""Fixings of the follower after the source's move that are looked at: the next, and those after it."""

LEAST: Final = 60
"""Pairs of moves below which nothing is said."""

LATELY: Final = 250
"""Pairs: a year of sessions."""

HOUR: Final = 3_600e9


class Flow:
    """Source to follower. step: 1 for the follower's next fixing, 0 for fixings of one instant, which have no order. r:
    correlation of the moves in sigma, clipped at three; low, high: its 95 % interval; slope: sigma of the follower per
    sigma of the source; n: pairs; p: two-sided; real: among those that stand at a false discovery rate of 5 % over the
    whole table. lag_h, overlap_h: hours from fixing to fixing, and of the follower's span that lay in the source's,
    without weekends. lately: the last 250 pairs beside all before, at the source's usual variance too; None where there
    are too few."""

    __slots__ = (
        "first", "follower", "high", "lag_h", "last", "lately", "low", "n", "overlap_h", "p", "r", "real", "slope",
        "source", "step",
    )  # fmt: skip

    def __init__(self, source: str, follower: str, step: int, x: Matrix, y: Matrix, days: Days) -> None:
        self.source = source
        self.follower = follower
        self.step = step
        self.n = len(x)
        self.r = correlation(x, y)
        self.low, self.high = fisher_interval(self.r, self.n)
        self.p = math.erfc(abs(math.atanh(self.r)) * math.sqrt((self.n - 3) / 2.0))
        self.slope = float(x @ y / (x @ x))
        self.lately = change(x, y, LATELY)
        self.first, self.last = int(days[0]), int(days[-1])
        self.lag_h = 0.0
        self.overlap_h = 0.0
        self.real = False

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "source": self.source,
            "follower": self.follower,
            "step": self.step,
            "r": round(self.r, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "slope": round(self.slope, 4),
            "n": self.n,
            "p": self.p,
            "real": self.real,
            "lag_h": round(self.lag_h, 1),
            "overlap_h": round(self.overlap_h, 1),
            "lately": None if self.lately is None else _lately(self.lately),
            "first": day_iso(self.first),
            "last": day_iso(self.last),
        }


def _lately(found: Change) -> dict[str, Any]:
    """For JSON. r: of the last pairs; at_usual: the same at the source's variance before (Forbes and Rigobon 2002); p:
    how often chance alone gives a rise as large from `usual` to `at_usual`."""
    return {
        "r": round(found.recent, 4),
        "at_usual": round(found.adjusted, 4),
        "usual": round(found.usual, 4),
        "variance": round(1.0 + found.delta, 3),
        "pairs": LATELY,
        "p": found.p,
    }


class Direction:
    """The two next-fixing flows of a pair against each other. difference: r of `stronger` minus r of the other, with
    its 95 % interval; by_overlap: what r of the stronger would be if neither led and both r came evenly from the hours
    that the two spans share; told: the interval excludes 0, and that of the stronger excludes `by_overlap`."""

    __slots__ = ("by_overlap", "difference", "high", "low", "stronger", "told", "weaker")

    def __init__(self, one: Flow, other: Flow) -> None:
        self.stronger, self.weaker = (one, other) if one.r >= other.r else (other, one)
        self.difference = self.stronger.r - self.weaker.r
        around = 1.96 * math.hypot(_spread(self.stronger), _spread(self.weaker))
        self.low, self.high = self.difference - around, self.difference + around
        shared = self.stronger.overlap_h + self.weaker.overlap_h
        share = self.stronger.overlap_h / shared if shared > 0.0 else 0.5
        self.by_overlap = (self.stronger.r + self.weaker.r) * share
        self.told = self.low > 0.0 and self.stronger.low > self.by_overlap

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "stronger": [self.stronger.source, self.stronger.follower],
            "weaker": [self.weaker.source, self.weaker.follower],
            "r": [round(self.stronger.r, 4), round(self.weaker.r, 4)],
            "difference": round(self.difference, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "by_overlap": round(self.by_overlap, 4),
            "n": min(self.stronger.n, self.weaker.n),
            "told": self.told,
        }


def _spread(flow: Flow) -> float:
    """Standard error of r."""
    return (1.0 - flow.r**2) / math.sqrt(flow.n - 3)


def flows(markets: Sequence[MarketMoves]) -> list[Flow]:
    """Every ordered pair and step with enough moves."""
    found = []
    for source in markets:
        for follower in markets:
            if source is not follower:
                found += _pair(source, follower)
        found += [each for other in markets if other.name > source.name for each in _at_once(source, other)]
    for flow, real in zip(found, kept([flow.p for flow in found], FALSE), strict=True):
        flow.real = real
    return found


def shown(found: Sequence[Flow], most: int = 24) -> list[Flow]:
    """For readers: all of a short table; of a long one those to the next fixing, the strongest first."""
    if len(found) <= most:
        return list(found)
    return sorted((flow for flow in found if flow.step < 2), key=lambda flow: -abs(flow.r))[:most]


def directions(found: Sequence[Flow]) -> list[Direction]:
    """One for each pair that has both flows to the next fixing, the clearest first."""
    first = {(flow.source, flow.follower): flow for flow in found if flow.step == 1}
    pairs = [Direction(flow, first[b, a]) for (a, b), flow in first.items() if a < b and (b, a) in first]
    return sorted(pairs, key=lambda each: -each.difference)


def _pair(source: MarketMoves, follower: MarketMoves) -> list[Flow]:
    """x[k]: what the source fixed between the follower's fixings k-1 and k, in sigma; nan where it fixed nothing."""
    after = np.searchsorted(source.at, follower.at, side="left")
    gone = np.concatenate(([0.0], np.cumsum(source.z)))
    count = np.diff(after)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.where(count > 0, (gone[after[1:]] - gone[after[:-1]]) / np.sqrt(count), math.nan)
    x = np.clip(x, -CLIP, CLIP)
    y = np.clip(follower.z[1:], -CLIP, CLIP)
    out = []
    for step in range(STEPS):
        had = x[: len(x) - step]
        there = ~np.isnan(had)
        if there.sum() < LEAST:
            continue
        k = np.flatnonzero(there) + step
        flow = Flow(source.name, follower.name, step + 1, had[there], y[k], follower.days[k + 1])
        ended = source.at[after[k - step + 1] - 1]
        # most lags are those of an ordinary night: the quartile has no weekend in it
        flow.lag_h = float(np.percentile(follower.at[k + 1] - ended, 25.0)) / HOUR
        flow.overlap_h = float(np.percentile(np.maximum(ended - follower.at[k], 0), 25.0)) / HOUR
        out.append(flow)
    return out


def _at_once(one: MarketMoves, other: MarketMoves) -> list[Flow]:
    """The moves of fixings that fall on the same instants."""
    _, i, j = np.intersect1d(one.at, other.at, return_indices=True)
    if len(i) < LEAST:
        return []
    x, y = np.clip(one.z[i], -CLIP, CLIP), np.clip(other.z[j], -CLIP, CLIP)
    flow = Flow(one.name, other.name, 0, x, y, one.days[i])
    flow.overlap_h = 24.0
    return [flow]


def correlation(x: Matrix, y: Matrix) -> float:
    """About zero: moves have no drift that matters from fixing to fixing."""
    size = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / size if size > 0.0 else 0.0


def fisher_interval(r: float, n: int) -> tuple[float, float]:
    """95 % interval of a correlation (Fisher 1921)."""
    around = 1.96 / math.sqrt(n - 3)
    middle = math.atanh(max(min(r, 0.999999), -0.999999))
    return math.tanh(middle - around), math.tanh(middle + around)
