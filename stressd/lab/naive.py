"""The rule that everybody has: daily moves over a RiskMetrics volatility, one bar for all series.

It is given what a backtest can give it: the same floor, the same way of counting episodes, and, with hindsight over the
whole sample, the bar at which it opens as many episodes as the rules that it stands beside.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final

LAMBDA: Final = 0.94
"""RiskMetrics (1996), for daily moves."""

WARM: Final = 20
"""Moves before it speaks."""

LONGEST_GAP: Final = 14
"""Days between two fixings beyond which their difference is no daily move."""

LEAST_SIGMA: Final = 1e-3
"""bp."""


class Naive:
    """bar: sigma. episodes: how many it opens; days: by market, those with a move beyond the bar."""

    __slots__ = ("bar", "days", "episodes")

    def __init__(self, bar: float, episodes: int, days: dict[str, set[int]]) -> None:
        self.bar = bar
        self.episodes = episodes
        self.days = days


def ewma_moves(rows: Sequence[tuple[int, float]], floor_bp: float) -> list[tuple[int, float]]:
    """(day, signed sigma) of every move after the first `WARM`; 0 for one below the floor. rows: (day, percent)."""
    out: list[tuple[int, float]] = []
    variance = 0.0
    count = 0
    for (before, old), (day, new) in itertools.pairwise(rows):
        if day - before > LONGEST_GAP:
            continue
        move = (new - old) * 100.0
        if count >= WARM:
            sigma = max(math.sqrt(variance), LEAST_SIGMA)
            out.append((day, move / sigma if abs(move) + 1e-9 >= floor_bp else 0.0))
        # the mean of what there is until the weights of the recursion are as short
        weight = max(1.0 - LAMBDA, 1.0 / (count + 1))
        variance += weight * (move * move - variance)
        count += 1
    return out


class _Market:
    """The moves of one market's series by day."""

    __slots__ = ("days", "name")

    def __init__(self, name: str, moves: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        self.name = name
        self.days: dict[int, list[tuple[str, float]]] = {}
        for series, given in moves.items():
            for day, z in given:
                self.days.setdefault(day, []).append((series, z))

    def episodes(self, bar: float) -> tuple[int, set[int]]:
        """How many are opened, and the days beyond the bar. An episode has a direction and lasts until every series
        in it has had a quiet fixing."""
        opened = 0
        beyond = set()
        on: dict[int, set[str]] = {1: set(), -1: set()}
        for day in sorted(self.days):
            for direction, active in on.items():
                hits = {series for series, z in self.days[day] if z * direction >= bar}
                if hits:
                    beyond.add(day)
                    opened += not active
                    active |= hits
                active -= {series for series, _ in self.days[day]} - hits
        return opened, beyond


def naive_rule(moves: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]], episodes: int) -> Naive:
    """The rule whose bar opens as near to `episodes` as it can, over all markets. moves: by market and series, from
    `ewma_moves`."""
    markets = [_Market(name, given) for name, given in moves.items()]

    def run(bar: float) -> Naive:
        each = [(market.name, *market.episodes(bar)) for market in markets]
        return Naive(bar, sum(opened for _, opened, _ in each), {name: days for name, _, days in each})

    low, high = 0.5, 50.0
    best = run(high)
    for _ in range(24):
        middle = math.sqrt(low * high)
        found = run(middle)
        if abs(found.episodes - episodes) < abs(best.episodes - episodes):
            best = found
        if found.episodes == episodes:
            break
        if found.episodes > episodes:
            low = middle
        else:
            high = middle
    return best
