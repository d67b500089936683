"""Are links between fixings what chance would give? Two markets' own history, one of them shifted in time.

A shifted market has the same moves in the same order, but nothing in common with the other one any more: of the answers
that the engine then finds, a share of .05 must have p < .05. Shifts matched on volatility keep that, too, where it was:
calm stretches of the one lie on calm stretches of the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from stressd.config.builtin import default_spec
from stressd.engine.engine import Engine
from stressd.engine.moments import Scale
from stressd.engine.own_days import OwnDays
from stressd.engine.response import Response
from stressd.engine.spec import WARN, EngineSpec, Rung, SigmaRule
from stressd.lab.backtest import Daily, daily_only, fixing_ticks
from stressd.lab.offline import BATCH, SETTLE
from stressd.market.series import market_of

SIZES: Final = (2.0, 3.0)
"""Sigma that a source must have moved by."""

BLOCK: Final = 63
"""Fixings that are shifted together where volatility is matched: sigma's own half-life."""

CLASSES: Final = 3
UNIT: Final = 4.0
"""bp a day of a market whose moves have been brought to one sigma, so that stretches of any decade can be moved."""

Table = Mapping[str, Daily]


class Share:
    """Answers of one market to another's moves beyond `size` sigma. n: how many; below: with p < .05; followed."""

    __slots__ = ("below", "followed", "follower", "n", "size", "source")

    def __init__(self, source: str, follower: str, size: float) -> None:
        self.source = source
        self.follower = follower
        self.size = size
        self.n = 0
        self.below = 0
        self.followed = 0

    def add(self, response: Response) -> None:
        """Count one answer that was ranked."""
        self.n += 1
        self.below += response.p is not None and response.p < 0.05
        self.followed += response.wording == "followed"


def study_spec(series: Iterable[str]) -> EngineSpec:
    """The built-in specification with one rule for each of SIZES; a breach ends with the first smaller fixing."""
    spec = daily_only(default_spec(list(series)))
    ids = tuple(each.id for each in spec.series)
    rules = tuple(SigmaRule(f"beyond-{size:g}", ids, ("1d",), (Rung(WARN, size, size),), {}) for size in SIZES)
    return EngineSpec(spec.markets, spec.series, rules)


def run(daily: Table) -> tuple[Engine, list[Response]]:
    """The engine after these fixings, and every answer that it ranked."""
    spec = study_spec(daily)
    ticks = fixing_ticks(daily, spec)
    engine = Engine(spec, ticks[0].received)
    events = [event for i in range(0, len(ticks), BATCH) for event in engine.feed(ticks[i : i + BATCH])]
    events += engine.advance(ticks[-1].received + SETTLE)
    return engine, [event for event in events if isinstance(event, Response) and event.p is not None]


def shares(responses: Iterable[Response]) -> dict[tuple[str, str, float], Share]:
    """By source, follower and size."""
    found: dict[tuple[str, str, float], Share] = {}
    for response in responses:
        size = float(response.rule.removeprefix("beyond-"))
        key = (response.market, response.follower, size)
        found.setdefault(key, Share(*key)).add(response)
    return found


def _of(daily: Table, market: str) -> tuple[list[str], list[int], list[list[float]]]:
    """A market's series, the days on which all of them fixed, and their moves (bp) from each of those to the next."""
    names = [name for name in daily if market_of(name) == market]
    values = [dict(daily[name].rows) for name in names]
    days = sorted(set(values[0]).intersection(*values[1:]))
    moves = [[(own[b] - own[a]) * 100.0 for a, b in pairwise(days)] for own in values]
    return names, days, moves


def _with(
    daily: Table, names: Sequence[str], days: Sequence[int], moves: Sequence[Sequence[float]], order: Sequence[int]
) -> dict[str, Daily]:
    """The same, with the moves of some series in another order."""
    changed = dict(daily)
    for name, own in zip(names, moves, strict=True):
        level = 5.0
        rows = [(days[0], level)]
        for day, k in zip(days[1:], order, strict=True):
            level += own[k] / 100.0
            rows.append((day, level))
        changed[name] = Daily(daily[name].source, rows)
    return changed


def shifted(daily: Table, market: str, rng: random.Random) -> dict[str, Daily]:
    """The moves of `market` turned round in time by at least a year, all its series together."""
    names, days, moves = _of(daily, market)
    n = len(days) - 1
    by = rng.randrange(250, n - 250)
    return _with(daily, names, days, moves, [(k + by) % n for k in range(n)])


def matched(daily: Table, market: str, gauge: str, rng: random.Random) -> dict[str, Daily]:
    """The moves of `market` in sigma, their stretches of BLOCK fixings turned round in time among those of the same
    volatility of the other market's `gauge`."""
    names, days, moves = _of(daily, market)
    usual = [_in_sigma(own) for own in moves]
    wild = regimes(daily[gauge].rows)
    blocks = [range(first, min(first + BLOCK, len(days) - 1)) for first in range(0, len(days) - 1, BLOCK)]
    last = blocks.pop() if len(blocks[-1]) < BLOCK else range(0)
    by_day = sorted(range(len(blocks)), key=lambda b: sum(wild.get(days[k + 1], 0.0) for k in blocks[b]))
    order = [0] * (len(days) - 1)
    for k in last:
        order[k] = k
    for c in range(CLASSES):
        own = sorted(by_day[c * len(blocks) // CLASSES : (c + 1) * len(blocks) // CLASSES])
        by = rng.randrange(1, len(own))
        for i, b in enumerate(own):
            for to, k in zip(blocks[b], blocks[own[(i + by) % len(own)]], strict=True):
                order[to] = k
    return _with(daily, names, days, usual, order)


def _in_sigma(moves: Sequence[float]) -> list[float]:
    """Each move over the sigma before it, times UNIT."""
    scale = Scale(63.0)
    out = []
    for k, move in enumerate(moves):
        out.append(UNIT * move / scale.sigma if scale.count() >= 20.0 and scale.sigma > 0.0 else 0.0)
        scale.learn(move, k)
    return out


def regimes(rows: Sequence[tuple[int, float]]) -> dict[int, float]:
    """The regime of volatility in which each day was fixed (0 calm, 1 usual, 2 wild), as the engine sees it."""
    scale, own = Scale(63.0), OwnDays()
    out = {}
    for k, ((_, before), (day, value)) in enumerate(pairwise(rows)):
        out[day] = float(own.regime)
        scale.learn((value - before) * 100.0, k)
        own.take(day, k + 1, value, 0.0, scale.sigma)
    return out
