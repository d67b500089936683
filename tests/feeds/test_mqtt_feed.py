"""The MQTT feed against the loopback broker: what a real broker will not do on request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from mqtt5 import ConnAckReasonCode, DisconnectReasonCode
from pydantic import ValidationError

from stressd.backoff import Backoff
from stressd.feeds.base import DecodeError, Frame
from stressd.feeds.mqtt import Config, MqttFeed, build
from stressd.market.tick import BACKLOG
from stressd.testing.broker import LoopbackBroker
from stressd.testing.feeds import KeepingInbox, PlainResolver, feed_state

JP30 = "JP.GOV.30Y"
RESOLVER = PlainResolver([JP30, "US.GOV.10Y"])
Start = Callable[[Awaitable[None]], "asyncio.Task[None]"]


def feed(url: str, retry: float = 0.02, **more: Any) -> MqttFeed:
    given = {"topics": ["yields/{market}/{tenor}"], "payload": {"value": "yield", "time": "ts"}, **more}
    quick = Backoff(first=0.01, cap=0.02)
    slow = Backoff(first=retry, cap=retry, draw=lambda: 1.0)
    return MqttFeed(Config(name="desk", type="mqtt", url=url, **given), RESOLVER, quick, slow)


def message(value: float, ns: int | None = None) -> bytes:
    return b'{"yield": %f, "ts": %d}' % (value, ns or time.time_ns())


async def test_messages_come_and_are_acknowledged_when_they_have_been_processed(
    inbox: KeepingInbox, background: Start
) -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        desk = feed(broker.url)
        background(desk.run(inbox))
        await broker.subscribed()
        for i in range(50):
            await broker.publish("yields/JP/30Y", message(3 + i / 100), qos=1)
        frames = await inbox.frame_count(50)
        assert broker.acknowledged == 0
        assert [t.value for t in inbox.ticks()] == pytest.approx([3 + i / 100 for i in range(50)])
        desk.processed(frames)
        await broker.until(lambda b: b.acknowledged == 50)
        assert (desk.health.state, desk.health.messages, desk.health.ticks) == ("connected", 50, 50)


async def test_a_lost_connection_comes_back_with_its_subscription(inbox: KeepingInbox, background: Start) -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        desk = feed(broker.url)
        background(desk.run(inbox))
        for n in range(1, 4):
            await broker.until(lambda b, n=n: b.connects == n)  # type: ignore[misc]
            await broker.subscribed()
            await broker.publish("yields/JP/30Y", message(n))
            await inbox.frame_count(n)
            broker.drop()
        await feed_state(desk, lambda f: f.health.connects == 4)
        assert [t.value for t in inbox.ticks()] == [1, 2, 3]


async def test_what_was_not_processed_before_a_reconnection_comes_again_and_old_handles_reach_nobody(
    inbox: KeepingInbox, background: Start
) -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        desk = feed(broker.url, session="1h")
        background(desk.run(inbox))
        await broker.subscribed()
        await broker.publish("yields/JP/30Y", message(1), qos=1)
        await inbox.frame_count(1)
        broker.drop()
        await broker.until(lambda b: b.connects == 1 and not b._connections)
        await broker.publish("yields/JP/30Y", message(2), qos=1)
        await inbox.frame_count(3)
        desk.processed(inbox.frames[:1])
        desk.processed(inbox.frames[1:])
        await broker.until(lambda b: b.acknowledged == 2)
        assert [(t.value, t.flags) for t in inbox.ticks(1)] == [(1, BACKLOG), (2, BACKLOG)]
        await broker.publish("yields/JP/30Y", message(3), qos=1)
        await inbox.frame_count(4)
        assert [(t.value, t.flags) for t in inbox.ticks(3)] == [(3, 0)]


async def test_a_mute_server_is_left_within_one_and_a_half_keep_alives(inbox: KeepingInbox, background: Start) -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        desk = feed(broker.url, keep_alive="1s")
        background(desk.run(inbox))
        await feed_state(desk, lambda f: f.health.state == "connected")
        broker.mute = True
        began = time.monotonic()
        await feed_state(desk, lambda f: f.health.state != "connected")
        assert time.monotonic() - began < 1.7
        assert "silent" in desk.health.detail
        broker.mute = False
        broker.drop()
        await feed_state(desk, lambda f: f.health.connects == 2)


async def test_wrong_credentials_are_said_and_a_rotated_password_is_noticed(
    inbox: KeepingInbox, background: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_PASSWORD", "old")
    async with asyncio.timeout(20), LoopbackBroker(accounts={"stressd": "new"}) as broker:
        desk = feed(broker.url, username="stressd", password={"env": "DESK_PASSWORD"})
        background(desk.run(inbox))
        await feed_state(desk, lambda f: f.health.state == "refused")
        assert desk.health.detail == "the server refused the connection: bad user name or password"
        monkeypatch.setenv("DESK_PASSWORD", "new")
        await feed_state(desk, lambda f: f.health.state == "connected")
        monkeypatch.delenv("DESK_PASSWORD")
        broker.drop()
        await feed_state(desk, lambda f: f.health.state == "refused")
        assert "`DESK_PASSWORD` is not set" in desk.health.detail


@pytest.mark.parametrize(
    ("code", "state"), [(ConnAckReasonCode.SERVER_BUSY, "waiting"), (ConnAckReasonCode.BANNED, "refused")]
)
async def test_a_refusal_that_passes_is_waited_for_and_one_that_does_not_is_named(
    code: ConnAckReasonCode, state: str, inbox: KeepingInbox, background: Start
) -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        broker.refuse = code
        desk = feed(broker.url)
        background(desk.run(inbox))
        await feed_state(desk, lambda f: f.health.state == state)
        broker.refuse = None
        await feed_state(desk, lambda f: f.health.state == "connected")


async def test_a_refused_topic_is_named_while_the_others_flow(inbox: KeepingInbox, background: Start) -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        broker.denied = {"secret/+"}
        desk = feed(broker.url, topics=["yields/{market}/{tenor}", "secret/{series}"])
        background(desk.run(inbox))
        await broker.subscribed()
        await feed_state(desk, lambda f: f.health.state == "connected")
        assert desk.health.detail == "the server refused the subscription to `secret/+`: not authorized"
        await broker.publish("yields/JP/30Y", message(3))
        await inbox.frame_count(1)
        broker.denied.add("yields/+/+")
        broker.drop()
        await feed_state(desk, lambda f: f.health.state == "refused")


async def test_a_second_daemon_with_the_same_client_id_is_said(inbox: KeepingInbox, background: Start) -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        desk = feed(broker.url, client_id="same", retry=60)
        background(desk.run(inbox))
        await feed_state(desk, lambda f: f.health.state == "connected")
        broker.disconnect(DisconnectReasonCode.SESSION_TAKEN_OVER)
        await feed_state(desk, lambda f: "another client uses the same client id" in f.health.detail)


async def test_a_bad_message_is_not_an_incident(inbox: KeepingInbox, background: Start) -> None:
    """Counted, kept for people, and the connection and the next message are untouched."""
    bad = [b"", b"\xff\xfe", b"[" * 5_000, b'{"yield": "x"}', b'{"yield": NaN}', b'{"yield": 1e999}', b"null"] * 10
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        desk = feed(broker.url)
        background(desk.run(inbox))
        await feed_state(desk, lambda f: f.health.state == "connected")
        for i, payload in enumerate(bad):
            await broker.publish("yields/JP/30Y", payload, qos=i % 2)
            await broker.publish("yields/XX/1Y", message(1))
            await broker.publish("yields/JP/30Y", message(i))
        await inbox.frame_count(3 * len(bad))
        assert [t.value for t in inbox.ticks()] == list(range(len(bad)))
        health = desk.health
        assert (health.malformed, health.unknown_series, health.connects) == (len(bad), len(bad), 1)
        assert len(health.rejects) == 50
        assert all(len(excerpt) <= 200 and why for _, _, why, excerpt in health.rejects)


def test_a_message_of_which_nothing_can_be_read_raises_decode_error_and_no_other() -> None:
    desk = feed("mqtt://host")
    with pytest.raises(DecodeError) as error:
        desk.decode(Frame(desk, "yields/JP/30Y", b"x" * 500, 1))
    assert error.value.excerpt == b"x" * 200


def test_stored_messages_are_history_by_their_own_time_or_nothing() -> None:
    with_time = feed("mqtt://host")
    ticks = with_time.decode(Frame(with_time, "yields/JP/30Y", message(3), time.time_ns(), None, True))
    assert [t.flags for t in ticks] == [BACKLOG]
    without = feed("mqtt://host", payload={"value": "yield"})
    assert without.decode(Frame(without, "yields/JP/30Y", message(3), 1, None, True)) == []
    assert without.health.dropped == 1
    assert [t.flags for t in without.decode(Frame(without, "yields/JP/30Y", message(3), 1))] == [0]


async def test_nobody_listening_is_said_in_words(inbox: KeepingInbox, background: Start) -> None:
    desk = feed("mqtt://127.0.0.1:1")
    background(desk.run(inbox))
    await feed_state(desk, lambda f: f.health.state == "waiting")
    assert "connection refused" in desk.health.detail


def test_the_feed_works_on_uvloop_as_on_asyncios_own_loop() -> None:
    async def main() -> list[float]:
        inbox = KeepingInbox()
        async with asyncio.timeout(20), LoopbackBroker() as broker:
            desk = feed(broker.url)
            task = asyncio.create_task(desk.run(inbox))
            await broker.subscribed()
            for i in range(500):
                await broker.publish("yields/JP/30Y", message(i), qos=1)
            desk.processed(await inbox.frame_count(500))
            await broker.until(lambda b: b.acknowledged == 500)
            broker.drop()
            await feed_state(desk, lambda f: f.health.connects == 2)
            task.cancel()
            await asyncio.wait([task])
        return [t.value for t in inbox.ticks()]

    assert uvloop.run(main()) == list(range(500))


async def test_a_stopped_feed_says_good_bye(inbox: KeepingInbox, background: Start) -> None:
    async with asyncio.timeout(20), LoopbackBroker() as broker:
        desk = feed(broker.url)
        task = background(desk.run(inbox))
        await broker.subscribed()
        task.cancel()
        await asyncio.wait([task])
        assert desk.health.state == "stopped"
        await broker.until(lambda b: not b._connections)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "http://host"}, "must start with mqtt:// or mqtts://"),
        ({"url": "mqtt://user@host"}, "write `username:`"),
        ({"url": "mqtt://host/topic"}, "topics have a key of their own"),
        ({"topics": ["all/#"]}, "no series is named"),
        ({"topics": ["{tenr}"]}, "unknown placeholder"),
        ({"session": "1h", "payload": {"value": "y"}}, "`session` needs `payload.time`"),
        ({"session": "1h", "qos": 0}, "`session` needs `qos: 1`"),
        ({"password": {"env": "X"}}, "`password` needs `username`"),
        ({"tls": {"ca_file": "ca.pem"}}, "needs an mqtts:// URL"),
        ({"keep_alive": "500ms"}, "whole seconds"),
        ({"qos": 2}, "Input should be 0 or 1"),
        ({"protocol": "3"}, "'5' or '3.1.1'"),
    ],
)
def test_a_config_that_cannot_work_says_why(fields: dict[str, Any], says: str) -> None:
    given = {"url": "mqtt://host", "topics": "y/{series}", "payload": {"time": "ts"}, **fields}
    with pytest.raises(ValidationError) as error:
        Config(name="desk", type="mqtt", **given)
    assert says in str(error.value)


def test_a_session_has_a_stable_client_id_and_without_one_no_two_daemons_are_alike() -> None:
    config = Config(name="desk", type="mqtt", url="mqtt://h", topics=["y/{series}"], protocol=5)  # type: ignore[arg-type]
    kept = config.model_copy(update={"session": 10**9})
    assert build(kept, RESOLVER)._client_id == build(kept, RESOLVER)._client_id
    assert build(config, RESOLVER)._client_id != build(config, RESOLVER)._client_id
    assert config.protocol == "5"
