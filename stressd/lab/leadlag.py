"""Who moves first in ordinary times: exact covariances of ticks that never come together, and the lag that lifts them.

Hayashi and Yoshida (2005): the sum of the products of all pairs of increments whose intervals overlap. Hoffmann,
Rosenbaum and Yoshida (2013): the same with one path moved in time; the lag is where its size is largest. Nothing is
sampled, so no covariance is lost to an interval that was chosen too short (Epps).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

SECOND: Final = 1_000_000_000
_ONE_SIDE: Final = (*range(5, 61, 5), *range(75, 181, 15), *range(240, 601, 60), 900, 1800)
GRID: Final = np.array([*(-s for s in reversed(_ONE_SIDE)), 0, *_ONE_SIDE], np.int64) * SECOND
"""Lags in ns, both ways."""
GAP: Final = 30 * 60 * SECOND
"""An increment over more than this (a night, a weekend, a feed that was down) belongs to no lag."""
CHANCE: Final = 0.01
"""How often independent paths may show a lag, for one pair."""
FALSE: Final = 0.05
"""Share of false lags that is allowed in a table of many pairs (Benjamini and Hochberg 1995)."""


class Path:
    """Ticks of one series as increments over half-open intervals (start, end], in order of time.

    times: ns, in any order; of several ticks at one time the last counts. values: the same number. gap: ns, the
    longest interval that is kept. Raises ValueError where the two differ in length.
    """

    __slots__ = ("_sums", "_sums_of_squares", "changes", "ends", "starts")

    def __init__(self, times: npt.ArrayLike, values: npt.ArrayLike, gap: int = GAP) -> None:
        at, y = np.asarray(times, np.int64), np.asarray(values, np.float64)
        if at.shape != y.shape or at.ndim != 1:
            raise ValueError(f"{at.shape} times, but {y.shape} values")
        order = np.argsort(at, kind="stable")
        at, y = at[order], y[order]
        last = np.append(at[1:] != at[:-1], True)[: at.size]
        at, y = at[last], y[last]
        kept = np.diff(at) <= gap
        self.starts: Times = at[:-1][kept]
        self.ends: Times = at[1:][kept]
        self.changes: Floats = np.diff(y)[kept]
        self._sums = np.concatenate(([0.0], np.cumsum(self.changes)))
        self._sums_of_squares = np.concatenate(([0.0], np.cumsum(self.changes**2)))

    @property
    def size(self) -> int:
        """Number of increments."""
        return int(self.changes.size)

    @property
    def variation(self) -> float:
        """Sum of the squared increments."""
        return float(self._sums_of_squares[-1])

    def during(self, other: Path, lag: int) -> tuple[Floats, Floats]:
        """For each increment of `other`: the sums of those of this path, moved back by `lag`, that overlap it, and of
        their squares."""
        first = np.searchsorted(self.ends, other.starts + lag, "right")
        behind = np.searchsorted(self.starts, other.ends + lag, "left")
        return self._sums[behind] - self._sums[first], self._sums_of_squares[behind] - self._sums_of_squares[first]


def covariance(x: Path, y: Path, lag: int = 0) -> float:
    """Hayashi and Yoshida's sum, with y moved back by `lag` ns. Both paths are sorted, so that a search goes on where
    the last one ended: O(n + m) steps but for a logarithm."""
    return float(x.changes @ y.during(x, lag)[0])


def correlation(x: Path, y: Path, lag: int = 0) -> float:
    """The covariance over the root of both variations; 0 where a path does not move. It may exceed 1 in few ticks."""
    scale = math.sqrt(x.variation * y.variation)
    return covariance(x, y, lag) / scale if scale > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Contrast:
    """The correlation over a grid of lags; where a lag is above 0, x moves first.

    scores: the correlations in units of what chance leaves of them where the paths have nothing to do with each other.
    Given the sizes of all increments, and with signs that are independent, the variance of the covariance is the sum
    of the squared products of overlapping increments, whatever volatility does.
    """

    lags: Times
    correlations: Floats
    scores: Floats

    @property
    def best(self) -> int:
        """Index of the lag."""
        return int(np.argmax(np.abs(self.correlations)))

    @property
    def ratio(self) -> float | None:
        """LLR: the squared correlations at lags above 0 over those below; None where there is nothing to divide by."""
        squares = self.correlations**2
        below = float(squares[self.lags < 0].sum())
        return float(squares[self.lags > 0].sum()) / below if below > 0.0 else None

    @property
    def p(self) -> float:
        """How often the best score of as many independent ones would be as large (Šidák: lags that are close together
        make it smaller in truth)."""
        tail = 2.0 * NormalDist().cdf(-float(np.abs(self.scores[self.best])))
        return -math.expm1(self.lags.size * math.log1p(-tail)) if tail < 1.0 else 1.0

    def turned(self) -> Contrast:
        """The same with both paths exchanged."""
        return Contrast(-self.lags[::-1], self.correlations[::-1], self.scores[::-1])

    @property
    def steady(self) -> bool:
        """Whether the neighbours of the best lag have its sign."""
        signs = np.sign(self.correlations[max(self.best - 1, 0) : self.best + 2])
        return bool(np.all(signs == signs[0])) and bool(signs[0] != 0.0)


def contrast(x: Path, y: Path, lags: Times = GRID) -> Contrast:
    """The correlation at each of `lags` (ns, rising)."""
    correlations, scores = np.zeros(lags.size), np.zeros(lags.size)
    scale = math.sqrt(x.variation * y.variation)
    squares = x.changes**2
    for k, lag in enumerate(lags.tolist()):
        moved, moved_squares = y.during(x, lag)
        chance = float(squares @ moved_squares)
        if scale > 0.0 and chance > 0.0:
            total = float(x.changes @ moved)
            correlations[k] = total / scale
            scores[k] = total / math.sqrt(chance)
    return Contrast(lags, correlations, scores)


@dataclass(frozen=True, slots=True)
class LeadLag:
    """A pair of series. lag_s: by which `first` moves before `second`; 0 for together, in order of name. correlation:
    at that lag. ratio: LLR towards `first`. n: increments of the sparser one. p: of the best lag by chance.
    significant: below CHANCE, kept among all pairs at FALSE, and with neighbours of the same sign."""

    first: str
    second: str
    lag_s: float
    correlation: float
    ratio: float | None
    n: int
    p: float
    significant: bool


def kept(ps: list[float], false: float) -> list[bool]:
    """Which p-values Benjamini and Hochberg keep, where a share `false` of them may be false."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    last = max((rank for rank, k in enumerate(order, 1) if ps[k] <= false * rank / len(ps)), default=0)
    chosen = set(order[:last])
    return [k in chosen for k in range(len(ps))]


def table(
    ticks: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], lags: Times = GRID, gap: int = GAP
) -> list[LeadLag]:
    """Every pair of series with its lag, most certain first.

    ticks: series -> (times in ns, values). gap: ns, increments over longer intervals are left out. Series with fewer
    than two increments have no pair.
    """
    paths = {name: Path(times, values, gap) for name, (times, values) in ticks.items()}
    names = sorted(name for name, path in paths.items() if path.size > 1)
    found: list[tuple[str, str, Contrast]] = []
    for a, b in combinations(names, 2):
        seen = contrast(paths[a], paths[b], lags)
        found.append((a, b, seen) if seen.lags[seen.best] >= 0 else (b, a, seen.turned()))
    keep = kept([seen.p for _, _, seen in found], FALSE)
    rows = [
        LeadLag(
            first=a,
            second=b,
            lag_s=float(seen.lags[seen.best]) / SECOND,
            correlation=float(seen.correlations[seen.best]),
            ratio=seen.ratio,
            n=min(paths[a].size, paths[b].size),
            p=seen.p,
            significant=keep[k] and seen.p <= CHANCE and seen.steady,
        )
        for k, (a, b, seen) in enumerate(found)
    ]
    return sorted(rows, key=lambda row: (row.p, row.first, row.second))
