"""Ten thousand series on one core, live: what the daemon costs, and how soon an alert goes out.

usage: wide.py [--series 10000] [--rate 10000] [--seconds 120] [--batch 100]

`stressd run` is a process of its own, held to one core; broker, publisher and receiver share the other. Every second so
many ticks come as MQTT messages of `--batch` each. Twenty times in the run one series goes through a level, twice at
once, since an outlier alone is not believed; latency is from the publication of the second to the webhook.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import aiohttp
from storm import Hook

from stressd.testing.broker import LoopbackBroker

TENORS: Final = 25
TICK: Final = os.sysconf("SC_CLK_TCK")
ALERTS: Final = 20

CONFIG = """
instance: wide
listen: none
state_dir: {state}
markets: {{{markets}}}
feeds:
  - name: desk
    type: mqtt
    url: "{broker}"
    topics: "yields/all"
    payload: {{format: json, value: y, time: t, series: s}}
rules:
  - {{name: sigma-breach, type: sigma, series: "*", budget: 1 per year per series, floor: 2bp}}
  - {{name: quiet, type: silence, series: "*"}}
  - {{name: line, type: level, series: "*", above: [9%], severity: warn}}
routes:
  - {{match: {{kind: [market, feed, self]}}, sinks: hook, storm: false}}
sinks:
  - {{name: hook, type: webhook, url: "{hook}/hook", unsigned: true}}
"""


def spent(pid: int) -> float:
    """Seconds of CPU of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> float:
    """MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def asked(state: Path, path: str) -> tuple[float, str]:
    """Seconds that an answer took, and the answer."""
    began = time.perf_counter()
    connector = aiohttp.UnixConnector(str(state / "stressd.sock"))
    async with aiohttp.ClientSession(connector=connector) as session, session.get(f"http://stressd{path}") as response:
        text = await response.text()
    return time.perf_counter() - began, text


async def wide(series: int, rate: int, seconds: int, batch: int) -> dict[str, Any]:
    markets = [f"M{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(series // TENORS)]
    ids = [f"{market}.GOV.{year}Y" for market in markets for year in range(1, TENORS + 1)]
    tenors = ", ".join(f"{year}Y" for year in range(1, TENORS + 1))
    rng = random.Random(20)
    levels = [2.0 + rng.random() for _ in ids]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stressd-wide-")))
        broker = await stack.enter_async_context(LoopbackBroker())
        hook = await stack.enter_async_context(Hook())
        file = folder / "wide.yaml"
        told = ", ".join(f"{name}: {{calendar: always, tenors: [{tenors}]}}" for name in markets)
        file.write_text(CONFIG.format(state=folder / "state", markets=told, broker=broker.url, hook=hook.url))
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(0, cores[:1])
        process = await asyncio.create_subprocess_exec(
            "taskset", "-c", str(cores[-1]), sys.executable, "-m", "stressd", "run", "-c", str(file)
        )
        try:
            await asyncio.wait_for(broker.subscribed(), 120)
            for first in range(0, len(ids), 1_000):
                await publish(broker, ids, levels, list(range(first, min(first + 1_000, len(ids)))))
                await asyncio.sleep(0.05)
            await asyncio.sleep(2.0)
            cpu, began = spent(process.pid), time.monotonic()
            sent: dict[str, int] = {}
            turn, published, scrapes, memory = 0, 0, [], []
            for second in range(seconds):
                for part in range(10):
                    count = rate // 10
                    chosen = [(turn + n) % len(ids) for n in range(count)]
                    turn = (turn + count) % len(ids)
                    for start in range(0, count, batch):
                        await publish(broker, ids, levels, chosen[start : start + batch])
                    published += count
                    ahead = began + second + (part + 1) / 10 - time.monotonic()
                    await asyncio.sleep(max(0.0, ahead))
                for each in chosen:
                    levels[each] += rng.gauss(0.0, 0.0005)
                if (second + 1) % max(1, seconds // ALERTS) == 0:
                    each = rng.randrange(len(ids))
                    for _ in range(2):
                        levels[each] = 9.5 + rng.random() / 100.0
                        await publish(broker, ids, levels, [each])
                    sent[ids[each]] = time.time_ns()
                if second % 15 == 14:
                    scrapes.append((await asked(folder / "state", "/metrics"))[0])
                    memory.append(resident(process.pid))
            busy = (spent(process.pid) - cpu) / (time.monotonic() - began)
            await asyncio.sleep(1.0)
            status = json.loads((await asked(folder / "state", "/api/v1/status"))[1])
            lag = [
                (at - sent[event["series"][0]["series"]]) / 1e6
                for at, event in hook.came
                if event["rule"] == "line" and event["type"] == "opened" and event["series"][0]["series"] in sent
            ]
        finally:
            process.terminate()
            await process.wait()
    return {
        "engine": status["engine"], "series": series, "rate": rate, "published": published, "busy": busy,
        "judged": status["pump"]["ticks"], "folded": status["mailbox"]["folded"], "memory": memory, "scrapes": scrapes,
        "latencies": sorted(lag), "alerts": len(sent), "state": status["state"],
    }  # fmt: skip


async def publish(broker: LoopbackBroker, ids: list[str], levels: list[float], chosen: list[int]) -> None:
    now = time.time_ns() // 1_000_000
    rows = [f'{{"s":"{ids[each]}","y":{levels[each]:.5f},"t":{now}}}' for each in chosen]
    await broker.publish("yields/all", ("[" + ",".join(rows) + "]").encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("--series", 10_000), ("--rate", 10_000), ("--seconds", 120), ("--batch", 100)):
        parser.add_argument(name, type=int, default=value)
    asked_for = parser.parse_args()
    found = asyncio.run(wide(asked_for.series, asked_for.rate, asked_for.seconds, asked_for.batch))
    lag = found["latencies"]
    print(f"engine {found['engine']}; {found['series']} series, {found['rate']} ticks/s for {asked_for.seconds} s")
    print(f"  {found['busy']:.1%} of one core; {found['judged']:,} ticks judged, {found['folded']} folded")
    first, last, slowest = found["memory"][0], found["memory"][-1], max(found["scrapes"])
    print(f"  memory {first:.0f} to {last:.0f} MB; a scrape takes {slowest:.2f} s at most")
    print(f"  {len(lag)} of {found['alerts']} alerts, tick to webhook: ", end="")
    print(f"p50 {lag[len(lag) // 2]:.1f} ms, most {lag[-1]:.1f} ms" if lag else "none")


if __name__ == "__main__":
    main()
