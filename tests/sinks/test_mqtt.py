"""Events published by MQTT, against a real mosquitto."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import trustme
from pydantic import ValidationError

from stressd.alerts.notification import Notification
from stressd.sinks.base import SinkError
from stressd.sinks.mqtt import Config, MqttSink, build

OPEN = "allow_anonymous true"
Note = Callable[..., Notification]
Mosquittos = Callable[[str], AbstractAsyncContextManager[Any]]
both = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


def sink(port: int, **more: Any) -> MqttSink:
    given = {"name": "bus", "type": "mqtt", "url": f"mqtt://localhost:{port}", "timeout": "3s", **more}
    return build(Config.model_validate(given), "rates-tokyo")


def body(seq: int, **more: Any) -> bytes:
    event = {"id": f"JP-260120-7q2f.{seq}", "episode": "JP-260120-7q2f", "kind": "market", "market": "JP", "seq": seq}
    return json.dumps({**event, **more}).encode()


@asynccontextmanager
async def listener(port: int, topics: str = "stressd/#") -> AsyncIterator[Callable[[int], Any]]:
    """Gives a function that waits for so many messages and returns them as (topic, payload)."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(topics, qos=1)

        async def take(count: int) -> list[tuple[str, bytes]]:
            found: list[tuple[str, bytes]] = []
            async for message in client.messages:
                found.append((message.topic.value, bytes(message.payload)))
                if len(found) == count:
                    break
            return found

        yield take


@both
async def test_news_a_retained_state_and_whether_stressd_is_there(
    protocol: str, mosquitto: Mosquittos, note: Note
) -> None:
    async with asyncio.timeout(30), mosquitto(OPEN) as broker:
        channel = sink(broker.port, protocol=protocol)
        async with listener(broker.port) as take:
            receipt = await channel.send(note(type="opened", body=body(1)))
            assert receipt.remote_ref == "stressd/rates-tokyo/market/JP"
            assert await take(3) == [
                ("stressd/rates-tokyo/status", b"online"),
                ("stressd/rates-tokyo/market/JP", body(1)),
                ("stressd/rates-tokyo/episodes/JP-260120-7q2f", body(1)),
            ]
        async with listener(broker.port) as late:
            assert dict(await late(2)) == {
                "stressd/rates-tokyo/status": b"online",
                "stressd/rates-tokyo/episodes/JP-260120-7q2f": body(1),
            }
            await channel.send(note(type="resolved", life="over", body=body(2)))
            assert await late(2) == [
                ("stressd/rates-tokyo/market/JP", body(2)),
                ("stressd/rates-tokyo/episodes/JP-260120-7q2f", b""),
            ]
            await channel.send(note(type="opened", life="once", body=body(3, market="")))
            assert await late(1) == [("stressd/rates-tokyo/market/-", body(3, market=""))]
            await channel.close()
            assert await late(1) == [("stressd/rates-tokyo/status", b"offline")]


async def test_a_broker_that_is_killed_is_found_again_and_told_what_is_open(mosquitto: Mosquittos, note: Note) -> None:
    async with asyncio.timeout(90), mosquitto(OPEN) as broker:
        channel = sink(broker.port, timeout="8s")
        await channel.send(note(type="opened", body=body(1)))
        await broker.stop(signal.SIGKILL)
        failed = None
        try:
            await channel.send(note(body=body(2)))
        except SinkError as error:
            failed = error.fault
        assert failed in ("retry", "ambiguous")
        await broker.start()
        while failed is not None:  # as the deliverer does: the next try may be further away than one send waits
            try:
                await channel.send(note(body=body(2)))
                failed = None
            except SinkError as error:
                failed = error.fault
                assert failed == "retry"
        async with listener(broker.port, "stressd/+/status") as take:
            assert (await take(1))[0][1] == b"online"
        await channel.close()


async def test_what_is_open_is_published_anew_after_a_start(mosquitto: Mosquittos, note: Note) -> None:
    async with asyncio.timeout(30), mosquitto(OPEN) as broker:
        channel = sink(broker.port)
        await channel.keep([note(body=body(7))])
        async with listener(broker.port, "stressd/+/episodes/+") as take:
            assert await take(1) == [("stressd/rates-tokyo/episodes/JP-260120-7q2f", body(7))]
        await channel.close()


async def test_a_topic_that_is_forbidden_is_not_taken_for_delivered(
    mosquitto: Mosquittos, note: Note, tmp_path: Path
) -> None:
    (tmp_path / "acl").write_text("topic readwrite allowed/#\n")
    async with asyncio.timeout(30), mosquitto(f"{OPEN}\nacl_file {tmp_path / 'acl'}") as broker:
        channel = sink(broker.port, status=None, retained=None)
        with pytest.raises(SinkError, match=r"`stressd/rates-tokyo/market/JP` is refused: Not authorized") as failed:
            await channel.send(note(body=body(1)))
        assert failed.value.fault == "permanent"
        await channel.close()


async def test_nobody_there_is_tried_again_and_says_why(note: Note) -> None:
    channel = sink(1, timeout="1s")
    with pytest.raises(SinkError, match="localhost: nobody listens there") as failed:
        await channel.send(note(body=body(1)))
    assert failed.value.fault == "retry"
    await channel.close()


async def test_tls_and_a_password_from_a_file_that_is_read_anew(
    mosquitto: Mosquittos, note: Note, tmp_path: Path
) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = ca.issue_cert("localhost")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    password = tmp_path / "password"
    password.write_text("wrong")
    users = tmp_path / "users"
    # "right", as `mosquitto_passwd` writes it
    process = await asyncio.create_subprocess_exec("mosquitto_passwd", "-b", "-c", str(users), "stressd", "right")
    assert await process.wait() == 0
    settings = (
        f"allow_anonymous false\npassword_file {users}\ncertfile {tmp_path / 'server.pem'}\n"
        f"keyfile {tmp_path / 'server.key'}"
    )
    async with asyncio.timeout(30):
        factory = mosquitto(settings)
        async with factory as broker:
            channel = sink(
                broker.port, url=f"mqtts://localhost:{broker.port}", tls={"ca_file": str(tmp_path / "ca.pem")},
                username="stressd", password={"file": str(password)}, timeout="2s",
            )  # fmt: skip
            with pytest.raises(SinkError, match=r"refuse|authorized"):
                await channel.send(note(body=body(1)))
            password.write_text("right")
            said: SinkError | None = SinkError("retry", "not tried yet")
            while said is not None and said.fault == "retry":
                # the next attempt to connect may be a few seconds away
                said = await trouble(channel, note(body=body(1)))
            assert said is None
            assert await channel.probe() == "localhost: the broker accepts us"
            await channel.close()


async def trouble(channel: MqttSink, notification: Notification) -> SinkError | None:
    try:
        await channel.send(notification)
    except SinkError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"topic": "a/+"}, "holds no"),
        ({"topic": "a/{wrong}"}, "is not known in a topic"),
        ({"topic": "a/{"}, "a topic is a template"),
        ({"retained": "a/b"}, "need a topic each"),
        ({"status": "a/{market}"}, "only `{instance}`"),
        ({"password": {"env": "P"}}, "needs `username`"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(more: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Config.model_validate({"name": "bus", "type": "mqtt", "url": "mqtt://broker", **more})
