"""The whole daemon under SIGKILL at random moments, while ticks keep coming: at its start, between two passes, in the
middle of a commit, of a snapshot, of a reload.

Ticks come from a real broker that keeps them for a daemon that is away (QoS 1, a session); alerts go to a webhook;
nothing else is replaced but the time between two snapshots, which is as short against a life as a minute is against a
day. A twin that nobody kills hears the same ticks: it says what the estimators should be.

`make soak`, last run: see docs/faults.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import aiomqtt
import pytest
from aiohttp import web

from stressd.store import Store
from stressd.web.serve import SOCKET_NAME
from tests.conftest import Mosquitto, MosquittoFactory
from tests.killing.daemons import Life, Mother, mother
from tests.runtime.desk import LAST, Desk, Receiver, until

SOAK_KILLS = 1_000
KILLS = 12
SNAPSHOT_EVERY = 0.2
"""Seconds; a minute in earnest."""

CLOSE = 0.15
"""By so much of itself, at most, a sigma may differ from that of the twin after all kills: ticks of about a tenth of a
second, not yet recorded, are lost to it with each life (without a recording a fifth of all, and 0.08 apart)."""


class Broker:
    """The publisher's side of a real broker."""

    def __init__(self, url: str, client: aiomqtt.Client) -> None:
        self.url = url
        self.published = 0
        self._client = client

    async def publish(self, topic: str, payload: bytes, qos: int = 0) -> None:
        await self._client.publish(topic, payload, qos=qos)
        self.published += 1


@dataclass
class Bench:
    """desk: of the daemon that is killed; twin: of the one that is not."""

    desk: Desk
    twin: Desk
    broker: Broker
    mother: Mother
    second: Mother


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[Receiver]:
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture
async def bench(tmp_path: Path, mosquitto: MosquittoFactory) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        settings = "allow_anonymous true\nautosave_on_changes false\nmax_queued_messages 0\nmax_inflight_messages 0"
        broker: Mosquitto = await stack.enter_async_context(mosquitto(settings))
        client = await stack.enter_async_context(aiomqtt.Client("127.0.0.1", broker.port))
        publisher = Broker(f"mqtt://127.0.0.1:{broker.port}", client)
        desks = []
        for name in ("killed", "twin"):
            folder = tmp_path / name
            folder.mkdir()
            receiver = await stack.enter_async_context(receiving(Receiver()))
            desks.append(Desk(folder, cast(Any, publisher), receiver))
        mothers = [await stack.enter_async_context(mother()) for _ in desks]
        yield Bench(*desks, publisher, *mothers)


def quick(name: str, text: str) -> str:
    """Episodes that end soon, so that there are many; a route for machines, which want each event; a session, so that
    no tick is lost while nobody listens."""
    text = text.replace("critical: 6}}", "critical: 6}, hold: 1s}").replace(
        "severity: info", "rearm: 1bp, severity: info"
    )
    text = text.replace("qos: 1", f"qos: 1\n    session: 1h\n    client_id: {name}")
    levels = "".join(
        f"\n  - {{name: {name}, type: level, series: {series}, above: [{at}%], rearm: 1bp, severity: info}}"
        for name, series, at in (("ten", "JP.GOV.10Y", 2.23), ("thirty", "JP.GOV.30Y", 3.6))
    )
    text = text.replace("\nroutes:", f"{levels}\nroutes:")
    return text.replace("sinks: [hook]", "sinks: [hook]\n    storm: false\n    inhibit: false")


async def trade(desk: Desk, rng: random.Random) -> None:
    """Every moment some series ticks; now and then one goes to where it stays for a while."""
    await desk.calm()
    away = dict.fromkeys(LAST, 0.0)
    while True:
        for series, last in LAST.items():
            if rng.random() < 0.15:
                away[series] = rng.choice((-0.08, 0.0, 0.0, 0.04, 0.08, 0.3))
            values = [last + away[series] + rng.gauss(0.0, 3e-4) for _ in range(6)]
            await asyncio.gather(*(desk.tick(series, value) for value in values))
        await asyncio.sleep(0.02)


