"""What the page costs the daemon: CPU with many readers, memory with those that never read.

usage: page_clients.py [--clients 100] [--series 60] [--seconds 20] [--minutes 10] [--json]

The daemon is a process of its own, fed by MQTT so that every series changes four times a second; readers are in this
one. CPU is the daemon's, from /proc, in percent of one core: with nobody reading, with one reader, with all. Then a
second daemon tells ten times as often, and one reader after the other comes, asks for the stream and never reads: the
minutes are those of four times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
from page_desk import RATE, Desk, busy, desk, resident

from stressd.engine.form import FORM

TIMES: Final = 10.0
LOOKS: Final = 12
"""At the memory, while they do not read."""


@dataclass
class Figures:
    """CPU in percent of a core; bytes that one reader gets a second; memory in MB, in equal steps of the minutes."""

    form: str
    clients: int
    series: int
    minutes: float
    alone: float = 0.0
    one: float = 0.0
    all: float = 0.0
    bytes_a_second: float = 0.0
    memory: list[float] = field(default_factory=list)
    dropped: int = 0


async def read(session: aiohttp.ClientSession, url: str, got: list[int]) -> None:
    async with session.get(url) as answer:
        async for chunk in answer.content.iter_any():
            got[0] += len(chunk)


async def readers(at: Desk, figures: Figures, seconds: float) -> None:
    url = f"{at.url}api/v1/stream"
    figures.alone = await busy(at.pid, seconds)
    got = [0]
    reading = [asyncio.create_task(read(at.session, url, got))]
    await asyncio.sleep(2.0)
    got[0] = 0
    figures.one = await busy(at.pid, seconds)
    figures.bytes_a_second = got[0] / seconds
    reading += [asyncio.create_task(read(at.session, url, [0])) for _ in range(figures.clients - 1)]
    await asyncio.sleep(2.0)
    figures.all = await busy(at.pid, seconds)
    for reader in reading:
        reader.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


async def deaf(at: Desk, figures: Figures) -> None:
    """Whoever is let go comes again, as a browser does, and does not read again."""
    step = 60.0 * figures.minutes / TIMES / LOOKS
    ends = time.monotonic() + step * LOOKS
    look = time.monotonic() + step
    known = 0.0
    line = unheard(at.port)
    while time.monotonic() < ends:
        await asyncio.sleep(0.25)
        if (dropped := await at.metric("stressd_page_dropped_total")) > known:
            known = dropped
            line.close()
            line = unheard(at.port)
        if time.monotonic() >= look:
            look += step
            figures.memory.append(round(resident(at.pid), 1))
    line.close()
    figures.dropped = int(known)


def unheard(port: int) -> socket.socket:
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", port))
    line.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return line


async def measure(figures: Figures, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="stressd-page-") as folder:
        async with desk(figures.series, Path(folder)) as at:
            await readers(at, figures, seconds)
    with tempfile.TemporaryDirectory(prefix="stressd-page-") as folder:
        async with desk(figures.series, Path(folder), TIMES) as at:
            await deaf(at, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = Figures(FORM, asked.clients, asked.series, asked.minutes)
    asyncio.run(measure(found, asked.seconds))
    if asked.json:
        print(json.dumps(asdict(found)))
        return
    print(f"engine {found.form}; {found.series} series that change {RATE:g} times a second")
    shares = f"{found.alone:.1f} % with no reader, {found.one:.1f} % with one, {found.all:.1f} % with all"
    print(f"  of a core: {shares}")
    print(f"  a reader gets {found.bytes_a_second / 1e3:.1f} kB a second")
    memory = ", ".join(f"{each:.0f}" for each in found.memory)
    print(f"  MB while {found.dropped + 1} never read, over {found.minutes:g} minutes' worth: {memory}")


if __name__ == "__main__":
    main()
