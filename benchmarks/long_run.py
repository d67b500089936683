"""Days of ticks through the whole daemon in minutes: does memory stay flat, and for how long does anything stand still?

usage: long_run.py [--hours 72] [--series 1000] [--rate 1000] [--json] [--state DIR]

The daemon is the real one: mailbox, decoder, engine, episodes, store, recorder, deliveries to a webhook on the loopback
and snapshots. Its feed makes messages instead of reading a socket, and event time goes as fast as the pump and the
recorder keep up; at that rate a recording waits for the disk that never would on a day of its own length. Every
series walks at random; every 20 minutes one market jumps and comes back; one tick in 5,000 is late,
an outlier, damaged or of a series that nobody knows.

Memory is the resident set, read every quarter of an hour of event time. Its slope is that of Theil and Sen over the
second half of the run, in MB a day of event time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from storm import Hook

from stressd.config.load import load_text
from stressd.config.registry import FeedType
from stressd.engine.form import FORM
from stressd.feeds import mqtt
from stressd.feeds.base import Feed, Frame, Inbox, SeriesResolver
from stressd.market.tick import Tick
from stressd.runtime.daemon import Daemon
from stressd.runtime.heap import hold_together
from stressd.runtime.logs import configure
from stressd.runtime.registry import registry

SECOND: Final = 1_000_000_000
START: Final = 1_767_571_200 * SECOND  # Monday, 5 January 2026, 00:00 UTC
TENORS: Final = 25
SAMPLE: Final = 900
"""Seconds of event time between two looks at memory."""

SHOCK_EVERY: Final = 1_200
SHOCK: Final = 0.15
"""Percent that a market jumps by, over half a minute, and gives back over the next half hour."""

UNWRITTEN: Final = 20_000
"""Ticks that may wait to be recorded."""

DIRTY: Final = 1 / 5_000
NOISE: Final = 0.0008
"""Percent a second: a daily volatility of some 20 basis points."""

CONFIG = """
instance: long-run
listen: none
markets: {{{markets}}}
feeds:
  - name: desk
    type: mqtt
    url: mqtt://127.0.0.1:1
    topics: "yields/all"
    payload: {{format: json, value: y, time: t, series: s}}
rules:
  - {{name: sigma-breach, type: sigma, series: "*", horizons: [1m, 5m, 30m], budget: 4 per year per series, floor: 1bp}}
  - {{name: quiet, type: silence, series: "*"}}
routes:
  - {{match: {{kind: [market, feed, self]}}, sinks: hook}}
sinks:
  - {{name: hook, type: webhook, url: "{hook}/hook", unsigned: true}}
"""


class EventClock:
    """Event time, ns UTC, moved by the feed."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> int:
        return self.at

    def seconds_until(self, t: int) -> float:
        return 0.0 if t <= self.at else 0.02

    async def sleep_until(self, t: int) -> None:
        while self.at < t:
            await asyncio.sleep(0.02)

    def heed(self, ticks: Sequence[Tick]) -> None:
        return

    def unheard(self, gap: int) -> int:
        return 0


