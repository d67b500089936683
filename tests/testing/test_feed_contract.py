"""Every feed of ours keeps the contract that a feed of somebody else's is checked by."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from stressd.backoff import Backoff
from stressd.feeds import file, mqtt, push
from stressd.testing.broker import LoopbackBroker
from stressd.testing.feed_contract import CHECKS, FeedTrial
from stressd.testing.feeds import PlainResolver, feed_state

RESOLVER = PlainResolver(["JP.GOV.30Y"])


def body(value: float) -> bytes:
    return json.dumps({"series": "JP.GOV.30Y", "value": value, "time": time.time_ns()}).encode()


class OverMqtt:
    def __init__(self, broker: LoopbackBroker) -> None:
        config = mqtt.Config(
            name="desk",
            type="mqtt",
            url=broker.url,
            topics=["y/{series}"],
            payload={"value": "value", "time": "time"},  # type: ignore[arg-type]
        )
        self.feed = mqtt.MqttFeed(config, RESOLVER, Backoff(first=0.01, cap=0.02))
        self._broker = broker
        self._connects = 0

    async def ready(self) -> None:
        await feed_state(self.feed, lambda f: f.health.state == "connected" and f.health.connects > self._connects)

    async def send(self, value: float) -> None:
        await self._broker.publish("y/JP.GOV.30Y", body(value), qos=1)

    async def garbage(self) -> None:
        await self._broker.publish("y/JP.GOV.30Y", b"\xff\x00{", qos=1)

    async def cut(self) -> None:
        self._connects = self.feed.health.connects
        self._broker.drop()


class OverHttp:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        config = push.Config(name="push", type="push", listen="127.0.0.1:0", token={"env": "PUSH_TOKEN"})  # type: ignore[arg-type]
        self.feed = push.PushFeed(config, RESOLVER)
        self._session = session

    async def ready(self) -> None:
        await feed_state(self.feed, lambda f: f.health.state == "connected")

    async def send(self, value: float) -> None:
        assert await self._post(body(value)) == 202

    async def garbage(self) -> None:
        assert await self._post(b"\xff\x00{") == 400

    async def cut(self) -> None:
        """A request has no connection that outlives it."""

    async def _post(self, data: bytes) -> int:
        url = f"http://127.0.0.1:{self.feed.port}/ticks"
        async with self._session.post(url, data=data, headers={"Authorization": "Bearer s3cret"}) as answer:
            return answer.status


class OverFile:
    def __init__(self, path: Path) -> None:
        config = file.Config(name="tape", type="file", path=str(path), follow=True)  # type: ignore[arg-type]
        path.touch()
        self.feed = file.FileFeed(config, RESOLVER, poll=0.005)
        self._path = path

    async def ready(self) -> None:
        await feed_state(self.feed, lambda f: f.health.state == "connected")

    async def send(self, value: float) -> None:
        self._append(body(value))

    async def garbage(self) -> None:
        self._append(b"\xff\x00{")

    async def cut(self) -> None:
        connects = self.feed.health.connects
        self._path.with_suffix(".new").write_bytes(b"")
        self._path.with_suffix(".new").replace(self._path)
        await feed_state(self.feed, lambda f: f.health.connects > connects)

    def _append(self, line: bytes) -> None:
        with self._path.open("ab") as stream:
            stream.write(line + b"\n")


@asynccontextmanager
async def trial_over(kind: str, folder: Path) -> AsyncIterator[FeedTrial]:
    if kind == "mqtt":
        async with LoopbackBroker() as broker:
            yield OverMqtt(broker)
    elif kind == "push":
        async with aiohttp.ClientSession() as session:
            yield OverHttp(session)
    else:
        yield OverFile(folder / "ticks.ndjson")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(getattr(check, "__name__", check)))
@pytest.mark.parametrize("kind", ["mqtt", "push", "file"])
async def test_the_contract_is_kept(
    kind: str, check: Callable[[FeedTrial], Awaitable[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUSH_TOKEN", "s3cret")
    async with trial_over(kind, tmp_path) as trial:
        await check(trial)
