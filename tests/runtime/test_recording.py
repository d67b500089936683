"""A recording is what was live: replayed it tells the same, byte for byte; after a kill nothing of it is missing."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from stressd.alerts.event import to_json
from stressd.alerts.people.commands import Done
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.config.state import DiskConfig, RecordingConfig
from stressd.engine.engine import Engine
from stressd.engine.spec import MINUTE, SECOND, EngineSpec
from stressd.feeds.base import FeedHealth, Frame
from stressd.feeds.file import Config, FileFeed
from stressd.lab.offline import Setup
from stressd.lab.replay import replay
from stressd.lab.ticks import CanonicalNames, in_order, read_tick_file
from stressd.market.tick import Tick
from stressd.market.times import parse_time
from stressd.runtime.catchup import CatchUp
from stressd.runtime.clock import WallClock
from stressd.runtime.mailbox import Mailbox
from stressd.runtime.pump import Pump
from stressd.runtime.recorder import Recorder
from stressd.runtime.snapshots import Moment, Snapshots
from stressd.store import Store, recordings
from stressd.testing.worlds import walk, world

START = parse_time("2026-01-13T00:00:00Z")


class Kept:
    """An outbox in memory."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def commit(self, routed: Sequence[Routed], pipeline: Pipeline, actions: Sequence[Done] = ()) -> Future[Any]:
        self.events += [to_json(one.event) for one in routed if not one.again]
        done: Future[Any] = Future()
        done.set_result(None)
        return done


class Ticks:
    """A feed whose frames are ticks of a list, by number."""

    name = "desk"

    def __init__(self, ticks: list[Tick]) -> None:
        self.health = FeedHealth()
        self.ticks = ticks

    async def run(self, inbox: object) -> None:
        """Nothing: the test puts the frames."""

    def decode(self, frame: Frame) -> list[Tick]:
        return [self.ticks[int(frame.payload)]]

    def processed(self, frames: Sequence[Frame]) -> None:
        """Nothing is owed."""


class Live:
    """A pump with its recorder, on the time of its ticks."""

    def __init__(self, state: Path, pipeline: Pipeline, ticks: list[Tick], kept: Kept, number: int) -> None:
        self.now = START
        clock = WallClock(lambda: self.now, lambda: self.now)
        clock.unheard = lambda since: 0  # type: ignore[method-assign]
        self.recorder = Recorder(state, RecordingConfig(), DiskConfig(floor="1kB"), number, lambda: self.now)  # type: ignore[arg-type]
        self.recorder.start()
        self.mailbox = Mailbox(lambda: self.now, max_frames=200)
        self.feed = Ticks(ticks)
        self.pump = Pump(self.mailbox, pipeline, clock, kept, record=self.recorder.put)

    def run(self, first: int, last: int, rng: random.Random) -> None:
        """Ticks first <= number < last, in bursts, some of them too large for the mailbox."""
        at = first
        while at < last:
            size = min(last - at, rng.choice((1, 1, 3, 20, 300)))
            for k in range(at, at + size):
                self.now = self.feed.ticks[k].received
                self.mailbox.put(Frame(self.feed, "", str(k).encode(), self.now))
            at += size
            while self.pump.turn():
                pass
            if rng.random() < 0.2 and at < last:
                self.now = (self.now + self.feed.ticks[at].received) // 2
                self.pump.turn()


def recorded(state: Path) -> list[Tick]:
    files = [read_tick_file(each.path, CanonicalNames()) for each in recordings.files(state / recordings.FOLDER)]
    assert [fault for file in files for fault in file.faults] == []
    return in_order(files)


def scene(seed: int, silence: int | None) -> tuple[EngineSpec, list[Tick]]:
    spec = world({"AA": "always", "BB": "always"}, silence=silence, spreads=("AA.GOV.10s30s",))
    ticks = walk(spec, seed, 4_000, START + SECOND, jumps=0.004, dirt=0.05)
    return spec, ticks


@pytest.mark.parametrize("seed", range(4))
async def test_a_recording_tells_what_was_told_live_byte_for_byte(tmp_path: Path, seed: int) -> None:
    spec, ticks = scene(seed, 5 * MINUTE)
    setup = Setup(spec)
    kept = Kept()
    live = Live(tmp_path, setup.pipeline(ticks[0].received, "replay"), ticks, kept, 0)
    live.run(0, len(ticks), random.Random(seed))
    live.now += 60 * SECOND
    live.pump.turn()
    await asyncio.to_thread(live.recorder.stop)
    assert live.recorder.dropped == 0
    said = [to_json(event) for event in replay(setup, recorded(tmp_path))]
    assert len(said) > 10
    assert said == kept.events


