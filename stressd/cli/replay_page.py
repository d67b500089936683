"""`stressd replay --page`: a recording through the whole daemon, with its page, at a speed that people choose there."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stressd.cli.errors import UserError
from stressd.cli.main import INTERRUPTED
from stressd.cli.page import add_listen, address_of, in_words, listen_of
from stressd.cli.watched import of_config
from stressd.config.load import Loaded
from stressd.config.model import Listen
from stressd.engine.spec import EngineSpec
from stressd.lab.offline import SETTLE
from stressd.lab.replay import fitted
from stressd.market.tick import Tick
from stressd.runtime.clock import SteeredClock
from stressd.runtime.daemon import Daemon
from stressd.runtime.logs import configure
from stressd.runtime.playback import FASTEST, SLOWEST, Playback, PlayedFeed, play
from stressd.runtime.registry import registry
from stressd.runtime.snapshots import Saved, Snapshots
from stressd.runtime.stage import staged, with_page
from stressd.store import Commit, Store

SPEED: Final = 60.0


def add_page(parser: argparse.ArgumentParser) -> None:
    """The arguments for the page."""
    parser.add_argument(
        "--page", action="store_true",
        help="play them on the page instead, at a speed that is chosen there; no message is sent to anybody",
    )  # fmt: skip
    parser.add_argument(
        "--speed", type=float, default=SPEED, metavar="N", help=f"with --page: times real time (default {SPEED:g})"
    )
    add_listen(parser)


@dataclass(frozen=True, slots=True)
class Past:
    """What a daemon knew before a recording. machine: of episodes, routes and people, by the store's keys."""

    saved: Saved
    machine: Mapping[str, bytes]


def show(loaded: Loaded, ticks: Sequence[Tick], args: argparse.Namespace, past: Past | None = None) -> int:
    """Exit status, once it is interrupted. ticks: in order of receipt, at least one."""
    if not SLOWEST <= args.speed <= FASTEST:
        raise UserError(f"--speed is from {SLOWEST:g} to {FASTEST:,.0f}")
    listen = listen_of(args)
    configure("warning", "text", sys.stderr)
    with tempfile.TemporaryDirectory(prefix="stressd-replay-") as folder:
        file = ", ".join("standard input" if name == "-" else Path(name).name for name in args.files)
        with in_words():
            return asyncio.run(_show(loaded, ticks, file, args.speed, listen, Path(folder), past))


async def _show(
    loaded: Loaded, ticks: Sequence[Tick], file: str, speed: float, listen: Listen, state: Path, past: Past | None
) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    staging = await prepare(loaded, ticks, file, speed, listen, state, past)
    daemon = staging.daemon
    async with asyncio.TaskGroup() as group:
        running = group.create_task(daemon.run(), name="daemon")
        await asyncio.wait((group.create_task(daemon.ready.wait()), running), return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            print(f"page      {address_of(listen, daemon.server.port, staging.token)}", flush=True)
            print(f"replay    {file}: {len(ticks):,} ticks, {speed:g} times real time; Ctrl-C ends it", flush=True)
            playing = group.create_task(staging.play(), name="play")
            await stop.wait()
            playing.cancel()
            daemon.stop()
    return 0 if staging.playback.over else INTERRUPTED


@dataclass(frozen=True, slots=True)
class Staging:
    """A daemon for a recording, not yet running. token: may do everything on its page."""

    daemon: Daemon
    playback: Playback
    ticks: Sequence[Tick]
    feeds: Mapping[str, PlayedFeed]
    token: str

    async def play(self) -> None:
        """Returns at the end of the recording."""
        await play(self.playback, self.daemon.mailbox, self.ticks, self.feeds)


async def prepare(
    loaded: Loaded, ticks: Sequence[Tick], file: str, speed: float, listen: Listen | None, state: Path,
    past: Past | None = None,
) -> Staging:  # fmt: skip
    """As `show` says. state: a directory of its own."""
    own = replace(loaded, engine=_carried(fitted(of_config(loaded), ticks).spec, ticks))
    own, played, feeds = staged(own, registry().detectors, dict.fromkeys(tick.source for tick in ticks))
    own, token = with_page(own, listen, state)
    begins = ticks[0].received
    if past is not None:
        store = Store.open(state)
        try:
            # what it was warmed with is not here, and is in it already
            await Snapshots(store).save(replace(past.saved, history={}, positions={}, recorded=None))
            await asyncio.wrap_future(store.commit(Commit(machine=past.machine)))
        finally:
            store.close()
        begins = min(begins, past.saved.at)
    clock = SteeredClock(begins, speed)
    daemon = Daemon(own, played, state, clock, "replay")
    daemon.playback = Playback(clock, file, begins, ticks[-1].received + SETTLE)
    return Staging(daemon, daemon.playback, ticks, feeds, token)


def _carried(spec: EngineSpec, ticks: Sequence[Tick]) -> EngineSpec:
    """The same, where a series that only one source of the recording carries is known to be that one's: nobody waits
    for the source while that market is closed."""
    by: dict[str, set[str]] = {}
    for tick in ticks:
        by.setdefault(tick.series, set()).add(tick.source)
    series = [
        replace(each, sources=tuple(by[each.id])) if not each.sources and len(by.get(each.id, ())) == 1 else each
        for each in spec.series
    ]
    return replace(spec, series=tuple(series))
