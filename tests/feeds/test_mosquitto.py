"""The MQTT feed against a real mosquitto, by MQTT 5 and by MQTT 3.1.1."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import trustme

from stressd.backoff import Backoff
from stressd.feeds.mqtt import Config, MqttFeed
from stressd.market.tick import BACKLOG
from stressd.testing.feeds import KeepingInbox, PlainResolver, feed_state

RESOLVER = PlainResolver(["JP.GOV.30Y", "US.GOV.10Y"])
OPEN = "allow_anonymous true"
Start = Callable[[Awaitable[None]], "asyncio.Task[None]"]
Mosquittos = Callable[[str], AbstractAsyncContextManager[Any]]
both = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@pytest.fixture(autouse=True)
def leftovers() -> Iterator[None]:
    """paho closes a socket whose handshake failed when it is collected: here, and not in somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def feed(protocol: str, url: str, again: float = 0.01, **more: Any) -> MqttFeed:
    """again: s before it tries once more, at most and at first."""
    given = {"topics": ["yields/{market}/{tenor}"], "payload": {"value": "yield", "time": "ts"}, **more}
    config = Config(name="desk", type="mqtt", url=url, protocol=protocol, **given)  # type: ignore[arg-type]
    return MqttFeed(config, RESOLVER, Backoff(first=again, cap=5 * again), Backoff(first=again, cap=5 * again))


def message(value: float, ns: int | None = None) -> bytes:
    return b'{"yield": %f, "ts": %d}' % (value, ns or time.time_ns())


@asynccontextmanager
async def publisher(port: int, **more: Any) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, **more) as client:
        yield client


async def is_connected(desk: MqttFeed, times: int = 1) -> None:
    await feed_state(desk, lambda f: f.health.state == "connected" and f.health.connects >= times)


@both
async def test_yields_arrive_and_are_acknowledged_after_processing(
    protocol: str, mosquitto: Mosquittos, inbox: KeepingInbox, background: Start
) -> None:
    async with asyncio.timeout(30), mosquitto(OPEN + "\nmax_inflight_messages 10") as broker:
        desk = feed(protocol, f"mqtt://127.0.0.1:{broker.port}")
        background(desk.run(inbox))
        await is_connected(desk)
        async with publisher(broker.port) as client:
            for i in range(30):
                await client.publish("yields/JP/30Y", message(3 + i / 100), qos=1)
            # the broker sends no more than ten before it hears from us, and hears when the pump is done with them
            await inbox.frame_count(10)
            await client.publish("yields/US/10Y", message(4), qos=0)
            await inbox.frame_count(11)
            for n in (11, 21):
                desk.processed(inbox.frames[n - 11 : n])
                await inbox.frame_count(n + 10)
        thirty = [t.value for t in inbox.ticks() if t.series == "JP.GOV.30Y"]
        assert thirty == pytest.approx([3 + i / 100 for i in range(30)])


@both
async def test_a_broker_killed_and_restarted_is_found_again_with_the_subscription(
    protocol: str, mosquitto: Mosquittos, inbox: KeepingInbox, background: Start
) -> None:
    async with asyncio.timeout(60), mosquitto(OPEN) as broker:
        desk = feed(protocol, f"mqtt://127.0.0.1:{broker.port}", qos=0)
        background(desk.run(inbox))
        for n in range(1, 4):
            await is_connected(desk, n)
            async with publisher(broker.port) as client:
                await client.publish("yields/JP/30Y", message(n))
                await inbox.frame_count(n)
            await broker.stop(signal.SIGKILL)
            await feed_state(desk, lambda f: f.health.state == "waiting")
            await broker.start()
        assert [t.value for t in inbox.ticks()] == [1, 2, 3]


