"""Connections that break in every way: half-open, pulled, lossy, refused, answered by nobody."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.machine import Life, alive, changed, hears, needs, told
from tests.faults.networks import Cable, cable
from tests.runtime.desk import LAST, Desk, desk_in, until

KEEP_ALIVE = 2
QUICK = changed(
    ("    qos: 1\n", f"    qos: 1\n    keep_alive: {KEEP_ALIVE}s\n"),
    ("unsigned: true}", "unsigned: true, timeout: 2s}"),
)


@asynccontextmanager
async def remote(folder: Path) -> AsyncIterator[tuple[Desk, Cable]]:
    """A desk whose servers are at the other end of a cable."""
    needs("ip", "iptables")
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(cable())
        with wire.inside():
            desk = await stack.enter_async_context(desk_in(folder, wire.host))
        desk.write(change=QUICK)
        desk.warm()
        yield desk, wire


async def state(life: Life) -> str:
    return str((await life.status())["feeds"][0]["state"])


async def rise(desk: Desk, series: str, by: float) -> None:
    await desk.tick(series, LAST[series] + by)
    await desk.tick(series, LAST[series] + by + 0.0002)


@pytest.mark.parametrize("how", ["half-open", pytest.param("pulled out", marks=pytest.mark.soak)])
async def test_a_connection_that_dies_without_a_word_is_noticed_by_its_keep_alive_and_comes_back(
    tmp_path: Path, how: str
) -> None:
    async with remote(tmp_path) as (desk, wire), alive(desk, wire.wrapper) as life:
        await desk.calm()
        await rise(desk, "JP.GOV.30Y", 0.05)
        await hears(desk, "sigma-breach")
        files = life.files()
        async with life.idling():
            began = asyncio.get_running_loop().time()
            await (wire.cut() if how == "half-open" else wire.pull("down"))
            await until(lambda: life.log("feed.disconnected"), 20)
            assert asyncio.get_running_loop().time() - began < 2 * KEEP_ALIVE + 2
            assert "silent for" in life.log("feed.disconnected")[0]["reason"]
            await asyncio.sleep(3.0)
        assert await state(life) in ("connecting", "waiting")
        await (wire.heal() if how == "half-open" else wire.pull("up"))
        await until(lambda: len(life.log("feed.connected")) == 2, 40)
        await rise(desk, "US.GOV.10Y", 0.30)
        await hears(desk, "four")
        assert life.files() <= files + 3, "no socket was left behind"
        assert await life.end() == 0


async def test_a_receiver_behind_a_dead_line_gets_its_alert_once_the_line_is_back(tmp_path: Path) -> None:
    """The feed goes on; only the way to the receiver is dead, in the middle of a kept connection."""
    async with remote(tmp_path) as (desk, wire), alive(desk, wire.wrapper) as life:
        await desk.calm()
        await rise(desk, "JP.GOV.30Y", 0.05)
        await hears(desk, "sigma-breach")
        port = desk.receiver.url.split(":")[2].split("/")[0]
        await wire.rule("-A", "OUTPUT", "-p", "tcp", "--dport", port, "-j", "DROP")
        files = life.files()
        async with life.idling():
            await rise(desk, "US.GOV.10Y", 0.30)
            await until(lambda: len(life.log("delivery.failed")) >= 2, 20)
            assert await state(life) == "connected"
        failed = life.log("delivery.failed")
        assert {line["fault"] for line in failed} <= {"ambiguous", "retry"}
        assert "no answer within 2 s" in failed[0]["error"]
        assert life.files() <= files + 4
        await wire.heal()
        await hears(desk, "four", timeout=40)
        assert await life.end() == 0
        ids = [event["id"] for event in told(desk, "four")]
        assert len(set(ids)) == 1


@pytest.mark.soak
async def test_half_of_all_packets_lost_costs_time_but_no_alert(tmp_path: Path) -> None:
    async with remote(tmp_path) as (desk, wire):
        desk.write(change=changed(("    qos: 1\n", "    qos: 1\n    session: 1h\n")))
        async with alive(desk, wire.wrapper) as life:
            await desk.calm()
            await wire.rule("-A", "INPUT", "-m", "statistic", "--mode", "random", "--probability", "0.5", "-j", "DROP")
            async with life.idling():
                await rise(desk, "JP.GOV.30Y", 0.05)
                await hears(desk, "sigma-breach", timeout=300)
            await wire.heal()
            assert await life.end() == 0


@pytest.mark.soak
async def test_connections_that_are_reset_are_made_anew(tmp_path: Path) -> None:
    async with remote(tmp_path) as (desk, wire), alive(desk, wire.wrapper) as life:
        await desk.calm()
        await wire.rule("-A", "OUTPUT", "-p", "tcp", "!", "-o", "lo", "-j", "REJECT", "--reject-with", "tcp-reset")
        desk.broker.drop()
        async with life.idling():
            await until(lambda: len(life.log("feed.disconnected")) >= 3, 20)
        reasons = {line["reason"] for line in life.log("feed.disconnected")[1:]}
        assert reasons == {"nobody listens there (connection refused)"}
        await wire.heal()
        await until(lambda: len(life.log("feed.connected")) == 2, 40)
        await rise(desk, "US.GOV.10Y", 0.30)
        await hears(desk, "four", timeout=40)
        assert await life.end() == 0


@asynccontextmanager
async def mute() -> AsyncIterator[int]:
    """The port of a server that takes every connection and never says a word."""
    kept: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        while await reader.read(4096):
            pass

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in kept:
            writer.transport.abort()


SINKS = {
    "http": "{{name: mute, type: webhook, url: 'http://127.0.0.1:{port}/', unsigned: true, timeout: 1s}}",
    "https": "{{name: mute, type: webhook, url: 'https://127.0.0.1:{port}/', unsigned: true, timeout: 1s}}",
    "smtp": "{{name: mute, type: email, smtp: 'smtp://127.0.0.1:{port}', from: s@b.example, to: r@b.example, "
    "tls: none, timeout: 1s}}",
    "mqtt": "{{name: mute, type: mqtt, url: 'mqtt://127.0.0.1:{port}', retained: null, status: null, timeout: 1s}}",
    "mqtts": "{{name: mute, type: mqtt, url: 'mqtts://127.0.0.1:{port}', retained: null, status: null, timeout: 1s}}",
}


def also_told(sinks: dict[str, str], port: int) -> list[tuple[str, str]]:
    """Each of these sinks is told of the market as well."""
    names = ", ".join(f"mute-{name}" for name in sinks)
    lines = [text.format(port=port).replace("name: mute", f"name: mute-{name}") for name, text in sinks.items()]
    return [
        ("match: {kind: [market]}\n    sinks: [hook]", f"match: {{kind: [market]}}\n    sinks: [hook, {names}]"),
        ("\nsinks:\n", "\nsinks:\n" + "".join(f"  - {line}\n" for line in lines)),
    ]


@pytest.mark.parametrize(
    "feed",
    [
        pytest.param("5", marks=pytest.mark.soak),
        pytest.param("3.1.1", marks=pytest.mark.soak),
        "5 over TLS",
        pytest.param("3.1.1 over TLS", marks=pytest.mark.soak),
    ],
)
async def test_servers_that_accept_and_never_answer_hold_up_nobody_else(tmp_path: Path, feed: str) -> None:
    """A second feed, and a sink of each kind, hang in their handshakes; alerts of the first go out at once."""
    async with mute() as port, desk_in(tmp_path) as desk:
        scheme = "mqtts" if "TLS" in feed else "mqtt"
        hanging = (
            f"\n  - {{name: hanging, type: mqtt, url: '{scheme}://127.0.0.1:{port}', protocol: '{feed.split()[0]}', "
            "topics: 'yields/{market}/{tenor}', payload: {format: json, value: value, time: time}}\nrules:"
        )
        desk.write(change=changed(("\nrules:", hanging), *also_told(SINKS, port)))
        desk.warm()
        async with alive(desk) as life:
            await desk.calm()
            began = asyncio.get_running_loop().time()
            async with life.idling():
                await rise(desk, "JP.GOV.30Y", 0.05)
                await hears(desk, "sigma-breach")
                assert asyncio.get_running_loop().time() - began < 5.0
                await until(
                    lambda: {line["sink"] for line in life.log("delivery.failed")} >= {*map("mute-{}".format, SINKS)},
                    30,
                )
                await until(lambda: any(line["feed"] == "hanging" for line in life.log("feed.disconnected")), 30)
                await rise(desk, "US.GOV.10Y", 0.30)
                await hears(desk, "four")
            files = life.files()
            await asyncio.sleep(3.0)
            assert life.files() <= files + 6, "attempts do not pile up"
            if feed != "5 over TLS":
                began = asyncio.get_running_loop().time()
                await life.end()
                assert asyncio.get_running_loop().time() - began < 29.0, "nor does a stop wait for them for long"


@pytest.mark.soak
async def test_a_daemon_out_of_file_descriptors_keeps_watching_and_recovers(tmp_path: Path) -> None:
    needs(root=False)
    async with desk_in(tmp_path) as desk:
        desk.warm()
        async with alive(desk) as life:
            await desk.calm()
            await asyncio.sleep(0.5)
            life.limit(resource.RLIMIT_NOFILE, 3)
            async with life.idling():
                desk.broker.drop()
                await until(lambda: life.log("feed.disconnected"), 20)
                await asyncio.sleep(4.0)
            assert "Too many open files" in str([line["reason"] for line in life.log("feed.disconnected")])
            life.limit(resource.RLIMIT_NOFILE, 1024)
            await until(lambda: len(life.log("feed.connected")) == 2, 40)
            await rise(desk, "JP.GOV.30Y", 0.05)
            await hears(desk, "sigma-breach", timeout=40)
            assert await life.end() == 0
