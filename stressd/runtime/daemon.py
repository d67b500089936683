"""The daemon: one group of named tasks around the pump, from the first read of the configuration to a clean stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog

from stressd.alerts.event import Event, Origin
from stressd.alerts.notification import Action
from stressd.alerts.people.commands import Command, Done
from stressd.config.load import Loaded
from stressd.config.registry import Registry
from stressd.feeds.base import Feed
from stressd.runtime import graph, vigil, warm
from stressd.runtime.build import build_pipeline, fallbacks, make_feeds, make_sinks
from stressd.runtime.charts import Charts
from stressd.runtime.checkpoints import Checkpoints, beside
from stressd.runtime.clock import Clock, WallClock
from stressd.runtime.deadletters import DeadLetter
from stressd.runtime.delivery import Deliverer
from stressd.runtime.doors import Reception
from stressd.runtime.errands import Errands
from stressd.runtime.exercises import Exercises
from stressd.runtime.feedset import FeedSet
from stressd.runtime.footprint import Footprints
from stressd.runtime.garbage import Garbage
from stressd.runtime.heart import Heart
from stressd.runtime.legs import Legs
from stressd.runtime.linkkey import signer
from stressd.runtime.mailbox import Mailbox
from stressd.runtime.metrics.scrape import Metrics
from stressd.runtime.outbox import StoreOutbox
from stressd.runtime.playback import Playback
from stressd.runtime.probe import Probe, note
from stressd.runtime.pump import Pump
from stressd.runtime.recording import recording, resume
from stressd.runtime.reload import Reloader, address
from stressd.runtime.rendering import Renderer
from stressd.runtime.report import Reporter
from stressd.runtime.reports import Reports
from stressd.runtime.retention import Retention
from stressd.runtime.sdnotify import Systemd
from stressd.runtime.shadows import Shadows
from stressd.runtime.snapshots import Moment, Snapshots
from stressd.runtime.standby import Standby
from stressd.runtime.state.scribe import Scribe
from stressd.runtime.supervise import Crew
from stressd.runtime.symptoms import symptoms
from stressd.runtime.vigil import Expecting, Vigil, habits
from stressd.sinks.base import Sink
from stressd.store import Delivery, Store, StoreError, snapshotfile
from stressd.web.app import make_app
from stressd.web.links import SECOND, actions
from stressd.web.serve import SOCKET_NAME, Server
from stressd.web.stream import STREAM

STATUS_EVERY: Final = 5.0
DRAIN: Final = 10.0
"""Seconds that pending deliveries get at a stop; what is left is sent after the next start."""

FINISH: Final = 5.0
"""Seconds that an attempt under way then gets."""

SAVE: Final = 3.0
"""Seconds that the disk gets at a stop before alerts go out without it, and at the end where it is in trouble."""

LAST: Final = 10.0
"""Seconds that it gets at the end. All of these together stay below systemd's TimeoutStopSec."""

log = structlog.get_logger()