@both
async def test_what_the_broker_kept_for_us_is_history_and_what_comes_then_is_live(
    protocol: str, mosquitto: Mosquittos, background: Start
) -> None:
    async with asyncio.timeout(30), mosquitto(OPEN) as broker:
        given = {"session": "1h", "client_id": "stressd-test"}
        first, inbox = feed(protocol, f"mqtt://127.0.0.1:{broker.port}", **given), KeepingInbox()
        task = background(first.run(inbox))
        await is_connected(first)
        task.cancel()
        await asyncio.wait([task])
        async with publisher(broker.port) as client:
            for i in range(60):
                await client.publish("yields/JP/30Y", message(i), qos=1)
            inbox = KeepingInbox()
            desk = feed(protocol, f"mqtt://127.0.0.1:{broker.port}", **given)
            background(desk.run(inbox))
            done = 0
            while done < 60:
                await inbox.frame_count(done + 1)
                batch = inbox.frames[done:]
                done += len(batch)
                desk.processed(batch)
            await is_connected(desk)
            await client.publish("yields/JP/30Y", message(99), qos=1)
            await inbox.frame_count(61)
        ticks = inbox.ticks()
        assert [(t.value, t.flags) for t in ticks[:60]] == [(i, BACKLOG) for i in range(60)]
        assert (ticks[60].value, ticks[60].flags) == (99, 0)


@both
async def test_retained_messages_are_history_by_their_own_time_or_no_tick(
    protocol: str, mosquitto: Mosquittos, background: Start
) -> None:
    async with asyncio.timeout(30), mosquitto(OPEN) as broker:
        stamp = time.time_ns() - 3_600 * 10**9
        async with publisher(broker.port) as client:
            await client.publish("yields/JP/30Y", message(3, stamp), qos=1, retain=True)
            for fields, want in (
                ({"value": "yield", "time": "ts"}, [(3, BACKLOG, stamp)]),
                ({"value": "yield"}, []),
            ):
                inbox = KeepingInbox()
                desk = feed(protocol, f"mqtt://127.0.0.1:{broker.port}", payload=fields)
                task = background(desk.run(inbox))
                await inbox.frame_count(1)
                assert [(t.value, t.flags, t.time) for t in inbox.ticks()] == want
                assert desk.health.dropped == (not want)
                # what a sender retains reaches those who are there already as a live message
                await client.publish("yields/US/10Y", message(4), qos=1, retain=True)
                await inbox.frame_count(2)
                assert [(t.value, t.flags) for t in inbox.ticks(1)] == [(4, 0)]
                await client.publish("yields/US/10Y", b"", qos=1, retain=True)
                await inbox.frame_count(3)
                task.cancel()
                await asyncio.wait([task])


def passwords(folder: Path, **users: str) -> Path:
    file = folder / "passwords"
    file.touch(mode=0o600)
    for user, password in users.items():
        subprocess.run(["mosquitto_passwd", "-b", str(file), user, password], check=True, capture_output=True)
    return file


