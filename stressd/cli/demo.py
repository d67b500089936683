"""`stressd demo`: a broker, the daemon and a scenario in one process; the alerts in this terminal as Slack would show
them, and on the daemon's page."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from stressd.alerts.event import Event, to_json
from stressd.cli.main import INTERRUPTED
from stressd.cli.page import add_listen, address_of, in_words, listen_of
from stressd.config.load import Loaded, load_text
from stressd.config.model import Listen
from stressd.config.registry import Registry
from stressd.lab.bridges import Bridges
from stressd.lab.demo import FEED, Milestone, calendars, config_text, milestones, missing, publish
from stressd.lab.history import import_simulated
from stressd.lab.scenario import DEFAULT, Scenario, load_scenario
from stressd.market.tick import Tick
from stressd.runtime import warm
from stressd.runtime.clock import SteeredClock
from stressd.runtime.daemon import Daemon
from stressd.runtime.logs import configure
from stressd.runtime.playback import Playback
from stressd.runtime.registry import registry
from stressd.runtime.snapshots import Saved, Snapshots
from stressd.runtime.stage import with_page
from stressd.store import Store
from stressd.testing.broker import LoopbackBroker

SPEED: Final = 1100.0

AFTERWARDS: Final = 15 * 60_000_000_000
"""ns that the scenario's time goes on after its last tick: what falls due at the last close is still told."""

LOOK_EVERY: Final = 0.2
"""Seconds between two looks at what the daemon has told."""

