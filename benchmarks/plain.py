"""What one writes on an afternoon: aiomqtt, json, and exponentially weighted z-scores in plain Python.

usage: plain.py PORT TICKS BATCH
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from math import sqrt

import aiomqtt
import meter

HALF_LIVES = (60.0, 300.0, 1800.0)
BREACH = 6.0


class Horizon:
    """Mean and variance of a series' changes, exponentially weighted in time."""

    def __init__(self, half_life: float) -> None:
        self.half_life = half_life
        self.mean = 0.0
        self.variance = 0.0
        self.count = 0

    def update(self, change: float, seconds: float) -> float:
        z = (change - self.mean) / sqrt(self.variance) if self.count > 100 and self.variance > 0 else 0.0
        keep = 0.5 ** (seconds / self.half_life)
        delta = change - self.mean
        self.mean += (1 - keep) * delta
        self.variance = keep * (self.variance + (1 - keep) * delta * delta)
        self.count += 1
        return z


class ZScore:
    """The largest z over three horizons: less than stressd does, which has five, robust, in open time."""

    def __init__(self) -> None:
        self.value = 0.0
        self.time = 0.0
        self.horizons = [Horizon(half_life) for half_life in HALF_LIVES]

    def update(self, value: float, time: float) -> float:
        change, seconds = value - self.value, time - self.time
        first = self.time == 0.0
        self.value, self.time = value, time
        return 0.0 if first else max(abs(horizon.update(change, seconds)) for horizon in self.horizons)


async def main(port: int, ticks: int, batch: int) -> None:
    scores: dict[str, ZScore] = {}
    seen = breaches = 0
    began, wall = meter.cpu(), time.perf_counter()
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(meter.LONGEST),
            aiomqtt.Client("127.0.0.1", port, identifier=f"bench/{ticks}/{batch}/plain") as client,
        ):
            await client.subscribe("yields/#")
            async for message in client.messages:
                payload = json.loads(message.payload)
                for row in payload if isinstance(payload, list) else (payload,):
                    series = row["series"]
                    if series not in scores:
                        scores[series] = ZScore()
                    if scores[series].update(row["yield"], row["ts"] / 1000) > BREACH:
                        breaches += 1
                    seen += 1
                if seen >= ticks:
                    break
    meter.report(meter.cpu() - began, time.perf_counter() - wall, seen, breaches=breaches)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
