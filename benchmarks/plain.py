"""What one writes on an afternoon: aiomqtt, json, and an exponentially weighted z-score in plain Python.

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

ALPHA = 0.01
BREACH = 6.0


class ZScore:
    """Exponentially weighted mean and variance of a series' changes, per tick."""

    def __init__(self) -> None:
        self.last: float | None = None
        self.mean = 0.0
        self.variance = 0.0
        self.count = 0

    def update(self, value: float) -> float:
        if self.last is None:
            self.last = value
            return 0.0
        change = value - self.last
        self.last = value
        z = (change - self.mean) / sqrt(self.variance) if self.count > 100 and self.variance > 0 else 0.0
        delta = change - self.mean
        self.mean += ALPHA * delta
        self.variance = (1 - ALPHA) * (self.variance + ALPHA * delta * delta)
        self.count += 1
        return z


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
                    if abs(scores[series].update(row["yield"])) > BREACH:
                        breaches += 1
                    seen += 1
                if seen >= ticks:
                    break
    meter.report(meter.cpu() - began, time.perf_counter() - wall, seen, breaches=breaches)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
