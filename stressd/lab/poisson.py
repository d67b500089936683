"""Exact figures of counts: the band in which a Poisson count falls, the rates that a count allows, and sums of chances.

Everything is summed term by term; for counts as small as those of alerts nothing needs to be approximated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

LEVEL: Final = 0.95
"""Share of all cases that a band holds at least, an equal part of the rest on either side."""


def term(k: int, mean: float) -> float:
    """P(X = k) of a Poisson count."""
    if mean <= 0.0:
        return 1.0 if k == 0 else 0.0
    return math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))


def at_most(k: int, mean: float) -> float:
    """P(X <= k)."""
    return min(math.fsum(term(i, mean) for i in range(k + 1)), 1.0)


def band(mean: float, level: float = LEVEL) -> tuple[int, int]:
    """The least and the largest count that `mean` expected ones leave inside: the quantiles at (1 - level) / 2 from
    either end, each the smallest k with P(X <= k) at least as large."""
    tail = (1.0 - level) / 2.0
    low = high = -1
    total = 0.0
    k = 0
    while high < 0:
        total += term(k, mean)
        if low < 0 and total >= tail:
            low = k
        if total >= 1.0 - tail:
            high = k
        k += 1
    return low, high


def interval(count: int, level: float = LEVEL) -> tuple[float, float]:
    """The expected numbers that `count` does not contradict (Garwood 1936): the least under which so many are not too
    many, the largest under which they are not too few."""
    tail = (1.0 - level) / 2.0
    low = 0.0 if count == 0 else _mean_where(count - 1, 1.0 - tail)
    return low, _mean_where(count, tail)


def _mean_where(k: int, probability: float) -> float:
    """The mean under which P(X <= k) is `probability`; it falls as the mean grows."""
    low, high = 0.0, k + 10.0 * math.sqrt(k + 1.0) + 10.0
    for _ in range(200):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if at_most(k, middle) > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def at_least(count: int, chances: Sequence[float]) -> float:
    """P(at least `count` of independent events happen), event i with chance `chances[i]`."""
    ways = [1.0]
    for chance in chances:
        ways = [
            (ways[i] if i < len(ways) else 0.0) * (1.0 - chance) + (ways[i - 1] if i else 0.0) * chance
            for i in range(len(ways) + 1)
        ]
    return min(math.fsum(ways[count:]), 1.0)


def hit_by_chance(window: int, marked: int, among: int) -> float:
    """The chance that a given window of so many places holds at least one of `marked` ones strewn at random over
    `among` places (hypergeometric)."""
    if marked <= 0 or window <= 0:
        return 0.0
    missed = 1.0
    for i in range(window):
        missed *= max(among - marked - i, 0) / (among - i)
    return 1.0 - missed
