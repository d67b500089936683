"""The machine's clock is set under a live daemon, and the daemon is stopped in its tracks. Neither is a silence of the
market, nor makes a tick old."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.faults.machine import Life, alive, changed, hears, needs, told
from tests.runtime.desk import LAST, Desk, desk_in, until

LIBRARY = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
QUIET = changed(("\nroutes:", '\n  - {name: quiet, type: silence, series: "JP.*", after: 5s}\nroutes:'))


class MachineClock:
    """A daemon's wall clock, which this file sets; the time since boot stays as it is."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set(0)
        self.environ = {
            "LD_PRELOAD": str(LIBRARY[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        """So far from the truth, at once."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, self.file)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        made.write(change=QUIET)
        made.warm()
        yield made


@pytest.fixture
def clock(tmp_path: Path) -> MachineClock:
    needs(root=False)
    if not LIBRARY:
        pytest.skip("libfaketime is not installed: no clock can be set")
    return MachineClock(tmp_path / "clock")


async def ticking(desk: Desk, ahead: float = 0.0) -> None:
    """Every series, twice a second, stamped by a source whose clock differs so much from ours (s)."""
    turn = 0
    while True:
        turn += 1
        for series, last in LAST.items():
            await desk.tick(series, last + 1e-4 * (turn % 2), -ahead)
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("by", [3600, -3600])
async def test_a_clock_that_is_set_by_an_hour_is_told_once_and_silences_nothing(
    desk: Desk, clock: MachineClock, by: int
) -> None:
    rule = "clock-set-forward" if by > 0 else "clock-set-back"
    async with alive(desk, **clock.environ) as life:
        await desk.calm()
        ticks = asyncio.create_task(ticking(desk))
        await asyncio.sleep(2.0)
        async with life.idling():
            clock.set(by)
            said = await hears(desk, rule)
            assert "by 1 h" in said["headline"]
            # the ticks' own times say that it was wrong, so a move is told as ever
            ticks.cancel()
            await desk.breach()
            breach = await hears(desk, "sigma-breach")
            now = time.time()
            assert abs(_seconds(breach["time"]) - now) < 60, "by the time that the ticks bear out"
            # and the market stays as audible as it was
            ticks = asyncio.create_task(ticking(desk))
            await asyncio.sleep(3.0)
        ticks.cancel()
        assert len(told(desk, rule)) == 1
        assert not told(desk, "quiet"), "nothing was silent"
        assert (await life.status())["feeds"][0]["state"] == "connected"
        assert await life.end() == 0


@pytest.mark.soak
async def test_a_clock_that_is_rightly_set_is_followed_as_soon_as_the_ticks_bear_it_out(
    desk: Desk, clock: MachineClock
) -> None:
    """The machine's clock was an hour slow, as after a long suspension of a virtual machine, and is put right."""
    clock.set(-3600)
    async with alive(desk, **clock.environ) as life:
        ticks = asyncio.create_task(ticking(desk))
        await asyncio.sleep(1.0)
        clock.set(0)
        await hears(desk, "clock-set-forward")
        await until(lambda: len(life.log("pump.stalled")) == 1)
        await asyncio.sleep(2.0)
        ticks.cancel()
        for value in (4.53, 4.5302):
            await desk.tick("US.GOV.10Y", value)
        crossing = await hears(desk, "four")
        assert abs(_seconds(crossing["time"]) - time.time()) < 60
        assert not told(desk, "quiet"), "an hour that nobody heard is no silence"
        assert await life.end() == 0


async def suspended(desk: Desk, life: Life, seconds: float) -> None:
    """Stand still, while two ticks wait in the socket."""
    life.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds / 2)
    await desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.0500)
    await desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.0502)
    await asyncio.sleep(seconds / 2)
    life.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("seconds", [7.0, pytest.param(45.0, marks=pytest.mark.soak)])
async def test_a_process_that_stood_still_judges_what_came_meanwhile_and_calls_nobody_silent(
    desk: Desk, seconds: float
) -> None:
    async with alive(desk) as life:
        await desk.calm()
        await asyncio.sleep(1.0)
        before = time.time()
        await suspended(desk, life, seconds)
        breach = await hears(desk, "sigma-breach")
        assert breach["data"]["age_s"] > seconds / 2 - 2, "it says how old the tick is that shows it"
        assert _seconds(breach["series"][0]["from"]["time"]) < before, "and the move is one of its own minute"
        stalled = life.log("pump.stalled")
        assert len(stalled) == 1
        assert stalled[0]["seconds"] >= seconds - 2
        ticks = asyncio.create_task(ticking(desk))
        await asyncio.sleep(2.0)
        ticks.cancel()
        assert not told(desk, "quiet")
        assert life.log("feed.disconnected") == [], "the connection is as good as it was"
        assert await life.end() == 0


@pytest.mark.soak
async def test_a_real_silence_is_told_all_the_same_only_later_by_the_time_nobody_listened(desk: Desk) -> None:
    async with alive(desk) as life:
        await desk.calm()
        began = time.time()
        life.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(5.0)
        life.process.send_signal(signal.SIGCONT)
        await hears(desk, "quiet", timeout=40)
        assert time.time() - began >= 9.0
        assert await life.end() == 0


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
