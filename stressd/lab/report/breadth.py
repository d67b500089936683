"""Co-exceedances: on how many days so many of the markets went beyond their own 5 % tails together.

Bae, Karolyi and Stulz (2003), "A new approach to measuring financial contagion", Rev. Financial Studies 16, held
against what independent markets would show, each with the share of such days that it had itself in the same sample: a
Poisson-binomial count. What is beyond that is coincidence in time, not volatility. Rises and falls are counted apart.

A day of the world begins somewhere: with Tokyo, and what New York fixes on a date comes after what Tokyo fixed on it;
or with New York, and Tokyo's next date belongs to it. Every beginning is a table of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from stressd.engine.spec import HOUR
from stressd.lab.poisson import at_least, at_most, interval, term
from stressd.lab.report.panel import MarketMoves
from stressd.market.times import DAY, day_iso

TAIL: Final = 0.05
APART: Final = 2 * HOUR
"""ns."""


class Count:
    """Days on which exactly `k` markets were beyond a tail. expected: under independence; low, high: expected numbers
    that the count does not contradict, at 95 %, for 1 and more; at_least, p: days with k or more, and the chance of so
    many under independence."""

    __slots__ = ("at_least", "days", "expected", "expected_at_least", "high", "k", "low", "p")

    def __init__(self, k: int, days: int, expected: float, more: int, expected_more: float) -> None:
        self.k = k
        self.days = days
        self.expected = expected
        self.low, self.high = interval(days) if k > 0 else (expected, expected)
        self.at_least = more
        self.expected_at_least = expected_more
        self.p = _as_many(more, expected_more)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "k": self.k,
            "days": self.days,
            "expected": round(self.expected, 3),
            "low": round(self.low, 3),
            "high": round(self.high, 3),
            "at_least": self.at_least,
            "expected_at_least": round(self.expected_at_least, 3),
            "p": self.p,
        }


class Breadth:
    """One side (+1 rises, -1 falls) and one order of the markets through the day of the world. days: those on which two
    markets or more fixed; rates: each market's own share of exceedances on them; first, last: ordinals."""

    __slots__ = ("counts", "days", "first", "last", "order", "rates", "side")

    def __init__(self, order: Sequence[str], side: int, beyond: Mapping[int, Mapping[str, bool]]) -> None:
        self.order = tuple(order)
        self.side = side
        together = {day: each for day, each in beyond.items() if len(each) > 1}
        self.days = len(together)
        self.first, self.last = (min(together), max(together)) if together else (0, 0)
        self.rates = {name: _share([each[name] for each in together.values() if name in each]) for name in self.order}
        self.counts = self._count(together)

    def _count(self, together: Mapping[int, Mapping[str, bool]]) -> list[Count]:
        size = len(self.order) + 1
        seen = [0] * size
        present: dict[tuple[str, ...], int] = {}
        for each in together.values():
            seen[sum(each.values())] += 1
            key = tuple(sorted(each))
            present[key] = present.get(key, 0) + 1
        above = [0.0] * (size + 1)
        for names, days in present.items():
            chances = [self.rates[name] for name in names]
            for k in range(len(names) + 1):
                above[k] += days * at_least(k, chances)
        return [Count(k, seen[k], above[k] - above[k + 1], sum(seen[k:]), above[k]) for k in range(size)]

    def shown(self) -> list[Count]:
        """Two markets, and more where that happened or chance would show it."""
        return [count for count in self.counts[2:] if count.k == 2 or count.days > 0 or count.expected >= 0.05]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "order": list(self.order),
            "side": "rises" if self.side > 0 else "falls",
            "days": self.days,
            "first": day_iso(self.first) if self.days else None,
            "last": day_iso(self.last) if self.days else None,
            "rates": {name: round(rate, 4) for name, rate in self.rates.items()},
            "counts": [count.plain() for count in self.counts],
        }


def breadth(markets: Sequence[MarketMoves], since: int, until: int) -> list[Breadth]:
    """Every order and side over the days from `since` to `until` (ordinals). The tails are those of each market's whole
    history up to `until`; `markets` come in the order of their fixings through the day. A day begins only where nobody
    has fixed for two hours: London and Frankfurt are not torn apart."""
    if len(markets) < 2:
        return []
    out = []
    for cut in _cuts(markets):
        order = [*markets[cut:], *markets[:cut]]
        late = {each.name for each in markets[:cut]}
        for side in (1, -1):
            beyond: dict[int, dict[str, bool]] = {}
            for each in order:
                known = each.days <= until
                size = side * each.z[known]
                far = size > np.quantile(size, 1.0 - TAIL)
                for day, there in zip(each.days[known].tolist(), far.tolist(), strict=True):
                    if since <= day:
                        beyond.setdefault(_before(day) if each.name in late else day, {})[each.name] = there
            out.append(Breadth([each.name for each in order], side, beyond))
    return out


def _cuts(markets: Sequence[MarketMoves]) -> list[int]:
    clocks = [int(each.at[-1]) % DAY for each in markets]
    quiet = [(clocks[k] - clocks[k - 1]) % DAY >= APART for k in range(len(markets))]
    return [k for k, apart in enumerate(quiet) if apart] or [0]


def _as_many(count: int, expected: float) -> float:
    """P(a Poisson number with this mean is `count` or more), summed from the far end so that small ones stay exact."""
    if count == 0 or expected <= 0.0:
        return 1.0 if count == 0 else 0.0
    if count <= expected:
        return 1.0 - at_most(count - 1, expected)
    return math.fsum(term(k, expected) for k in range(count, count + 200))


def _before(day: int) -> int:
    """The weekday before."""
    weekday = (day - 1) % 7
    return day - 3 if weekday == 0 else day - 2 if weekday == 6 else day - 1


def _share(marks: Sequence[bool]) -> float:
    return sum(marks) / len(marks) if marks else 0.0