async def estimators(desk: Desk) -> tuple[dict[str, dict[str, float]], int]:
    """By series the sigma of each horizon that is warm (bp); how many ticks they have taken in."""
    connector = aiohttp.UnixConnector(str(desk.state / SOCKET_NAME))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://stressd/api/v1/status") as answer,
    ):
        rows = (await answer.json())["alerting"]["detail"]
    return {row["series"]: row["sigma_bp"] for row in rows}, sum(row["counts"]["ticks"] for row in rows)


async def lives(bench: Bench, kills: int, seed: int) -> dict[str, float]:
    """Figures of the run: kills, seconds, ticks that the twin took in, how many of them the other has
    no trace of, and the largest difference of a sigma."""
    rng = random.Random(seed)
    desk, twin = bench.desk, bench.twin
    began = time.monotonic()
    for each, name in ((desk, "killed"), (twin, "twin")):
        each.write(change=lambda text, name=name: quick(name, text))  # type: ignore[misc]
        each.warm()
    whole = await bench.second.life(twin.file, twin.file.with_name("log"), 60.0)
    # both are known to the broker before the first tick
    life = await bench.mother.life(desk.file, desk.file.with_name("log"), SNAPSHOT_EVERY)
    for first in (whole, life):
        await up(first)
    trading = asyncio.create_task(trade(desk, rng))
    for number in range(kills):
        kind = number % 3
        if kind:
            await up(life)
        if kind == 1:
            await asyncio.sleep(rng.uniform(0.0, 0.2))
            desk.write(level=f"4.{rng.randrange(30, 60)}", change=lambda text: quick("killed", text))
            life.send(signal.SIGHUP)
        await asyncio.sleep(rng.uniform(0.0, 0.8 if kind else 0.4))
        life.send(signal.SIGKILL)
        assert await life.ended == -signal.SIGKILL, life.output.read_text()[-3000:]
        life = await bench.mother.life(desk.file, desk.file.with_name("log"), SNAPSHOT_EVERY)
    await up(life)
    await asyncio.sleep(1.5)
    trading.cancel()
    await asyncio.sleep(1.5)
    await desk.receiver.until(bool)
    took = time.monotonic() - began
    (here, heard), (there, all_heard) = await estimators(desk), await estimators(twin)
    for one in (life, whole):
        one.send(signal.SIGTERM)
        assert await asyncio.wait_for(one.ended, 30) == 0, one.output.read_text()[-3000:]
    assert {series: set(row) for series, row in here.items()} == {series: set(row) for series, row in there.items()}
    apart = max(abs(here[s][h] / there[s][h] - 1.0) for s in there for h in there[s])
    lost = all_heard - heard
    return {"kills": kills, "took_s": took, "ticks": all_heard, "lost": lost, "apart": apart}


async def up(life: Life) -> None:
    """Until it listens to the broker."""
    await until(lambda: life.said("feed.connected") or life.ended.done(), 60)
    assert not life.ended.done(), life.output.read_text()[-3000:]


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
    merged = {row.event_id: row.merged for row in rows}
    for event in came.values():
        if event["type"] == "resolved" and not opened[str(event["episode"])]:
            assert merged[str(event["id"])], "its beginning and its end were one message"
    print(f"{len(came)} events of {len(episodes)} episodes came {len(desk.receiver.events)} times")
    keys: dict[tuple[str, str, str | None], int] = {}
    for episode in sorted(episodes, key=lambda each: each.opened_at):
        key = (episode.rule, episode.market, episode.direction)
        if episode.rule == "sigma-breach":
            assert keys.get(key, 0) <= episode.opened_at, "two of a kind are never open at once"
            keys[key] = episode.closed_at if episode.closed_at is not None else 1 << 62


async def test_a_daemon_that_is_killed_and_killed_again_loses_nothing_and_opens_nothing_twice(bench: Bench) -> None:
    figures = await lives(bench, KILLS, seed=1)
    print(json.dumps(figures))
    check(bench.desk)
    assert figures["apart"] <= CLOSE


@pytest.mark.soak
async def test_a_daemon_killed_a_thousand_times_loses_nothing_and_opens_nothing_twice(
    bench: Bench, record_property: Any
) -> None:
    os.nice(10)
    figures = await lives(bench, SOAK_KILLS, seed=20)
    record_property("figures", figures)
    print(json.dumps(figures))
    check(bench.desk)
    assert figures["apart"] <= CLOSE
