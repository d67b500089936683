"""A daemon's pump, store, recorder and checkpoints on the time of its ticks, for tests of bundles: it stalls, is
stopped and started again, loses feeds, and people command it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stressd.alerts.matching import Match
from stressd.alerts.people.commands import Acknowledge, AddSilence, Command, CommandError, Label
from stressd.alerts.pipeline import Pipeline
from stressd.config.load import Loaded, load_text
from stressd.config.state import DiskConfig, RecordingConfig
from stressd.engine.engine import Engine
from stressd.engine.spec import MINUTE, SECOND
from stressd.feeds.base import Frame
from stressd.market.times import parse_time
from stressd.runtime.build import build_pipeline
from stressd.runtime.catchup import CatchUp
from stressd.runtime.checkpoints import Checkpoints, beside
from stressd.runtime.clock import WallClock
from stressd.runtime.mailbox import Mailbox
from stressd.runtime.notes import FEED, Condition
from stressd.runtime.outbox import StoreOutbox
from stressd.runtime.pump import Pump
from stressd.runtime.recorder import Recorder
from stressd.runtime.registry import registry
from stressd.runtime.snapshots import Moment, Snapshots
from stressd.store import Store, recordings
from stressd.testing.worlds import walk
from tests.runtime.test_recording import Ticks

START = parse_time("2026-01-13T00:00:00Z")

CONFIG = """
instance: test-desk
markets:
  AA: {calendar: always, tenors: [10Y, 30Y], spreads: [10s30s]}
  BB: {calendar: always, tenors: [10Y, 30Y]}
feeds:
  - {name: desk, type: mqtt, url: "mqtt://broker.bank.example", username: u, password: {file: /p/c4nary-pass},
     topics: "y/{series}"}
rules:
  - {name: sigma-breach, type: sigma, series: "*", horizons: [1m, 5m, 1d], sigma: {warn: 3, high: 4, critical: 6},
     floor: 1bp}
  - {name: round, type: level, series: "*.GOV.*Y", round: 25bp, severity: info}
  - {name: quiet, type: silence, series: "*", after: 15m, severity: warn}
events:
  - {name: auction, at: 2026-01-13T08:00:00Z, widen: 2}
  - {name: data, markets: [AA], on: daily, at: 09:00, zone: Asia/Tokyo}
  - {name: meeting, file: meetings.csv}
book: {AA.GOV.10Y: {dv01: 4711, currency: JPY}}
page_url: https://c4nary-page.bank.example/
routes:
  - {match: {kind: market}, sinks: mail, remind: 1h}
  - {match: {kind: [feed, self]}, sinks: hook}
sinks:
  - {name: mail, type: email, smtp: "smtp://c4nary-mail.bank.example:587", from: c4nary@bank.example,
     to: [c4nary-rates@bank.example]}
  - {name: hook, type: webhook, url: "https://c4nary-hook.bank.example/", secret: {env: C4NARY_SECRET}}
