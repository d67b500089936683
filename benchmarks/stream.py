"""The same ticks for everyone: 20 series of four markets that never close, each ticking once a second, and shocks.

Yields walk at random by about 0.3 bp a minute; every 50 minutes one market's whole curve moves by 5 to 25 bp within a
minute and keeps most of it. Values in percent with four decimals, times in integer milliseconds since the epoch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

START_MS: Final = 1_768_780_800_000
STEP_MS: Final = 50
MARKETS: Final = ("AU", "FR", "IT", "NL")
TENORS: Final = ("2Y", "5Y", "10Y", "20Y", "30Y")
SERIES: Final = tuple((market, tenor) for market in MARKETS for tenor in TENORS)

SHOCK_EVERY: Final = 3_000
"""Rounds of one second from one shock to the next."""

SHOCK_FOR: Final = 60
"""Rounds that a shock takes."""


def name(market: str, tenor: str) -> str:
    """The canonical id."""
    return f"{market}.GOV.{tenor}"


def ticks(count: int) -> Iterator[tuple[str, str, float, int]]:
    """(market, tenor, percent, ms), `count` of them, always the same."""
    chance = random.Random(20_260_120)
    level = {pair: 2.0 + 0.05 * i for i, pair in enumerate(SERIES)}
    push = 0.0
    shocked = ""
    for i in range(count):
        turn, place = divmod(i, len(SERIES))
        if place == 0:
            phase = turn % SHOCK_EVERY
            if phase == SHOCK_EVERY - SHOCK_FOR:
                shocked = chance.choice(MARKETS)
                push = chance.choice((-1.0, 1.0)) * chance.uniform(0.05, 0.25) / SHOCK_FOR
            elif phase == 0:
                shocked = ""
        pair = SERIES[place]
        step = chance.gauss(0.0, 0.0004)
        if pair[0] == shocked:
            step += push * chance.uniform(0.7, 1.3)
        level[pair] += step
        yield pair[0], pair[1], round(level[pair], 4), START_MS + i * STEP_MS


def end_ns(count: int) -> int:
    """A moment after the last of `count` ticks, ns UTC."""
    return (START_MS + count * STEP_MS + 1_000) * 1_000_000
