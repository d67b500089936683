"""What the page costs the daemon: CPU with many readers, memory with one that never reads.

usage: page_clients.py [--clients 100] [--series 60] [--seconds 20] [--json]

The daemon is a process of its own, fed by MQTT so that every series changes four times a second; readers are in this
one. CPU is the daemon's, from /proc, in percent of one core: with nobody reading, with one reader, with all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import aiohttp

from stressd.engine.form import FORM
from stressd.testing.broker import LoopbackBroker

TICKS: Final = os.sysconf("SC_CLK_TCK")
TENORS: Final = 10
RATE: Final = 4.0
"""Changes of each series a second."""

CONFIG = """
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


@dataclass
class Figures:
    """CPU in percent of a core; memory in MB; bytes that one reader gets a second."""

    form: str
    clients: int
    series: int
    alone: float = 0.0
    one: float = 0.0
    all: float = 0.0
    bytes_a_second: float = 0.0
    before: float = 0.0
    after: float = 0.0
    dropped: int = 0


def cpu(pid: int) -> float:
    """Seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


async def publish(broker: LoopbackBroker, names: Sequence[str]) -> None:
    turn = 0
    while True:
        turn += 1
        rows = [{"s": name, "y": 2.0 + 0.0001 * ((turn + k) % 50), "t": time.time_ns()} for k, name in enumerate(names)]
        await broker.publish("y/all", json.dumps(rows).encode())
        await asyncio.sleep(1.0 / RATE)


async def busy(pid: int, seconds: float) -> float:
    """Percent of a core."""
    before, began = cpu(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    return 100.0 * (cpu(pid) - before) / (time.perf_counter() - began)


async def read(session: aiohttp.ClientSession, url: str, got: list[int]) -> None:
    async with session.get(url) as answer:
        async for chunk in answer.content.iter_any():
            got[0] += len(chunk)


async def measure(clients: int, series: int, seconds: float, folder: Path) -> Figures:
    figures = Figures(FORM, clients, series)
    names = [f"M{chr(65 + n)}" for n in range(series // TENORS)]
    ids = [f"{name}.GOV.{year}Y" for name in names for year in range(1, TENORS + 1)]
    tenors = ", ".join(f"{year}Y" for year in range(1, TENORS + 1))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api/v1/stream"
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(LoopbackBroker())
        markets = ", ".join(f"{name}: {{calendar: always, tenors: [{tenors}]}}" for name in names)
        config = folder / "stressd.yaml"
        config.write_text(CONFIG.format(state=folder / "state", port=port, markets=markets, broker=broker.url))
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stressd", "run", "-c", str(config),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        publishing = asyncio.create_task(publish(broker, ids))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None))
        )
        try:
            await ready(session, port)
            await asyncio.sleep(3.0)
            figures.alone = await busy(daemon.pid, seconds)
            got = [0]
            readers = [asyncio.create_task(read(session, url, got))]
            await asyncio.sleep(2.0)
            got[0] = 0
            figures.one = await busy(daemon.pid, seconds)
            figures.bytes_a_second = got[0] / seconds
            readers += [asyncio.create_task(read(session, url, [0])) for _ in range(clients - 1)]
            await asyncio.sleep(2.0)
            figures.all = await busy(daemon.pid, seconds)
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            await asyncio.sleep(2.0)
            figures.before = resident(daemon.pid)
            deaf = socket.create_connection(("127.0.0.1", port))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.sleep(3.0 * seconds)
            figures.after = resident(daemon.pid)
            deaf.close()
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                figures.dropped = int(float(of(await answer.text(), "stressd_page_dropped_total")))
        finally:
            publishing.cancel()
            daemon.terminate()
            await daemon.wait()
    return figures


async def ready(session: aiohttp.ClientSession, port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


def of(metrics: str, name: str) -> str:
    return next(line.split()[1] for line in metrics.splitlines() if line.startswith(f"{name} "))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stressd-page-") as folder:
        found = asyncio.run(measure(asked.clients, asked.series, asked.seconds, Path(folder)))
    if asked.json:
        print(json.dumps(asdict(found)))
        return
    print(f"engine {found.form}; {found.series} series that change {RATE:g} times a second")
    shares = f"{found.alone:.1f} % with no reader, {found.one:.1f} % with one, {found.all:.1f} % with all"
    print(f"  of a core: {shares}")
    print(f"  a reader gets {found.bytes_a_second / 1e3:.1f} kB a second")
    print(
        f"  one that never reads: {found.before:.0f} MB before, {found.after:.0f} MB after {3 * asked.seconds:g} s, "
        f"{found.dropped} let go"
    )


if __name__ == "__main__":
    main()
