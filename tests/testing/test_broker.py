"""The loopback broker does what a client may rely on; a client of another make (aiomqtt) is the judge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from stressd.testing.broker import LoopbackBroker
from stressd.testing.topic_match import matches


@asynccontextmanager
async def client(broker: LoopbackBroker, **more: Any) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5, timeout=5, **more) as c:
        yield c


async def take(reader: aiomqtt.Client, count: int) -> list[tuple[str, bytes, int, bool]]:
    found: list[tuple[str, bytes, int, bool]] = []
    async for message in reader.messages:
        found.append((message.topic.value, bytes(message.payload), message.qos, message.retain))
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize(
    ("pattern", "topic", "taken"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("+", "", True),
        ("a/+/c", "a//c", True),
    ],
)
def test_filters_match_by_the_standard(pattern: str, topic: str, taken: bool) -> None:
    assert matches(pattern, topic) is taken


_levels = st.lists(st.sampled_from(["a", "b", "+", ""]), min_size=1, max_size=4)


@given(_levels, st.booleans(), st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4))
def test_filters_agree_with_pahos_reading(levels: list[str], rest: bool, topic: list[str]) -> None:
    pattern = "/".join([*levels, "#"] if rest else levels)
    name = "/".join(topic)
    if pattern and name:
        assert matches(pattern, name) == aiomqtt.Topic(name).matches(pattern)


async def test_messages_go_both_ways_with_qos_0_and_1() -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker, client(broker) as reader, client(broker) as writer:
        await reader.subscribe([("a/+", 1), ("b/#", 0)])
        await writer.publish("a/x", b"1", qos=0)
        await writer.publish("a/x", b"2", qos=1)
        await writer.publish("b/x/y", b"3", qos=1)
        await writer.publish("c", b"no", qos=1)
        await broker.publish("a/z", b"4", qos=1)
        assert await take(reader, 4) == [
            ("a/x", b"1", 0, False),
            ("a/x", b"2", 1, False),
            ("b/x/y", b"3", 0, False),
            ("a/z", b"4", 1, False),
        ]
        assert broker.received[-1] == ("c", b"no")


async def test_what_is_retained_is_sent_to_who_comes_later_until_it_is_removed() -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        await broker.publish("a/x", b"old", retain=True)
        await broker.publish("a/x", b"new", retain=True)
        await broker.publish("a/y", b"gone", retain=True)
        await broker.publish("a/y", b"", retain=True)
        async with client(broker) as reader:
            await reader.subscribe("a/#")
            await broker.publish("a/z", b"live")
            assert await take(reader, 2) == [("a/x", b"new", 0, True), ("a/z", b"live", 0, False)]


async def test_a_session_keeps_its_subscriptions_and_its_messages() -> None:
    kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    kept.SessionExpiryInterval = 60
    given_ = {"identifier": "me", "clean_start": False, "properties": kept}
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        async with client(broker, **given_) as reader:
            await reader.subscribe("a", qos=1)
        for i in range(5):
            await broker.publish("a", b"%d" % i, qos=1)
        await broker.publish("a", b"lost", qos=0)
        async with client(broker, **given_) as reader:
            assert [m[1] for m in await take(reader, 5)] == [b"0", b"1", b"2", b"3", b"4"]
        async with client(broker, identifier="me", clean_start=True) as reader:
            await broker.publish("a", b"nobody subscribed", qos=1)
            await reader.subscribe("a", qos=1)
            await broker.publish("a", b"5", qos=1)
            assert [m[1] for m in await take(reader, 1)] == [b"5"]


async def test_only_known_accounts_get_in() -> None:
    async with asyncio.timeout(20), LoopbackBroker(accounts={"u": "p"}) as broker:
        for user, password in (("u", "x"), ("x", "p"), (None, None)):
            with pytest.raises(aiomqtt.MqttError):
                async with client(broker, username=user, password=password):
                    pass
        async with client(broker, username="u", password="p"):
            assert broker.connects == 1


async def test_a_slow_subscriber_slows_the_publisher_instead_of_filling_the_memory() -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        reader, writer = await asyncio.open_connection(broker.host, broker.port, limit=1_024)
        from mqtt5 import ConnectPacket, SubscribePacket, TopicFilter

        writer.write(ConnectPacket("slow", clean_start=True).write() + SubscribePacket(1, [TopicFilter("a")]).write())
        await broker.subscribed()
        sent = 0

        async def publish() -> None:
            nonlocal sent
            while True:
                await broker.publish("a", bytes(10_000))
                sent += 1

        task = asyncio.create_task(publish())
        before = -1
        while sent != before:
            before = sent
            # let everything that can move move: two quiet rounds mean that the publisher waits
            for _ in range(200):
                await asyncio.sleep(0)
            await asyncio.sleep(0.02)
        assert 0 < sent < 5_000
        while sent == before:
            await reader.read(1 << 20)
        task.cancel()
        await asyncio.wait([task])
        writer.transport.abort()