class World:
    """A feed that makes its own messages, one a second of event time; decoded as those of a broker are."""

    def __init__(self, inner: Feed, names: Sequence[str], rate: int, seconds: int, clock: EventClock) -> None:
        self.name, self.health = inner.name, inner.health
        self._inner = inner
        self._names = names
        self._rate = rate
        self._seconds = seconds
        self._clock = clock
        self._rng = random.Random(20)
        self._levels = [2.0 + self._rng.random() * 2.0 for _ in names]
        self.pending = 0
        self.unwritten: Callable[[], int] = int
        self.sent = 0
        self.done = asyncio.Event()

    async def run(self, inbox: Inbox) -> None:
        self.health.state = "connected"
        turn = 0
        for second in range(self._seconds):
            while self.pending > 4 or self.unwritten() > UNWRITTEN:
                await asyncio.sleep(0)
            self._clock.at += SECOND
            chosen = [(turn + n) % len(self._names) for n in range(self._rate)]
            turn = (turn + self._rate) % len(self._names)
            self._move(second, chosen)
            self.pending += 1
            inbox.put(Frame(self, "yields/all", self._message(chosen), self._clock.at, token=second))
            await asyncio.sleep(0)
        self.done.set()
        await asyncio.Event().wait()

    def decode(self, frame: Frame) -> Sequence[Tick]:
        return self._inner.decode(frame)

    def processed(self, frames: Sequence[Frame]) -> None:
        self.pending -= len(frames)

    def _move(self, second: int, chosen: Sequence[int]) -> None:
        gauss, levels = self._rng.gauss, self._levels
        scale = NOISE * (len(levels) / self._rate) ** 0.5
        for each in chosen:
            levels[each] += gauss(0.0, scale)
        # one market after the other jumps, and comes back
        number, since = divmod(second, SHOCK_EVERY)
        step = SHOCK / 30.0 if since < 30 else -SHOCK / 1_000.0 if 100 <= since < 1_100 else 0.0
        if step != 0.0:
            first = number % (len(levels) // TENORS) * TENORS
            for each in range(first, first + TENORS):
                levels[each] += step

    def _message(self, chosen: Sequence[int]) -> bytes:
        ms = self._clock.at // 1_000_000
        names, levels = self._names, self._levels
        rows = [f'{{"s":"{names[each]}","y":{levels[each]:.5f},"t":{ms}}}' for each in chosen]
        self.sent += len(rows)
        for _ in range(round(len(rows) * DIRTY + self._rng.random() - 0.5)):
            each = self._rng.choice(list(chosen))
            at = self._rng.randrange(len(rows))
            late = ms - self._rng.randrange(60_000)
            rows[at] = self._rng.choice(
                (
                    f'{{"s":"{names[each]}","y":{levels[each]:.5f},"t":{late}}}',
                    f'{{"s":"{names[each]}","y":{levels[each] + 5:.5f},"t":{ms}}}',
                    f'{{"s":"{names[each]}","y":"none","t":{ms}}}',
                    f'{{"s":"XX.GOV.10Y","y":1.0,"t":{ms}}}',
                )
            )
        return ("[" + ",".join(rows) + "]").encode()


@dataclass
class Figures:
    """Memory in MB, pauses in ms, CPU in µs a tick."""

    form: str
    series: int
    rate: int
    hours: float
    ticks: int = 0
    judged: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    events: int = 0
    delivered: int = 0
    memory: list[float] = field(default_factory=list)
    collections: list[float] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    store: float = 0.0

    def slope(self) -> float:
        """MB a day of event time, by Theil and Sen over the second half of the run."""
        return slope(self.memory[len(self.memory) // 2 :], SAMPLE / 86_400.0)


def slope(readings: Sequence[float], step: float) -> float:
    """The median of the slopes of all pairs; 0 for fewer than two. step: between two readings.

    Sen, P. K. (1968), Estimates of the regression coefficient based on Kendall's tau, JASA 63.
    """
    thinned = list(enumerate(readings))[:: max(1, len(readings) // 300)]
    slopes = [(later - sooner) / ((j - i) * step) for (i, sooner), (j, later) in combinations(thinned, 2)]
    return median(slopes) if slopes else 0.0


def resident() -> float:
    """MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


async def watch_loop(stalls: list[float]) -> None:
    """By how much a sleep of a hundredth of a second is late, in ms, where that is more than a few."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        late = (time.perf_counter() - before - 0.01) * 1e3
        if late > 3.0:
            stalls.append(late)


def watch_collections(pauses: list[float]) -> Any:
    began = 0.0

    def told(phase: str, info: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            pauses.append((time.perf_counter() - began) * 1e3)

    return told


async def long_run(hours: float, series: int, rate: int, folder: Path) -> Figures:
    figures = Figures(FORM, series, rate, hours)
    names = [f"M{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(series // TENORS)]
    ids = [f"{name}.GOV.{year}Y" for name in names for year in range(1, TENORS + 1)]
    tenors = ", ".join(f"{year}Y" for year in range(1, TENORS + 1))
    markets = ", ".join(f"{name}: {{calendar: always, tenors: [{tenors}]}}" for name in names)
    clock = EventClock()
    worlds: list[World] = []

    def build(config: mqtt.Config, resolver: SeriesResolver) -> World:
        worlds.append(World(mqtt.build(config, resolver), ids, rate, int(hours * 3_600), clock))
        return worlds[-1]

    known = registry()
    known = replace(known, feeds=known.feeds | {"mqtt": FeedType(mqtt.Config, build)})
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(Hook())
        text = CONFIG.format(markets=markets, hook=hook.url)
        daemon = Daemon(load_text(text, folder / "long-run.yaml", known), known, folder, clock, origin="simulated")
        running = asyncio.create_task(daemon.run())
        watcher = asyncio.create_task(watch_loop(figures.stalls))
        await asyncio.wait([running, ready := asyncio.create_task(daemon.ready.wait())], return_when="FIRST_COMPLETED")
        if not ready.done():
            await running
        figures.stalls.clear()
        told = watch_collections(figures.collections)
        gc.callbacks.append(told)
        worlds[0].unwritten = lambda: daemon.recorder.waiting
        world, began, cpu = worlds[0], time.perf_counter(), time.process_time()
        sampled = 0
        while not world.done.is_set():
            await asyncio.sleep(0.005)
            if (now := (clock.at - START) // SECOND // SAMPLE) > sampled:
                sampled = now
                figures.memory.append(resident())
                hook.came.clear()
        while world.pending:
            await asyncio.sleep(0.005)
        figures.seconds, figures.cpu = time.perf_counter() - began, time.process_time() - cpu
        gc.callbacks.remove(told)
        watcher.cancel()
        figures.ticks, figures.judged = world.sent, daemon.pump.ticks
        daemon.stop()
        await running
        figures.events = sum(daemon.pump.events.values())
        figures.delivered = sum(sink["outcomes"].get("delivered", 0) for sink in daemon.deliverer.report())
        figures.store = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e6
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=72.0)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    configure("error", "text")
    hold_together()
    with tempfile.TemporaryDirectory(prefix="stressd-long-run-") as folder:
        found = uvloop.run(long_run(asked.hours, asked.series, asked.rate, Path(folder)))
    if asked.json:
        print(json.dumps(asdict(found) | {"slope_mb_a_day": found.slope()}))
        return
    stalls, pauses = sorted(found.stalls), sorted(found.collections)
    print(f"engine {found.form}; {found.series} series, {found.rate} ticks/s, {found.hours:g} h of event time")
    print(f"  {found.ticks:,} ticks in {found.seconds:.0f} s; {found.cpu / found.ticks * 1e6:.2f} us of CPU a tick")
    print(f"  {found.events} events, {found.delivered} delivered; {found.store:.0f} MB of state")
    memory = found.memory
    if memory:
        print(f"  memory {memory[0]:.0f} MB at first, {memory[-1]:.0f} MB at last, {max(memory):.0f} at most")
        print(f"  slope of the second half: {found.slope():+.2f} MB a day of event time")
    for what, times in (("garbage collections", pauses), ("stops of the loop", stalls)):
        if times:
            print(f"  {len(times)} {what}: p99 {times[int(len(times) * 0.99)]:.1f} ms, most {times[-1]:.1f} ms")


if __name__ == "__main__":
    main()