HEARD: Final = 5 * 86_400_000_000_000
"""ns for which the daemon has listened before the scenario starts: back over a long weekend of a market that was shut,
since only what was heard live can be compared with."""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "demo",
        help="January 2026 through a real broker and the real daemon, in this terminal",
        description="Publishes a scenario as MQTT messages to a broker on the loopback and runs the daemon on them, "
        "faster than time. Levels are published figures, the ticks between them simulated; every message says so. The "
        "daemon's page is on the loopback too; whoever has its address may pause the scenario there.",
    )
    parser.add_argument(
        "--once", action="store_true", help="end after the scenario; 0 only if the expected alerts came"
    )
    parser.add_argument("--json", action="store_true", help="events as JSON lines instead of messages")
    parser.add_argument("--speed", type=float, default=SPEED, metavar="N", help=f"times real time (default {SPEED:g})")
    add_listen(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status: 0 if JP became critical and US is among its followers."""
    listen = listen_of(args)
    configure("warning", "text", sys.stderr)
    with tempfile.TemporaryDirectory(prefix="stressd-demo-") as folder, in_words():
        return asyncio.run(_Demo(Path(folder), args.speed, args.json, listen).run(args.once))


class _Milliseconds(SteeredClock):
    """Scenario time in whole milliseconds, as people write it."""

    def now(self) -> int:
        return super().now() // 1_000_000 * 1_000_000


class _Demo:
    """One run. out: where its own words go, so that with --json only events are on standard output."""

    def __init__(self, state: Path, speed: float, as_json: bool, listen: Listen) -> None:
        self.state = state
        self.speed = speed
        self.as_json = as_json
        self.listen = listen
        self.out: TextIO = sys.stderr if as_json else sys.stdout
        self.scenario: Scenario = load_scenario(DEFAULT)
        self.simulator = Bridges(self.scenario, calendars(self.scenario))
        self.last: dict[str, float] = {}
        self.events: list[Event] = []
        self._told: dict[str, int] = {}

    async def run(self, once: bool) -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        known = registry()
        async with LoopbackBroker() as broker:
            text = config_text(self.scenario, broker.url, console=not self.as_json)
            loaded, token = with_page(load_text(text, Path("demo.yaml"), known), self.listen, self.state)
            await self._warm(loaded)
            ticks = self.simulator.ticks()
            self._banner(broker.url, len(ticks))
            await self._play(loaded, known, ticks, broker, stop, once, token)
        if stop.is_set() and missing(self.events):
            self._say("stopped before the scenario was over")
            return INTERRUPTED
        return self._verdict()

    async def _warm(self, loaded: Loaded) -> None:
        """Leave the state of a daemon that was started days ago with imported history, and has run since."""
        scenario = self.scenario
        store = Store.open(self.state)
        try:
            since = scenario.starts - HEARD
            before = self.simulator.warmup_ticks()
            import_simulated(store, self.simulator.warmup_daily(), [t for t in before if t.time < since], FEED)
            history = warm.choose(loaded.engine, store)
            engine = warm.prepare(loaded.engine, since, store, None, history)
            engine.feed([Tick(t.series, t.value, t.time, t.time, FEED) for t in before if t.time >= since])
            engine.advance(scenario.starts)
            await Snapshots(store).save(Saved(engine.now, engine.snapshot(), history.signature()))
        finally:
            store.close()

    def _banner(self, url: str, count: int) -> None:
        hours = (self.scenario.ends - self.scenario.starts) / 3.6e12
        self._say(f"{self.scenario.title}\n{self.scenario.about}\n")
        self._say(f"broker    {url}, in this process; {count:,} ticks will go through it as MQTT messages")
        self._say(f"daemon    the real one, warm with simulated history; state in {self.state}")
        self._say(f"time      {hours:.0f} hours in {hours * 3600 / self.speed:.0f} s; Ctrl-C ends it\n")

    async def _play(
        self,
        loaded: Loaded,
        known: Registry,
        ticks: Sequence[Tick],
        broker: LoopbackBroker,
        stop: asyncio.Event,
        once: bool,
        token: str,
    ) -> None:
        clock = _Milliseconds(self.scenario.starts, self.speed)
        daemon = Daemon(loaded, known, self.state, clock, "simulated")
        ends = self.scenario.ends + AFTERWARDS
        daemon.playback = Playback(clock, "demo", self.scenario.starts, ends)
        async with asyncio.TaskGroup() as group:
            group.create_task(daemon.run(), name="daemon")
            await daemon.ready.wait()
            self._say(f"page      {address_of(self.listen, daemon.server.port, token)}\n")
            showing = [
                group.create_task(self._follow(daemon.store), name="follow"),
                group.create_task(self._tell_time(clock), name="time"),
            ]
            playing = group.create_task(self._publish(ticks, clock, broker, daemon, once), name="publish")
            stopping = group.create_task(stop.wait(), name="stop")
            await asyncio.wait((playing, stopping), return_when=asyncio.FIRST_COMPLETED)
            for task in (playing, stopping, *showing):
                task.cancel()
            self._look(daemon.store)
            daemon.stop()

    async def _publish(
        self, ticks: Sequence[Tick], clock: SteeredClock, broker: LoopbackBroker, daemon: Daemon, once: bool
    ) -> None:
        before = daemon.pump.ticks
        await publish(ticks, clock, broker.host, broker.port, lambda: daemon.pump.ticks - before, self._note)
        clock.let(self.scenario.ends + AFTERWARDS)
        await clock.sleep_until(self.scenario.ends + AFTERWARDS)
        await asyncio.sleep(LOOK_EVERY)
        if not once:
            self._say("The scenario is over, and its time stands still. The page stays; Ctrl-C ends it.")
            await asyncio.Event().wait()

    def _note(self, tick: Tick) -> None:
        self.last[tick.series] = tick.value

    async def _follow(self, store: Store) -> None:
        while True:
            self._look(store)
            await asyncio.sleep(LOOK_EVERY)

    def _look(self, store: Store) -> None:
        """What has been committed since the last look."""
        new: list[Event] = []
        for episode in store.episodes():
            told = self._told.get(episode.id, 0)
            if episode.last_seq > told:
                new += [event for event in store.events_of(episode.id) if event.seq > told]
                self._told[episode.id] = episode.last_seq
        new.sort(key=lambda event: (event.time, event.episode, event.seq))
        self.events += new
        if self.as_json:
            for event in new:
                print(to_json(event).decode(), flush=True)

    async def _tell_time(self, clock: SteeredClock) -> None:
        for milestone in milestones(self.scenario, self.simulator):
            await clock.sleep_until(milestone.time)
            self._say(self._line(milestone))

    def _line(self, milestone: Milestone) -> str:
        levels = "  ".join(
            f"{series} {self.last[series]:.3f}" for series in ("JP.GOV.30Y", "US.GOV.10Y") if series in self.last
        )
        return f"-- {milestone.text}{'   ' + levels if levels else ''}"

    def _verdict(self) -> int:
        lacks = missing(self.events)
        if lacks:
            for text in lacks:
                print(f"stressd: demo: {text}", file=sys.stderr)
            return 1
        self._say("Tokyo became critical, and New York is named among those that followed.")
        return 0

    def _say(self, text: str) -> None:
        print(text, file=self.out, flush=True)
