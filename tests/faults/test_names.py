"""Name servers that do not answer, or say no: only what needs them waits, and it comes back by itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.machine import Life, alive, changed, hears, needs
from tests.faults.names import Mood, NameServer, knowing
from tests.faults.networks import Cable, cable
from tests.runtime.desk import LAST, Desk, desk_in, until

HOOK = "hook.bank.test"
SINKS = [
    "{{name: web{n}, type: webhook, url: 'http://web{n}.bank.test:{port}/hook', unsigned: true, timeout: 2s}}",
    "{{name: mail{n}, type: email, smtp: 'smtp://mail{n}.bank.test', from: s@b.example, to: r@b.example, tls: none, "
    "timeout: 2s}}",
    "{{name: queue{n}, type: mqtt, url: 'mqtt://queue{n}.bank.test', retained: null, status: null, timeout: 2s}}",
]
"""Three of each: more look-ups at a time than threads are usually kept for them."""


@asynccontextmanager
async def named(folder: Path) -> AsyncIterator[tuple[Desk, Cable, NameServer, list[str]]]:
    """A desk that is reached by address, with its receiver known to /etc/hosts, and a feed and nine sinks of which only
    the names are known. Also the command that runs the daemon there."""
    needs("ip", "unshare")
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(cable())
        server = NameServer(wire.host)
        with wire.inside():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((wire.host, 53))
            desk = await stack.enter_async_context(desk_in(folder, wire.host))
        await server.serve(sock)
        stack.callback(server.close)
        port = desk.receiver.url.split(":")[2].split("/")[0]
        lines = [text.format(n=n, port=port) for text in SINKS for n in range(3)]
        names = ", ".join(line.split("name: ")[1].split(",")[0] for line in lines)
        away = (
            f"\n  - {{name: away, type: mqtt, url: 'mqtt://broker.bank.test:{desk.broker.port}', "
            "topics: 'other/{market}/{tenor}', payload: {format: json, value: value, time: time}}\nrules:"
        )
        desk.write(
            change=changed(
                (f"http://{wire.host}:", f"http://{HOOK}:"),
                ("\nrules:", away),
                (
                    "match: {kind: [market]}\n    sinks: [hook]",
                    f"match: {{kind: [market]}}\n    sinks: [hook, {names}]",
                ),
                ("\nsinks:\n", "\nsinks:\n" + "".join(f"  - {line}\n" for line in lines)),
            )
        )
        desk.warm()
        yield desk, wire, server, [*wire.wrapper, *knowing(folder, wire.host, {HOOK: wire.host})]


async def rise(desk: Desk, series: str, by: float) -> None:
    await desk.tick(series, LAST[series] + by)
    await desk.tick(series, LAST[series] + by + 0.0002)


def errors(life: Life) -> dict[str, str]:
    """The first error of each sink."""
    return {line["sink"]: line["error"] for line in reversed(life.log("delivery.failed"))}


@pytest.mark.parametrize(
    ("mood", "whole"),
    [
        ("dead", False),
        pytest.param("dead", True, marks=pytest.mark.soak),
        ("nxdomain", True),
        pytest.param("servfail", True, marks=pytest.mark.soak),
    ],
)
async def test_names_that_cannot_be_resolved_hold_up_nothing_that_needs_none(
    tmp_path: Path, mood: Mood, whole: bool
) -> None:
    """whole: until every sink has failed, and the names are there again."""
    async with named(tmp_path) as (desk, _, server, wrapper):
        server.mood = mood
        async with alive(desk, wrapper) as life:
            await desk.calm()
            loop = asyncio.get_running_loop()
            async with life.idling():
                began = loop.time()
                await rise(desk, "JP.GOV.30Y", 0.05)
                await hears(desk, "sigma-breach")
                assert loop.time() - began < 5.0
                await until(lambda: len(errors(life)) >= (9 if whole else 5), 40)
                began = loop.time()
                await rise(desk, "US.GOV.10Y", 0.30)
                await hears(desk, "four")
                assert loop.time() - began < 5.0, "the look-ups that hang leave room for others"
            said = errors(life)
            assert all("name" in said[f"web{n}"] and "resolved" in said[f"web{n}"] for n in range(3)), said
            if not whole:
                return
            lost = [line["reason"] for line in life.log("feed.disconnected") if line["feed"] == "away"]
            await until(lambda: any(line["feed"] == "away" for line in life.log("feed.disconnected")))
            server.mood = "right"
            sound = {"web0", "web1", "web2"}
            await until(
                lambda: (
                    sound <= {line["sink"] for line in life.log("delivery.delivered")}
                    and any(line["feed"] == "away" for line in life.log("feed.connected"))
                ),
                90,
            )
            assert all("resolved" in reason or "name" in reason for reason in lost)
