"""January 2026 on the page: the seed day's ticks through the whole daemon, standing still where a test looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from stressd.cli.replay_page import Past, Staging, prepare
from stressd.config.load import Loaded, load_text
from stressd.config.model import Listen
from stressd.lab.bridges import Bridges
from stressd.lab.demo import calendars, config_text
from stressd.lab.history import import_simulated
from stressd.lab.scenario import Scenario, load_scenario
from stressd.lab.seed_day import MORE, SCENARIO
from stressd.market.series import market_of
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.runtime import warm
from stressd.runtime.registry import registry
from stressd.runtime.snapshots import Saved
from stressd.store import Store
from tests.runtime.desk import until

LISTENED: Final = parse_time("2026-01-14T00:00:00Z")
"""Since when the daemon has heard ticks: a weekend and four sessions, so that it knows how the markets answer."""

TOKYO_MORNING: Final = "2026-01-20T00:30:00Z"
TOKYO_AFTERNOON: Final = "2026-01-20T06:00:00Z"
NEW_YORK_MORNING: Final = "2026-01-20T14:30:00Z"

FEEDS: Final = {"JP": "tokyo", "US": "new-york", "UK": "london", "DE": "frankfurt"}
KILLED: Final = "london"
KILLED_AT: Final = parse_time("2026-01-20T12:30:00Z")
"""From then on nothing comes from one feed, in the midst of its session."""


def scenario() -> Scenario:
    """The seed day, with the days before from which alone it is warm."""
    whole = load_scenario(SCENARIO)
    return whole.model_copy(update={"anchors": [each for each in whole.anchors if each.time >= LISTENED]})


def configured(told: Scenario) -> Loaded:
    text = config_text(told, "mqtt://127.0.0.1:1883", console=True).replace("\n\nroutes:", f"\n{MORE}\nroutes:", 1)
    return load_text(text, Path("january.yaml"), registry(), environment=False)


def known_before(loaded: Loaded, days: Bridges, folder: Path) -> Saved:
    """What a daemon knows that has been given the fixings and has heard the days before."""
    before = [_heard(tick) for tick in days.warmup_ticks()]
    store = Store.open(folder)
    try:
        import_simulated(store, days.warmup_daily(), [], "desk")
        history = warm.choose(loaded.engine, store)
        engine = warm.prepare(loaded.engine, before[0].time, store, None, history)
    finally:
        store.close()
    engine.feed(before)
    engine.advance(days.scenario.starts)
    return Saved(engine.now, engine.snapshot(), {})


def _heard(tick: Tick) -> Tick:
    return Tick(tick.series, tick.value, tick.time, tick.time, FEEDS[market_of(tick.series)])


def settled(state: dict[str, Any]) -> dict[str, Any]:
    """What comes a little later than its time does."""
    return {
        key: {name: each.get("state") for name, each in state[key].items()} for key in ("episodes", "feeds", "series")
    }


class January:
    """A replay that stands still. It only ever goes on."""

    def __init__(self, staging: Staging) -> None:
        self.staging = staging
        self.url = f"http://127.0.0.1:{staging.daemon.server.port}/"

    async def stand(self, time: str) -> dict[str, Any]:
        """The state at this time, once all is told that was due by then."""
        daemon, at = self.staging.daemon, parse_time(time)
        if daemon.clock.now() < at:
            self.staging.playback.steer(None, None, at)
            await until(lambda: daemon.clock.now() >= at, 60)
            await until(lambda: not len(daemon.mailbox))
            await asyncio.wrap_future(daemon.store.flush())
            # what watches the feeds looks once a second of the machine's time
            before: dict[str, Any] = {}
            while before != (now := settled(await self._state())):
                before = now
                await asyncio.sleep(1.3)
        return await self._state()

    async def _state(self) -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}api/v1/state") as answer:
            said: dict[str, Any] = await answer.json()
            return said


@asynccontextmanager
async def january(folder: Path) -> AsyncIterator[January]:
    told = scenario()
    days = Bridges(told, calendars(told))
    loaded = configured(told)
    past = Past(known_before(loaded, days, folder / "before"), {})
    ticks = [_heard(tick) for tick in days.ticks() if tick.time <= parse_time(NEW_YORK_MORNING) + 3_600 * 10**9]
    ticks = [tick for tick in ticks if tick.source != KILLED or tick.time < KILLED_AT]
    listen = Listen(host="127.0.0.1", port=0)
    staging = await prepare(loaded, ticks, "january-2026.csv", 60.0, listen, folder / "state", past)
    staging.playback.steer(True, None, None)
    async with asyncio.TaskGroup() as group:
        group.create_task(staging.daemon.run())
        await staging.daemon.ready.wait()
        playing = group.create_task(staging.play())
        try:
            yield January(staging)
        finally:
            playing.cancel()
            staging.daemon.stop()
