"""A small desk for tests of the daemon: a broker, a receiver of webhooks, a configuration, a warm store."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from stressd.config.load import load
from stressd.runtime.daemon import Daemon
from stressd.runtime.registry import registry
from stressd.store import Store
from stressd.testing.broker import LoopbackBroker

SECOND = 1_000_000_000
LAST = {"JP.GOV.30Y": 3.562, "JP.GOV.10Y": 2.2, "US.GOV.10Y": 4.23}

CONFIG = """
instance: test-desk
state_dir: {state}
listen: 127.0.0.1:0
log: {{format: json}}
markets:
  JP: {{calendar: always, tenors: [10Y, 30Y]}}
  US: {{calendar: always, tenors: [10Y]}}
feeds:
  - name: desk
    type: mqtt
    url: "{broker}"
    topics: "yields/{{market}}/{{tenor}}"
    qos: 1
    payload: {{format: json, value: value, time: time}}
rules:
  - {{name: sigma-breach, type: sigma, series: "*", horizons: [1m, 1d], sigma: {{warn: 3, high: 4, critical: 6}}}}
  - {{name: four, type: level, series: "US.*", above: [{level}%], severity: info}}
routes:
  - match: {{kind: [market]}}
    sinks: [hook]
  - match: {{kind: [feed, self]}}
    sinks: [hook]
sinks:
  - {{name: hook, type: webhook, url: "{hook}", unsigned: true}}
"""


class Receiver:
    """Takes webhooks and keeps their events in order."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._came = asyncio.Event()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.events.append((await request.json())["data"])
        self._came.set()
        return web.Response()

    async def until(self, condition: Callable[[list[dict[str, Any]]], bool], timeout: float = 20.0) -> None:
        """Waits until the events that came satisfy it."""
        async with asyncio.timeout(timeout):
            while not condition(self.events):
                self._came.clear()
                await self._came.wait()


class Desk:
    """Everything around the daemon. `write` changes the configuration that the next start or reload reads. standby: how
    the next start is."""

    def __init__(self, folder: Path, broker: LoopbackBroker, receiver: Receiver) -> None:
        self.standby = False
        self.state = folder / "state"
        self.file = folder / "stressd.yaml"
        self.broker = broker
        self.receiver = receiver
        self.prices = dict(LAST)
        self.write()

    def write(self, level: str = "4.5", change: Callable[[str], str] = str) -> None:
        text = CONFIG.format(state=self.state, broker=self.broker.url, hook=self.receiver.url, level=level)
        self.file.write_text(change(text))

    def warm(self) -> None:
        """Three hours of calm ticks up to now: enough for the one-minute horizon."""
        rng = random.Random(20)
        now = time.time_ns()
        rows = []
        for series, last in LAST.items():
            value = last
            for back in range(0, 3 * 3600, 5):
                rows.append((series, now - (back + 1) * SECOND, value, "desk"))
                value += rng.gauss(0.0, 0.0003)
        store = Store.open(self.state)
        store.import_ticks(rows, source="desk")
        store.close()

    def daemon(self) -> Daemon:
        known = registry()
        daemon = Daemon(load(self.file, known), known, self.state, standby=self.standby)
        daemon.drain = 2.0
        return daemon

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Daemon]:
        """The daemon in this process, ready and subscribed; stopped cleanly at the end."""
        daemon = self.daemon()
        task = asyncio.create_task(daemon.run())
        ready = asyncio.create_task(daemon.ready.wait())
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED, timeout=20)
        if task.done():
            ready.cancel()
            task.result()
        try:
            await until(lambda: daemon.feeds.feeds["desk"].health.state == "connected")
            yield daemon
        finally:
            daemon.stop()
            await asyncio.wait_for(task, 20)

    async def tick(self, series: str, value: float, ago: float = 0.0) -> None:
        """One message, stamped so many seconds ago."""
        market, _, tenor = series.split(".")
        payload = {"value": value, "time": time.time_ns() - int(ago * SECOND)}
        await self.broker.publish(f"yields/{market}/{tenor}", json.dumps(payload).encode(), qos=1)

    async def calm(self) -> None:
        """Two ticks of every series, since the first of all is not believed alone; a minute old, for comparison."""
        for series, value in LAST.items():
            await self.tick(series, value, 75)
            await self.tick(series, value + 1e-4, 70)

    async def breach(self) -> None:
        """JP 30Y up by 5 bp, twice, since an outlier alone is not believed."""
        await self.calm()
        await self.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.0500)
        await self.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.0502)


async def until(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Until it holds, looked at on every turn of the loop's timer."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def desk_in(folder: Path, host: str = "127.0.0.1") -> AsyncIterator[Desk]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    receiver.url = f"http://{host}:{runner.addresses[0][1]}/hook"
    try:
        async with LoopbackBroker(host) as broker:
            yield Desk(folder, broker, receiver)
    finally:
        await runner.cleanup()