@pytest.mark.parametrize("seed", range(4))
async def test_a_daemon_that_was_killed_tells_what_one_that_lived_would_have(tmp_path: Path, seed: int) -> None:
    spec, ticks = scene(seed, None)
    setup = Setup(spec)
    rng = random.Random(seed)
    saved_at, killed_at = sorted((rng.randrange(500, 3_500), rng.randrange(500, 3_500)))
    kept = Kept()
    store = Store.open(tmp_path)
    live = Live(tmp_path, setup.pipeline(ticks[0].received, "replay"), ticks, kept, 0)
    live.run(0, saved_at, rng)
    snapshots = Snapshots(store)
    await snapshots.take(lambda: Moment(live.pump.pipeline.engine, {}, {}, live.recorder.next))
    live.run(saved_at, killed_at, rng)
    before = live.pump.pipeline
    await asyncio.to_thread(live.recorder.stop)
    # what the store has of the episodes is of the last commit, what there is of the engine of the snapshot
    number = recordings.mend(tmp_path / recordings.FOLDER)
    saved = snapshots.load()
    assert saved is not None
    assert saved.recorded is not None
    pipeline = setup.pipeline(saved.at, "replay")
    pipeline.engine.restore(saved.engine)
    missed = CatchUp(tmp_path, saved.recorded)
    for batch in missed.batches():
        pipeline.engine.feed(batch)
    pipeline.engine.advance(before.engine.now)
    assert _plain(pipeline.engine) == _plain(before.engine)
    pipeline.episodes.restore(before.episodes.snapshot())
    pipeline.desk.restore(before.desk.snapshot())
    pipeline.people.restore(before.people.snapshot())
    again = Live(tmp_path, pipeline, ticks, kept, number)
    again.now = live.now
    again.run(killed_at, len(ticks), rng)
    again.now += 60 * SECOND
    again.pump.turn()
    await asyncio.to_thread(again.recorder.stop)
    store.close()
    said = [to_json(event) for event in replay(setup, recorded(tmp_path))]
    assert len(said) > 10
    assert said == kept.events


def _plain(engine: Engine) -> dict[str, Any]:
    return engine.snapshot()


class Inbox:
    """Takes what a feed puts."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def put(self, frame: Frame) -> None:
        self.frames.append(frame)

    def now(self) -> int:
        return START


@pytest.mark.parametrize("packed", [False, True])
async def test_a_file_is_read_on_from_where_it_was_neither_skipping_nor_doubling(tmp_path: Path, packed: bool) -> None:

    rows = [f"{START + k},JP.GOV.10Y,{k / 1000}\n".encode() for k in range(12_000)]
    data = b"time,series,value\n" + b"".join(rows)
    path = tmp_path / ("ticks.csv.gz" if packed else "ticks.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    place = ""
    values: list[float] = []
    for stop_after in (1, 2, None):
        feed, inbox = FileFeed(Config(name="desk", type="file", path=path), CanonicalNames()), Inbox()
        feed.resume(place)
        running = asyncio.create_task(feed.run(inbox))
        taken = 0
        while not running.done() or inbox.frames:
            await asyncio.sleep(0.001)
            while inbox.frames and (stop_after is None or taken < stop_after):
                frame = inbox.frames.pop(0)
                values += [tick.value for tick in feed.decode(frame)]
                feed.processed([frame])
                taken += 1
            if taken == stop_after:
                break
        running.cancel()
        place = feed.position()
    assert values == [k / 1000 for k in range(12_000)]


async def test_another_file_in_the_place_of_the_one_that_was_read_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    for text, place in (
        ("time,series,value\n1768262400,JP.GOV.10Y,1.5\n", "4000:100:00000000"),
        ("time,series,value\n1768262400,JP.GOV.10Y,1.5\n", "999999:100:" + "0" * 8),
        ("time,series,value\n1768262400,JP.GOV.10Y,1.5\n", "nonsense"),
    ):
        path.write_text(text)
        feed, inbox = FileFeed(Config(name="desk", type="file", path=path), CanonicalNames()), Inbox()
        feed.resume(place)
        await feed.run(inbox)
        assert [tick.value for frame in inbox.frames for tick in feed.decode(frame)] == [1.5]
    # the same first line, but shorter than what was read
    first = feed.position()
    offset, line, total = first.split(":")
    feed, inbox = FileFeed(Config(name="desk", type="file", path=path), CanonicalNames()), Inbox()
    feed.resume(f"{int(offset) + 500}:{line}:{total}")
    await feed.run(inbox)
    assert [tick.value for frame in inbox.frames for tick in feed.decode(frame)] == [1.5]
