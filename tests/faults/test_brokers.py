"""A real broker that is killed, restarted, late: the feed comes back by itself, and with a session nothing is lost."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any, cast

import aiomqtt
import pytest

from stressd.runtime.feedwatch import PATIENCE
from tests.conftest import Mosquitto, MosquittoFactory
from tests.faults.machine import Life, alive, changed, hears, told
from tests.runtime.desk import LAST, SECOND, Desk, desk_in, until

SESSION = changed(("    qos: 1\n", "    qos: 1\n    session: 1h\n    client_id: stressd-test\n"))


async def publish(broker: Mosquitto, rows: list[tuple[str, float]], *, retain: bool = False) -> None:
    """(series, value) each, stamped now."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        for series, value in rows:
            market, _, tenor = series.split(".")
            payload = json.dumps({"value": value, "time": time.time_ns()})
            await client.publish(f"yields/{market}/{tenor}", payload, qos=1, retain=retain)


async def calm(broker: Mosquitto) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        for series, value in LAST.items():
            market, _, tenor = series.split(".")
            for ago in (75, 70):
                stamp = time.time_ns() - ago * SECOND
                payload = json.dumps({"value": value + ago * 1e-6, "time": stamp})
                await client.publish(f"yields/{market}/{tenor}", payload, qos=1)


def at(desk: Desk, broker: Mosquitto) -> Desk:
    """The same desk on this broker."""
    desk.broker = cast(Any, type("Address", (), {"url": f"mqtt://127.0.0.1:{broker.port}"}))
    desk.write(change=SESSION)
    desk.warm()
    return desk


def counted(life: Life, event: str) -> int:
    return len(life.log(event))


async def ticks(life: Life) -> int:
    return int((await life.status())["feeds"][0]["ticks"])


async def test_a_broker_that_is_killed_and_comes_back_loses_no_tick_of_a_session(
    tmp_path: Path, mosquitto: MosquittoFactory
) -> None:
    async with mosquitto("allow_anonymous true") as broker, desk_in(tmp_path) as desk:
        at(desk, broker)
        async with alive(desk) as life:
            await calm(broker)
            await until(lambda: counted(life, "feed.connected") == 1)
            for restart in range(1, 3):
                async with life.idling():
                    await broker.stop(signal.SIGKILL)
                    await until(lambda n=restart: counted(life, "feed.disconnected") >= n, 20)  # type: ignore[misc]
                    await broker.start()
                    # while it is away, and at the first moment at which it is back
                    rows = [("JP.GOV.10Y", 2.2 + restart * 1e-3 + number * 1e-5) for number in range(50)]
                    await publish(broker, rows)
                    await until(lambda n=restart: counted(life, "feed.connected") == n + 1, 40)  # type: ignore[misc]
            async with asyncio.timeout(20):
                while await ticks(life) < 6 + 100:
                    await asyncio.sleep(0.1)
            await publish(broker, [("US.GOV.10Y", 4.53), ("US.GOV.10Y", 4.5302)])
            await hears(desk, "four")
            assert not told(desk, "feed-down"), f"it was away for less than {PATIENCE:g} s"
            assert await life.end() == 0


@pytest.mark.soak
async def test_a_retained_value_from_before_a_restart_opens_nothing(
    tmp_path: Path, mosquitto: MosquittoFactory
) -> None:
    async with mosquitto("allow_anonymous true") as broker, desk_in(tmp_path) as desk:
        async with alive(at(desk, broker)) as life:
            await calm(broker)
            await publish(broker, [("US.GOV.10Y", 4.23)] * 2)
            await broker.stop()
            await broker.start()
            await until(lambda: counted(life, "feed.connected") == 2, 40)
            await life.end()
        await publish(broker, [("US.GOV.10Y", 4.53), ("US.GOV.10Y", 4.5302)], retain=True)
        async with alive(desk) as life:
            async with asyncio.timeout(20):
                while not await ticks(life):
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1.0)
            assert not told(desk, "four"), "what was kept is history"
            assert await life.end() == 0


async def test_a_daemon_that_starts_before_its_broker_waits_for_it(tmp_path: Path, mosquitto: MosquittoFactory) -> None:
    async with mosquitto("allow_anonymous true") as broker, desk_in(tmp_path) as desk:
        await broker.stop()
        async with alive(at(desk, broker), connected=False) as life:
            async with life.idling():
                await until(lambda: counted(life, "feed.disconnected") >= 3, 20)
            reason = life.log("feed.disconnected")[0]["reason"]
            assert reason == "nobody listens there (connection refused)"
            waits = [line["retry_in_s"] for line in life.log("feed.disconnected")]
            assert len(set(waits)) > 1, "waits are jittered"
            await broker.start()
            await until(lambda: counted(life, "feed.connected") == 1, 40)
            await calm(broker)
            await publish(broker, [("US.GOV.10Y", 4.53), ("US.GOV.10Y", 4.5302)])
            await hears(desk, "four")
            assert await life.end() == 0


@pytest.mark.soak
async def test_a_broker_that_stays_away_is_told_once_and_its_return_once(
    tmp_path: Path, mosquitto: MosquittoFactory
) -> None:
    async with mosquitto("allow_anonymous true") as broker, desk_in(tmp_path) as desk:
        at(desk, broker)
        async with alive(desk) as life:
            await broker.stop(signal.SIGKILL)
            async with life.idling(0.1):
                await hears(desk, "feed-down", timeout=PATIENCE + 30)
                memory = life.memory()
                await asyncio.sleep(60.0)
            assert life.memory() - memory < 8 << 20
            await broker.start()
            await hears(desk, "feed-down", "resolved", timeout=90)
            assert len(told(desk, "feed-down")) == len(told(desk, "feed-down", "resolved")) == 1
            assert await life.end() == 0
