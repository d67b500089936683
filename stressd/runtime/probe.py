"""The probe: a synthetic tick that must come out as a message, on schedule, timed from the mailbox to the receipt.

Covered: the daemon's mailbox, its pump and a feed's decoder; an engine of the same make with one reserved series and
one level rule (not the daemon's own engine: what no statistic may see cannot go through it); the episode machine, the
store, the outbox, the lane and the wire of each sink, and what its other side answers. Not covered: the brokers, the
sockets of the feeds, and the routes: the probe goes to the sinks that it names.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from stressd.config.doors import SECOND, ProbeConfig
from stressd.engine.engine import Engine
from stressd.engine.events import ONCE, Event, FeedNote, LevelHit
from stressd.engine.spec import INFO, EngineSpec, LevelRule, MarketSpec, SeriesSpec
from stressd.feeds.base import FeedHealth, Frame, Inbox
from stressd.feeds.decoder import PayloadDecoder
from stressd.feeds.payload import PayloadMap
from stressd.feeds.tally import Fault
from stressd.market.aliases import AliasTable
from stressd.market.sessions import calendar
from stressd.market.tick import Tick
from stressd.market.times import iso
from stressd.runtime.notes import PROBE, PROBE_FAILED, Condition
from stressd.runtime.retry import Timing
from stressd.store import Delivery, StoreError

MARKET: Final = "ZZ"
SERIES: Final = "ZZ.PROBE.1Y"
LEVEL: Final = 1.05
TICKS: Final = (1.0, 1.0001, 1.1, 1.1001)
"""Percent: two on either side of the level, since a tick alone is not believed."""

TEXT: Final = "Probe: this channel works. No market has moved, and nothing needs to be done"
AGAIN: Final = 600.0
"""Seconds, at least, after which a probe that has failed is repeated."""

LOOK_EVERY: Final = 0.1
"""Seconds between two looks for receipts."""

log = structlog.get_logger()


@dataclass(slots=True)
class Result:
    """How the last probe through one sink ended. at: ns UTC of its tick; seconds: until the receipt, None where there
    was none in time; owing: it has not arrived yet, so no other follows it."""

    at: int
    seconds: float | None = None
    error: str = ""
    episode: str = ""
    owing: bool = False


class ProbeFeed:
    """The feed that the probe's frames come from: it decodes as feeds do, and judges in an engine of its own. hits:
    what that engine found."""

    name = "probe"

    def __init__(self, now: int) -> None:
        self.health = FeedHealth(state="connected")
        fields = PayloadMap(value="value", time="time", series="series")
        self._decoder = PayloadDecoder(fields, AliasTable([], [SERIES]), self.name)
        self._engine = Engine(_spec(), now)
        self._left = len(TICKS)
        self.hits: list[Event] = []
        self.done = asyncio.Event()

    async def run(self, inbox: Inbox) -> None:
        """Puts the ticks into the inbox."""
        for number, value in enumerate(TICKS):
            now = inbox.now()
            payload = json.dumps({"value": value, "time": now, "series": SERIES}).encode()
            inbox.put(Frame(self, "probe", payload, now, token=number))

    def decode(self, frame: Frame) -> Sequence[Tick]:
        """Nothing for the daemon's engine, which must not know of the series."""
        faults: list[Fault] = []
        ticks = self._decoder.decode(frame.payload, "", frame.received, 0, faults)
        self.hits += [event for event in self._engine.feed(ticks) if isinstance(event, LevelHit)]
        return ()

    def processed(self, frames: Sequence[Frame]) -> None:
        self._left -= len(frames)
        if self._left <= 0:
            self.done.set()


def _spec() -> EngineSpec:
    return EngineSpec(
        markets=(MarketSpec(MARKET, calendar("always"), ""),),
        series=(SeriesSpec(SERIES, MARKET, "1Y"),),
        level_rules=(LevelRule(PROBE, (SERIES,), INFO, above=(LEVEL,)),),
    )


def note(at: int) -> FeedNote:
    """What the episode machine is told: an event about the daemon itself, over once it is told. at: engine time, ns."""
    said = FeedNote(at, at, PROBE, "", ONCE, "probe", "", "", INFO, TEXT)
    said.kind = "self"
    return said