"""
MEETINGS = "date,time,zone,markets,name\n2026-01-13,12:00,Asia/Tokyo,BB,a meeting\n2026-01-14,12:00,UTC,AA,a talk\n"


def configured(folder: Path, change: Callable[[str], str] = str) -> Loaded:
    (folder / "meetings.csv").write_text(MEETINGS)
    return load_text(change(CONFIG), folder / "stressd.yaml", registry(), environment=False)


class World:
    """From its first tick to the end of its scene. state: what a daemon leaves on its disk."""

    def __init__(self, folder: Path, seed: int, count: int = 2_500) -> None:
        self.loaded = configured(folder)
        self.state = folder / "state"
        self.rng = random.Random(seed)
        self.ticks = walk(self.loaded.engine, seed, count, START + SECOND, jumps=0.006, dirt=0.03)
        self.now = START
        self.wrong: list[Condition] = []
        self.stood = 0
        self.store = Store.open(self.state)
        self.origin = "live"
        self._begin(Engine(self.loaded.engine, START), {})

    def _begin(self, engine: Engine, machine: dict[str, bytes]) -> None:
        clock = WallClock(lambda: self.now, lambda: self.now)
        clock.unheard = self._unheard  # type: ignore[method-assign]
        number = recordings.mend(self.state / recordings.FOLDER)
        self.recorder = Recorder(
            self.state, RecordingConfig(), DiskConfig.model_validate({"floor": "1kB"}), number, lambda: self.now
        )
        self.mailbox = Mailbox(lambda: self.now, max_frames=200)
        self.feed = Ticks(self.ticks)
        self.snapshots, self.checkpoints = Snapshots(self.store), Checkpoints(self.state)
        built = build_pipeline(self.loaded, engine, "live", machine)
        outbox = StoreOutbox(self.store, lambda routed: None)
        self.pump = Pump(
            self.mailbox, built.pipeline, clock, outbox, lambda: self.wrong,
            record=self.recorder.put, note=self.recorder.note,
        )  # fmt: skip
        self.pump.newest = self.store.newest_event()
        self.pump.swap(built.pipeline, built.told)
        self.recorder.start()
        self.recorder.note("started", self.now, why="the daemon was started")

    @property
    def pipeline(self) -> Pipeline:
        return self.pump.pipeline

    def _unheard(self, gap: int) -> int:
        stood, self.stood = self.stood, 0
        return stood

    async def run(self, first: int, last: int, *, troubled: bool = True) -> None:
        """Ticks first <= number < last, in bursts, and what happens between them."""
        at = first
        while at < last:
            size = min(last - at, self.rng.choice((1, 1, 3, 20, 100)))
            for k in range(at, at + size):
                self.now = max(self.now, self.ticks[k].received)
                self.mailbox.put(Frame(self.feed, "", str(k).encode(), self.now))
            at += size
            while self.pump.turn():
                pass
            if troubled and at < last:
                self._trouble((self.now + self.ticks[at].received) // 2)
            if self.rng.random() < 0.1:
                await self.save()

    def _trouble(self, between: int) -> None:
        chance = self.rng.random()
        if chance < 0.1:
            self.now = max(self.now, between)
            self.stood = self.rng.randrange(20 * MINUTE)
        elif chance < 0.25:
            down = Condition(FEED, "feed down", "no connection", kind="feed", source="desk", stops=("desk",))
            self.wrong = [] if self.wrong else [down]
        elif chance < 0.45:
            self._command()
        if chance < 0.5:
            self.pump.turn()

    def _command(self) -> None:
        opened = [each.id for each in self.pipeline.episodes.open_episodes()]
        command: Command = AddSilence(
            at=self.now, author="maria", via="http", match=Match(markets=("BB",)), starts=self.now,
            ends=self.now + 30 * MINUTE, reason="a test of the line",
        )  # fmt: skip
        if opened and self.rng.random() < 0.7:
            command = Acknowledge(at=self.now, author="ken", via="link", episode=opened[0], note="on it")
        elif opened:
            command = Label(at=self.now, author="ken", via="cli", episode=opened[0], label="useful")
        done = self.pump.command(command)
        self.pump.turn()
        with suppress(CommandError):
            done.result(5)

    async def save(self) -> None:
        await self.snapshots.take(self._moment)
        told = self.pump.events["opened"] + self.pump.events["reopened"]
        await self.checkpoints.saved(self.snapshots, told, self.recorder.dropped)

    def _moment(self) -> Moment:
        seen: Any = SimpleNamespace(pump=self.pump, origin="live", loaded=self.loaded, recorder=self.recorder)
        return Moment(self.pipeline.engine, {}, {"desk": {"place": "/p/c4nary-file"}}, self.recorder.next, beside(seen))

    async def restart(self) -> None:
        """A clean stop, and another daemon on what it has left."""
        while self.pump.turn():
            pass
        self.recorder.note("stopped", self.pipeline.engine.now)
        await self.save()
        await asyncio.to_thread(self.recorder.stop)
        await asyncio.wrap_future(self.store.flush())
        saved = self.snapshots.load()
        assert saved is not None
        self.now += self.rng.randrange(1, 600) * SECOND
        engine = Engine(self.loaded.engine, self.now)
        engine.restore(saved.engine)
        engine.resume(self.now)
        self.wrong = []
        self._begin(engine, self.store.machine())
        await self.save()

    async def kill(self) -> None:
        """It is gone without a word, and the last tenth of a second of its recording with it; another one begins."""
        await asyncio.wrap_future(self.store.flush())
        await asyncio.to_thread(self.recorder.stop)
        newest = recordings.files(self.state / recordings.FOLDER)[-1].path
        if newest.suffix == ".csv":
            data = newest.read_bytes()
            newest.write_bytes(data[: max(len(recordings.HEADER), len(data) - 150)])
        saved = self.snapshots.load()
        assert saved is not None
        assert saved.recorded is not None
        self.now += 30 * SECOND
        engine = Engine(self.loaded.engine, self.now)
        engine.restore(saved.engine)
        for batch in CatchUp(self.state, saved.recorded).batches():
            engine.feed(batch)
        engine.resume(self.now)
        self.wrong = []
        self._begin(engine, self.store.machine())
        await self.save()

    async def end(self) -> None:
        """The time after the last tick, and a stop."""
        for _ in range(3):
            self.now += 2 * MINUTE
            self.pump.turn()
        self.recorder.note("stopped", self.pipeline.engine.now)
        await asyncio.to_thread(self.recorder.stop)
        await asyncio.wrap_future(self.store.flush())