@both
async def test_a_wrong_password_is_said_in_words_and_a_right_one_gets_in(
    protocol: str,
    mosquitto: Mosquittos,
    inbox: KeepingInbox,
    background: Start,
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    file = passwords(tmp_path, stressd="right")
    async with asyncio.timeout(30), mosquitto(f"password_file {file}") as broker:
        desk = feed(protocol, f"mqtt://127.0.0.1:{broker.port}", username="stressd", password={"file": str(secret)})
        background(desk.run(inbox))
        await feed_state(desk, lambda f: f.health.state == "refused")
        assert desk.health.detail == "the server refused the connection: not authorized"
        secret.write_text("right\n")
        await is_connected(desk)
        assert desk.health.detail == ""


@both
async def test_a_topic_that_the_acl_denies_stays_mute_while_the_others_flow(
    protocol: str, mosquitto: Mosquittos, inbox: KeepingInbox, background: Start, tmp_path: Path
) -> None:
    file = passwords(tmp_path, stressd="a", desk="b")
    secret = tmp_path / "secret"
    secret.write_text("a")
    acl = tmp_path / "acl"
    acl.write_text("user stressd\ntopic read yields/#\nuser desk\ntopic write #\n")
    acl.chmod(0o600)
    async with asyncio.timeout(30), mosquitto(f"password_file {file}\nacl_file {acl}") as broker:
        desk = feed(
            protocol,
            f"mqtt://127.0.0.1:{broker.port}",
            username="stressd",
            password={"file": str(secret)},
            topics=["yields/{market}/{tenor}", "secret/{market}/{tenor}"],
        )
        background(desk.run(inbox))
        await is_connected(desk)
        async with publisher(broker.port, username="desk", password="b") as client:
            await client.publish("secret/JP/30Y", message(1), qos=1)
            await client.publish("yields/JP/30Y", message(2), qos=1)
            await inbox.frame_count(1)
        assert [t.value for t in inbox.ticks()] == [2]


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@both
async def test_tls_is_verified_against_the_private_authority(
    protocol: str,
    mosquitto: Mosquittos,
    background: Start,
    tmp_path: Path,
    authority: trustme.CA,
) -> None:
    server = authority.issue_cert("localhost", "127.0.0.1")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    settings = f"{OPEN}\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key"
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    async with asyncio.timeout(30), mosquitto(settings) as broker:
        for tls in ({}, {"ca_file": str(other)}):
            inbox = KeepingInbox()
            # another attempt must not be under way when this one has been judged
            desk = feed(protocol, f"mqtts://localhost:{broker.port}", again=60.0, tls=tls)
            task = background(desk.run(inbox))
            await feed_state(desk, lambda f: f.health.state in ("refused", "waiting"))
            assert (desk.health.state, desk.health.detail) == (
                "refused",
                "the server's certificate is not trusted: unable to get local issuer certificate",
            )
            task.cancel()
            await asyncio.wait([task])
            assert desk.health.connects == 0
        inbox = KeepingInbox()
        desk = feed(protocol, f"mqtts://127.0.0.1:{broker.port}", tls={"ca_file": str(tmp_path / "ca.pem")})
        background(desk.run(inbox))
        await is_connected(desk)
        gc.collect()
        by_tls = {"tls_params": aiomqtt.TLSParameters(ca_certs=str(tmp_path / "ca.pem"))}
        async with publisher(broker.port, **by_tls) as client:
            await client.publish("yields/JP/30Y", message(3), qos=1)
            await inbox.frame_count(1)
        assert [t.value for t in inbox.ticks()] == [3]


@both
async def test_a_client_certificate_lets_us_in_and_without_one_nobody_gets_in(
    protocol: str,
    mosquitto: Mosquittos,
    background: Start,
    tmp_path: Path,
    authority: trustme.CA,
) -> None:
    for name in ("localhost", "stressd"):
        cert = authority.issue_cert(name, "127.0.0.1", common_name=name)
        cert.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        cert.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    settings = (
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/localhost.pem\nkeyfile {tmp_path}/localhost.key\n"
        "require_certificate true\nuse_identity_as_username true"
    )
    async with asyncio.timeout(30), mosquitto(settings) as broker:
        url = f"mqtts://localhost:{broker.port}"
        bare, inbox = feed(protocol, url, again=60.0, tls={"ca_file": str(tmp_path / "ca.pem")}), KeepingInbox()
        task = background(bare.run(inbox))
        await feed_state(bare, lambda f: f.health.state in ("refused", "waiting"))
        assert bare.health.connects == 0
        assert bare.health.detail != ""
        task.cancel()
        await asyncio.wait([task])
        given = {name: str(tmp_path / file) for name, file in CLIENT.items()}
        desk = feed(protocol, url, tls=given)
        background(desk.run(inbox))
        await is_connected(desk)


CLIENT = {"ca_file": "ca.pem", "cert_file": "stressd.pem", "key_file": "stressd.key"}


async def test_the_loopback_broker_and_mosquitto_give_the_same_frames(mosquitto: Mosquittos, background: Start) -> None:
    from stressd.testing.broker import LoopbackBroker

    sent = [
        ("yields/JP/30Y", b'{"yield": 3.7, "ts": 1768880000000}', 0, False),
        ("yields/JP/30Y", b"\x00\xff" * 500, 1, False),
        ("yields/US/10Y", b'{"yield": 4.3, "ts": 1768880000001}', 1, True),
        ("other/topic", b"nobody asked for it", 0, False),
        ("yields/US/10Y", b"x" * 100_000, 0, False),
    ]

    async def frames(port: int) -> list[tuple[object, ...]]:
        inbox = KeepingInbox()
        desk = feed("5", f"mqtt://127.0.0.1:{port}")
        background(desk.run(inbox))
        await is_connected(desk)
        async with publisher(port) as client:
            for topic, payload, qos, retain in sent:
                await client.publish(topic, payload, qos=qos, retain=retain)
            await inbox.frame_count(4)
        # a token is an arbitrary number: only whether there is one counts
        return [(f.topic, f.payload, f.token is None, f.retained, f.backlog) for f in inbox.frames]

    async with asyncio.timeout(30), mosquitto(OPEN) as real, LoopbackBroker() as ours:
        assert await frames(ours.port) == await frames(real.port)