class Probe:
    """Sends probes and checks their receipts. tell: makes the event for these sinks in a pass of the pump, and returns
    the id of its episode. deliveries: of an episode; raises StoreError."""

    def __init__(
        self,
        inbox: Inbox,
        tell: Callable[[Sequence[str]], Awaitable[str]],
        deliveries: Callable[[str], Awaitable[Sequence[Delivery]]],
        timing: Timing | None = None,
    ) -> None:
        self._inbox = inbox
        self._tell = tell
        self._deliveries = deliveries
        self._timing = timing or Timing()
        self._config: ProbeConfig | None = None
        self._changed = asyncio.Event()
        self.results: dict[str, Result] = {}

    def replace(self, config: ProbeConfig | None) -> None:
        """Probe like this from now on; None: not at all."""
        self._config = config
        sinks = config.sinks if config is not None else ()
        self.results = {sink: result for sink, result in self.results.items() if sink in sinks}
        self._changed.set()

    async def run(self) -> None:
        """At whole multiples of `every` since the epoch, so that a restart sends none of its own."""
        while True:
            self._changed.clear()
            config = self._config
            if config is None:
                await self._changed.wait()
                continue
            wait = self._until_next(config)
            sleeping = asyncio.ensure_future(self._timing.sleep(wait))
            changing = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait([sleeping, changing], return_when=asyncio.FIRST_COMPLETED)
                due = sleeping.done() and not changing.done()
            finally:
                sleeping.cancel()
                changing.cancel()
            if due:
                await self.once(config)

    async def once(self, config: ProbeConfig) -> None:
        """One probe through every sink that does not owe the last one; where some have failed, through those alone."""
        for sink in config.sinks:
            await self._settle(sink)
        wanted = self._failed() or config.sinks
        sinks = [sink for sink in wanted if not (sink in self.results and self.results[sink].owing)]
        if not sinks:
            return
        began, at = self._timing.monotonic(), self._timing.now()
        limit = began + config.within / SECOND
        episode, error = await self._through_the_machine(sinks, limit)
        waiting = dict.fromkeys(sinks, error or "it is not on disk yet")
        while episode and waiting and not error:
            for sink, row in (await self._rows(episode)).items():
                if sink in waiting:
                    waiting[sink] = row.last_error or f"it is {row.state}"
                    if row.state == "delivered" and self._timing.monotonic() <= limit:
                        del waiting[sink]
                        self._came(sink, Result(at, self._timing.monotonic() - began, episode=episode))
            if self._timing.monotonic() > limit:
                break
            if waiting:
                await self._timing.sleep(LOOK_EVERY)
        for sink, why in waiting.items():
            self.results[sink] = Result(at, None, why, episode, owing=bool(episode))
            log.error("probe.failed", sink=sink, within_s=config.within / SECOND, error=why)

    async def _through_the_machine(self, sinks: Sequence[str], limit: float) -> tuple[str, str]:
        """(id of the episode, "") once it is told, or ("", why not)."""
        feed = ProbeFeed(self._inbox.now())
        await feed.run(self._inbox)
        if not await self._until(asyncio.ensure_future(feed.done.wait()), limit):
            return "", "the pump has not taken its tick yet"
        if not feed.hits:
            return "", "its tick was not judged as it should be"
        telling = asyncio.ensure_future(self._tell(sinks))
        if not await self._until(telling, limit):
            return "", "the pump has not told of it yet"
        return telling.result(), ""

    async def _until(self, work: asyncio.Future[Any], limit: float) -> bool:
        """Whether it is done before the limit (monotonic s); what is not is given up."""
        clock = asyncio.ensure_future(self._timing.sleep(max(0.0, limit - self._timing.monotonic())))
        try:
            await asyncio.wait([work, clock], return_when=asyncio.FIRST_COMPLETED)
            return work.done()
        finally:
            clock.cancel()
            if not work.done():
                work.cancel()

    async def _rows(self, episode: str) -> dict[str, Delivery]:
        try:
            return {row.sink: row for row in await self._deliveries(episode)}
        except StoreError:
            return {}

    async def _settle(self, sink: str) -> None:
        """Whether what the sink owed has come or has been given up meanwhile."""
        result = self.results.get(sink)
        if result is not None and result.owing:
            row = (await self._rows(result.episode)).get(sink)
            result.owing = row is not None and row.state in ("pending", "sending")

    def _came(self, sink: str, result: Result) -> None:
        self.results[sink] = result
        log.info("probe.delivered", sink=sink, seconds=round(result.seconds or 0.0, 3))

    def _until_next(self, config: ProbeConfig) -> float:
        now = self._timing.now()
        regular = (config.every - now % config.every) / SECOND
        return min(regular, max(AGAIN, 2.0 * config.within / SECOND)) if self._failed() else regular

    def _failed(self) -> list[str]:
        return [sink for sink, result in self.results.items() if result.seconds is None]

    def conditions(self) -> list[Condition]:
        """Sinks through which the last probe did not come in time."""
        config = self._config
        if config is None:
            return []
        return [
            Condition(
                PROBE_FAILED,
                "probe failed",
                f"the probe through {sink} did not arrive within {config.within / SECOND:g} s: {result.error}",
                source=sink,
                needs=(f"sink {sink}", "store"),
            )
            for sink, result in self.results.items()
            if result.seconds is None
        ]

    def report(self) -> dict[str, Any] | None:
        """For the status; None where nothing is probed."""
        config = self._config
        if config is None:
            return None
        return {
            "every_s": config.every / SECOND,
            "within_s": config.within / SECOND,
            "next_s": self._until_next(config),
            "sinks": [
                {
                    "sink": sink,
                    "time": None if result is None else iso(result.at),
                    "seconds": None if result is None else result.seconds,
                    "error": None if result is None else result.error or None,
                }
                for sink, result in ((sink, self.results.get(sink)) for sink in config.sinks)
            ],
        }
