"""Thousands of breaches in a minute through the whole daemon: what people get, how soon, and at what cost in memory.

usage: storm.py [BREACHES] [SECONDS] [all]     10000 in 60 s by default; all: nothing is gathered into summaries

Series of many markets climb and fall; every tick is an MQTT message to the real daemon, whose sinks are a Slack that
takes one message a second, a PagerDuty that takes 120 a minute, and a webhook. All of it is in one process, publisher
and receivers too. A breach is what the engine finds beyond a bar, of one series at one horizon: entered, on the next
rung, or a new peak. Latency is from the tick's own stamp to the arrival of the message that it opened an episode with.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from stressd.config.load import load_text
from stressd.engine.events import LEFT, Breach
from stressd.engine.form import FORM
from stressd.market.times import parse_time
from stressd.runtime.daemon import Daemon
from stressd.runtime.logs import configure
from stressd.runtime.registry import registry
from stressd.store import Store
from stressd.testing.broker import LoopbackBroker
from stressd.testing.pagerduty import KEY, FakePagerDuty
from stressd.testing.service import Service
from stressd.testing.slack import FakeSlack

MARKETS = [f"M{chr(65 + n // 20)}{chr(65 + n % 20)}" for n in range(20)]
TENORS = [f"{year}Y" for year in range(1, 26)]
SECOND = 1_000_000_000
STEPS = (0.3, 0.6, 0.9, 1.3, 1.8, 2.5, 4.0, 8.0, 14.0, 20.0, 26.0, 32.0, 38.0, 44.0, 50.0, 56.0)
"""Basis points off the calm value, up and then down: through one rung after the other, at every horizon."""

CONFIG = """
instance: storm
listen: none
markets: {{{markets}}}
feeds:
  - name: desk
    type: mqtt
    url: "{broker}"
    topics: "yields/{{market}}/{{tenor}}"
    payload: {{format: json, value: value, time: time}}
rules:
  - name: sigma-breach
    type: sigma
    series: "*"
    horizons: [1m, 5m, 30m]
    floor: 0.2bp
    sigma: {{warn: 3, high: 4, critical: 6}}
routes:
  - match: {{severity: [warn, high, critical]}}
    sinks: [desk-slack, hook]
    storm: {storm}
  - match: {{severity: critical}}
    sinks: pager
    storm: {storm}
  - match: {{kind: [feed, self]}}
    sinks: hook
sinks:
  - {{name: desk-slack, type: slack, webhook_url: {{env: STORM_SLACK}}}}
  - {{name: hook, type: webhook, url: "{hook}/hook", unsigned: true}}
  - {{name: pager, type: pagerduty, routing_key: {{env: STORM_PAGER}}, url: "{pager}"}}
"""


class Hook(Service):
    """Takes events and the time at which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[tuple[int, dict[str, Any]]] = []

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        self.came.append((time.time_ns(), json.loads(body)["data"]))
        return web.Response()


@dataclass
class Figures:
    """What a storm came to. Memory in MB of the resident set; latencies in ms."""

    breaches: int = 0
    episodes: int = 0
    events: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    dead: int = 0
    types: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    memory: tuple[float, float, float] = (0.0, 0.0, 0.0)
    longest_queue: int = 0
    seconds: float = 0.0

    def quantile(self, share: float) -> float:
        """Of the latencies; nan where there is none."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def resident() -> float:
    """MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def warm(state: Path) -> dict[str, float]:
    """Three calm hours of every series; the last values."""
    rng, now, rows, last = random.Random(7), time.time_ns(), [], {}
    for market in MARKETS:
        for tenor in TENORS:
            name = f"{market}.GOV.{tenor}"
            value = last[name] = 2.0 + rng.random()
            for back in range(0, 3 * 3_600, 30):
                rows.append((name, now - (back + 2_000) * SECOND, value, "desk"))
                value += rng.gauss(0.0, 0.0006)
    store = Store.open(state)
    store.import_ticks(rows, source="desk")
    store.close()
    return last


async def blow(broker: LoopbackBroker, last: dict[str, float], enough: Callable[[], bool], seconds: float) -> None:
    """Every series climbs and then falls, twice at each step so that it is believed, evenly over the time."""
    rng = random.Random(20)
    steps = [
        (name, sign * bp / 100.0) for sign in (1, -1) for bp in STEPS for name in rng.sample(list(last), len(last))
    ]
    for ago in (1_900.0, 1_850.0, 310.0, 305.0, 75.0, 70.0):
        for name in last:
            await publish(broker, name, last[name] + ago * 1e-7, ago)
        await asyncio.sleep(1.0)
    began, sent = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds and not enough():
        for name, off in steps[sent : max(sent + 1, int(len(steps) * passed / seconds))]:
            await publish(broker, name, last[name] + off)
            await publish(broker, name, last[name] + off + 2e-4)
            sent += 1
        await asyncio.sleep(0.005)
    await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))


