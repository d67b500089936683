"""A daemon of its own process whose series all change four times a second, for what measures its page."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from stressd.testing.broker import LoopbackBroker

TICKS: Final = os.sysconf("SC_CLK_TCK")
TENORS: Final = 10
RATE: Final = 4.0
"""Changes of each series a second."""

CONFIG: Final = """
instance: page-clients
state_dir: {state}
listen: 127.0.0.1:{port}
markets: {{{markets}}}
feeds:
  - name: desk
    type: mqtt
    url: "{broker}"
    topics: "y/all"
    payload: {{format: json, value: y, time: t, series: s}}
rules:
  - {{name: sigma-breach, type: sigma, series: "*", sigma: {{warn: 3, high: 4, critical: 6}}}}
routes: [{{match: {{kind: [market, feed, self]}}, sinks: [out]}}]
sinks: [{{name: out, type: console}}]
"""

HURRIED: Final = """
import sys
from stressd.cli.main import main
from stressd.web import stream
stream.EVERY /= {times}
stream.SHARE = 0.0
sys.exit(main(sys.argv[1:]))
"""
"""The same daemon, whose page tells of changes so many times as often: ten minutes of patches in less."""


@dataclass(frozen=True)
class Desk:
    """pid: of the daemon. url: of its page, with a slash at the end."""

    pid: int
    port: int
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def metric(self, name: str) -> float:
        async with self.session.get(f"{self.url}metrics") as answer:
            lines = (await answer.text()).splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


@asynccontextmanager
async def desk(series: int, folder: Path, times: float = 1.0) -> AsyncIterator[Desk]:
    """A daemon that listens and hears its series. times: as often as four times a second."""
    names = [f"M{chr(65 + n)}" for n in range(series // TENORS)]
    ids = [f"{name}.GOV.{year}Y" for name in names for year in range(1, TENORS + 1)]
    tenors = ", ".join(f"{year}Y" for year in range(1, TENORS + 1))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = ["-m", "stressd"] if times == 1.0 else ["-c", HURRIED.format(times=times)]
    unbounded = aiohttp.ClientTimeout(total=None)
    async with (
        LoopbackBroker() as broker,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=unbounded) as session,
    ):
        markets = ", ".join(f"{name}: {{calendar: always, tenors: [{tenors}]}}" for name in names)
        config = folder / "stressd.yaml"
        config.write_text(CONFIG.format(state=folder / "state", port=port, markets=markets, broker=broker.url))
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, *program, "run", "-c", str(config),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        publishing = asyncio.create_task(_publish(broker, ids, RATE * times))
        try:
            await _ready(session, port)
            await asyncio.sleep(3.0)
            yield Desk(daemon.pid, port, session)
        finally:
            publishing.cancel()
            daemon.terminate()
            await daemon.wait()


def cpu(pid: int) -> float:
    """Seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


async def busy(pid: int, seconds: float) -> float:
    """Percent of a core."""
    before, began = cpu(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    return 100.0 * (cpu(pid) - before) / (time.perf_counter() - began)


async def _publish(broker: LoopbackBroker, names: Sequence[str], rate: float) -> None:
    turn = 0
    while True:
        turn += 1
        rows = [{"s": name, "y": 2.0 + 0.0001 * ((turn + k) % 50), "t": time.time_ns()} for k, name in enumerate(names)]
        await broker.publish("y/all", json.dumps(rows).encode())
        await asyncio.sleep(1.0 / rate)


async def _ready(session: aiohttp.ClientSession, port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