class Daemon:
    """One configuration at work. `run` returns after `stop`; `ready` is set once every part is started.

    state: the state directory. origin: said in every message that is not live. clock: event time; deliveries and their
    retries stay on wall time. standby: it tells nobody, unless it has taken over before.
    """

    def __init__(
        self,
        loaded: Loaded,
        registry: Registry,
        state: Path,
        clock: Clock | None = None,
        origin: Origin = "live",
        *,
        standby: bool = False,
    ) -> None:
        self.loaded = loaded
        self.registry = registry
        self.state = state
        self.clock: Clock = clock or WallClock()
        self.origin: Origin = origin
        self.ready = asyncio.Event()
        self.started = self.loaded_at = self.clock.now()
        self.started_steady = time.monotonic()
        self.reporter = Reporter(self)
        self.scribe = Scribe(self)
        self.metrics = Metrics()
        self.systemd = Systemd()
        self.garbage = Garbage()
        self.footprints = Footprints()
        app = make_app(self.reporter, Reception(self))
        self.server, self.page = Server(app), app[STREAM]
        self.mailbox = Mailbox(self.clock.now)
        self.crew = Crew()
        self.retention = Retention(self)
        self.heart = Heart(self.reporter.alarming, lambda: self.deliverer.sinks, crew=self.crew)
        self.shadows = Shadows(self)
        self.probe = Probe(self.mailbox, self._tell_probe, self._probed)
        self.drain = DRAIN
        self.losses: dict[str, tuple[float, str]] = {}
        self.legs = Legs(self)
        self.checkpoints = Checkpoints(state)
        self.bundles = Errands(state, "bundles", "bundle", {".tar.gz": ("bundle", "--patience", "30", "-o")})
        self.asked = Errands(state, "asked", "report", {".html": ("report", "--html"), ".md": ("report", "--markdown")})
        self.reports = Reports(self)
        self.upstream: tuple[Loaded, Mapping[str, tuple[str, ...]]] | None = None
        self.playback: Playback | None = None
        self.exercises = Exercises(self)
        self._stopping = asyncio.Event()
        self.reloader = Reloader(self)
        self.standby = Standby(self, standby)

    def stop(self) -> None:
        """Stop cleanly: what came is judged, what was told is delivered, as far as a few seconds allow."""
        self._stopping.set()

    def reload(self) -> None:
        """Read the configuration again, and go on with it if it is right."""
        self.reloader.request()

    async def command(self, command: Command) -> Done:
        """Carry out what a person commands; returns once it is on disk. Raises CommandError."""
        return await asyncio.wrap_future(self.pump.command(command))

    async def run(self) -> None:
        """Work until `stop`. Raises BuildError, StoreError, OSError where it cannot start."""
        self.standby.begin()
        feeds = make_feeds(self.loaded, self.registry)
        sinks = make_sinks(self.loaded, self.registry)
        self.store = Store.open(self.state, owner=True)
        if self.store.copied is not None:
            log.warning("store.migrated", file=str(self.store.file), copy=str(self.store.copied))
        try:
            self.standby.settle()
            self.snapshots = Snapshots(self.store)
            self._prepare(feeds, sinks)
            try:
                await self._work(feeds)
            finally:
                await self.server.stop()
                await asyncio.gather(self.bundles.stop(), self.asked.stop())
                await self.deliverer.stop(min(self.drain, FINISH))
                self.charts.close()
        finally:
            self.garbage.close()
            await asyncio.to_thread(self.recorder.stop)
            self.systemd.close()
            await asyncio.to_thread(self.store.close, SAVE if self.store.trouble else LAST)
        log.info("daemon.stopped", uptime_s=round(time.monotonic() - self.started_steady, 1))

    # --- start --------------------------------------------------------------------------------------------------------

    def _prepare(self, feeds: dict[str, Feed], sinks: dict[str, Sink]) -> None:
        snapshotfile.tidy(self.state)
        self.bundles.tidy()
        self.asked.tidy()
        saved = self.snapshots.load()
        if saved is not None:
            self.snapshots.saved_at = saved.at
        self.recorder, missed = recording(self, saved)
        self.signer = signer(self.loaded.model.links, self.state)
        self.history = warm.choose(self.loaded.engine, self.store)
        engine = warm.prepare(self.loaded.engine, self.clock.now(), self.store, saved, self.history, missed.batches())
        resume(feeds, saved, missed)
        built = build_pipeline(self.loaded, engine, self.origin, self.store.machine())
        self.renderer = Renderer(self.loaded)
        self.charts = Charts(self.state / "matplotlib")
        self.deliverer = Deliverer(
            self.store,
            self.standby.sinks(sinks),
            page_url=self.loaded.page_url,
            fallbacks=fallbacks(self.loaded),
            render=self.renderer,
            on_dead=self._lost,
            actions=self._actions,
            charts=self.charts,
            crew=self.crew,
        )
        self.outbox = StoreOutbox(self.store, self.deliverer.committed)
        self.outbox.quiet = self.standby.on
        self.pump = Pump(
            self.mailbox,
            built.pipeline,
            self.clock,
            self.outbox,
            partial(symptoms, self),
            self.systemd.beat,
            self.metrics.observe_pass,
            self.recorder.put,
            self.recorder.note,
        )
        self.pump.newest = self.store.newest_event()
        self.pump.swap(built.pipeline, built.told)
        self.pump.conditions.resume([(rule, source) for rule, _, source in built.pipeline.episodes.noted()])

    async def _work(self, feeds: dict[str, Feed]) -> None:
        await self.deliverer.start()
        self.charts.warm(self.deliverer.sinks)
        async with asyncio.TaskGroup() as group:
            self.feeds = FeedSet(self.mailbox, group, self.crew, Vigil(self.clock.now, Expecting(self)))
            self.feeds.vigil.restore(habits(self.store))
            self.recorder.start()
            self.recorder.note("started", self.pump.pipeline.engine.now, why="the daemon was started")
            keep = partial(self.crew.keep, create=group.create_task)
            pumping = group.create_task(self.pump.run(), name="pump")
            background = [
                keep("snapshotter", self._save_regularly),
                keep("status", self._tell_systemd),
                keep("reloader", self.reloader.run),
                keep("probe", self.probe.run),
                keep("retention", self.retention.run),
                keep("reports", self.reports.run),
            ]
            self.shadows.take(await self.shadows.make(self.loaded))
            await self.server.start(self.state / SOCKET_NAME)
            await self.server.listen(*address(self.loaded))
            await self.feeds.replace(feeds)
            self.probe.replace(self.standby.probe(self.loaded.model.probe))
            await self.heart.replace(self.heart.make(self.standby.heartbeats(self.loaded.model.heartbeat)))
            self.garbage.watch()
            log.info(
                "daemon.started", instance=self.loaded.instance, config=str(self.loaded.path), state=str(self.state)
            )
            self.systemd.ready(self.reporter.summary())
            self.ready.set()
            await self._stopping.wait()
            await self._wind_down(pumping, background)

    async def _wind_down(self, pumping: asyncio.Task[None], background: Sequence[asyncio.Task[None]]) -> None:
        log.info("daemon.stopping")
        self.systemd.stopping()
        await self.heart.stop()
        await self.exercises.stop()
        for task in background:
            task.cancel()
        await asyncio.wait(background)
        await self.feeds.stop()
        self.pump.stop()
        await pumping
        self.recorder.note("stopped", self.pump.pipeline.engine.now)
        try:
            async with asyncio.timeout(SAVE):
                await self.shadows.save()
                await self.save(hurry=True)
                # The commits of the last pass wake the deliverer from the store's thread.
                await asyncio.wrap_future(self.store.flush())
                await asyncio.sleep(0)
        except TimeoutError:
            log.error("snapshot.failed", error=self.store.trouble or "the disk is too slow")
            self.outbox.hurry()
        try:
            await asyncio.wait_for(self.deliverer.idle(), self.drain)
        except TimeoutError:
            left = sum(sink["pending"] for sink in self.deliverer.report())
            log.warning("deliveries.left", count=left, reason="they are sent after the next start")

    # --- what goes on -------------------------------------------------------------------------------------------------

    def _lost(self, letter: DeadLetter) -> None:
        self.losses[letter.sink] = (time.monotonic(), str(letter))

    def _actions(self, event: Event, sink: str) -> tuple[Action, ...]:
        """The links of one message: none where people cannot reach this server."""
        page_url = self.loaded.page_url
        return () if page_url is None else actions(self.signer, page_url, event, sink, self.clock.now() // SECOND)

    async def _tell_probe(self, sinks: Sequence[str]) -> str:
        """The probe's event for these sinks; the id of its episode."""
        return await asyncio.wrap_future(self.pump.direct(note, sinks))

    async def _probed(self, episode: str) -> Sequence[Delivery]:
        """How the probe's deliveries stand."""
        return await asyncio.to_thread(self.store.deliveries, episode=episode)

    async def save(self, *, hurry: bool = False) -> None:
        """Save the engine's state as it is now. hurry: nothing else is to be done meanwhile."""
        links = msgspec.json.encode(self.reporter.graph())
        try:
            await self.snapshots.take(self._moment, hurry=hurry)
            told = self.pump.events["opened"] + self.pump.events["reopened"]
            await self.checkpoints.saved(self.snapshots, told, self.recorder.dropped)
            await asyncio.wrap_future(self.store.save_snapshot(graph.NAME, graph.FORMAT, links))
            await asyncio.wrap_future(self.store.save_snapshot(vigil.NAME, vigil.FORMAT, self.feeds.vigil.blob()))
        except (StoreError, OSError) as error:
            log.error("snapshot.failed", error=str(error))

    def _moment(self) -> Moment:
        recorded = self.recorder.next if self.recorder.recording else None
        engine, positions = self.pump.pipeline.engine, self.feeds.positions()
        return Moment(engine, self.history.signature(), positions, recorded, beside(self))

    async def _save_regularly(self) -> None:
        while True:
            await self.save()
            await self.checkpoints.pause(self.snapshots.interval)

    def calm(self) -> bool:
        """Whether no market is open."""
        now = self.clock.now()
        return not any(market.calendar.span_at(now).is_open for market in self.loaded.engine.markets)

    async def _tell_systemd(self) -> None:
        while True:
            await asyncio.sleep(STATUS_EVERY)
            self.systemd.status(self.reporter.summary())
            self.footprints.measure(self.pump.pipeline.engine)
            await self.shadows.refresh()
            self.garbage.turn(time.monotonic(), self.calm())
