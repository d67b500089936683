"""The disk under the state directory: full, failing, read-only. Alerts go out without it, and what waited is written
once it is back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from stressd.store import Store
from tests.faults.disks import ext4, failing, fill, small
from tests.faults.machine import Life, alive, hears, needs, told
from tests.runtime.desk import LAST, Desk, desk_in, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


async def rise(desk: Desk, series: str, by: float) -> None:
    """One series jumps, and is believed."""
    await desk.tick(series, LAST[series] + by)
    await desk.tick(series, LAST[series] + by + 0.0002)


def kept(desk: Desk) -> dict[str, str]:
    """States of deliveries by event, as they are on disk."""
    store = Store.open(desk.state, create=False)
    rows = {row.event_id: row.state for row in store.deliveries()}
    store.close()
    return rows


async def events(life: Life) -> int:
    """How many it has made."""
    return sum((await life.status())["pump"]["events"].values())


async def told_without_the_disk(desk: Desk, life: Life) -> None:
    """A market alert arrives while nothing can be written, and one alert says what is wrong."""
    async with life.idling():
        began = asyncio.get_running_loop().time()
        await rise(desk, "JP.GOV.30Y", 0.05)
        await hears(desk, "sigma-breach")
        assert asyncio.get_running_loop().time() - began < 10.0, "the disk gets a second, then it goes without"
        await hears(desk, "store-failing")
        await asyncio.sleep(1.0)
    assert len(told(desk, "store-failing")) == 1
    ours = {event["rule"] for event in desk.receiver.events if event["kind"] == "self"}
    assert ours <= {"store-failing", "disk-nearly-full"}, "what follows of it is not told by itself"


async def whole_again(desk: Desk, life: Life) -> None:
    """It says so, and everything that was told is on disk, once."""
    await hears(desk, "store-failing", "resolved", 30)
    assert await life.end() == 0
    rows = kept(desk)
    assert {event["id"] for event in desk.receiver.events} <= set(rows)
    assert set(rows.values()) <= {"delivered", "superseded"}
    ids = [event["id"] for event in desk.receiver.events]
    assert len(ids) == len(set(ids)), "and nobody was told anything twice"


async def test_a_full_disk_holds_up_no_alert_and_gets_what_it_missed(desk: Desk) -> None:
    needs("mount")
    async with small(desk.state, "6m"):
        desk.warm()
        async with alive(desk) as life:
            await desk.calm()
            filler = fill(desk.state)
            await told_without_the_disk(desk, life)
            assert "full" in told(desk, "store-failing")[0]["headline"]
            filler.unlink()
            await whole_again(desk, life)


@pytest.mark.parametrize(
    "injections",
    [
        pytest.param(["fsync:error=EIO", "fdatasync:error=EIO"], id="fsync fails"),
        pytest.param(["pwrite64:error=EIO"], id="writing fails", marks=pytest.mark.soak),
        pytest.param(
            ["pwrite64:error=ENOSPC:when=3+4"], id="it fills up in the middle of a commit", marks=pytest.mark.soak
        ),
    ],
)
async def test_a_disk_that_fails_holds_up_no_alert_and_gets_what_it_missed(desk: Desk, injections: list[str]) -> None:
    needs("strace")
    desk.warm()
    async with alive(desk) as life:
        await desk.calm()
        await until(lambda: life.log("feed.connected"))
        async with failing(life.pid, *injections):
            await told_without_the_disk(desk, life)
        await whole_again(desk, life)


@pytest.mark.soak
async def test_a_disk_that_turns_read_only_holds_up_no_alert_and_no_stop(desk: Desk, tmp_path: Path) -> None:
    needs("mkfs.ext4")
    async with ext4(desk.state, tmp_path / "image"):
        desk.warm()
        async with alive(desk) as life:
            await desk.calm()
            process = await asyncio.create_subprocess_exec("mount", "-o", "remount,abort", str(desk.state))
            if await process.wait() != 0:
                pytest.skip("a file system in use cannot be made read-only here")
            await told_without_the_disk(desk, life)
            assert "read" in told(desk, "store-failing")[0]["headline"]
            began = asyncio.get_running_loop().time()
            status = await life.end()
            assert asyncio.get_running_loop().time() - began < 15.0, "half of what systemd gives it"
            assert status == 1
            assert "closed with unwritten transitions" in life.words()
            assert "Traceback" not in life.words()


@pytest.mark.soak
async def test_a_disk_that_cannot_be_read_holds_up_no_alert(desk: Desk) -> None:
    """Of an episode from before the restart it is not known what a sink was told; then it is told as if anew."""
    needs("strace")
    desk.warm()
    async with alive(desk) as life:
        await desk.calm()
        await rise(desk, "JP.GOV.30Y", 0.05)
        await hears(desk, "sigma-breach")
        await life.end()
    async with alive(desk) as life:
        async with failing(life.pid, "pread64:error=EIO", "pwrite64:error=EIO", "fsync:error=EIO"):
            await desk.calm()
            await rise(desk, "US.GOV.10Y", 0.30)
            await hears(desk, "four")
        await life.end()
    with closing(sqlite3.connect(desk.state / "stressd.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.soak
async def test_a_disk_that_stays_dead_through_many_alerts_costs_little_memory(desk: Desk) -> None:
    needs("strace")
    desk.warm()
    async with alive(desk) as life:
        await desk.calm()
        async with failing(life.pid, "fsync:error=EIO", "fdatasync:error=EIO"):
            await rise(desk, "US.GOV.10Y", 0.30)
            await hears(desk, "store-failing")
            memory, known = life.memory(), await events(life)
            async with life.idling():
                for _ in range(60):
                    for by in (0.0, 0.30):
                        await rise(desk, "US.GOV.10Y", by)
                        await asyncio.sleep(0.25)
            made, grown = await events(life) - known, life.memory() - memory
            print(f"{made} events, {grown / 1e6:.1f} MB")
            assert made > 20
            assert grown < 64 << 20
        await whole_again(desk, life)
