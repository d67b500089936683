"""Feeds that are connected and bring nothing of use, against a real mosquitto: each is known for what it is."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from stressd.backoff import Backoff
from stressd.feeds.base import DecodeError, Frame
from stressd.feeds.mqtt import Config, MqttFeed
from stressd.runtime import feedwatch, notes
from stressd.runtime.feedwatch import FeedWatch
from stressd.testing.feeds import PlainResolver

OPEN = "allow_anonymous true"
RESOLVER = PlainResolver(["JP.GOV.30Y", "US.GOV.10Y"])
SECOND = 1_000_000_000
Start = Callable[[Awaitable[None]], "asyncio.Task[None]"]
Mosquittos = Callable[[str], AbstractAsyncContextManager[Any]]
both = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


class Pump:
    """An inbox that decodes at once, as the pump does."""

    def now(self) -> int:
        return time.time_ns()

    def put(self, frame: Frame) -> None:
        try:
            frame.feed.decode(frame)
        except DecodeError:
            return
        finally:
            frame.feed.processed([frame])


class Watched:
    """A feed at work, looked at as the daemon does; a silence of a second and a half is one."""

    def __init__(self, protocol: str, port: int, background: Start, topics: str, **more: Any) -> None:
        given = {"topics": [topics], "payload": {"value": "yield", "time": "ts"}, **more}
        config = Config(name="desk", type="mqtt", url=f"mqtt://127.0.0.1:{port}", protocol=protocol, **given)  # type: ignore[arg-type]
        self.feed = MqttFeed(config, RESOLVER, Backoff(first=0.01, cap=0.05), Backoff(first=0.01, cap=0.05))
        self.watch = FeedWatch(
            "desk", self.feed.health, time.time_ns(), time.monotonic(), 3 * SECOND // 2, 120 * SECOND,
            lambda name: ["JP.GOV.30Y"] if "30" in name else [],
        )  # fmt: skip
        background(self.feed.run(Pump()))

    async def until(self, rule: str) -> str:
        """Until it is known under this rule, "" for none while ticks come; the text that is told."""
        async with asyncio.timeout(20):
            while True:
                state = self.watch.look(time.time_ns(), time.monotonic(), ())
                rules = [each.rule for each in self.watch.conditions() if not each.brewing]
                if (rule in rules) or (not rule and not rules and state.word == "live"):
                    return next((each.text for each in self.watch.conditions() if each.rule == rule), "")
                await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedwatch, "ENOUGH_TIME", SECOND // 2)
    monkeypatch.setattr(feedwatch, "RECOVERED", SECOND // 5)


async def publish(port: int, topic: str, count: int, **more: Any) -> None:
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        for n in range(count):
            body = b'{"yield": %f, "ts": %d}' % (3 + n / 100, time.time_ns())
            await client.publish(topic, more.get("payload", body), qos=1, retain=more.get("retain", False))
            await asyncio.sleep(0.05)


@both
async def test_a_broker_without_a_publisher_is_mute_and_ends_with_the_first_message(
    protocol: str, mosquitto: Mosquittos, background: Start
) -> None:
    async with mosquitto(OPEN) as broker:
        desk = Watched(protocol, broker.port, background, "yields/{market}/{tenor}")
        assert "is connected, but no message has come" in await desk.until(notes.MUTE)
        await publish(broker.port, "yields/JP/30Y", 1)
        await desk.until("")


@both
async def test_a_list_of_rights_that_silently_gives_nothing_and_a_wrong_topic_are_mute(
    protocol: str, mosquitto: Mosquittos, background: Start, tmp_path: Path
) -> None:
    rights = tmp_path / "acl"
    rights.write_text("topic write yields/#\ntopic read other/#\n")
    async with mosquitto(f"{OPEN}\nacl_file {rights}") as broker:
        forbidden = Watched(protocol, broker.port, background, "yields/{market}/{tenor}")
        wrong = Watched(protocol, broker.port, background, "other/{market}/{tenor}")
        sending = asyncio.create_task(publish(broker.port, "yields/JP/30Y", 60))
        said = await asyncio.gather(*(desk.until(notes.MUTE) for desk in (forbidden, wrong)), return_exceptions=True)
        await sending
        refused = [each.feed.health.detail for each in (forbidden, wrong)]
        assert all(isinstance(text, str) and "no message has come" in text for text in said), (said, refused)


@both
async def test_what_the_broker_had_retained_is_no_data(protocol: str, mosquitto: Mosquittos, background: Start) -> None:
    async with mosquitto(OPEN) as broker:
        await publish(broker.port, "yields/JP/30Y", 1, retain=True)
        desk = Watched(protocol, broker.port, background, "yields/{market}/{tenor}")
        assert "all that came was kept by the server from before" in await desk.until(notes.MUTE)


@both
async def test_a_publisher_of_other_symbols_and_one_of_another_format_are_told_apart(
    protocol: str, mosquitto: Mosquittos, background: Start
) -> None:
    async with mosquitto(OPEN) as broker:
        desk = Watched(protocol, broker.port, background, "yields/{market}/{tenor}")
        await desk.until(notes.MUTE)
        sending = asyncio.create_task(publish(broker.port, "yields/JP/30YR", 30))
        assert "`JP.GOV.30YR` (did you mean `JP.GOV.30Y`?)" in await desk.until(notes.UNKNOWN)
        await sending
        sending = asyncio.create_task(publish(broker.port, "yields/JP/30Y", 30))
        await desk.until("")
        await sending
        sending = asyncio.create_task(publish(broker.port, "yields/JP/30Y", 30, payload=b"\x1b[2J<xml/>"))
        text = await desk.until(notes.MALFORMED)
        await sending
        assert "\\u001b[2J<xml/>" in text
        assert text.isprintable()


async def test_a_password_that_was_changed_is_a_refusal_with_its_reason_and_ends_with_the_right_one(
    mosquitto: Mosquittos, background: Start, tmp_path: Path
) -> None:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "stressd", "new"], check=True, capture_output=True)
    password = tmp_path / "password"
    password.write_text("old")
    async with mosquitto(f"allow_anonymous false\npassword_file {users}") as broker:
        more = {"username": "stressd", "password": {"file": str(password)}}
        desk = Watched("5", broker.port, background, "yields/{market}/{tenor}", **more)
        assert "not authorized" in await desk.until(notes.REFUSED)
        password.write_text("new")
        await desk.until(notes.MUTE)
