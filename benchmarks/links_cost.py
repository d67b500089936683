"""What links between markets cost: a thousand series in forty markets, with and without propagation.

    python benchmarks/links_cost.py [MINUTES]

Every few minutes one market moves by many sigma within half a minute and others follow it, so that there is much to
link: far more than on the worst of days. Two engines get the same ticks, one of them without gauges, so that nobody is
asked; a third of the time in batches, for CPU time a tick, and the rest tick by tick, for the time from a tick's
arrival to the link that it decides. Ticks are made between the measurements, each engine warm. Exit status 1 where a
link took longer than 5 ms.
"""

from __future__ import annotations

import gc
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from stressd.engine.engine import Engine
from stressd.engine.form import FORM
from stressd.engine.response import Response
from stressd.engine.spec import SECOND, EngineSpec
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.testing.worlds import world

START: Final = parse_time("2026-01-13T00:00:00Z")
MARKETS: Final = 40
TENORS: Final = tuple(f"{years}Y" for years in range(1, 26))
EVERY: Final = 5.0
"""Seconds from tick to tick of a series."""

WARM: Final = 150
"""Minutes before anything is measured."""

SHOCKS: Final = 180.0
RAMP: Final = 30.0
SIZE: Final = 12.0
"""Seconds from one shock to the next and that one takes; its size in bp, at about .3 bp a minute."""

FOLLOWERS: Final = 3
LINKS: Final = ("co-moved", "followed", "spilled over")
TARGET_MS: Final = 5.0


class Stream:
    """Ticks minute by minute, always the same: each series walks, and shocks run from market to market."""

    def __init__(self, spec: EngineSpec) -> None:
        self._chance = random.Random(20_260_120)
        self._names = [market.name for market in spec.markets]
        self._series = [(s.id, s.market) for s in spec.series]
        self._values = {s.id: 2.0 + 0.002 * k for k, s in enumerate(spec.series)}
        self._moves: list[tuple[str, float, float]] = []
        self._next = WARM * 60.0
        self._minute = 0
        self.shocks = 0

    def minutes(self, count: int) -> Iterator[list[Tick]]:
        """The ticks of each of the next `count` minutes."""
        for _ in range(count):
            begin = self._minute * 60.0
            self._minute += 1
            while self._next < begin + 60.0:
                self._shock(self._next)
                self._next += SHOCKS
            yield self._ticks(begin)

    def _shock(self, at: float) -> None:
        """One market moves, those after it on the ring of markets follow, and the first of these is followed too."""
        chance = self._chance
        root = chance.randrange(len(self._names))
        size = chance.choice((-1.0, 1.0)) * SIZE * chance.uniform(0.7, 1.5)
        self._moves = [move for move in self._moves if move[1] > at - 600.0]
        self._moves.append((self._names[root], at, size))
        self.shocks += 1
        for step in range(1, FOLLOWERS + 1):
            if chance.random() < 0.8:
                after = at + chance.lognormvariate(math.log(60.0 * step), 0.2)
                self._moves.append((self._names[(root + step) % len(self._names)], after, 0.8 * size))

    def _pushed(self, market: str, since: float, until: float) -> float:
        """bp by which shocks move a market between two times (seconds)."""
        total = 0.0
        for name, at, size in self._moves:
            if name == market:
                total += size * (min(max(until - at, 0.0), RAMP) - min(max(since - at, 0.0), RAMP)) / RAMP
        return total

    def _ticks(self, begin: float) -> list[Tick]:
        chance = self._chance
        rounds = int(60.0 / EVERY)
        ticks = []
        for turn in range(rounds):
            since = begin + turn * EVERY
            moved = {name: self._pushed(name, since, since + EVERY) for name in self._names}
            for name, market in self._series:
                value = self._values[name] + (moved[market] + chance.gauss(0.0, 0.08)) / 100.0
                self._values[name] = value
                at = START + int((since + chance.random() * EVERY) * SECOND)
                ticks.append(Tick(name, round(value, 4), at, at + SECOND // 10, "desk"))
        ticks.sort(key=lambda tick: tick.received)
        return ticks


def spec(linked: bool) -> EngineSpec:
    """Markets that never close, all tenors under the built-in rules of tests; no gauges where nobody is to be asked."""
    names = [f"M{chr(65 + k // 26)}{chr(65 + k % 26)}" for k in range(MARKETS)]
    made = world(dict.fromkeys(names, "always"), TENORS, silence=None, levels=False)
    gauge = {name: f"{name}.GOV.10Y" if linked else "" for name in names}
    return replace(made, markets=tuple(replace(market, gauge=gauge[market.name]) for market in made.markets))


def at_quantile(sizes: list[float], q: float) -> float:
    """Of sorted sizes."""
    return sizes[min(int(q * len(sizes)), len(sizes) - 1)]


def main() -> int:
    measured = int(sys.argv[1]) if len(sys.argv) > 1 else 180
    engines = {linked: Engine(spec(linked), START) for linked in (True, False)}
    stream = Stream(spec(True))
    for ticks in stream.minutes(WARM):
        for engine in engines.values():
            engine.feed(ticks)
    gc.collect()
    gc.freeze()  # as the daemon does when it is warm

    cost = dict.fromkeys(engines, 0)
    count = 0
    for number, ticks in enumerate(stream.minutes(measured // 3)):
        count += len(ticks)
        for linked in (True, False) if number % 2 else (False, True):
            begun = time.process_time_ns()
            engines[linked].feed(ticks)
            cost[linked] += time.process_time_ns() - begun

    linking: list[float] = []
    telling: list[float] = []
    plain: list[float] = []
    words = dict.fromkeys(LINKS, 0)
    engine = engines[True]
    for ticks in stream.minutes(measured - measured // 3):
        for tick in ticks:
            one = [tick]
            begun = time.perf_counter_ns()
            out = engine.feed(one)
            took = (time.perf_counter_ns() - begun) / 1e6
            said = [event.wording for event in out if isinstance(event, Response) and event.wording in words]
            for word in said:
                words[word] += 1
            (linking if said else telling if out else plain).append(took)
    for sizes in (linking, telling, plain):
        sizes.sort()

    without, linked_ns = cost[False] / count, cost[True] / count
    series = MARKETS * len(TENORS)
    print(f"engine {FORM}, {series:,} series in {MARKETS} markets, {measured} min, {stream.shocks} shocks")
    print(f"  without propagation  {without:8.0f} ns a tick")
    print(f"  with it              {linked_ns:8.0f} ns a tick, {linked_ns / without:.2f} times as much")
    print(f"  links decided: {', '.join(f'{number} {word}' for word, number in words.items())}")
    kinds = (("links a market", linking), ("says anything else", telling), ("says nothing", plain))
    for what, sizes in kinds:
        if sizes:
            found = ", ".join(f"{name} {at_quantile(sizes, q):.3f}" for name, q in (("p50", 0.5), ("p99", 0.99)))
            print(f"  a tick that {what:<18} ({len(sizes):>9,}): {found}, most {sizes[-1]:.3f} ms")
    if not linking or linking[-1] > TARGET_MS:
        print(f"NOT AS IT MUST BE: {'no link at all' if not linking else f'a link took more than {TARGET_MS:g} ms'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
