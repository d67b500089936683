"""When a failed delivery is tried again, and when it is given up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from stressd.backoff import ceiling

FIRST: Final = 1.0
CAP: Final = 300.0
LONG_CAP: Final = 1_800.0
LONG_AFTER: Final = 24 * 3_600.0
"""Seconds: waits grow from FIRST to CAP; of what fails for LONG_AFTER, to LONG_CAP."""

RETRY_AFTER_CAP: Final = 3_600.0
"""Seconds: no server may silence a sink for longer than this at a time."""

GIVE_UP: Final = 72 * 3_600.0
"""Seconds after its commit at which a message that is still refused goes to the dead letters."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Time as deliveries see it, real by default. now: wall, ns UTC. monotonic: s. random: [0, 1)."""

    now: Callable[[], int] = time.time_ns
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


def wait(failures: int, failing_s: float, retry_after: float | None, draw: float) -> float:
    """Seconds to the next attempt after `failures` in a row: full jitter below a doubling ceiling, and never before
    `retry_after`, which is spread a little so that clients do not come back in step. draw: [0, 1)."""
    cap = CAP if failing_s < LONG_AFTER else LONG_CAP
    jittered = max(0.05, draw * ceiling(failures, FIRST, cap))
    if retry_after is None:
        return jittered
    return max(jittered, min(retry_after, RETRY_AFTER_CAP) + draw)


async def pause(timing: Timing, wake: asyncio.Event, seconds: float | None) -> None:
    """Until `wake` is set, or for so many seconds at most; None: however long."""
    tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(wake.wait())]
    if seconds is not None:
        tasks.append(asyncio.ensure_future(timing.sleep(seconds)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
