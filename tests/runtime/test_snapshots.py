"""Snapshots on disk: complete or absent, damaged ones fall back to the one before, and the pump works on meanwhile."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from stressd.engine.engine import Engine
from stressd.market.times import parse_time
from stressd.runtime import snapshots as module
from stressd.runtime.snapshots import Moment, Snapshots
from stressd.store import Store
from stressd.store.snapshotfile import NAME, OLD, Damaged, SnapshotWriter, read
from stressd.testing.worlds import walk, world

START = parse_time("2026-01-13T00:00:00Z")
SPEC = world({"AA": "always", "BB": "always"}, spreads=("AA.GOV.10s30s",))
TICKS = walk(SPEC, 7, 3_000, START, jumps=0.004)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def engine_after(count: int) -> Engine:
    engine = Engine(SPEC, START)
    engine.feed(TICKS[:count])
    return engine


def plain(snapshot: dict[str, object]) -> str:
    return json.dumps({**snapshot, "series": dict(snapshot["series"])}, sort_keys=True)  # type: ignore[call-overload]


async def test_what_is_taken_while_ticks_go_on_is_the_engine_as_it_was(store: Store) -> None:
    engine = engine_after(1_000)
    was = plain(engine.snapshot())
    snapshots = Snapshots(store)
    moment = Moment(engine, {"AA.GOV.10Y": "x 1"}, {"desk": {"offset": 5}}, 9)
    taking = asyncio.create_task(snapshots.take(lambda: moment))
    while all(state.saver is None for state in engine.states()):
        await asyncio.sleep(0)
    at = 1_000
    while not taking.done():
        engine.feed(TICKS[at : at + 7])
        at += 7
        await asyncio.sleep(0)
    await taking
    saved = Snapshots(store).load()
    assert saved is not None
    assert plain(saved.engine) == was
    assert (saved.history, saved.positions, saved.recorded) == (
        {"AA.GOV.10Y": "x 1"},
        {"desk": {"offset": 5}},
        9,
    )
    again = Engine(SPEC, START)
    again.restore(saved.engine)
    assert plain(again.snapshot()) == was
    assert (store.file.parent / NAME).stat().st_mode & 0o777 == 0o600


async def test_any_damage_to_the_newest_is_found_and_the_one_before_is_taken_up(store: Store) -> None:
    first, second = engine_after(500), engine_after(900)
    snapshots = Snapshots(store)
    await snapshots.take(lambda: Moment(first, {}))
    await snapshots.take(lambda: Moment(second, {}))
    file = store.file.parent / NAME
    whole = file.read_bytes()
    rng = random.Random(3)
    cases = [b"", b"\0" * 100, whole[:-1], whole + b"x" * 40]
    cases += [whole[: rng.randrange(len(whole))] for _ in range(40)]
    for _ in range(80):
        at = rng.randrange(len(whole))
        cases.append(whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :])
    for case in cases:
        file.write_bytes(case)
        with pytest.raises(Damaged):
            read(file)
        with capture_logs() as logs:
            saved = snapshots.load()
        assert saved is not None
        assert saved.at == first.now
        assert [line["event"] for line in logs] == ["snapshot.refused", "snapshot.older"]
        assert str(file) in logs[0]["file"]
    file.unlink()
    file.mkdir()
    found = snapshots.load()
    assert found is not None
    assert found.at == first.now
    (store.file.parent / OLD).write_bytes(whole[:50])
    assert snapshots.load() is None


async def test_a_disk_that_fails_leaves_the_newest_and_nothing_waiting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_after(400)
    snapshots = Snapshots(store)
    await snapshots.take(lambda: Moment(engine, {}))
    before = (store.file.parent / NAME).read_bytes()

    def full(self: SnapshotWriter, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SnapshotWriter, "write", full)
    engine.feed(TICKS[400:800])
    with pytest.raises(OSError, match="No space"):
        await snapshots.take(lambda: Moment(engine, {}))
    assert all(state.saver is None for state in engine.states())
    assert (store.file.parent / NAME).read_bytes() == before
    assert not list(store.file.parent.glob("*.partial"))


async def test_a_series_that_is_too_large_is_left_out_and_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 500)
    with capture_logs() as logs:
        await Snapshots(store).take(lambda: Moment(engine_after(600), {}))
    assert [line["event"] for line in logs] == ["snapshot.oversized"] * 5
    saved = Snapshots(store).load()
    assert saved is not None
    assert len(saved.engine["series"]) == 0


async def test_how_often_it_is_taken_follows_from_what_it_costs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = Snapshots(store)
    monkeypatch.setattr(module, "BYTES_A_SECOND", 100.0)
    await snapshots.take(lambda: Moment(engine_after(600), {}))
    assert snapshots.interval >= snapshots.bytes / 100.0 > module.EVERY
    assert snapshots.bytes == (store.file.parent / NAME).stat().st_size


async def test_a_snapshot_that_is_given_up_anywhere_leaves_nothing_and_harms_no_other(store: Store) -> None:
    engine = engine_after(900)
    snapshots = Snapshots(store)
    for turns in range(30):
        taking = asyncio.create_task(snapshots.take(lambda: Moment(engine, {})))
        for _ in range(turns):
            await asyncio.sleep(0.0002)
        taking.cancel()
        await asyncio.wait([taking])
        await snapshots.take(lambda: Moment(engine, {}), hurry=True)
        assert all(state.saver is None for state in engine.states())
        read(store.file.parent / NAME)
    await asyncio.sleep(0.1)
    assert not list(store.file.parent.glob("*.partial"))


def test_a_writer_that_is_opened_while_the_loop_ends_leaves_no_file_and_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()
    made: list[SnapshotWriter] = []

    class Slow(SnapshotWriter):
        def __init__(self, directory: Path) -> None:
            begun.set()
            time.sleep(0.2)
            super().__init__(directory)
            made.append(self)

    monkeypatch.setattr(module, "SnapshotWriter", Slow)

    async def begin() -> None:
        opening = asyncio.create_task(module._opened(tmp_path))
        await asyncio.to_thread(begun.wait)
        opening.cancel()
        await asyncio.wait([opening])

    asyncio.run(begin())
    assert len(made) == 1
    assert made[0]._out.closed
    assert list(tmp_path.iterdir()) == []
