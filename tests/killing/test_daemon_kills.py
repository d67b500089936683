"""The whole daemon under SIGKILL: at its start, between two passes, in the middle of a reload, while ticks keep coming.

Ticks come by MQTT, alerts go to a webhook; the engine, the episodes, the store and the outbox are the real ones.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stressd.store import Store
from tests.runtime.desk import LAST, Desk, desk_in

SOAK_KILLS = 60


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


async def start(desk: Desk) -> asyncio.subprocess.Process:
    log = desk.file.with_name("log")
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stressd", "run", "-c", str(desk.file), stdout=output, stderr=output,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*(p for p in sys.path if p), os.getcwd()])},
        )  # fmt: skip


async def trade(desk: Desk, rng: random.Random) -> None:
    """Every moment some series jumps from where it was a minute ago, up or down, believed or not."""
    await desk.calm()
    while True:
        series = rng.choice(list(LAST))
        value = LAST[series] + rng.choice((-0.08, -0.04, 0.0, 0.0, 0.04, 0.08, 0.3))
        for _ in range(rng.choice((1, 2, 3))):
            await desk.tick(series, value + rng.gauss(0.0, 1e-4))
        await asyncio.sleep(0.02)


def quick(text: str) -> str:
    """Episodes that end soon, so that there are many, and a route for machines, which want each event."""
    text = text.replace("critical: 6}}", "critical: 6}, hold: 1s}").replace(
        "severity: info", "rearm: 1bp, severity: info"
    )
    return text.replace("sinks: [hook]", "sinks: [hook]\n    storm: false\n    inhibit: false")


async def lives(desk: Desk, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    desk.write(change=quick)
    desk.warm()
    for number in range(kills + 1):
        daemon = await start(desk)
        last = number == kills
        if last or number % 3 != 2:
            await up(desk, daemon)
        trading = asyncio.create_task(trade(desk, rng))
        if number % 3 == 1 and not last:
            await asyncio.sleep(rng.uniform(0.0, 0.5))
            desk.write(level=f"4.{rng.randrange(30, 60)}", change=quick)
            daemon.send_signal(signal.SIGHUP)
        await asyncio.sleep(1.5 if last else rng.uniform(0.0, 0.5 if number % 3 else 1.5))
        trading.cancel()
        if not last:
            daemon.kill()
            await daemon.wait()
    await desk.receiver.until(bool)
    daemon.terminate()
    assert await asyncio.wait_for(daemon.wait(), 30) == 0


async def up(desk: Desk, daemon: asyncio.subprocess.Process) -> None:
    """Until it listens to the broker."""
    subscribing, ended = asyncio.create_task(desk.broker.subscribed()), asyncio.create_task(daemon.wait())
    await asyncio.wait([subscribing, ended], timeout=60, return_when=asyncio.FIRST_COMPLETED)
    assert subscribing.done(), f"{daemon.returncode}: {desk.file.with_name('log').read_text()[-1500:]}"
    ended.cancel()


def check(desk: Desk) -> None:
    store = Store.open(desk.state, create=False)
    rows, episodes = store.deliveries(), store.episodes()
    store.close()
    came: dict[str, dict[str, object]] = {}
    for event in desk.receiver.events:
        assert came.setdefault(event["id"], event) == event, "the same id is the same event, to the last bit"
    assert {row.state for row in rows} <= {"delivered", "superseded"}
    assert {row.event_id for row in rows if row.state == "delivered"} == set(came)
    seen: dict[str, list[int]] = {}
    opened: dict[str, int] = {}
    for event in came.values():
        seen.setdefault(str(event["episode"]), []).append(int(str(event["seq"])))
        opened[str(event["episode"])] = opened.get(str(event["episode"]), 0) + (event["type"] == "opened")
    assert all(seqs == sorted(seqs) for seqs in seen.values())
    assert max(opened.values()) == 1
    for event in came.values():
        if event["type"] == "resolved" and not opened[str(event["episode"])]:
            (row,) = [row for row in rows if row.event_id == event["id"]]
            assert row.merged, "its beginning and its end were one message"
    print(f"{len(came)} events of {len(episodes)} episodes came {len(desk.receiver.events)} times")
    keys: dict[tuple[str, str, str | None], int] = {}
    for episode in sorted(episodes, key=lambda each: each.opened_at):
        key = (episode.rule, episode.market, episode.direction)
        if episode.rule == "sigma-breach":
            assert keys.get(key, 0) <= episode.opened_at, "two of a kind are never open at once"
            keys[key] = episode.closed_at if episode.closed_at is not None else 1 << 62


async def test_a_daemon_that_is_killed_and_killed_again_loses_nothing_and_opens_nothing_twice(desk: Desk) -> None:
    await lives(desk, 3, seed=1)
    check(desk)


@pytest.mark.soak
async def test_a_daemon_killed_many_times_loses_nothing_and_opens_nothing_twice(desk: Desk) -> None:
    await lives(desk, SOAK_KILLS, seed=20)
    check(desk)
