"""Malformed payloads through the real daemon: its pump, a real MQTT connection, and HTTP.

`make soak`: ten million through the pump, 200,000 by MQTT, 100,000 by POST; `make test`: a part of each. The figures of
the last long run are in docs/security.md.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from stressd.feeds.base import Frame
from stressd.runtime.daemon import Daemon
from stressd.runtime.logs import configure
from tests.runtime.desk import LAST, Desk, desk_in, until
from tests.soak.malformed import Course, malformed

TOKEN = "a-token-for-pushing-ticks"
PUSH = """  - name: pushed
    type: push
    listen: 127.0.0.1:0
    token: {env: STRESSD_SOAK_TOKEN}
rules:
"""
PATIENCE = 20.0
"""Seconds within which a good tick among bad ones must be judged, on a machine that does other things too."""


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("STRESSD_SOAK_TOKEN", TOKEN)
    async with desk_in(tmp_path) as one:
        one.write(change=lambda text: text.replace("rules:\n", PUSH, 1))
        configure("error", "json")
        yield one


async def judged(daemon: Daemon, send: Callable[[], Awaitable[object]]) -> float:
    """Seconds until one good tick was judged."""
    before = daemon.pump.ticks
    began = time.monotonic()
    await send()
    await until(lambda: daemon.pump.ticks > before, PATIENCE)
    return time.monotonic() - began


def sound(daemon: Daemon, course: Course, refused: int, sent: int) -> None:
    assert refused > 0.9 * sent
    assert daemon.pump.faults == 0
    assert not daemon.reporter.stuck()
    assert course.slope() < 3.0 or sent < 1_000_000
    for feed in daemon.feeds.feeds.values():
        assert len(feed.health.rejects) <= 50
        assert all(len(topic) < 1_300 and why.isprintable() for _, topic, why, _ in feed.health.rejects)


async def through_the_pump(desk: Desk, payloads: int, every: int) -> str:
    course, rng = Course(), random.Random(20)
    bad = malformed(rng)
    async with desk.running() as daemon:
        feed = daemon.feeds.feeds["desk"]
        topics = ["yields/JP/30Y", "yields/US/10Y", "yields/XX/99Y", "yields/\x1b/\u202e"]
        for k in range(0, payloads, every):
            for at in range(0, every, 2_000):
                now = daemon.clock.now()
                for payload in itertools.islice(bad, min(2_000, every - at)):
                    daemon.mailbox.put(Frame(feed, topics[rng.randrange(4)], payload, now))
                await asyncio.sleep(0)
            course.waits.append(await judged(daemon, lambda: desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"])))
            if k % (10 * every) == 0:
                course.note(k)
        course.note(payloads)
        sound(daemon, course, feed.health.malformed + feed.health.unknown_series, payloads)
    return course.text(payloads)


async def over_mqtt(desk: Desk, payloads: int, every: int) -> str:
    course = Course()
    bad = malformed(random.Random(21))
    async with desk.running() as daemon:
        feed = daemon.feeds.feeds["desk"]
        for k in range(0, payloads, every):
            for payload in itertools.islice(bad, every):
                await desk.broker.publish("yields/JP/30Y", payload, qos=1)
            course.waits.append(await judged(daemon, lambda: desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"])))
            course.note(k)
        assert feed.health.connects == 1
        sound(daemon, course, feed.health.malformed, payloads)
    return course.text(payloads)


async def over_http(desk: Desk, payloads: int, every: int) -> str:
    course = Course()
    bad = malformed(random.Random(22))
    async with desk.running() as daemon, aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        feed = daemon.feeds.feeds["pushed"]
        await until(lambda: feed.health.state == "connected")
        url = f"http://127.0.0.1:{feed.port}/ticks"  # type: ignore[attr-defined]

        async def post(body: bytes) -> int:
            async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                await answer.read()
                return answer.status

        for k in range(0, payloads, every):
            statuses: list[int] = []
            for _ in range(0, every, 20):
                statuses += await asyncio.gather(*(post(body) for body in itertools.islice(bad, 20)))
            assert set(statuses) <= {202, 400}
            good = b'{"series": "JP.GOV.30Y", "value": 3.562, "time": %d}' % time.time_ns()
            course.waits.append(await judged(daemon, lambda body=good: post(body)))
            course.note(k)
        sound(daemon, course, feed.health.malformed, payloads)
    return course.text(payloads)


async def test_malformed_payloads_neither_stop_the_pump_nor_fill_the_memory(desk: Desk) -> None:
    assert "malformed payloads" in await through_the_pump(desk, 40_000, 4_000)


async def test_malformed_payloads_over_mqtt_leave_the_connection_standing(desk: Desk) -> None:
    assert "malformed payloads" in await over_mqtt(desk, 2_000, 500)


async def test_malformed_payloads_over_http_are_answered_and_the_next_good_one_is_judged(desk: Desk) -> None:
    assert "malformed payloads" in await over_http(desk, 1_000, 200)


@pytest.mark.soak
async def test_ten_million_malformed_payloads_through_the_pump(desk: Desk) -> None:
    print(await through_the_pump(desk, 10_000_000, 20_000))


@pytest.mark.soak
async def test_two_hundred_thousand_malformed_payloads_over_mqtt(desk: Desk) -> None:
    print(await over_mqtt(desk, 200_000, 5_000))


@pytest.mark.soak
async def test_a_hundred_thousand_malformed_payloads_over_http(desk: Desk) -> None:
    print(await over_http(desk, 100_000, 2_000))
