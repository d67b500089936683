"""The same as `plain.py` with river's exponentially weighted mean and variance.

usage: with_river.py PORT TICKS BATCH
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
from river.stats import EWMean, EWVar

FADING = (0.01, 0.002, 0.0004)
BREACH = 6.0


class Horizon:
    """Mean and variance of a series' changes, exponentially weighted per tick: river knows no time here."""

    def __init__(self, fading: float) -> None:
        self.mean = EWMean(fading_factor=fading)
        self.variance = EWVar(fading_factor=fading)
        self.count = 0

    def update(self, change: float) -> float:
        variance = self.variance.get()
        z = (change - self.mean.get()) / sqrt(variance) if self.count > 100 and variance > 0 else 0.0
        self.mean.update(change)
        self.variance.update(change)
        self.count += 1
        return z


class ZScore:
    """The largest z over three horizons."""

    def __init__(self) -> None:
        self.value: float | None = None
        self.horizons = [Horizon(fading) for fading in FADING]

    def update(self, value: float) -> float:
        change = 0.0 if self.value is None else value - self.value
        self.value = value
        return max(abs(horizon.update(change)) for horizon in self.horizons)


async def main(port: int, ticks: int, batch: int) -> None:
    scores: dict[str, ZScore] = {}
    seen = breaches = 0
    began, wall = meter.cpu(), time.perf_counter()
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(meter.LONGEST),
            aiomqtt.Client("127.0.0.1", port, identifier=f"bench/{ticks}/{batch}/river") as client,
        ):
            await client.subscribe("yields/#")
            async for message in client.messages:
                payload = json.loads(message.payload)
                for row in payload if isinstance(payload, list) else (payload,):
                    series = row["series"]
                    if series not in scores:
                        scores[series] = ZScore()
                    if scores[series].update(row["yield"]) > BREACH:
                        breaches += 1
                    seen += 1
                if seen >= ticks:
                    break
    meter.report(meter.cpu() - began, time.perf_counter() - wall, seen, breaches=breaches)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