async def publish(broker: LoopbackBroker, name: str, value: float, ago: float = 0.0) -> None:
    market, _, tenor = name.split(".")
    payload = json.dumps({"value": round(value, 5), "time": time.time_ns() - int(ago * SECOND)}).encode()
    await broker.publish(f"yields/{market}/{tenor}", payload)


async def storm(breaches: int, seconds: float, everything: bool = False) -> Figures:
    figures = Figures()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stressd-storm-")))
        broker = await stack.enter_async_context(LoopbackBroker())
        slack = await stack.enter_async_context(FakeSlack())
        pager = await stack.enter_async_context(FakePagerDuty())
        hook = await stack.enter_async_context(Hook())
        os.environ["STORM_SLACK"], os.environ["STORM_PAGER"] = slack.hook_url, KEY
        markets = ", ".join(f"{name}: {{calendar: always, tenors: [{', '.join(TENORS)}]}}" for name in MARKETS)
        text = CONFIG.format(
            markets=markets,
            broker=broker.url,
            hook=hook.url,
            pager=pager.enqueue_url,
            storm="false" if everything else "true",
        )
        known = registry()
        last = warm(folder)
        daemon = Daemon(load_text(text, folder / "storm.yaml", known), known, folder)
        daemon.drain = 0.0
        running = asyncio.create_task(daemon.run())
        await daemon.ready.wait()
        await broker.subscribed()
        await asyncio.sleep(1.0)
        apply = daemon.pump.pipeline.episodes.apply

        def counted(event: Any) -> Any:
            figures.breaches += isinstance(event, Breach) and event.phase != LEFT
            return apply(event)

        vars(daemon.pump.pipeline.episodes)["apply"] = counted
        before, peak = resident(), 0.0
        blowing = asyncio.create_task(blow(broker, last, lambda: figures.breaches >= breaches, seconds))
        began = time.monotonic()
        while not blowing.done():
            await asyncio.wait([blowing], timeout=0.25)
            peak = max(peak, resident())
            waiting = max(sink["pending"] for sink in daemon.deliverer.report())
            figures.longest_queue = max(figures.longest_queue, waiting)
        await blowing
        figures.seconds = time.monotonic() - began
        report = {sink["name"]: sink for sink in daemon.deliverer.report()}
        figures.left = {name: sink["pending"] for name, sink in report.items()}
        figures.dead = sum(sink["outcomes"]["dead"] for sink in report.values())
        figures.messages = {
            "desk-slack": len(slack.channel.messages),
            "hook": len(hook.came),
            "pager": sum(len(incident.log) for incident in pager.incidents),
        }
        figures.memory = (before, peak, resident())
        daemon.stop()
        await running
        figures.events = sum(daemon.pump.events.values())
        figures.types = Counter(daemon.pump.events)
        figures.episodes = figures.types["opened"]
        first = {
            e["episode"]: (at - parse_time(e["time"])) / 1e6 for at, e in reversed(hook.came) if e["kind"] == "market"
        }
        figures.latencies = [
            first[e["episode"]] for _, e in hook.came if e["type"] == "opened" and e["episode"] in first
        ]
    return figures


def main(breaches: int, seconds: float, everything: bool) -> None:
    configure("error", "text")
    found = asyncio.run(storm(breaches, seconds, everything))
    rate = found.breaches / found.seconds
    print(f"engine {FORM}; {len(MARKETS) * len(TENORS)} series of {len(MARKETS)} markets")
    print(f"{found.breaches} breaches in {found.seconds:.0f} s ({rate:.0f}/s)")
    print(f"  {found.episodes} episodes, {found.events} events: {dict(found.types)}")
    for name, count in found.messages.items():
        print(
            f"  {name}: {count} messages, {count / found.seconds * 60:.0f} a minute, {found.left[name]} wait at the end"
        )
    print(f"  dead letters: {found.dead}; longest queue: {found.longest_queue}")
    spread = ", ".join(f"{word} {found.quantile(q):.0f} ms" for word, q in (("p50", 0.5), ("p99", 0.99), ("most", 1.0)))
    print(f"  first alert of {len(found.latencies)} episodes, tick to receiver: {spread}")
    before, peak, after = found.memory
    print(f"  memory: {before:.0f} MB before, {peak:.0f} MB at most, {after:.0f} MB after")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "all"]
    main(int(words[0]) if words else 10_000, float(words[1]) if len(words) > 1 else 60.0, "all" in sys.argv[1:])
